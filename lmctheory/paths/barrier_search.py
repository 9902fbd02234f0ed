r"""Enclosing the barrier on the whole segment, best first.

The largest value of loss(theta_t) - [t loss(A) + (1-t) loss(B)] over t lies between its largest
value at networks that were evaluated and the largest upper bound of a piece of the segment. Of all
pieces the one with the largest bound is refined, until the two meet.

On a piece the mean loss is bounded at equidistant points such that the bound less the chord of the
ends' losses, convex in between, is largest at one of them (`lmctheory.paths.taylor_outputs`).

The accuracy drop is treated alike: on a piece at least the certified examples are right, at one
network at most those that are not certainly wrong.

Reference: theory key C6.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.paths.regions import Effort, Point, Region
from lmctheory.paths.rounding import mean_of
from lmctheory.paths.segment_search import BOXES, NARROWEST, Segment, pilot
from lmctheory.paths.taylor_outputs import Outputs

__all__ = ["BarrierSearch", "Interval", "mixed"]

_SMALL = 1e-3
"""Barriers below it are enclosed to `_SMALL` times the tolerance."""

_FIRST = 4
"""Pieces to begin with."""

_EPS = torch.finfo(torch.float64).eps


class Interval(NamedTuple):
    """Two numbers that contain a third."""

    lower: float
    upper: float

    def __str__(self) -> str:
        return f"[{self.lower:.5g}, {self.upper:.5g}]"

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.lower <= value <= self.upper


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A piece, and what is bounded there.

    Attributes:
        piece: which.
        upper: the largest barrier on it, at most.
        t: where that bound is met.
        drop: the largest accuracy drop on it, at most.
        open: examples that are not certified on it.
    """

    piece: Region
    upper: float
    t: Point
    drop: float
    open: Tensor


@dataclass
class BarrierSearch:
    """Best first: the piece with the largest bound is refined.

    Attributes:
        segment: what is searched.
        tolerance: as for `certified_barrier`.
        lower: the largest barrier that is certain.
        where: at which t.
        pieces: that cover the segment.
    """

    segment: Segment
    tolerance: float
    lower: float = field(init=False, default=0.0)
    where: Point = field(init=False)
    pieces: list[_Bounded] = field(init=False, default_factory=list)
    _losses: dict[Point, Interval] = field(init=False, default_factory=dict)
    _accuracies: dict[Point, Interval] = field(init=False, default_factory=dict)
    _effort: Effort = field(init=False, default=BOXES)

    def __post_init__(self) -> None:
        self.where = self.segment.ends[-1]

    @property
    def upper(self) -> float:
        """The largest bound of a piece."""
        return max((each.upper for each in self.pieces), default=torch.inf)

    @property
    def done(self) -> bool:
        """Whether the interval of the barrier is narrow enough."""
        return self.upper - self.lower <= self._width

    @property
    def _width(self) -> float:
        return self.tolerance * max(self.lower, _SMALL)

    @property
    def _judges(self) -> bool:
        return self.segment.data.loss.judges(self.segment.labels)

    def steps(self) -> Iterator[None]:
        """Piece after piece, until the interval is narrow; then that of the accuracy drop."""
        for t in (*self.segment.ends, self.segment.middle):
            self._evaluate(t)
        self._effort = pilot(self.segment, self.segment.everything, self._close).effort
        for piece in self.segment.parts(_FIRST):
            self.pieces.append(self._bounded(piece))
        while True:
            yield
            if self.done or not self._refine():
                break
        while self._judges:
            yield
            drop = self.accuracy_drop()
            if drop.upper - drop.lower <= self.tolerance or not self._refine_accuracy():
                return

    def barrier_at(self, t: Point) -> Interval:
        """An interval of the barrier at a t that was evaluated."""
        loss, chord = self._losses[t], self._chord(t)
        return Interval(loss.lower - chord.upper, loss.upper - chord.lower)

    def accuracy_drop(self) -> Interval:
        """From the pieces as they are."""
        if not self._judges:
            return Interval(torch.nan, torch.nan)
        lower = max(
            self._accuracy_chord(t).lower - known.upper for t, known in self._accuracies.items()
        )
        return Interval(max(lower, 0.0), max(each.drop for each in self.pieces))

    def _chord(self, t: Point) -> Interval:
        return self._between(self._losses, self.segment.shares(t))

    def _accuracy_chord(self, t: Point) -> Interval:
        return self._between(self._accuracies, self.segment.shares(t))

    def _between(self, known: dict[Point, Interval], shares: tuple[float, ...]) -> Interval:
        return mixed([known[end] for end in self.segment.ends], shares)

    def _close(self, found: Outputs, rows: Tensor) -> bool:
        """Whether the excess of the mean loss is within the tolerance."""
        loss, labels = self.segment.data.loss, self.segment.labels[rows]
        nothing = torch.zeros_like
        plain = replace(found, rest=nothing(found.rest), apart=nothing(found.apart))
        excess = (found.losses(loss, labels) - plain.losses(loss, labels)).mean(1).max()
        middle = self.barrier_at(self.segment.middle).lower
        return float(excess) <= max(self.tolerance * middle, self._width)

    def _evaluate(self, t: Point) -> None:
        """The network at t, and the lower end with it."""
        if t in self._losses:
            return
        segment, labels, loss = self.segment, self.segment.labels, self.segment.data.loss
        found = segment.at(t, segment.everything)
        low, high = found.mean_loss(loss, labels)
        if not (isfinite(low) and isfinite(high)):
            raise ValueError("a network on the segment overflows on the data")
        self._losses[t] = Interval(low, high)
        self._judge(t, found, 0)
        if any(end not in self._losses for end in segment.ends):
            return
        if (barrier := self.barrier_at(t).lower) > self.lower:
            self.lower, self.where = barrier, t

    def _judge(self, t: Point, found: Outputs, certified: int) -> None:
        """The accuracy at t, from some examples and how many others are right there anyway."""
        n = len(self.segment.inputs)
        right = certified + int(found.certified().sum())
        # shares are quotients, each rounded once
        self._accuracies[t] = Interval(right / n, (n - int(found.refuted().sum())) / n)

    def _bounded(self, piece: Region) -> _Bounded:
        segment = self.segment
        found = segment.outputs(piece, segment.everything, self._effort)
        losses, points, shares = segment.judged(piece, found)
        bounds = mean_of(losses, 1).tolist()
        drops = [
            bound - self._between(self._losses, each).lower
            for bound, each in zip(bounds, shares, strict=True)
        ]
        upper = max(drops)
        open_ = segment.everything[~found.certified()]
        return _Bounded(
            piece, upper, points[drops.index(upper)], self._largest_drop(piece, len(open_)), open_
        )

    def _largest_drop(self, piece: Region, open_examples: int) -> float:
        corners = self.segment.corners(piece)
        chord = max(self._between(self._accuracies, shares).upper for shares in corners)
        n = len(self.segment.inputs)
        return max(0.0, chord - (n - open_examples) / n)

    def _refine(self) -> bool:
        """Halves the piece with the largest bound, after a look where that is met.

        Returns:
            Whether there was more than rounding between the two.
        """
        worst = max(self.pieces, key=lambda each: each.upper)
        self._evaluate(worst.t)
        there = self.barrier_at(worst.t)
        close = worst.upper - there.lower <= 8 * (there.upper - there.lower)
        if close or worst.piece.length <= 2 * NARROWEST:
            return False
        self.pieces.remove(worst)
        self.pieces += map(self._bounded, worst.piece.cut(2))
        return True

    def _refine_accuracy(self) -> bool:
        """Halves the piece with the largest drop, for the examples that are open there."""
        worst = max(self.pieces, key=lambda each: each.drop)
        if worst.piece.length <= 2 * NARROWEST:
            return False
        middle, certified = worst.piece.at(0.0), len(self.segment.inputs) - len(worst.open)
        if middle not in self._accuracies:
            self._judge(middle, self.segment.at(middle, worst.open), certified)
        self.pieces.remove(worst)
        for piece in worst.piece.cut(2):
            found = self.segment.outputs(piece, worst.open, self._effort)
            left = worst.open[~found.certified()]
            drop = self._largest_drop(piece, len(left))
            self.pieces.append(replace(worst, piece=piece, drop=drop, open=left))
        return True


def mixed(known: Sequence[Interval], shares: Sequence[float]) -> Interval:
    """Their sum with shares, of which none is far below zero, rounded outward."""
    low = high = size = 0.0
    for a, each in zip(shares, known, strict=True):
        least, most = each if a >= 0 else each[::-1]
        low, high = low + a * least, high + a * most
        size += abs(a) * (abs(least) + abs(most))  # a share below zero cancels
    slack = 2 * len(known) * _EPS * size
    return Interval(low - slack, high + slack)
