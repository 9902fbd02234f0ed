"""Barriers by width, and their exponents by depth: `python -m paper_figures.width_exponents`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import UNMATCHED
from paper_figures import command, style
from simulations.width_exponents.command import STUDY
from simulations.width_exponents.curves import Curve, Draws, Results, curves, exponent
from simulations.width_exponents.measurement import MATCHED
from simulations.width_exponents.summary import require_one_study

__all__ = ["draw", "main"]

_KINDS: dict[str, tuple[Callable[[Curve], Draws], str, str]] = {
    "unmatched": (lambda one: one.barriers(UNMATCHED), "s", style.GREY),
    "weighted": (lambda one: one.barriers(MATCHED), "o", style.COLOURS[1]),
    "activation": (lambda one: one.barriers("activation"), "^", style.COLOURS[2]),
    "weight": (lambda one: one.barriers("weight"), "v", style.COLOURS[3]),
    "matching cost": (lambda one: one.costs(), "D", style.COLOURS[0]),
}
"""What exponents are drawn of."""
_REACH = 1.5
"""Exponents whose intervals are longer say nothing, and would squeeze the others."""


def draw(results: Results) -> Figure:
    """One column for each activation: barriers above, exponents below."""
    found = curves(results)
    style.use()
    names = list(dict.fromkeys(curve.activation for curve in found))
    figure, axes = plt.subplots(
        2,
        len(names),
        figsize=(2 * style.COLUMN, 3.8),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for column, name in enumerate(names):
        own = [curve for curve in found if curve.activation == name]
        upper, lower = axes[:, column]
        _barriers(upper, own)
        _exponents(lower, own)
        upper.set_title(name)
    axes[0, 0].set_ylabel("test loss barrier, max over $t$")
    axes[1, 0].set_ylabel("exponent $r$ of $m^{-r}$")
    axes[0, 0].set_yscale("log")
    style.decimals(axes[0, 0].yaxis)
    depths, _ = axes[0, 0].get_legend_handles_labels()
    lines = [
        Line2D([], [], color=style.GREY, linestyle="--", label="unmatched"),
        Line2D([], [], color=style.GREY, linestyle="-", label="weighted"),
    ]
    figure.legend(handles=[*depths, *lines], ncols=6, loc="outside upper center")
    figure.legend(*axes[1, -1].get_legend_handles_labels(), ncols=6, loc="outside lower center")
    return figure


def _barriers(axes: Axes, own: Sequence[Curve]) -> None:
    for curve, colour in zip(own, style.COLOURS, strict=False):
        for alignment, form in ((UNMATCHED, "--"), (MATCHED, "o-")):
            draws = curve.barriers(alignment)
            found = {m: Mean.over(ones) for m, ones in draws.items()}
            shown = {m: mean for m, mean in found.items() if mean.value > mean.error}
            label = f"$d = {curve.depth}$" if alignment == MATCHED else None
            style.means(axes, list(shown), list(shown.values()), form, colour, label)
    style.width_axis(axes, sorted({m for curve in own for m in curve.seen}))
    axes.set_xlabel("width $m$")


def _exponents(axes: Axes, own: Sequence[Curve]) -> None:
    """Beside each other, with intervals of 95 %; shaded, from L to U of the cost."""
    depths = [curve.depth for curve in own]
    for place, (label, (of, marker, colour)) in enumerate(_KINDS.items()):
        known = [(curve.depth, r) for curve in own if (r := exponent(of(curve))) is not None]
        shown = [(depth, r) for depth, r in known if r.error < _REACH]
        shift = 0.12 * (place - len(_KINDS) / 2 + 0.5)
        x = [depth + shift for depth, _ in shown]
        style.means(axes, x, [r for _, r in shown], marker, colour, label)
    for curve in own:
        sides = [exponent(curve.bounds(side)) for side in ("lower", "upper")]
        ends = [r.value for r in sides if r is not None]
        if len(ends) == 2:
            axes.fill_between(
                np.array([-0.4, 0.4]) + curve.depth,
                min(ends),
                max(ends),
                color=style.COLOURS[0],
                alpha=0.2,
                linewidth=0,
            )
    axes.axhline(0, color=style.GREY, linewidth=0.5, zorder=0)
    axes.set_xticks(depths, [f"{depth}" for depth in depths])
    axes.set_xlabel("hidden layers $d$")


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/width_exponents"),
) -> None:
    """Draws barriers and exponents from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
