"""Costs and errors of neurons of low dimension: `python -m paper_figures.dimension`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.dimension.command import STUDY
from simulations.dimension.summary import Curve, Results, curves, require_one_study

__all__ = ["draw", "main"]

_NOISY = 2
"""Dimension whose noise is drawn."""


def draw(results: Results) -> Figure:
    """Costs without noise on the left, with it in the middle, and function errors on the right."""
    style.use()
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(2 * style.COLUMN, 2.5), layout="constrained"
    )
    found = curves(results)
    plain = [one for one in found if not one.law.eta]
    dimensions = sorted({one.law.k for one in plain})
    colours = dict(zip(dimensions, style.COLOURS, strict=False))
    for one in plain:
        linear = one.law.kind == "linear"
        label = f"$k = {one.law.k}$" if linear else None
        _curve(left, one, "cost", colours[one.law.k], "o-" if linear else "s--", label)
    left.plot([], [], "s--", color=style.GREY, label="sphere")
    noisy = [one for one in found if one.law.kind == "noisy" and one.law.k == _NOISY]
    shown = [one for one in plain if one.law.kind == "linear" and one.law.k == _NOISY] + noisy
    for one, colour in zip(shown, style.COLOURS, strict=False):
        label = rf"$\eta = {one.law.eta:g}$"
        _curve(middle, one, "cost", colour, "o-", label)
        _curve(right, one, "error", colour, "o-", label)
        near = [point.near for point in one.points.values()]
        if one.law.eta:
            middle.plot(list(one.points), [value or np.nan for value in near], ":", color=colour)
            if one.predicted is not None and one.predicted <= max(one.points):
                middle.axvline(one.predicted, color=colour, linewidth=0.5)
    clusters = [one for one in found if one.law.kind == "clusters"]
    for one, colour in zip(clusters, ("k", style.GREY), strict=False):
        label = rf"8 clusters, ${one.law.eta:g}$"
        _curve(middle, one, "cost", colour, "^--", label)
        _curve(right, one, "error", colour, "^--", label)
    widths = sorted({m for one in found for m in one.points})
    for axes, title in (
        (left, "matching cost $M$, dimension $k$"),
        (middle, "the same, $k = 2$ and noise in $R^{20}$"),
        (right, "squared function error over $E f^2$"),
    ):
        axes.set_yscale("log")
        style.width_axis(axes, widths)
        axes.set_xlabel("width $m$")
        axes.set_title(title)
        axes.legend(fontsize=5.5)
    return figure


def _curve(axes: Axes, one: Curve, what: str, colour: str, form: str, label: str | None) -> None:
    means = {m: point.mean(what) for m, point in one.points.items()}
    axes.errorbar(
        list(means),
        [mean.value for mean in means.values()],
        [mean.error for mean in means.values()],
        fmt=form,
        color=colour,
        label=label,
        elinewidth=0.6,
    )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/dimension"),
) -> None:
    """Draws costs and errors from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
