"""Barriers by the group in which networks are matched: `python -m paper_figures.symmetries`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.symmetries.command import STUDY
from simulations.symmetries.measurement import ALIGNMENTS
from simulations.symmetries.summary import Results, require_one_study, summarise

__all__ = ["draw", "main"]

_MARKS = dict(
    zip(ALIGNMENTS, zip((style.GREY, *style.COLOURS), "xosD^vp", strict=True), strict=True)
)


def draw(results: Results) -> Figure:
    """One column of marks for every network and width, one mark for every group of symmetries."""
    style.use()
    shapes = summarise(results)
    figure, axes = plt.subplots(figsize=(style.COLUMN, 3.0), layout="constrained")
    places = np.arange(len(shapes))
    for k, (name, (colour, mark)) in enumerate(_MARKS.items()):
        means = [shape.mean(name, lambda pair: pair.barrier) for shape in shapes]
        drawn = [(place, mean) for place, mean in zip(places, means, strict=True) if mean]
        where = [place + 0.12 * (k - (len(ALIGNMENTS) - 1) / 2) for place, _ in drawn]
        heights, errors = ([getattr(m, key) for _, m in drawn] for key in ("value", "error"))
        axes.errorbar(
            where, heights, errors, fmt=mark, color=colour, label=name, mfc="none", linewidth=0.8
        )
    axes.set_yscale("symlog", linthresh=0.01)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_ylabel("barrier of the test loss")
    labels = [f"{shape.task.network}, {shape.task.width}" for shape in shapes]
    axes.set_xticks(places, labels, rotation=60, ha="right")
    figure.legend(ncols=3, loc="outside upper center")
    return figure


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/symmetries"),
) -> None:
    """Draws the barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
