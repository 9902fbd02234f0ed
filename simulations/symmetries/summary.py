"""Means over pairs of what `symmetries` measured, and its tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.symmetries.measurement import ALIGNMENTS, Measured, Pair, Task
from simulations.symmetries.networks import NETWORKS

__all__ = ["Results", "Shape", "report", "require_one_study", "summarise"]

Results = Sequence[tuple[Task, Measured]]

_SMALLEST = "permutations"
_HEADS = {
    "unmatched": "none",
    "permutations": "permut.",
    "rotations": "rotat.",
    "redundancy": "redund.",
}
"""Of columns, that tables may have 100 columns."""


@dataclass(frozen=True)
class Shape:
    """All pairs of one network and width."""

    task: Task
    measured: Measured

    def mean(self, alignment: str, quantity: Callable[[Pair], float]) -> Mean | None:
        """Of a number that every pair has after an alignment, if the network has that."""
        pairs = self.measured.pairs.get(alignment)
        return None if pairs is None else Mean.over(list(map(quantity, pairs)))

    def fall(self, alignment: str) -> Mean | None:
        """Of the barrier below that of permutations, over the same pairs."""
        before, after = (self.measured.pairs.get(name) for name in (_SMALLEST, alignment))
        if before is None or after is None:
            return None
        return Mean.over([p.barrier - q.barrier for p, q in zip(before, after, strict=True)])

    def times(self, alignment: str) -> float | None:
        """How long an alignment takes, in units of permutations."""
        own, least = (self.mean(name, lambda p: p.seconds) for name in (alignment, _SMALLEST))
        return None if own is None or least is None else own.value / least.value


def summarise(results: Results) -> list[Shape]:
    """The shapes, by network and width."""
    order = list(NETWORKS)
    shapes = [Shape(task, measured) for task, measured in results]
    return sorted(shapes, key=lambda one: (order.index(one.task.network), one.task.width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than the shape.
    """
    require_equal([task for task, _ in results], ("dataset", "pairs", "seed"))


def report(results: Results) -> list[Part]:
    """Barriers by group, and what the larger ones cost."""
    shapes = summarise(results)
    return [_barriers(shapes), _differences(shapes)]


_PLACE = (
    Column[Shape]("network", lambda one: one.task.network, head=" ", left=True),
    Column[Shape]("width", lambda one: one.task.width, form="d"),
)


def _barriers(shapes: Sequence[Shape]) -> Table[Shape]:
    return Table(
        "Barrier of the test loss by the group in which B is matched with A",
        "ends: accuracy of the worse network. The others: signed maximum over 11 points, mean over"
        " pairs, in brackets its standard error.",
        [
            *_PLACE,
            Column("ends", lambda one: one.mean("unmatched", lambda pair: pair.accuracy[0])),
            *(_column(name, lambda pair: pair.barrier) for name in _present(shapes)),
        ],
        shapes,
    )


def _present(shapes: Sequence[Shape]) -> list[str]:
    """The alignments that any of the networks has."""
    return [name for name in ALIGNMENTS if any(name in one.measured.pairs for one in shapes)]


def _column(name: str, quantity: Callable[[Pair], float]) -> Column[Shape]:
    return Column(name, lambda one: one.mean(name, quantity), head=_HEADS.get(name, name))


def _differences(shapes: Sequence[Shape]) -> Table[Shape]:
    """Pair by pair: the networks differ more than the groups do."""
    present = _present(shapes)
    larger = present[present.index(_SMALLEST) + 1 :]
    return Table(
        "How far barriers fall in larger groups, and how long these take",
        "Fall of the barrier below that of permutations, mean over the same pairs. x: time of the"
        " alignment, in units of that by permutations.",
        [
            *_PLACE,
            *(column for name in larger for column in _taken(name)),
        ],
        shapes,
    )


def _taken(name: str) -> tuple[Column[Shape], Column[Shape]]:
    return (
        Column(f"{name}, fall", lambda one: one.fall(name), head=_HEADS.get(name, name)),
        Column(f"{name}, times", lambda one: one.times(name), form=".2g", head="x"),
    )
