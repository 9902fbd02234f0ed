"""Means over pairs of what `path_certificates` measured, for its tables and its figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from simulations.declaration import require_equal
from simulations.path_certificates.measurement import ALIGNMENTS, NODES, REFERENCE
from simulations.path_certificates.networks import NETWORKS
from simulations.path_certificates.tasks import Measured, Pair, Task, Whole

__all__ = [
    "QUANTITIES",
    "Ratios",
    "Results",
    "Summary",
    "matching_ratios",
    "points",
    "require_one_study",
    "summarise",
    "violations",
]

Results = Sequence[tuple[Task, Measured]]

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
class Summary:
    """All pairs of one architecture, width and weight decay, by alignment."""

    task: Task
    pairs: dict[str, list[Pair]]

    def mean(self, quantity: Callable[[Pair], float], alignment: str = REFERENCE) -> Mean:
        """Of a number that every pair has."""
        return Mean.over([quantity(pair) for pair in self.pairs[alignment]])

    def certified(self, nodes: int, quantity: Callable[[Whole], float]) -> Mean:
        """Of what C4 certifies with so many pieces."""
        return self.mean(lambda pair: quantity(pair.c4[nodes]))

    def share(self, nodes: int) -> float | None:
        """Of the attainable accuracy, what C4 certifies with so many pieces; None if it is zero."""
        attainable = self.certified(NODES[-1], lambda whole: whole.attainable).value
        certified = self.certified(nodes, lambda whole: whole.accuracy).value
        return certified / attainable if attainable else None


def summarise(results: Results) -> list[Summary]:
    """The shapes, by architecture, weight decay and width."""
    order = list(NETWORKS)

    def place(shape: Summary) -> tuple[int, float, int]:
        task = shape.task
        return order.index(task.architecture), task.weight_decay, task.width

    return sorted((Summary(task, record.pairs) for task, record in results), key=place)


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
    require_equal((task for task, _ in results), ("dataset", "pairs", "examples", "seed"))
