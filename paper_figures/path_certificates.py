"""Certificates against what is true: `python -m paper_figures.path_certificates`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from paper_figures import command, style
from simulations.path_certificates.command import STUDY
from simulations.path_certificates.measurement import NODES
from simulations.path_certificates.summary import (
    Results,
    Summary,
    points,
    require_one_study,
    summarise,
)

__all__ = ["draw", "main"]

_MARKERS = "osD^vx"


def draw(results: Results) -> Figure:
    """Certified against measured loss, pair by pair; certified accuracy against pieces."""
    style.use()
    shapes = summarise(results)
    names = list(dict.fromkeys(shape.task.architecture for shape in shapes))
    figure, (scatter, curves) = plt.subplots(
        1, 2, figsize=(style.COLUMN, 2.1), layout="constrained"
    )
    for name, colour, marker in zip(names, style.COLOURS, _MARKERS, strict=False):
        chosen = [shape for shape in shapes if shape.task.architecture == name]
        _scatter(scatter, chosen, colour, marker, name)
        _shares(curves, chosen, colour, marker)
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


def _diagonal(axes: Axes) -> None:
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color=style.GREY, linewidth=0.6, zorder=0)
    axes.set_xlim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")


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
