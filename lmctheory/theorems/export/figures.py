"""Figures of bounds beside what is simulated, for the export."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from lmctheory.drawing import new_figure
from lmctheory.measures import Gaussian
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.theorems.export.tables import digits_inputs
from lmctheory.widths import deep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES"]

_COLUMN = (3.25, 2.4)
"""Of a paper, in inches."""
_COLOURS = ("#0072B2", "#D55E00", "#009E73")
"""Of Okabe and Ito, told apart by colour-blind readers."""
_SHOWN = {
    "$d = 2$": Gaussian(spectrum=np.ones(2)),
    "$d = 5$": Gaussian(spectrum=np.ones(5)),
    r"$\lambda_i = 1/i^2$": Gaussian(spectrum=1 / np.arange(1, 51) ** 2),
}
"""Gaussian laws, by their names in LaTeX."""
_WIDTHS = (8, 16, 32, 64, 128, 256, 512)
_REPEATS = 16


def _column() -> tuple["Figure", "Axes"]:
    figure = new_figure(*_COLUMN)
    axes = figure.subplots()
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    return figure, axes


def _by_width(axes: "Axes") -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(_WIDTHS, [f"{m}" for m in _WIDTHS])
    axes.set_xlabel("width $m$")


def _sandwich(seed: int) -> "Figure":
    """The bounds of R11 and simulated costs, relative to the cost without matching."""
    figure, axes = _column()
    rng = np.random.default_rng(seed)
    for (name, law), colour in zip(_SHOWN.items(), _COLOURS, strict=True):
        trivial = 2 * float(np.sum(law.spectrum))
        low, high = (
            np.array([bound(law, m).value for m in _WIDTHS]) / trivial
            for bound in (lower_bound, upper_bound)
        )
        costs = [matching_cost(law, m, repeats=_REPEATS, rng=rng) for m in _WIDTHS]
        axes.fill_between(_WIDTHS, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.errorbar(
            _WIDTHS,
            [cost.mean / trivial for cost in costs],
            [cost.standard_error / trivial for cost in costs],
            color=colour,
            marker="o",
            markersize=2.5,
            linewidth=1,
            label=name,
        )
    _by_width(axes)
    axes.set(yscale="log", ylabel=r"$M(m) / 2 \operatorname{tr} \Lambda$")
    axes.legend(frameon=False, fontsize=7)
    return figure


def _deep(_seed: int) -> "Figure":
    """D1 on digits, by depth."""
    figure, axes = _column()
    x = digits_inputs()
    for depth, colour in zip((1, 2, 3), _COLOURS, strict=True):
        networks = deep.ensemble(x, depth)
        errors = [deep.error_bound((m,) * depth, networks).relative for m in _WIDTHS]
        label = f"{depth} hidden layer{'s' if depth > 1 else ''}"
        axes.plot(_WIDTHS, errors, color=colour, marker="o", markersize=2.5, lw=1, label=label)
    _by_width(axes)
    axes.set_ylabel("relative error, at most")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7)
    return figure


FIGURES: Mapping[str, tuple[Callable[[int], "Figure"], str]] = {
    "sandwich": (
        _sandwich,
        rf"Expected matching cost of two samples of $m$ Gaussian neurons over its value without"
        rf" matching: between the bounds of R11 (shaded) and simulated (means of {_REPEATS} pairs"
        r" with standard errors).",
    ),
    "depth": (
        _deep,
        r"Function error of the midpoint of two matched networks at He's initialisation, root mean"
        r" square over 100 digits relative to the outputs: bound by D1.",
    ),
}
"""What draws each figure, given the seed of its simulations, and its caption."""
