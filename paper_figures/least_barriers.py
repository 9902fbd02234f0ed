"""Matchings beside the least barrier: `python -m paper_figures.least_barriers`."""

from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.least_barriers.command import STUDY
from simulations.least_barriers.measurement import ALIGNMENTS
from simulations.least_barriers.summary import Results, require_one_study, summarise

__all__ = ["draw", "main"]

_MARKS = dict(zip(ALIGNMENTS, ("x", "o", "s", "^", "D"), strict=True))
_FLOOR = 0.02
"""Barriers below it are drawn there."""


def draw(results: Results) -> Figure:
    """Every pair's barrier after every matching, above the interval of the least there is."""
    style.use()
    shapes = summarise(results)
    figure, axes = plt.subplots(figsize=(style.COLUMN, 3.2), layout="constrained")
    colours = dict(zip(ALIGNMENTS, (style.GREY, *style.COLOURS), strict=False))
    place, ticks = 0.0, []
    for shape in shapes:
        first = place
        for pair in sorted(shape.pairs, key=lambda pair: pair.upper):
            low, high = (max(_FLOOR, end) for end in (pair.lower, pair.upper))
            axes.plot([place, place], [low, high], color="black", linewidth=2.5)
            axes.plot(place, high, "_", color="black", markersize=5)
            for name, mark in _MARKS.items():
                axes.plot(
                    place,
                    max(_FLOOR, pair.matched[name]),
                    mark,
                    color=colours[name],
                    markersize=3,
                    fillstyle="none",
                )
            place += 1
        ticks.append(((first + place - 1) / 2, f"{shape.task.network} x {shape.task.width}"))
        place += 1.5
    for name, mark in _MARKS.items():
        axes.plot([], [], mark, color=colours[name], fillstyle="none", markersize=4, label=name)
    axes.plot([], [], color="black", linewidth=2.5, label="least, over all permutations")
    axes.set_yscale("log")
    axes.set_ylabel("barrier of the test loss")
    where, names = zip(*ticks, strict=True)
    axes.set_xticks(where, names, rotation=60, ha="right")
    figure.legend(ncols=3, loc="outside upper center")
    return figure


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/least_barriers"),
) -> None:
    """Draws the least barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
