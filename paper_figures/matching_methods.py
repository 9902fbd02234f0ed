"""Recovery of planted permutations under noise: `python -m paper_figures.matching_methods`."""

from itertools import zip_longest
from pathlib import Path

import matplotlib.pyplot as plt
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

_COLUMNS = 2


def draw(results: Results) -> Figure:
    """A panel for each architecture: share of neurons recovered against the size of the noise."""
    style.use()
    measured = summarise(results)
    rows = -(-len(measured) // _COLUMNS)
    figure, axes = plt.subplots(
        rows,
        _COLUMNS,
        figsize=(style.COLUMN, 0.5 + 1.3 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, one in zip_longest(axes.flat, measured):
        if one is None:
            panel.set_axis_off()
        else:
            _curves(panel, one)
    for panel in axes[:, 0]:
        panel.set_ylabel("share recovered")
    for panel in axes[-1]:
        panel.set_xlabel("noise / network, norms")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _curves(axes: Axes, one: Summary) -> None:
    places = range(len(NOISES))  # equally far apart: none at all has no place on a log axis
    for method, (colour, marker) in _LOOKS.items():
        shares = one.recovered(method)
        axes.errorbar(
            places,
            [share.value for share in shares],
            yerr=[share.error for share in shares] if len(one.pairs) > 1 else None,
            color=colour,
            marker=marker,
            markerfacecolor="none",
            markersize=3.5,
            linestyle="--" if method == CURVES[-1] else "-",  # it often lies on the one before
            elinewidth=0.6,
            label=method,
        )
    axes.set_xticks(list(places), [f"{size:g}" for size in NOISES])
    axes.set_ylim(-0.03, 1.06)
    axes.set_title(one.architecture)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/matching_methods"),
) -> None:
    """Draws the share of a planted permutation that is found under noise, from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
