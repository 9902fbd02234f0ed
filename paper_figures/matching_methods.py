"""Recovery of planted permutations under noise: `python -m paper_figures.matching_methods`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.matching_methods.command import STUDY
from simulations.matching_methods.methods import CURVES
from simulations.matching_methods.planted import NOISES
from simulations.matching_methods.summary import Results, Summary, require_one_study, summarise

__all__ = ["draw", "main"]

_LOOKS = dict(zip(CURVES, zip(style.COLOURS, "osD^vx", strict=True), strict=True))
"""Colour and marker of each method."""
_SHIFTS = np.linspace(-0.3, 0.3, len(CURVES))
"""Of methods about the height of their architecture."""


def draw(results: Results) -> Figure:
    """The noise at which half of a planted permutation is found, by architecture and method."""
    style.use()
    measured = summarise(results)
    size = (style.COLUMN, 0.9 + 0.33 * len(measured))
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    for place, one in enumerate(measured):
        _row(axes, place, one)
    axes.set_xscale("log", base=2)
    axes.axvline(NOISES[-1], color=style.GREY, linewidth=0.5, linestyle=":")
    axes.set_xlabel("noise at which half is recovered / network, norms")
    axes.set_yticks(range(len(measured)), [one.architecture for one in measured])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(axis="y", linewidth=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _row(axes: Axes, place: int, one: Summary) -> None:
    """Every pair as a mark, those of one method joined."""
    for shift, (method, (colour, marker)) in zip(_SHIFTS, _LOOKS.items(), strict=True):
        noises = one.half_recovered(method)
        axes.plot(
            noises,
            [place + shift] * len(noises),
            f"{marker}-",
            color=colour,
            markerfacecolor="none",
            markersize=3.5,
            linewidth=0.6,
            label=method if place == 0 else None,
        )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/matching_methods"),
) -> None:
    """Draws the noise at which half of a planted permutation is found, from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
