"""Means over pairs of what `layerwise` measured, for its tables and figures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from lmctheory.sweeps.mean import Mean
from simulations.declaration import require_equal
from simulations.layerwise.networks import JOINING, LINEAR, NETWORKS
from simulations.layerwise.pair import LinearPair, Measured, Pair
from simulations.layerwise.tasks import LEWC, TRAINED, Task

__all__ = [
    "WAYS",
    "Cell",
    "Results",
    "by_epochs",
    "by_width",
    "cells",
    "deepest_chain",
    "linear",
    "pooled",
    "ratio",
    "require_one_study",
]

P = TypeVar("P")
Results: TypeAlias = Sequence[tuple[Task, Measured]]

WAYS = {
    "unmatched": (JOINING[0], "unmatched"),
    "matched": (JOINING[0], "matched"),
    "shared": (JOINING[1], "unmatched"),
    "spawned": (JOINING[2], "unmatched"),
}
"""How two networks come to be joined: what they have in common, and whether they are matched."""


@dataclass(frozen=True)
class Cell(Generic[P]):
    """All pairs of one task, joined in one way."""

    task: Task
    way: str
    pairs: tuple[P, ...]

    def mean(self, quantity: Callable[[P], float | None]) -> Mean:
        """Of a number that every pair has; NaN where one has none."""
        values = (quantity(pair) for pair in self.pairs)
        return Mean.over([np.nan if value is None else float(value) for value in values])


def _cells(results: Iterable[tuple[Task, Measured]], kind: type[P]) -> list[Cell[P]]:
    return [
        Cell(task, way, tuple(one for one in getattr(record, alignment) if isinstance(one, kind)))
        for task, record in results
        for way, (joining, alignment) in WAYS.items()
        if task.joining == joining
    ]


def cells(results: Results) -> list[Cell[Pair]]:
    """The architectures at their usual width, trained to the end, by name and way."""
    usual = [one for one in results if one[0].details and one[0].architecture in NETWORKS]
    order, ways = list(NETWORKS), list(WAYS)
    return sorted(
        _cells(usual, Pair),
        key=lambda cell: (order.index(cell.task.architecture), ways.index(cell.way)),
    )


def deepest_chain(results: Results) -> list[Cell[Pair]]:
    """The network with most layers whose barrier was split, in all ways of joining.

    Raises:
        ValueError: if there is none.
    """
    split = [cell for cell in cells(results) if cell.pairs[0].split is not None]
    if not split:
        raise ValueError("the results hold no chain, such as an MLP, which the figure is of")
    depth = max(cell.pairs[0].count for cell in split)
    return [cell for cell in split if cell.pairs[0].count == depth]


def linear(results: Results) -> list[Cell[LinearPair]]:
    """The deep linear networks."""
    return _cells((one for one in results if one[0].architecture == LINEAR), LinearPair)


def by_epochs(results: Results) -> list[Cell[Pair]]:
    """One network along training."""
    return sorted(_brief(results, TRAINED), key=lambda cell: cell.task.epochs)


def by_width(results: Results) -> list[Cell[Pair]]:
    """One architecture by its width."""
    return sorted(_brief(results, LEWC), key=lambda cell: cell.task.width)


def _brief(results: Results, architecture: str) -> list[Cell[Pair]]:
    chosen = (one for one in results if not one[0].details and one[0].architecture == architecture)
    return _cells(chosen, Pair)


def pooled(found: Sequence[Cell[P]], way: str) -> list[P]:
    """All pairs that are joined in one way, over architectures."""
    return [pair for cell in found if cell.way == way for pair in cell.pairs]


def ratio(
    pairs: Sequence[P], numerator: Callable[[P], float], denominator: Callable[[P], float]
) -> Mean:
    """Ratio of the means over pairs, with the jackknife's standard error."""
    x, y = (np.array([quantity(pair) for pair in pairs]) for quantity in (numerator, denominator))
    value, n = float(x.sum() / y.sum()), len(pairs)
    if n < 2:
        return Mean(value, float("nan"))
    left = (x.sum() - x) / (y.sum() - y)
    return Mean(value, float(np.sqrt((n - 1) * np.mean((left - left.mean()) ** 2))))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in data, seed or training, or one task comes twice.
    """
    require_equal((task for task, _ in results), ("dataset", "seed"))
    usual = [(cell.task.architecture, cell.way) for cell in cells(results)]
    if repeated := {one for one in usual if usual.count(one) > 1}:
        raise ValueError(f"the results mix studies of {sorted(repeated)[0]}")
