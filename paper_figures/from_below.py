"""Errors between their bounds, and what signs do: `python -m paper_figures.from_below`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.from_below.command import STUDY
from simulations.from_below.summary import Results, Shape, layers_of, require_one_study

__all__ = ["draw", "main"]


def draw(results: Results) -> Figure:
    """Relative errors against width, one hidden layer by inputs on the left, deep on the right."""
    style.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(2 * style.COLUMN, 2.4), layout="constrained", sharey=True
    )
    one, deep = layers_of(results, deep=False), layers_of(results, deep=True)
    for d, colour in zip(sorted({row.inputs for row in one}), style.COLOURS, strict=False):
        _between(left, [row for row in one if row.inputs == d], colour, f"$d = {d}$")
    for layers, colour in zip(sorted({row.layers for row in deep}), style.COLOURS, strict=False):
        _between(right, [row for row in deep if row.layers == layers], colour, f"$L = {layers}$")
    left.set_ylabel(r"$\mathrm{E}\,|e|^2 \,/\, \mathrm{E} f^2$")
    left.set_title("one hidden layer, best permutation (T7)")
    right.set_title("$L$ hidden layers, $d = 10$ (D7, D1)")
    style.decimals(left.yaxis, subs=(1, 3))
    for axes in (left, right):
        axes.legend(fontsize=6)
    return figure


def _between(axes: Axes, rows: Sequence[Shape], colour: str, label: str) -> None:
    widths = [row.width for row in rows]
    lower, upper = [row.lower for row in rows], [row.upper for row in rows]
    axes.fill_between(widths, lower, upper, color=colour, alpha=0.15, linewidth=0)
    axes.errorbar(
        widths,
        [row.least.value for row in rows],
        [row.least.error for row in rows],
        fmt="o-",
        color=colour,
        label=label,
    )
    axes.set_yscale("log")
    style.width_axis(axes, widths)
    axes.set_xlabel("width $m$")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/from_below"),
) -> None:
    """Draws errors between their bounds from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
