"""A picture of trials: one side of the inequality against the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from lmctheory.drawing import as_svg
from lmctheory.theorems.trial import KINDS, Check, Kind, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "trial_picture"]

COLOURS: dict[Kind, str] = {"random": "#2f86c9", "trained": "#d9741a", "searched": "#9b5bd6"}
"""Of the kinds of trials, to be told apart on white and on black."""
_MARKERS: dict[Kind, str] = {"random": "o", "trained": "^", "searched": "."}
_LEAST = 1e-9
"""Of the larger side: a smaller side below that is rounding."""
_MOST = 250
"""Trials of a kind that are drawn, evenly chosen from all: pages should stay small."""


def trial_picture(check: Check, name: str) -> Markup:
    """The larger side of every trial against its smaller side, and where they are equal.

    Axes are logarithmic if most trials have two sides that are positive beyond rounding; those
    alone are drawn then.

    Args:
        check: the trials.
        name: of the picture, unique on its page; letters, digits, ``-`` and ``_``.

    Returns:
        An ``svg`` element; nothing where no trial has two finite sides.

    Raises:
        ImportError: without Matplotlib.
    """
    sides = {kind: _sides(check.of(kind)) for kind in KINDS}
    every = np.concatenate([*sides.values()])
    if not len(every):
        return Markup("")
    logarithmic = bool(_positive(every).mean() > 0.5)
    if logarithmic:
        sides = {kind: found[_positive(found)] for kind, found in sides.items()}
        every = np.concatenate([*sides.values()])
    ends = _ends(float(every.min()), float(every.max()), logarithmic)

    def draw(axes: "Axes") -> None:
        axes.plot(ends, ends, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
        for kind in reversed(KINDS):  # the many that were searched for below the others
            found = sides[kind]
            if len(found):
                marker, colour = _MARKERS[kind], COLOURS[kind]
                axes.plot(*found.T, marker, color=colour, markersize=4, alpha=0.8)
        scale = "log" if logarithmic else "linear"
        axes.set(xscale=scale, yscale=scale, xlim=ends, ylim=ends, aspect="equal")
        axes.set(xlabel="smaller side", ylabel="larger side")
        axes.minorticks_off()

    return Markup(as_svg(draw, f"{name}-", width=3.0, height=2.8))


def _sides(trials: Sequence[Trial]) -> np.ndarray:
    """Both sides of some trials ``[n, 2]``."""
    found = np.array([(trial.smaller, trial.larger) for trial in trials]).reshape(-1, 2)
    found = found[np.isfinite(found).all(axis=1)]
    if len(found) > _MOST:
        found = found[np.linspace(0, len(found) - 1, _MOST).astype(int)]
    return found


def _positive(sides: np.ndarray) -> np.ndarray:
    """Which trials have sides of comparable size: others would stretch logarithmic axes."""
    smaller, larger = sides.T
    return (smaller > _LEAST * larger) & (larger > 0)


def _ends(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    """Of both axes; over less than two decades they are whole ones, to have ticks."""
    if not logarithmic:
        room = 0.06 * (high - low or 1.0)
        return low - room, high + room
    if high < 100 * low:
        return 10.0 ** np.floor(np.log10(low * 0.98)), 10.0 ** np.ceil(np.log10(high * 1.02))
    room = (high / low) ** 0.06
    return low / room, high * room
