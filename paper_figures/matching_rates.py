"""Exponents and a crossover of the matching cost: `python -m paper_figures.matching_rates`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from paper_figures import command, style
from simulations.matching_rates.command import STUDY
from simulations.matching_rates.summary import (
    FAMILIES,
    Exponent,
    NoisyCurve,
    Results,
    exponents,
    noisy,
    require_one_study,
)
from simulations.matching_rates.tasks import EXPONENTS

__all__ = ["draw", "main"]

_LOOKS: dict[str, tuple[str, Literal["-", "--"], str, float]] = {
    "cube": ("o", "-", style.COLOURS[0], -0.12),
    "Cantor dust": ("s", "--", style.COLOURS[1], 0.12),
}
"""Marker, line, colour and horizontal shift of each family."""
_CRITICAL: dict[str, Any] = {
    "marker": "o",
    "markersize": 7,
    "markerfacecolor": "none",
    "markeredgewidth": 0.6,
    "linestyle": "none",
}
"""Rings around critical dimensions."""


def draw(results: Results) -> Figure:
    """Upper panels: exponents for p = 1 and 2 against dimension; lower: low rank plus noise."""
    style.use()
    figure = plt.figure(figsize=(style.COLUMN, 4.6), layout="constrained")
    axes = figure.subplot_mosaic([["1", "2"], ["noise", "noise"]], height_ratios=[1, 1.15])
    for p in EXPONENTS:
        for family in FAMILIES:
            _exponents(axes[f"{p:g}"], exponents(results, family, p), family)
        axes[f"{p:g}"].set_ylim(0, 0.7 * p)  # the largest rate is p/2
        axes[f"{p:g}"].set_title(f"$p = {p:g}$")
        axes[f"{p:g}"].set_xlabel("dimension $d$")
    axes["1"].set_ylabel("exponent $r$ of $M(m) \\sim m^{-r}$")
    _crossovers(axes["noise"], noisy(results))
    figure.legend(handles=_families(), loc="outside upper center", ncols=3)
    curves, _ = axes["noise"].get_legend_handles_labels()
    figure.legend(handles=[*curves, *_sides()], loc="outside lower center", ncols=3)
    return figure


def _exponents(axes: Axes, found: Sequence[Exponent], family: str) -> None:
    marker, line, colour, shift = _LOOKS[family]
    d = np.array([one.dimension for one in found])
    rates = [one.rate.exponent for one in found]
    axes.plot(d, rates, color=colour, linestyle=line, linewidth=0.8)
    fits = [one.large or one.fitted for one in found]
    slopes = np.array([fit.slope for fit in fits])
    axes.errorbar(
        d + shift,
        -slopes,
        yerr=[fit.interval[1] - fit.slope for fit in fits],
        color=colour,
        marker=marker,
        linestyle="none",
        elinewidth=0.6,
        label=family,
    )
    critical = [one for one in found if one.rate.log_power]
    axes.plot(
        [one.dimension for one in critical],
        [one.rate.exponent for one in critical],
        color=colour,
        **_CRITICAL,
    )
    axes.set_xticks(range(1, 11), [str(k) if k % 2 == 0 else "" for k in range(1, 11)])


def _crossovers(axes: Axes, curves: Sequence[NoisyCurve]) -> None:
    for colour, curve in zip((style.GREY, *style.COLOURS), curves, strict=False):
        widths = [point.task.width for point in curve.points]
        costs = [point.record.mean for point in curve.points]
        axes.errorbar(
            widths,
            [cost.value for cost in costs],
            yerr=[cost.error for cost in costs],
            color=colour,
            marker="o",
            label=f"$\\eta = {curve.eta:g}$",
        )
        axes.fill_between(
            widths,
            [point.record.lower for point in curve.points],
            [point.record.upper for point in curve.points],
            color=colour,
            alpha=0.12,
            linewidth=0,
        )
        axes.axvline(curve.predicted, color=colour, linestyle=":", linewidth=0.8)  # NaN: none
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(widths[::2], [str(width) for width in widths[::2]])
    axes.set_xlabel("width $m$")
    axes.set_ylabel("matching cost per neuron $M(m)$,\nin squared units of the weights")


def _families() -> list[Line2D]:
    families = [
        Line2D([], [], color=colour, marker=marker, linestyle=line, linewidth=0.8, label=family)
        for family, (marker, line, colour, _) in _LOOKS.items()
    ]
    return [*families, Line2D([], [], color="black", **_CRITICAL, label="critical, with log")]


def _sides() -> tuple[Patch, Line2D]:
    predicted = "$2\\eta^2 = M$ at $\\eta = 0$"
    return (
        Patch(color=style.GREY, alpha=0.3, linewidth=0, label="L to U"),
        Line2D([], [], color=style.GREY, linestyle=":", linewidth=0.8, label=predicted),
    )


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/matching_rates"),
) -> None:
    """Draws exponents and the crossover of low rank plus noise from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
