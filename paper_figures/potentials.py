"""What is left between matched potentials: `python -m paper_figures.potentials`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from paper_figures import command, style
from simulations.potentials.aligned import MATCHINGS, NAMES, UNMATCHED
from simulations.potentials.command import STUDY
from simulations.potentials.estimates import ONE_X, Estimate, Measured, mean_rms
from simulations.potentials.measurement import FITTED
from simulations.potentials.recalibration import RECOVERIES
from simulations.potentials.summary import (
    KINDS,
    Results,
    mean_of,
    off,
    pairs_of,
    recovered,
    require_one_study,
)

__all__ = ["draw", "main"]


def draw(results: Results) -> Figure:
    """Midpoints by matching, elements beside their bounds, and what is recovered."""
    style.use()
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(2 * style.COLUMN, 2.8), layout="constrained"
    )
    for place, kind in enumerate(KINDS):
        measured = pairs_of(results, kind)
        if measured:
            _matchings(left, measured, kind, place)
    _elements(middle, pairs_of(results, ONE_X))
    _recoveries(right, pairs_of(results, ONE_X))
    for axes in (left, middle, right):
        axes.set_xscale("log")
        axes.set_xlabel("kcal/mol per atom")
        # below, as points are everywhere
        axes.legend(
            fontsize=6,
            loc="upper center",
            bbox_to_anchor=(0.4, -0.2),
            ncols=2,
            columnspacing=0.8,
            handletextpad=0.2,
        )
    style.decimals(left.xaxis, right.xaxis)
    middle.set_xlabel("kcal/mol of single atoms")
    return figure


def _matchings(axes: Axes, measured: Measured, kind: str, place: int) -> None:
    colour = style.COLOURS[place]
    names = list(MATCHINGS)
    found = [off(measured, name).mean for name in names]
    _points(axes, found, np.arange(len(names)) + 0.2 * (place - 1), colour, kind)
    differ = Estimate.of(measured, mean_rms(lambda pair: pair.differ)).value
    axes.axvline(differ, color=colour, linewidth=0.6, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    if place == 0:
        axes.invert_yaxis()
    axes.set_title("midpoint, and A from B (dotted)")


def _elements(axes: Axes, measured: Measured) -> None:
    takes: dict[str, Callable[..., float]] = {
        "A from B": lambda pair, name: pair.elements[name].differ,
        "midpoint": lambda pair, name: pair.elements[name].off,
        "unmatched": lambda pair, name: pair.matched[UNMATCHED].elements[name].off,
        "D1": lambda pair, name: pair.elements[name].gaussian * pair.elements[name].spread,
        "C1'": lambda pair, name: pair.elements[name].certified,
    }
    for place, (label, take) in enumerate(takes.items()):
        found = [mean_of(measured, partial(take, name=name)) for name in NAMES]
        heights = np.arange(len(NAMES)) + 0.12 * (place - 2)
        _points(axes, found, heights, style.COLOURS[place], label)
    axes.set_yticks(range(len(NAMES)), [name.upper() for name in NAMES])
    axes.invert_yaxis()
    axes.set_title("by element, ANI-1x")


def _recoveries(axes: Axes, measured: Measured) -> None:
    names = list(RECOVERIES)
    for place, matching in enumerate(FITTED):
        found = [recovered(measured, matching, name).mean for name in names]
        heights = np.arange(len(names)) + 0.2 * (place - 1)
        _points(axes, found, heights, style.COLOURS[place], matching)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title("midpoint, fitted anew, ANI-1x")


def _points(axes: Axes, found: list[Mean], heights: np.ndarray, colour: str, label: str) -> None:
    axes.errorbar(
        [one.value for one in found],
        heights,
        xerr=[0.0 if np.isnan(one.error) else one.error for one in found],
        fmt="o",
        color=colour,
        elinewidth=0.6,
        label=label,
    )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/potentials"),
) -> None:
    """Draws what is left between potentials from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
