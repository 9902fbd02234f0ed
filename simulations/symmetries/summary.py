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


@dataclass(frozen=True)
class Shape:
    """All pairs of one network and width."""

    task: Task
    measured: Measured

    def mean(self, alignment: str, quantity: Callable[[Pair], float]) -> Mean:
        """Of a number that every pair has."""
        return Mean.over([quantity(pair) for pair in self.measured.pairs[alignment]])


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
    require_equal([task for task, _ in results], ("dataset", "pairs", "seed"), "studies")


def report(results: Results) -> list[Part]:
    """Barriers by group, and what the larger ones cost."""
    shapes = summarise(results)
    return [_barriers(shapes), _differences(shapes)]


_SMALLEST = "permutations"

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
            *(_column(name, lambda pair: pair.barrier) for name in ALIGNMENTS),
        ],
        shapes,
    )


def _column(name: str, quantity: Callable[[Pair], float]) -> Column[Shape]:
    return Column(name, lambda one: one.mean(name, quantity))


def _differences(shapes: Sequence[Shape]) -> Table[Shape]:
    """Pair by pair: the networks differ more than the groups do."""
    largest = list(ALIGNMENTS)[-1]

    def fall(one: Shape) -> Mean:
        before, after = (one.measured.pairs[name] for name in (_SMALLEST, largest))
        return Mean.over([p.barrier - q.barrier for p, q in zip(before, after, strict=True)])

    def seconds(one: Shape, alignment: str = _SMALLEST) -> float:
        return one.mean(alignment, lambda pair: pair.seconds).value

    return Table(
        "What the largest group takes of the barrier, and of time",
        "fall: of the barrier below that of permutations, mean over the same pairs. seconds: of"
        " matching by permutations; times: in the largest group, in units of these.",
        [
            *_PLACE,
            Column("fall", fall),
            Column("seconds", seconds, form=".2g"),
            Column("times", lambda one: seconds(one, largest) / seconds(one), form=".2f"),
        ],
        shapes,
    )
