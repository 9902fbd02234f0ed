"""Solving one group after another, the others held fixed, until none can be improved."""

from collections.abc import Iterable

import numpy as np

from lmctheory.matching.costs.neuron_costs import all_parameters
from lmctheory.matching.solvers._assignment import best_order
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.solution import TOLERANCE, Solution
from lmctheory.matching.solvers.ties import untied

__all__ = ["descended"]


def descended(gains: Gains, *, rng: np.random.Generator | None = None) -> Solution:
    """Coordinate descent from where the gains are; they move on to where it ends."""
    descent = _Descent(gains)
    rises = []
    while descent.stale:
        rises.append(
            sum(descent.solve(k) for k in _order(len(descent.units), rng) if k in descent.stale)
        )
        if not descent.stale:
            rises[-1] += sum(descent.separate(k) for k in gains.problem.terms)
    return Solution.after(gains.alignment(), rises)


class _Descent:
    """Which units may be improved, and improving one."""

    def __init__(self, gains: Gains) -> None:
        self.gains = gains
        self.units = gains.problem.units
        self.stale = set(range(len(self.units)))
        self._least = TOLERANCE * gains.problem.start.scale
        self._neighbours = [self._touching(k) for k in self.stale]

    def _touching(self, k: int) -> set[int]:
        """The units that share a parameter with a unit, apart from it on its axes."""
        axes = self.units[k].axes
        return {
            j
            for j, other in enumerate(self.units)
            if j != k and any(len(axes[p] | on) > 1 for p, on in other.axes.items() if p in axes)
        }

    def solve(self, k: int) -> float:
        """Improves one unit if it can be improved, and says by how much."""
        self.stale.remove(k)
        if k in self.gains.problem.terms:
            return self._take(k, best_order(self.gains.of(k)))
        pair = self.gains.aligned(k)
        solved = self.units[k].solved(pair, all_parameters)
        rise = solved.objective - pair.objective
        if rise <= self._least:
            return 0.0
        self.gains.adopt(k, solved)
        self._moved(k)
        return rise

    def separate(self, k: int) -> float:
        """Improves the order of neurons that single precision cannot tell apart."""
        return self._take(k, untied(self.gains, k, self.gains.order(k)))

    def _take(self, k: int, order: np.ndarray) -> float:
        rise = self.gains.rise(k, order)
        if rise <= self._least:
            return 0.0
        self.gains.move(k, order)
        self._moved(k)
        return rise

    def _moved(self, k: int) -> None:
        self.stale |= self._neighbours[k]
        if not self.units[k].is_linear:
            self.stale.add(k)


def _order(count: int, rng: np.random.Generator | None) -> Iterable[int]:
    return range(count) if rng is None else rng.permutation(count).tolist()
