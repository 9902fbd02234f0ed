"""Deep networks beside the bound D1: `python -m paper_figures.deep_widths`."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

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
    figure = plt.figure(figsize=(2 * style.COLUMN, 2.9), layout="constrained")
    axes = figure.subplot_mosaic([["ratio", "error", "eps"]], width_ratios=[1, 1, 1.2])
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
    _plain(axes, ":", "simulated matchings")
    axes.axhline(1.0, color="black", linewidth=0.5)
    axes.set_xticks(range(1, shapes[0].depth + 1))
    axes.set_xlabel("depth")
    axes.set_ylabel("bound (D1) over error, $t = 1/2$")
    _above(axes)


def _errors(axes: Axes, shapes: Sequence[Summary]) -> None:
    widths = [shape.width for shape in shapes]
    for colour, depth in zip(style.COLOURS, shapes[0].chosen_depths, strict=False):
        errors = [shape.error(depth) for shape in shapes]
        law = power_law(dict(zip(widths, errors, strict=True)))
        label = f"depth {depth}: $m^{{{law.slope.value:.3f}}}$"
        style.means(axes, widths, errors, "o-", colour, label)
        axes.plot(widths, [shape.error_bound(depth) for shape in shapes], "--", color=colour)
        axes.plot(widths, [shape.merged(depth).value for shape in shapes], ":", color=colour)
    _plain(axes, "o-", "measured")
    _plain(axes, "--", "bound (D1)")
    _plain(axes, ":", "half the neurons")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    style.decimals(axes.yaxis, subs=(1, 2, 3, 4, 6))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("width $m$")
    axes.set_ylabel("error, relative to the outputs")
    _above(axes)


def _required(axes: Axes, rows: Sequence[Required]) -> None:
    towers = [f"published rate, $\\epsilon = {rows[0].eps:g}$:"]
    for colour, depth in zip(style.COLOURS, sorted({one.depth for one in rows}), strict=False):
        here = [one for one in rows if one.depth == depth]
        eps = [one.eps for one in here]
        axes.plot(eps, [one.equal for one in here], "o-", color=colour, label=f"depth {depth}")
        axes.plot(eps, [max(one.free) for one in here], "--", color=colour, linewidth=0.8)
        axes.plot(eps, [one.measured for one in here], "s", color=colour, markerfacecolor="none")
        towers.append(f"depth {depth}: ${here[0].published.latex()}$")
    _plain(axes, "--", "fewest neurons")
    axes.plot([], [], "s", color=style.GREY, markerfacecolor="none", label="measured")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_xaxis()
    tolerances = sorted({one.eps for one in rows})
    axes.set_xticks(tolerances, labels=[f"{eps:g}" for eps in tolerances])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.45, high)  # room for the towers
    axes.set_yticks([ten for ten in 10.0 ** np.arange(0, 13, 2) if ten < high])
    axes.set_xlabel("tolerance $\\epsilon$ of the error at $t = 1/2$, relative")
    axes.set_ylabel("width by D1, equal for all layers")
    _above(axes)
    axes.text(0.98, 0.03, "\n".join(towers), transform=axes.transAxes, ha="right", va="bottom")


def _above(axes: Axes) -> None:
    """The legend over the panel, where no curve is."""
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, columnspacing=0.8, handlelength=1.5
    )


def _plain(axes: Axes, form: str, label: str) -> None:
    """An entry of the legend that means the same in every colour."""
    axes.plot([], [], form, color=style.GREY, label=label)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/deep_widths"),
) -> None:
    """Draws bound over error, error over width and required widths from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
