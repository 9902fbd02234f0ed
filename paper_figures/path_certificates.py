"""Certificates against what is true: `python -m paper_figures.path_certificates`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.path_certificates.command import STUDY
from simulations.path_certificates.measurement import NODES, REFERENCE
from simulations.path_certificates.summary import (
    Results,
    Row,
    Shape,
    Summary,
    decided,
    points,
    require_one_study,
    summarise,
)
from simulations.path_certificates.tasks import Decision, Interval

__all__ = ["draw", "main"]

_MARKERS = "osD^vx"


def draw(results: Results) -> Figure:
    """Certified against measured loss, pair by pair; certified accuracy against pieces.

    Below, by width, the measured barriers and accuracy drops of MLPs between certified ends.
    """
    style.use()
    shapes, enclosed = summarise(results), _enclosed(results)
    if not shapes:
        raise ValueError("the results hold no certificates C1 to C4, which the figure is of")
    names = list(dict.fromkeys(shape.task.architecture for shape in shapes))
    figure, axes = plt.subplots(
        1 + bool(enclosed),
        2,
        figsize=(style.COLUMN, 3.9 if enclosed else 2.1),
        layout="constrained",
        squeeze=False,
    )
    scatter, curves = axes[0]
    for place, (name, colour, marker) in enumerate(
        zip(names, style.COLOURS, _MARKERS, strict=False)
    ):
        chosen = [shape for shape in shapes if shape.task.architecture == name]
        _scatter(scatter, chosen, colour, marker, name)
        _shares(curves, chosen, colour, marker)
        mine = [shape for shape in enclosed if shape.task.architecture == name]
        if mine:
            _bars(axes[1, 0], mine, _barrier, 0.09 * (place - 1), colour, marker)
            _bars(axes[1, 1], mine, _drop, 0.09 * (place - 1), colour, marker)
    if enclosed:
        _label_bars(axes[1], enclosed)
    _diagonal(scatter)
    scatter.set_xlabel("largest loss, measured")
    scatter.set_ylabel("certified for every $t$ (C4)")
    curves.set_xlabel("pieces $n$")
    curves.set_ylabel("certified / attainable accuracy")
    curves.set_xscale("log", base=2)
    curves.set_xticks(NODES, [str(n) for n in NODES])
    curves.set_ylim(-0.03, 1.03)
    figure.legend(
        *scatter.get_legend_handles_labels(), loc="outside upper center", ncols=min(len(names), 3)
    )
    return figure


def _scatter(axes: Axes, shapes: Sequence[Summary], colour: str, marker: str, name: str) -> None:
    # not the barriers: those of near networks are negative
    x, y = points(shapes, lambda pair: pair.loss, lambda pair: pair.c4[NODES[-1]].loss).T
    axes.loglog(
        x,
        y,
        linestyle="none",
        marker=marker,
        markersize=2,
        markerfacecolor="none",
        markeredgewidth=0.4,
        color=colour,
        label=name,
    )


Bar = tuple[float, Interval]
"""What is measured of a pair, and its certified interval."""


def _enclosed(results: Results) -> list[Shape[Decision]]:
    """MLPs that were matched and have intervals: shapes with many widths."""
    return [
        shape
        for shape in decided(results)
        if shape.task.architecture.startswith("MLP") and Row(shape, REFERENCE).intervals
    ]


def _barrier(pair: Decision) -> Bar | None:
    return None if pair.intervals is None else (pair.barrier, pair.intervals.barrier)


def _drop(pair: Decision) -> Bar | None:
    return None if pair.intervals is None else (pair.drop, pair.intervals.drop)


def _bars(
    axes: Axes,
    shapes: Sequence[Shape[Decision]],
    bar_of: Callable[[Decision], Bar | None],
    shift: float,
    colour: str,
    marker: str,
) -> None:
    """What is measured of every pair, and the interval right of it; shifts are in octaves."""
    for shape in shapes:
        bars = [bar for pair in shape.pairs[REFERENCE] if (bar := bar_of(pair))]
        pairs = np.arange(len(bars)) - (len(bars) - 1) / 2
        places = shape.task.width * 2.0 ** (shift + 0.26 * pairs)
        measured = np.array([value for value, _ in bars])
        low, high = np.array([interval for _, interval in bars]).T
        axes.plot(
            places,
            measured,
            linestyle="none",
            marker=marker,
            markersize=2,
            markerfacecolor="none" if shape.task.weight_decay else colour,
            markeredgewidth=0.4,
            color=colour,
        )
        middle = (low + high) / 2
        axes.errorbar(
            places * 2.0**0.08,
            middle,
            (high - low) / 2,
            linestyle="none",
            color=colour,
            elinewidth=0.5,
            capsize=1,
            capthick=0.5,
        )


def _label_bars(axes: Sequence[Axes], shapes: Sequence[Shape[Decision]]) -> None:
    for one, label in zip(axes, ("barrier of the loss", "accuracy drop"), strict=True):
        style.width_axis(one, sorted({shape.task.width for shape in shapes}))
        one.set_xlabel("width")
        one.set_ylabel(f"{label} (C6)")
    axes[0].set_yscale("log")


def _diagonal(axes: Axes) -> None:
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color=style.GREY, linewidth=0.6, zorder=0)
    axes.set_xlim(low, high)
    style.decimals(axes.xaxis, axes.yaxis, subs=(1, 3))


def _shares(axes: Axes, shapes: Sequence[Summary], colour: str, marker: str) -> None:
    """One line for each shape, mean over its pairs."""
    for shape in shapes:
        axes.plot(
            NODES,
            np.array([shape.share(n) for n in NODES], dtype=float),
            color=colour,
            marker=marker,
            markerfacecolor="none",
            markersize=2,
            linewidth=0.5,
            linestyle="-" if shape.task.weight_decay else "--",
        )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/path_certificates"),
) -> None:
    """Draws certificates against what they bound, from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
