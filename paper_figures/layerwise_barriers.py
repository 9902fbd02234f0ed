"""Layer-wise barriers beside their null models."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paper_figures import style
from simulations.layerwise.pair import Pair
from simulations.layerwise.summary import Cell, Results, deepest_chain

__all__ = ["draw"]

_WAYS = ("unmatched", "matched")


def draw(results: Results) -> Figure:
    """Single layers of the deepest chain above, all its windows below."""
    style.use()
    found = {cell.way: cell for cell in deepest_chain(results)}
    figure, axes = plt.subplots(2, 2, figsize=(style.COLUMN, 3.5), layout="constrained")
    for panel, way in zip(axes[0], _WAYS, strict=True):
        _single(panel, found[way])
        panel.set_title(f"{found[way].task.architecture}, {way}")
    axes[0, 0].set_ylabel("barrier, $t = 1/2$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    tables = [_windows(found[way]) for way in _WAYS]
    largest = max(np.nanmax(table) for table in tables)
    smallest = min(0.0, *(np.nanmin(table) for table in tables))
    for panel, table in zip(axes[1], tables, strict=True):
        count = len(table)
        image = panel.imshow(
            table.T,
            origin="lower",
            extent=(0.5, count + 0.5, 0.5, count + 0.5),
            vmin=smallest,
            vmax=largest,
            cmap="viridis",
        )
        panel.set_xlabel("first layer of window")
        _whole_numbers(panel)
    axes[1, 0].set_ylabel("layers in window")
    figure.colorbar(image, ax=axes[1], label="barrier, $t = 1/2$", shrink=0.9, pad=0.03)
    return figure


def _single(axes: Axes, cell: Cell[Pair]) -> None:
    measured = np.array([pair.single for pair in cell.pairs])
    random = np.array([pair.noise() for pair in cell.pairs])
    share = np.array([pair.share for pair in cell.pairs])
    layers = np.arange(1, measured.shape[1] + 1)
    for values, colour, marker, label in (
        (measured, "black", "o", "averaged"),
        (random, style.COLOURS[1], "^", "random, same norm"),
        (np.tile(share[:, None], len(layers)), style.COLOURS[0], "", "share of path"),
    ):
        mean = values.mean(0)
        axes.plot(layers, mean, color=colour, marker=marker, linewidth=0.8, label=label)
        if len(values) > 1:
            error = values.std(0, ddof=1) / np.sqrt(len(values))
            axes.fill_between(
                layers, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0
            )
    axes.axhline(0, color=style.GREY, linewidth=0.4)
    axes.set_xlabel("layer")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _windows(cell: Cell[Pair]) -> np.ndarray:
    """Mean barrier over pairs and base networks, by start and length."""
    count = cell.pairs[0].count
    table = np.full((count, count), np.nan)
    subsets = cell.pairs[0].subsets[: cell.pairs[0].window_count]
    values = np.mean([pair.full for pair in cell.pairs], axis=(0, 1))
    for subset, value in zip(subsets, values, strict=False):  # random groups follow the windows
        table[subset[0], len(subset) - 1] = value
    return table


def _whole_numbers(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
