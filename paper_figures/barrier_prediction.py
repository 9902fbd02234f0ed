"""Predicted barriers beside measured ones: `python -m paper_figures.barrier_prediction`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.barrier_prediction.command import STUDY
from simulations.barrier_prediction.measurement import FAMILY, GIVEN
from simulations.barrier_prediction.summary import Results, ordered, require_one_study

__all__ = ["draw", "main"]

_MARKS = {FAMILY: "o", GIVEN: "s", "widest": "x", "power law": "+"}
_CURVES = 4


def draw(results: Results) -> Figure:
    """Predicted against measured maxima with their intervals, and the curves of four settings."""
    style.use()
    results = ordered(results)
    figure = plt.figure(figsize=(style.COLUMN, 4.6), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=(2.4, 1, 1))
    _points(figure.add_subplot(grid[0, :]), results)
    names = list(dict.fromkeys(task.name for task, _ in results))
    for place, name in enumerate(names[:_CURVES]):
        axes = figure.add_subplot(grid[1 + place // 2, place % 2])
        _curves(axes, [one for one in results if one[0].name == name][-1:])
        if place == 0:
            axes.legend(fontsize=5, loc="lower center", handlelength=1.2)
        if place % 2 == 0:
            axes.set_ylabel("above the chord")
        axes.set_xlabel("$t$" if place >= 2 or len(names) <= 2 else "")
    return figure


def _points(axes: Axes, results: Results) -> None:
    measured = np.array([one.measured.max for _, one in results])
    colours = dict(zip(_MARKS, (*style.COLOURS[:3], style.GREY), strict=True))
    for route, mark in _MARKS.items():
        predicted = np.array([one.predicted[route].max for _, one in results])
        axes.plot(
            measured, predicted, mark, color=colours[route], fillstyle="none", ms=4, label=route
        )
        for (_, one), x in zip(results, measured, strict=True):
            if interval := one.predicted[route].interval:
                axes.plot([x, x], interval, color=colours[route], linewidth=0.6)
    ends = np.array([measured.min() / 1.2, measured.max() * 1.2])
    axes.plot(ends, ends, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    style.decimals(axes.xaxis, axes.yaxis)
    axes.set_xlabel("measured barrier of the test loss")
    axes.set_ylabel("predicted")
    axes.legend(fontsize=6)


def _curves(axes: Axes, results: Results) -> None:
    for task, one in results:
        t = np.linspace(0, 1, len(one.measured.curve))
        axes.plot(t, one.measured.curve, color="black", label="measured")
        axes.plot(t, one.predicted[FAMILY].curve, "--", color=style.COLOURS[0], label=FAMILY)
        axes.plot(t, one.predicted[GIVEN].curve, ":", color=style.COLOURS[1], label=GIVEN)
        axes.set_title(f"{task.name}, width {task.width}", fontsize=6.5)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/barrier_prediction"),
) -> None:
    """Draws predicted and measured barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
