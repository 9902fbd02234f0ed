"""Two layers, from independent neurons to students: `python -m paper_figures.two_layer_widths`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lmctheory.sweeps.mean import Mean
from lmctheory.widths.paper_rates import entezari_two_layer, ferbach_two_layer
from lmctheory.widths.two_layer import error_bound
from paper_figures import command, style
from simulations.two_layer_widths.command import STUDY
from simulations.two_layer_widths.sampling import constants_of, law_of
from simulations.two_layer_widths.summary import (
    Results,
    Sampled,
    Students,
    Trained,
    exponent,
    require_one_study,
    sampled,
    students,
    trained,
)

__all__ = ["draw", "main"]

_CASE = ("Gaussian", 3, False)
_COLOURS = {"relu": style.COLOURS[0], "tanh": style.COLOURS[1]}
_BEYOND = tuple(2**k for k in range(5, 31, 2))
"""Widths of the bound that is known beforehand."""


def draw(results: Results) -> Figure:
    """Widths and errors of independent neurons; coupling and spread in training; barriers."""
    style.use()
    figure, axes = plt.subplots(3, 2, figsize=(style.COLUMN, 6.3), layout="constrained")
    cases = {(one.law, one.inputs, one.bias): one for one in sampled(results, 2)}
    one = cases.get(_CASE) or next(iter(cases.values()))
    _required(axes[0, 0], one)
    _errors(axes[0, 1], one)
    learnt = trained(results)
    _couplings(axes[1, 0], learnt)
    _spread(axes[1, 1], learnt)
    _barriers(axes[2, 0], learnt)
    _students(axes[2, 1], students(results))
    for place in axes.flat:
        place.legend(fontsize=5, handlelength=1.4, borderpad=0, labelspacing=0.25)
    names = [
        Line2D([], [], color=colour, label=one.problem)
        for one, colour in zip(learnt, style.COLOURS, strict=False)
    ]
    figure.legend(handles=names, loc="outside lower center", ncols=2, title="middle and lower left")
    return figure


def _required(axes: Axes, one: Sampled) -> None:
    """Neurons against eps: the papers' rates with constants 1, the bounds, and measured errors."""
    eps = np.logspace(-2, -0.4, 20)
    rates = {
        "Entezari, rate": [float(entezari_two_layer(e, one.inputs)) for e in eps],
        "Ferbach, rate": [float(ferbach_two_layer(e, one.inputs)) for e in eps],
        "the same, smooth": [float(ferbach_two_layer(e, one.inputs, smooth=True)) for e in eps],
    }
    for (name, widths), line in zip(rates.items(), ("-", "--", ":"), strict=True):
        axes.plot(eps, widths, color=style.GREY, linestyle=line, linewidth=0.8, label=name)
    for activation, colour in _COLOURS.items():
        constants = constants_of(one, activation)
        bounds = [error_bound(law_of(one), N, constants) for N in _BEYOND]
        axes.plot(bounds, _BEYOND, color=colour, label=f"T4, {activation}")
        draws = one.of(activation, lambda errors: errors.error)
        means = {N: np.mean(values) for N, values in draws.items()}
        axes.plot(list(means.values()), list(means), "o", color=colour, markersize=1.8)
    axes.set(xscale="log", yscale="log", xlim=(0.5, 5e-4), ylim=(10, 1e17))  # the legend needs room
    axes.set_xlabel(r"error $\varepsilon$ (points: measured)")
    axes.set_ylabel("neurons $N$")
    axes.set_title(f"independent, $m_0 = {one.inputs}$")


def _errors(axes: Axes, one: Sampled) -> None:
    """The bound by W_2, the sum of |gaps| and the error, with fitted slopes."""
    for activation, colour in _COLOURS.items():
        given = one.of(activation, lambda errors: errors.given)
        gaps = one.of(activation, lambda errors: errors.gaps)
        for draws, line, label in ((given, "-", "T2"), (gaps, "--", "gaps")):
            _points(axes, draws, colour, line, f"{activation}, {label}: $N^{{{exponent(draws)}}}$")
    _logarithmic(axes, "neurons $N$", "error, largest over $t, x$", room=8.0)
    axes.set_title(f"neurons in dimension {one.dimension}")


def _couplings(axes: Axes, problems: Sequence[Trained]) -> None:
    for one, colour in zip(problems, style.COLOURS, strict=False):
        draws = one.of(lambda at: at.coupling)
        _points(axes, draws, colour, "-", f"$N^{{{exponent(draws)}}}$")
        _points(axes, one.of(lambda at: at.coupling_max), colour, ":", None)
    axes.plot([], [], color=style.GREY, linestyle=":", label="largest")
    _logarithmic(axes, "neurons $N$", "coupling error", room=3.0)
    axes.set_title("distance to the limit")


def _spread(axes: Axes, problems: Sequence[Trained]) -> None:
    for one, colour in zip(problems, style.COLOURS, strict=False):
        spread = one.record.spread
        times = np.linspace(0, 1, len(spread.bound))
        axes.plot(times, spread.largest, color=colour, linestyle="-")
        axes.plot(times, spread.bound, color=colour, linestyle="--")
    axes.plot([], [], color=style.GREY, linestyle="--", label="bound")
    axes.plot([], [], color=style.GREY, label="measured")
    axes.set_yscale("log")
    axes.set_xlabel("time, over its end")
    axes.set_ylabel("Lipschitz constant")
    axes.set_title("the flow")


def _barriers(axes: Axes, problems: Sequence[Trained]) -> None:
    for one, colour in zip(problems, style.COLOURS, strict=False):
        barriers = one.pairs(lambda pair: pair.barrier)
        _points(axes, barriers, colour, "-", f"$N^{{{exponent(barriers)}}}$")
        _points(axes, one.of(lambda at: at.unmatched), colour, ":", None)
    axes.plot([], [], color=style.GREY, linestyle=":", label="unmatched")
    _logarithmic(axes, "neurons $N$", "barrier of the squared loss", room=4.0)
    axes.set_title("initial permutation")


def _students(axes: Axes, groups: Sequence[Students]) -> None:
    for group, colour in zip(groups, style.COLOURS, strict=False):
        _points(axes, group.of(lambda one: one.matched), colour, "-", f"{group.inputs} inputs")
        _points(axes, group.of(lambda one: one.unmatched), colour, ":", None)
    axes.plot([], [], color=style.GREY, linestyle=":", label="unmatched")
    widths = np.array(sorted(groups[0].records))
    axes.plot(widths, 0.05 * widths**-0.5, color=style.GREY, linewidth=0.6, label="$m^{-1/2}$")
    _logarithmic(axes, "student neurons $m$", "barrier, relative")
    axes.set_title("students of a teacher")


def _points(
    axes: Axes,
    draws: Mapping[int, Sequence[float]],
    colour: str,
    line: str,
    label: str | None,
) -> None:
    """Means with bars of a standard error; what is not positive is left out."""
    means = {width: Mean.over(values) for width, values in draws.items()}
    kept = {width: mean for width, mean in sorted(means.items()) if mean.value > 0}
    axes.errorbar(
        list(kept),
        [mean.value for mean in kept.values()],
        yerr=[min(float(np.nan_to_num(m.error)), 0.9 * m.value) for m in kept.values()],
        color=colour,
        linestyle=line,
        marker="o",
        markersize=1.8,
        linewidth=0.8,
        elinewidth=0.6,
        label=label,
    )


def _logarithmic(axes: Axes, x: str, y: str, room: float = 1.0) -> None:
    """Logarithmic axes, with room for the legend below: a factor of the lower end."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(bottom=axes.get_ylim()[0] / room)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def main(
    results: command.Results = STUDY.results,
    output: command.Output = Path("paper_figures/two_layer_widths"),
) -> None:
    """Draws widths, errors, couplings and barriers of two-layer networks from stored results."""
    command.draw_stored(STUDY, results, output, require=require_one_study, draw=draw)


if __name__ == "__main__":
    typer.run(main)
