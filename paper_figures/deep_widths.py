"""Deep networks beside the bound D1: `python -m paper_figures.deep_widths`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import command, style
from simulations.deep_widths.command import STUDY
from simulations.deep_widths.summary import (
    Required,
    Results,
    Summary,
    require_one_study,
    required,
    summarise,
)
from simulations.power_law import power_law

__all__ = ["draw", "main"]


def draw(results: Results) -> Figure:
    """Bound over error against depth; error against width; width against tolerance."""
    style.use()
    figure = plt.figure(figsize=(2 * style.COLUMN, 3.2), layout="constrained")
    axes = figure.subplot_mosaic([["ratio", "error", "eps"]], width_ratios=[1, 1, 1.3])
    shapes = summarise(results)
    _ratios(axes["ratio"], shapes)
    _errors(axes["error"], shapes)
    _required(axes["eps"], required(results))
    return figure


def _ratios(axes: Axes, shapes: Sequence[Summary]) -> None:
    shown = shapes if len(shapes) < 4 else shapes[::2]
    for colour, shape in zip(style.COLOURS, shown, strict=False):
        depths = range(1, shape.depth + 1)
        errors = [shape.error(depth).value for depth in depths]
        bounds = [shape.error_bound(depth) for depth in depths]
        axes.plot(
            depths, np.divide(bounds, errors), "o-", color=colour, label=f"$m = {shape.width}$"
        )
        simulated = [shape.simulated_bound(depth) or np.nan for depth in depths]
        axes.plot(depths, np.divide(simulated, errors), ":", color=colour)
    axes.plot([], [], ":", color=style.GREY, label="simulated matchings")
    axes.axhline(1.0, color="black", linewidth=0.5)
    axes.set_xticks(range(1, shapes[0].depth + 1))
    axes.set_xlabel("depth")
    axes.set_ylabel("bound (D1) over error, $t = 1/2$")
    _legend(axes)


def _errors(axes: Axes, shapes: Sequence[Summary]) -> None:
    widths = [shape.width for shape in shapes]
    for colour, depth in zip(style.COLOURS, shapes[0].chosen_depths, strict=False):
        errors = [shape.error(depth) for shape in shapes]
        law = power_law(dict(zip(widths, errors, strict=True)))
        axes.errorbar(
            widths,
            [error.value for error in errors],
            yerr=[error.error for error in errors],
            fmt="o-",
            color=colour,
            label=f"depth {depth}: $m^{{{law.slope.value:.3f}}}$",
        )
        axes.plot(widths, [shape.error_bound(depth) for shape in shapes], "--", color=colour)
        axes.plot(
            widths,
            [shape.merged(depth).value for shape in shapes],
            ":",
            color=colour,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("width $m$")
    axes.set_ylabel("error, relative to the outputs")
    axes.set_title("dashed: D1; dotted: half the neurons")
    _legend(axes)


def _required(axes: Axes, rows: Sequence[Required]) -> None:
    for colour, depth in zip(style.COLOURS, sorted({one.depth for one in rows}), strict=False):
        here = [one for one in rows if one.depth == depth]
        eps = [one.eps for one in here]
        axes.plot(eps, [one.equal for one in here], "o-", color=colour, label=f"depth {depth}")
        axes.plot(eps, [max(one.free) for one in here], "--", color=colour, linewidth=0.8)
        axes.plot(eps, [one.measured for one in here], "s", color=colour, markerfacecolor="none")
        tower = here[0].published.latex()
        axes.plot([], [], " ", label=f"published, $\\epsilon = {here[0].eps:g}$: ${tower}$")
    axes.plot([], [], "--", color=style.GREY, label="fewest neurons, widest layer")
    axes.plot([], [], "s", color=style.GREY, markerfacecolor="none", label="measured")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_xaxis()
    axes.set_xticks(
        sorted({one.eps for one in rows}),
        labels=[f"{e:g}" for e in sorted({one.eps for one in rows})],
    )
    axes.minorticks_off()
    axes.set_xlabel("tolerance $\\epsilon$ of the error at $t = 1/2$, relative")
    axes.set_ylabel("width by D1, equal for all layers")
    _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/deep_widths"),
) -> None:
    """Draws bound over error, error over width and required widths from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
