"""Clients that average some of their layers: `python -m paper_figures.federated`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.federated.clients import OWN_START, SPLITS
from simulations.federated.command import STUDY
from simulations.federated.measurement import DIRECTIONS
from simulations.federated.summary import Results, Row, require_one_study, rows

__all__ = ["draw", "main"]

_DRAWN = {
    "all": "-",
    "all but first": "--",
    "all but last": "-.",
    "random half": "-",
    "none": ":",
    OWN_START: ":",
}
"""By their lines: what is averaged in `_ROUNDS`."""
_BARS = ("all", "random half", "none", OWN_START)
_NAMES = {"iid": "i.i.d.", "shards": "few classes each"}


def draw(results: Results) -> Figure:
    """By split: accuracy of clients by round, barriers of layers, and rises under noise."""
    style.use()
    found = {split: [row for row in rows(results) if row.split == split] for split in SPLITS}
    if not all(found.values()):
        raise ValueError("the results hold one split")
    figure, panels = plt.subplots(
        3, len(found), figsize=(style.COLUMN, 4.8), layout="constrained", squeeze=False
    )
    for column, (split, ones) in zip(panels.T, found.items(), strict=True):
        _accuracy(column[0], ones)
        _layers(column[1], ones)
        _noise(column[2], ones)
        column[0].set_title(_NAMES[split])
    panels[0, 0].set_ylabel("accuracy of clients")
    panels[1, 0].set_ylabel("barrier [nats]")
    panels[2, 0].set_ylabel("rise of the loss [nats]")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="outside upper center", handlelength=1.6)
    handles, labels = panels[2, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=4, loc="outside lower center", handletextpad=0.2)
    return figure


def _accuracy(axes: Axes, found: Sequence[Row]) -> None:
    for row, colour in _coloured(found, tuple(_DRAWN)):
        values = np.array([one.accuracy for one in row.outcomes])
        _band(axes, np.arange(1, values.shape[1] + 1), values, colour, _DRAWN[row.averaged], row)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round")


def _layers(axes: Axes, found: Sequence[Row]) -> None:
    """Barriers of single layers, and of all to their right."""
    for row, colour in _coloured(found, tuple(_DRAWN)):
        if row.averaged in _BARS:
            values = np.array([[*one.single, one.path] for one in row.outcomes])
            count = values.shape[1]
            line = _DRAWN[row.averaged]
            _band(axes, np.arange(count - 1), values[:, :-1], colour, line, row)
            axes.errorbar(
                [count - 0.5],
                [values[:, -1].mean()],
                [values[:, -1].std(ddof=1) / len(values) ** 0.5],
                fmt="o",
                color=colour,
                elinewidth=0.6,
            )
            ticks = [*range(count - 1), count - 0.5]
            axes.set_xticks(ticks, [*(f"{k + 1}" for k in range(count - 1)), "all"])
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_xlabel("layer moved to the midpoint")


def _noise(axes: Axes, found: Sequence[Row]) -> None:
    shown = [row for row in found if row.averaged in _BARS]
    places = np.arange(len(shown))
    width = 0.8 / len(DIRECTIONS)
    for k, (kind, marker) in enumerate(zip(DIRECTIONS, "os^v", strict=True)):
        draws = [[one.rises[kind] for one in row.outcomes] for row in shown]
        means = [Mean.over(ones) for ones in draws]
        axes.errorbar(
            places + (k - 1.5) * width,
            [mean.value for mean in means],
            [mean.error for mean in means],
            fmt=marker,
            color=style.GREY if k % 2 else "black",
            fillstyle="none" if "outside" in kind else "full",
            label=kind,
            elinewidth=0.6,
        )
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_xticks(places, [row.averaged.replace(" ", "\n") for row in shown])


def _coloured(found: Sequence[Row], names: Sequence[str]) -> list[tuple[Row, str]]:
    by_name = {row.averaged: row for row in found}
    return [(by_name[name], colour) for name, colour in zip(names, style.COLOURS, strict=True)]


def _band(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str, line: str, row: Row) -> None:
    """A mean over repetitions and its standard error."""
    mean, error = values.mean(0), values.std(0, ddof=1) / len(values) ** 0.5
    axes.plot(x, mean, line, color=colour, label=row.averaged)
    axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/federated"),
) -> None:
    """Draws clients' accuracies, barriers and robustness from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
