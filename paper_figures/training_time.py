"""Barriers along training: `python -m paper_figures.training_time`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import UNMATCHED
from paper_figures import command, style
from simulations.training_time.command import STUDY
from simulations.training_time.measurement import MATCHED
from simulations.training_time.summary import (
    FITTED,
    Course,
    Results,
    courses,
    require_one_study,
)

__all__ = ["draw", "main"]

_ROWS = (
    (UNMATCHED, "test loss", "barrier [nats]\nunmatched"),
    (MATCHED, "test loss", "barrier [nats]\nmatched"),
    (UNMATCHED, "test error", "error barrier\nunmatched"),
    (MATCHED, "test error", "error barrier\nmatched"),
)


def draw(results: Results) -> Figure:
    """By depth: barriers of loss and error against epochs, and where networks fit the data."""
    style.use()
    found = courses(results)
    depths = sorted({one.depth for one in found})
    figure, panels = plt.subplots(
        len(_ROWS),
        len(depths),
        figsize=(style.COLUMN, 5.4),
        layout="constrained",
        squeeze=False,
        sharex=True,
        sharey="row",
    )
    for column, depth in zip(panels.T, depths, strict=True):
        ours = [one for one in found if one.depth == depth]
        for axes, (alignment, quantity, _) in zip(column, _ROWS, strict=True):
            _curves(axes, ours, alignment, quantity)
        column[0].set_title(style.hidden_layers(depth))
        column[-1].set_xlabel("1 + epoch")
    for axes, (_, _, label) in zip(panels[:, 0], _ROWS, strict=True):
        axes.set_ylabel(label)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        ncols=len(labels),
        loc="outside upper center",
        handlelength=1.2,
        columnspacing=1.0,
    )
    return figure


def _curves(axes: Axes, ours: Sequence[Course], alignment: str, quantity: str) -> None:
    """Open circles are where the mean training accuracy first is `FITTED`."""
    for one, colour in zip(ours, style.COLOURS, strict=False):
        values = one.barrier(alignment, quantity)
        x = [1 + epoch for epoch in one.epochs]
        label = f"m = {one.width}"
        style.means(axes, x, [Mean.over(row) for row in values], "-", colour, label)
        fitted = one.networks("train", "accuracy").mean(1) >= FITTED
        if fitted.any():
            k = int(np.argmax(fitted))
            axes.plot(x[k], values[k].mean(), "o", color=colour, fillstyle="none", markersize=5)
    axes.axhline(0, color=style.GREY, linewidth=0.5)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/training_time"),
) -> None:
    """Draws barriers along training from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
