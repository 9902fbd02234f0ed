"""What `least_barriers` measured, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.least_barriers.measurement import ALIGNMENTS, NETWORKS, Measured, Pair, Task

__all__ = ["Results", "Shape", "report", "require_one_study", "summarise"]

Results = Sequence[tuple[Task, Measured]]

_CLOSE = 1.05
"""A matching is best if its barrier is no more than so many times the least, both as bounded."""


@dataclass(frozen=True)
class Shape:
    """All pairs of one network and width."""

    task: Task
    pairs: Sequence[Pair]

    @property
    def decided(self) -> int:
        """Pairs of which no permutation is left that might be better by a twentieth."""
        return sum(_narrow(pair) for pair in self.pairs)

    @property
    def bounds(self) -> float:
        """The median number of partial arrangements that were looked at."""
        return float(np.median([pair.bounded for pair in self.pairs]))

    def best(self, alignment: str) -> int:
        """How many pairs a matching leaves with the least barrier there is."""
        return sum(pair.matched[alignment] <= _CLOSE * pair.upper + 1e-5 for pair in self.pairs)

    def excess(self, alignment: str) -> float:
        """The median of a matching's barrier over the least."""
        return float(np.median([p.matched[alignment] / max(p.upper, 1e-5) for p in self.pairs]))


def _narrow(pair: Pair) -> bool:
    return pair.upper <= _CLOSE * pair.lower + 1e-5


def summarise(results: Results) -> list[Shape]:
    """The shapes, by network and width."""
    order = list(NETWORKS)
    shapes = [Shape(task, measured.pairs) for task, measured in results]
    return sorted(shapes, key=lambda one: (order.index(one.task.network), one.task.width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than the shape.
    """
    require_equal([task for task, _ in results], ("dataset", "pairs", "budget", "seed"))


def report(results: Results) -> list[Part]:
    """The least barriers, and how far matchings are from them."""
    shapes = summarise(results)
    return [_least(shapes), _matchings(shapes)]


_PLACE = (
    Column[Shape]("network", lambda one: one.task.network, head=" ", left=True),
    Column[Shape]("width", lambda one: one.task.width, form="d"),
    Column[Shape]("pairs", lambda one: len(one.pairs), form="d"),
)


def _mean(quantity: str) -> Column[Shape]:
    heads = {"lower": "at least", "upper": "at most", "seconds": "s"}
    return Column(
        quantity,
        lambda one: Mean.over([getattr(pair, quantity) for pair in one.pairs]),
        head=heads[quantity],
    )


def _least(shapes: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "The least barrier over all permutations and signs",
        "Of the largest loss on the segment above the chord; test data, mean over pairs, in"
        " brackets its standard error. decided: pairs whose interval is narrower than 5 %.",
        [
            *_PLACE,
            Column("orders", lambda one: one.pairs[0].arrangements, form=".2g"),
            Column("bounds", lambda one: one.bounds, form=".0f"),
            _mean("lower"),
            _mean("upper"),
            Column("decided", lambda one: one.decided, form="d"),
            _mean("seconds"),
        ],
        shapes,
    )


def _matchings(shapes: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "Matchings beside the least barrier",
        "Median of the matching's barrier over the least, and how often it is the least, within"
        " 5 %.",
        [
            *_PLACE[:2],
            *(column for name in ALIGNMENTS for column in _compared(name)),
        ],
        shapes,
    )


def _compared(name: str) -> tuple[Column[Shape], Column[Shape]]:
    return (
        Column(f"{name}, times", lambda one: one.excess(name), head=name, form=".2f"),
        Column(f"{name}, best", lambda one: one.best(name), head="best", form="d"),
    )
