"""Means over pairs of what `path_certificates` measured, for its tables and its figure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from simulations.declaration import require_equal
from simulations.path_certificates.measurement import ALIGNMENTS, NODES, REFERENCE
from simulations.path_certificates.networks import NETWORKS
from simulations.path_certificates.tasks import (
    Decided,
    DecidingTask,
    Decision,
    Interval,
    Intervals,
    Measured,
    Pair,
    Task,
    Trained,
    Whole,
)

__all__ = [
    "QUANTITIES",
    "Ratios",
    "Results",
    "Row",
    "Shape",
    "Summary",
    "decided",
    "matching_ratios",
    "outside",
    "points",
    "require_one_study",
    "rows",
    "summarise",
    "violations",
]

Results = Sequence[tuple[Task | DecidingTask, Measured | Decided]]

P = TypeVar("P")
S = TypeVar("S", bound="Shape[Any]")

_ROUNDING = 1e-9
"""Of a loss in plain double precision, relative: more than networks of these depths lose."""

QUANTITIES: dict[str, Callable[[Pair], float]] = {
    "C1": lambda pair: pair.c1,
    "C1'": lambda pair: pair.c1_prime,
    "C2": lambda pair: pair.c2,
    "error": lambda pair: pair.error,
    "C4 loss": lambda pair: pair.c4[NODES[-1]].loss,
    "loss": lambda pair: pair.loss,
}
"""What a matching may minimise: bounds, and what they bound."""


@dataclass(frozen=True)
class Shape(Generic[P]):
    """All pairs of one architecture, width and weight decay, by alignment."""

    task: Trained
    pairs: dict[str, list[P]]

    def mean(self, quantity: Callable[[P], float], alignment: str = REFERENCE) -> Mean:
        """Of a number that every pair has."""
        return Mean.over([quantity(pair) for pair in self.pairs[alignment]])

    @property
    def place(self) -> tuple[int, float, int]:
        """Among all shapes: by architecture, weight decay and width."""
        task = self.task
        return list(NETWORKS).index(task.architecture), task.weight_decay, task.width


class Summary(Shape[Pair]):
    """Their certificates C1 to C4."""

    def certified(self, nodes: int, quantity: Callable[[Whole], float]) -> Mean:
        """Of what C4 certifies with so many pieces."""
        return self.mean(lambda pair: quantity(pair.c4[nodes]))

    def share(self, nodes: int) -> float | None:
        """Of the attainable accuracy, what C4 certifies with so many pieces; None if it is zero."""
        attainable = self.certified(NODES[-1], lambda whole: whole.attainable).value
        certified = self.certified(nodes, lambda whole: whole.accuracy).value
        return certified / attainable if attainable else None


def summarise(results: Results) -> list[Summary]:
    """The shapes with certificates C1 to C4, in order."""
    found = of_kind(results, Task, Measured)
    return _ordered(Summary(task, record.pairs) for task, record in found)


@dataclass(frozen=True)
class Row:
    """The pairs of one shape in one alignment, as the tables of decisions have them."""

    shape: Shape[Decision]
    alignment: str

    @property
    def intervals(self) -> list[Intervals]:
        """Of the pairs that have them."""
        pairs = self.shape.pairs[self.alignment]
        return [pair.intervals for pair in pairs if pair.intervals is not None]

    def mean(self, quantity: Callable[[Decision], float]) -> Mean:
        """Of a number that every pair has."""
        return self.shape.mean(quantity, self.alignment)

    def optional(self, quantity: Callable[[Decision], float | None]) -> Mean | None:
        """Of a number that all pairs have or none."""
        found = [quantity(pair) for pair in self.shape.pairs[self.alignment]]
        known = [value for value in found if value is not None]
        return Mean.over(known) if known else None

    def between(self, quantity: Callable[[Intervals], float]) -> float | None:
        """The mean of a number of the intervals; None without."""
        found = self.intervals
        return sum(map(quantity, found)) / len(found) if found else None


def rows(shapes: Sequence[Shape[Decision]]) -> list[Row]:
    """Every shape in every alignment that was decided."""
    return [Row(shape, alignment) for shape in shapes for alignment in shape.pairs]


def decided(results: Results) -> list[Shape[Decision]]:
    """The shapes of which segments are decided, in order."""
    found = of_kind(results, DecidingTask, Decided)
    return _ordered(Shape(task, record.pairs) for task, record in found)


def _ordered(shapes: Iterable[S]) -> list[S]:
    return sorted(shapes, key=lambda shape: shape.place)


def points(
    shapes: Sequence[Summary], x: Callable[[Pair], float], y: Callable[[Pair], float]
) -> np.ndarray:
    """Two numbers of every pair, weighted matching, ``[pairs, 2]``."""
    pairs = [pair for shape in shapes for pair in shape.pairs[REFERENCE]]
    return np.array([(x(pair), y(pair)) for pair in pairs])


def violations(shapes: Sequence[Summary]) -> tuple[int, int]:
    """Certified numbers below what they bound, over all pairs and matchings, and all of them."""
    checks = [
        below
        for shape in shapes
        for pairs in shape.pairs.values()
        for pair in pairs
        for below in (
            *(bound < pair.error for bound in (pair.c1, pair.c1_prime, pair.c2)),
            pair.c3 < pair.midpoint,
            *(whole.accuracy > pair.least_accuracy for whole in pair.c4.values()),
            *(whole.loss < pair.loss for whole in pair.c4.values()),
            *(whole.barrier < pair.barrier for whole in pair.c4.values()),
        )
    ]
    return sum(checks), len(checks)


def outside(shapes: Sequence[Shape[Decision]]) -> tuple[int, int]:
    """Measured numbers that a decision contradicts, and all that were compared.

    Of the examples on the grid and at the t of refutations each counts as one comparison for a
    pair; of intervals, whether the largest measured barrier (the ends', 0, among them) lies in its
    own, the midpoint in its own, and the accuracy drop not above its own.
    """
    decisions = [one for shape in shapes for pairs in shape.pairs.values() for one in pairs]
    checks = [one.wrong > 0 for one in decisions]
    for one in decisions:
        if (bounds := one.intervals) is not None:
            checks += [
                not _within(max(0.0, one.barrier, bounds.found), bounds.barrier),
                not _within(one.midpoint, bounds.midpoint),
                not one.drop <= bounds.drop[1] + _ROUNDING,
            ]
    return sum(checks), len(checks)


def _within(value: float, interval: Interval) -> bool:
    low, high = interval
    slack = _ROUNDING * (1 + abs(value))
    return low - slack <= value <= high + slack


@dataclass(frozen=True)
class Ratios:
    """How matchings do by quantities, over the pairs of which all were measured.

    Attributes:
        pairs: how many.
        logs: by alignment and quantity the mean of log10(value / value of the weighted matching),
            or None where one of the values is zero.
        best: likewise the share of the pairs in which no other of them has a smaller one.
    """

    pairs: int
    logs: dict[str, dict[str, Mean | None]]
    best: dict[str, dict[str, float]]


def matching_ratios(shapes: Sequence[Summary]) -> Ratios:
    """Of the shapes that were matched in every way."""
    complete = [
        dict(zip(ALIGNMENTS, pairs, strict=True))
        for shape in shapes
        if all(name in shape.pairs for name in ALIGNMENTS)
        for pairs in zip(*(shape.pairs[name] for name in ALIGNMENTS), strict=True)
    ]
    logs: dict[str, dict[str, Mean | None]] = {name: {} for name in ALIGNMENTS}
    best: dict[str, dict[str, float]] = {name: {} for name in ALIGNMENTS}
    for quantity, value in QUANTITIES.items() if complete else ():
        values = {name: np.array([value(p[name]) for p in complete]) for name in ALIGNMENTS}
        least = np.min(list(values.values()), axis=0)
        for name in ALIGNMENTS:
            logs[name][quantity] = _log_ratio(values[name], values[REFERENCE])
            best[name][quantity] = float((values[name] <= least * (1 + 1e-9)).mean())
    return Ratios(len(complete), logs, best)


def _log_ratio(values: np.ndarray, reference: np.ndarray) -> Mean | None:
    if not (values * reference).all():  # networks that are constant have no error
        return None
    return Mean.over(np.log10(values / reference).tolist())


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shape and weight decay.
    """
    require_equal((task for task, _ in results), ("dataset", "examples", "seed"))
    for kind in (Task, DecidingTask):
        require_equal((task for task, _ in results if isinstance(task, kind)), ("pairs",))
