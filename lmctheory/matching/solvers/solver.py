"""What a solver is: one record each, from which `match` learns all that it needs to know."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs.neuron_features import Cost
from lmctheory.matching.objectives import MidpointLoss, Objective
from lmctheory.matching.orders import encoded
from lmctheory.matching.solvers.solution import Solution

__all__ = ["Search", "Solutions", "Solver"]

Solutions: TypeAlias = Mapping[str, Solution]
"""By the names of the starts that they were reached from; there is at least one."""


@dataclass(frozen=True, eq=False)
class Search:
    """What a solver is asked for: an order of B's neurons that is good for A.

    Attributes:
        pair: A, and B as it came.
        method: that of `match`.
        cost: of aligning two neurons of a group, as small as possible for layerwise methods.
        objective: of the parameters of A and of the permuted B, as large as possible for others.
        restarts: so many random starts are wanted.
        rng: draws whatever is drawn; None only if nothing has to be.
    """

    pair: Alignment
    method: str
    cost: Cost
    objective: Objective
    restarts: int
    rng: np.random.Generator | None

    def require_derivatives(self) -> None:
        """Refuses networks that keep derivatives of the objective from autograd.

        Raises:
            TypeError: naming a parameter.
        """
        if isinstance(self.objective, MidpointLoss):
            self.objective.require_derivatives(self.pair.a, self.pair.b)

    def random_starts(self) -> Iterator[tuple[str, Alignment]]:
        """B in random orders, each drawn when it is asked for."""
        if self.rng is not None:
            for k in range(self.restarts):
                yield f"random {k + 1}", _shuffled(self.pair, self.rng)


@dataclass(frozen=True)
class Solver:
    """A way to search.

    Attributes:
        name: that `match` knows it by.
        methods: whose search it can do; for those that no earlier solver does it is the default.
        solve: does it, from all its starts.
        restarts: whether it begins somewhere, so that random starts make sense.
    """

    name: str
    methods: tuple[str, ...]
    solve: Callable[[Search], Solutions]
    restarts: bool = True


def _shuffled(pair: Alignment, rng: np.random.Generator) -> Alignment:
    for group in pair.symmetry.groups:
        order = rng.permutation(group.size)
        sign = rng.choice((1, -1), group.size) if group.signed else None
        pair = pair.turned(group, encoded(order, sign))
    return pair
