"""Barriers by the group in which networks are matched: `python -m paper_figures.symmetries`."""

from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.symmetries.command import STUDY
from simulations.symmetries.measurement import ALIGNMENTS
from simulations.symmetries.summary import Results, Shape, require_one_study, summarise

__all__ = ["draw", "main"]

_MARKS = dict(
    zip(ALIGNMENTS, zip((style.GREY, *style.COLOURS), "xosD^vp", strict=True), strict=True)
)


def draw(results: Results) -> Figure:
    """One column of marks for every network and width, one mark for every group of symmetries."""
    style.use()
    shapes = summarise(results)
    figure, axes = plt.subplots(figsize=(style.COLUMN, 3.0), layout="constrained")
    found = [_barriers(shape) for shape in shapes]
    for name, (colour, mark) in _MARKS.items():
        places = [
            place + 0.15 * (list(here).index(name) - (len(here) - 1) / 2)
            for place, here in enumerate(found)
            if name in here
        ]
        style.means(
            axes, places, [here[name] for here in found if name in here], mark, colour, name
        )
    if min(mean.value - mean.error for here in found for mean in here.values()) > 0:
        axes.set_yscale("log")
        style.decimals(axes.yaxis)
    else:
        axes.set_yscale("symlog", linthresh=0.01)
        axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_ylabel("barrier of the test loss")
    labels = [f"{shape.task.network}, {shape.task.width}" for shape in shapes]
    axes.set_xticks(range(len(shapes)), labels, rotation=60, ha="right")
    figure.legend(ncols=3, loc="outside upper center")
    return figure


def _barriers(shape: Shape) -> dict[str, Mean]:
    """Means over pairs, by the groups of symmetries that the network has."""
    means = {name: shape.mean(name, lambda pair: pair.barrier) for name in _MARKS}
    return {name: mean for name, mean in means.items() if mean is not None}


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/symmetries"),
) -> None:
    """Draws the barriers from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
