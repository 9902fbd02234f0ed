"""Errors of random networks and their exponents: `python -m paper_figures.initialisation`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from paper_figures import command, style
from simulations.initialisation.command import STUDY
from simulations.initialisation.summary import (
    Results,
    Shape,
    by_all_weights,
    by_hidden_weights,
    exponent,
    published,
    require_one_study,
    shapes,
)

__all__ = ["draw", "main"]

_KINDS = {"hidden": "o-", "all": "s--", "cancelling": "^:"}


def draw(results: Results) -> Figure:
    """Errors against width by inputs on the left, exponents against inputs on the right."""
    style.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(2 * style.COLUMN, 2.6), layout="constrained", width_ratios=(1.3, 1)
    )
    rows = shapes(results)
    inputs = sorted({row.inputs for row in rows})
    curves = {d: [row for row in rows if row.inputs == d] for d in inputs}
    for curve, colour in zip(curves.values(), style.COLOURS, strict=False):
        widths = [row.width for row in curve]
        left.fill_between(
            widths,
            [row.bound("lower") for row in curve],
            [row.bound("upper") for row in curve],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        for name, form in _KINDS.items():
            _errors(left, curve, name, form, colour)
    left.set_yscale("log")
    style.width_axis(left, sorted({row.width for row in rows}))
    left.set_xlabel("width $h$")
    left.set_ylabel("function error over outputs")
    left.set_title("between T7's bounds (shaded: hidden weights)")
    handles = [
        Line2D([], [], color=colour, label=f"$d = {d}$")
        for d, colour in zip(inputs, style.COLOURS, strict=False)
    ]
    for form, label in zip(
        _KINDS.values(), ("hidden weights", "all weights", "cancelling"), strict=True
    ):
        [handle] = left.plot([], [], form, color=style.GREY, label=label)
        handles.append(handle)
    left.legend(handles=handles, fontsize=6, ncols=2, loc="lower left")
    _exponents(right, curves)
    return figure


def _errors(axes: Axes, rows: Sequence[Shape], name: str, form: str, colour: str) -> None:
    found = [(row.width, mean) for row in rows if (mean := row.error(name)) is not None]
    axes.errorbar(
        [width for width, _ in found],
        [mean.value for _, mean in found],
        [mean.error for _, mean in found],
        fmt=form,
        color=colour,
        elinewidth=0.6,
    )


def _exponents(axes: Axes, curves: dict[int, list[Shape]]) -> None:
    inputs = list(curves)
    for (name, form), colour in zip(_KINDS.items(), style.COLOURS, strict=False):
        found = {d: r for d, rows in curves.items() if (r := exponent(rows, name)) is not None}
        axes.errorbar(
            list(found),
            [r.value for r in found.values()],
            [r.error for r in found.values()],
            fmt=form[0],
            color=colour,
            elinewidth=0.6,
            label=f"measured, {name}",
        )
    for of, label, line in (
        (published, "$1/(2d+4)$, published", "-"),
        (by_hidden_weights, "$1/d$ (T7)", "--"),
        (lambda d: by_all_weights(d)[0], "$3/(2(d+1))$", ":"),
    ):
        axes.plot(inputs, [of(d) for d in inputs], line, color=style.GREY, label=label)
    axes.set_xscale("log")
    axes.set_xticks(inputs, [str(d) for d in inputs])
    axes.minorticks_off()
    axes.set_xlabel("inputs $d$")
    axes.set_ylabel("exponent $r$ of $h^{-r}$")
    axes.legend(fontsize=6)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/initialisation"),
) -> None:
    """Draws errors and exponents from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
