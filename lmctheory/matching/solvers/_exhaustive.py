"""All orders of all groups, with all signs: the truth, for networks of a handful of neurons."""

import math
from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from lmctheory.matching._symmetry import PermutationGroup
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import LOSS, Objective
from lmctheory.matching.orders import encoded
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Solver

__all__ = ["EXHAUSTIVE", "LIMIT", "exhaustive"]

LIMIT = 200_000
"""Most arrangements that are tried: 8! = 40,320 of one group, (5!)^2 = 14,400 of two."""


def exhaustive(start: Alignment, objective: Objective) -> Solution:
    """Evaluates an objective at every element of the permutation group of the network.

    Args:
        start: the alignment to begin with.
        objective: of the parameters of A and of the permuted B.

    Returns:
        The global optimum; of several the first, in lexicographic order from the start.

    Raises:
        ValueError: for more than `LIMIT` arrangements.
    """
    groups = start.symmetry.groups
    count = math.prod(
        math.factorial(group.size) * (2**group.size if group.signed else 1) for group in groups
    )
    if count > LIMIT:
        raise ValueError(
            f"exhaustive search takes networks with at most {LIMIT} arrangements, got {count:.3g} "
            f"for groups of sizes {[group.size for group in groups]}"
        )
    value = float(objective(start.a, start.b))
    best, trace = start, [value]
    for pair in _arrangements(start, groups):
        if (reached := float(objective(pair.a, pair.b))) > value:
            best, value = pair, reached
    return Solution(best, (*trace, value))


def _arrangements(pair: Alignment, groups: tuple[PermutationGroup, ...]) -> Iterator[Alignment]:
    if not groups:
        yield pair
        return
    group, *rest = groups
    signs = product((1, -1), repeat=group.size) if group.signed else [(1,) * group.size]
    for sign, order in product(signs, permutations(range(group.size))):
        turned = pair.turned(group, encoded(np.array(order), np.array(sign)))
        yield from _arrangements(turned, tuple(rest))


EXHAUSTIVE = Solver(
    "exhaustive",
    ("weight", LOSS),
    lambda search: {"identity": exhaustive(search.pair, search.objective)},
    restarts=False,
)
