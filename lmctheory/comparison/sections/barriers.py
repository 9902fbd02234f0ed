"""Loss and accuracy on the segment, before and after every matching."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lmctheory.comparison.compared_pair import UNMATCHED, ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section, is_clear
from lmctheory.drawing import legend_beside
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BARRIERS"]


@dataclass(frozen=True, eq=False)
class _Curve:
    """One alignment: of every example loss less the chord, ``[points, n]``, and hits likewise."""

    name: str
    t: np.ndarray
    losses: np.ndarray
    gaps: np.ndarray
    drops: np.ndarray

    @property
    def middle(self) -> int:
        return len(self.t) // 2

    @property
    def midpoint(self) -> Mean:
        return Mean.over(self.gaps[self.middle])

    @property
    def worst(self) -> int:
        return 1 + int(self.gaps[1:-1].mean(1).argmax())

    @property
    def largest(self) -> Mean:
        return Mean.over(self.gaps[self.worst])

    @property
    def drop(self) -> Mean | None:
        drops = self.drops[self.middle]
        return None if np.isnan(drops).any() else Mean.over(drops)


_RESET = " reset: with BatchNorm's running statistics measured anew at every t."

_COLUMNS = (
    Column[_Curve]("alignment", lambda curve: curve.name, left=True),
    Column[_Curve]("loss at 1/2", lambda curve: Mean.over(curve.losses[curve.middle])),
    Column[_Curve]("barrier at 1/2", lambda curve: curve.midpoint),
    Column[_Curve]("largest barrier", lambda curve: curve.largest),
    Column[_Curve]("at t", lambda curve: float(curve.t[curve.worst]), form=".2f"),
    Column[_Curve]("accuracy lost at 1/2", lambda curve: curve.drop, head="accuracy lost"),
)


def _measured(pair: ComparedPair) -> Part:
    curves = {name: _curve(name, pair) for name in pair.losses}
    caption = (
        "barrier: loss at theta_t = t A + (1-t) B less t loss(A) + (1-t) loss(B); in brackets the "
        "standard error of the last digit over the examples, the networks being fixed. largest: "
        f"over {pair.points - 2} interior points, signed."
        f"{_RESET * any(', reset' in name for name in curves)}"
    )
    table = Table("Barriers on the segment", caption, _COLUMNS, list(curves.values()))
    drawing = Drawing(
        "Mean loss at theta_t; dashed the chord between the two networks, shaded two standard "
        "errors of the barrier.",
        partial(_draw, curves),
    )
    return Part((table,), _findings(curves), (drawing,))


def _curve(name: str, pair: ComparedPair) -> _Curve:
    found = pair.losses[name]
    t, losses, hits = found.t[:, None], found.loss, found.hit
    gaps, gains = (x - t * x[-1] - (1 - t) * x[0] for x in (losses, hits))
    return _Curve(name, found.t, losses, gaps, -gains)


def _findings(curves: Mapping[str, _Curve]) -> tuple[str, ...]:
    before = curves[UNMATCHED]
    found = [_unmatched(before.midpoint)]
    others = [curve for curve in curves.values() if curve is not before]
    if others:
        best = min(others, key=lambda curve: curve.midpoint.value)
        found.append(_matched(before, best))
        found.append(_what_is_left(best))
    return tuple(sentence for sentence in found if sentence)


def _unmatched(midpoint: Mean) -> str:
    if not is_clear(midpoint):
        return f"Without matching no barrier is to be seen at the midpoint: {midpoint}."
    if midpoint.value < 0:
        better = Mean(-midpoint.value, midpoint.error)
        return f"Without matching the midpoint is better than the networks' mean, by {better}."
    return f"Without matching there is a barrier at the midpoint: {midpoint}."


def _matched(before: _Curve, best: _Curve) -> str:
    gain = Mean.over(before.gaps[before.middle] - best.gaps[best.middle])
    if not gain.value and not gain.error:
        return "No matching lowers the loss at the midpoint: B is in the best order that was found."
    if not (is_clear(gain) and gain.value > 0):
        return (
            f"No matching lowers the loss at the midpoint by more than its error: {best.name}, the "
            f"best, changes it by {Mean(-gain.value, gain.error)}."
        )
    share = ""
    if is_clear(before.midpoint) and before.midpoint.value > 0:
        share = f", {100 * gain.value / before.midpoint.value:.0f} % of the barrier"
    return f"Matching by {best.name} lowers the loss at the midpoint by {gain}{share}."


def _what_is_left(best: _Curve) -> str:
    left = best.largest
    if is_clear(left) and left.value > 0:
        where = f"at t = {best.t[best.worst]:.2f}"
        return f"A barrier is left after matching by {best.name}: {left} {where}."
    return (
        f"After matching by {best.name} the two networks are linearly connected as far as these "
        f"examples show: the largest barrier is {left}."
    )


def _draw(curves: Mapping[str, _Curve], axes: "Axes") -> None:
    for name, curve in curves.items():
        loss, errors = (
            curve.losses.mean(1),
            curve.gaps.std(1, ddof=1) / np.sqrt(curve.gaps.shape[1]),
        )
        [line] = axes.plot(curve.t, loss, label=name)
        axes.fill_between(
            *(curve.t, loss - 2 * errors, loss + 2 * errors),
            color=line.get_color(),
            alpha=0.2,
            linewidth=0,
        )
    ends = curves[UNMATCHED].losses.mean(1)[[0, -1]]
    axes.plot([0, 1], ends, color="0.5", linestyle="--", linewidth=1)
    axes.set_xlabel("t (0: network B, 1: network A)")
    axes.set_ylabel("loss")
    legend_beside(axes)


BARRIERS = Section(
    "barriers",
    "Barriers",
    "The networks on the straight line between A and B, B as it came and after each matching.",
    _measured,
)
