"""Interaction of layers, and features on the path."""

from collections.abc import Sequence
from operator import attrgetter

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paper_figures import style
from simulations.layerwise.pair import Pair
from simulations.layerwise.summary import Cell, Results, deepest_chain

__all__ = ["draw"]

_LOOKS = {
    "unmatched": (style.COLOURS[1], "o"),
    "matched": (style.COLOURS[0], "s"),
    "spawned": (style.COLOURS[2], "^"),
}
"""Colour and marker of each way of joining."""


def draw(results: Results) -> Figure:
    """The barrier split into layers above, LLFC by layer below, of the deepest chain.

    Dotted: 1 - cos of the two networks' features, which is what the others are compared with.
    """
    style.use()
    found = {cell.way: cell for cell in deepest_chain(results)}
    figure, axes = plt.subplots(2, 2, figsize=(style.COLUMN, 3.6), layout="constrained")
    for panel, way in zip(axes[0], ("unmatched", "matched"), strict=True):
        _interaction(figure, panel, found[way])
    axes[0, 0].set_ylabel("layer")
    for way, (colour, marker) in _LOOKS.items():
        _features(axes[1], found[way], colour, marker)
    cosines, coefficients = axes[1]
    cosines.set_yscale("log")
    cosines.set_ylabel("$1 - \\cos$")
    coefficients.set_yscale("log", base=2)
    coefficients.set_ylabel("coefficient")
    depth = np.array(next(iter(found.values())).pairs[0].features.depth)
    for name, predicted, offset in (
        ("LLFC", np.ones(len(depth)), (0, 2)),
        ("LEWC", 2.0 ** (1 - depth), (-12, -2)),
    ):
        coefficients.plot(depth, predicted, color=style.GREY, linewidth=0.6, linestyle="--")
        coefficients.annotate(
            name,
            (depth[-1], predicted[-1]),
            xytext=offset,
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=style.GREY,
            fontsize=6,
        )
    cosines.plot([], [], color=style.GREY, linestyle=":", linewidth=0.8, label="between networks")
    for panel in axes[1]:
        panel.set_xlabel("layer")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    handles, labels = cosines.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", handlelength=1.4, ncols=4, columnspacing=1.2
    )
    return figure


def _interaction(figure: Figure, axes: Axes, cell: Cell[Pair]) -> None:
    """B_lk at t = 1/2 of one pair."""
    split = cell.pairs[0].split
    assert split is not None
    matrix = np.array(split.matrix)
    largest, count = np.abs(matrix).max(), len(matrix)
    image = axes.imshow(
        matrix,
        cmap="RdBu_r",
        vmin=-largest,
        vmax=largest,
        extent=(0.5, count + 0.5, count + 0.5, 0.5),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("layer")
    axes.set_title(f"{cell.task.architecture}, {cell.way}")
    figure.colorbar(
        image, ax=axes, orientation="horizontal", shrink=0.9, pad=0.02, label="$B_{lk}(1/2)$"
    )


def _features(axes: Sequence[Axes], cell: Cell[Pair], colour: str, marker: str) -> None:
    cosine, baseline, coefficient = (
        np.array([of(pair.features) for pair in cell.pairs])
        for of in (attrgetter("cosine"), attrgetter("baseline"), attrgetter("coefficient"))
    )
    depth = cell.pairs[0].features.depth
    for panel, values in zip(axes, (1 - cosine, coefficient), strict=True):
        error = values.std(0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
        panel.errorbar(
            depth,
            values.mean(0),
            yerr=error,
            color=colour,
            marker=marker,
            linewidth=0.8,
            elinewidth=0.6,
            label=cell.way,
        )
    axes[0].plot(depth, (1 - baseline).mean(0), color=colour, linestyle=":", linewidth=0.8)
