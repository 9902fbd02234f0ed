"""Simulated annealing: exchanging two neurons at a time, downhill too while it is hot."""

import math

import numpy as np

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import Objective
from lmctheory.matching.solvers.solution import Solution

__all__ = ["annealing"]

_PROBES = 50
"""Random exchanges whose mean change sets the first temperature."""


def annealing(
    start: Alignment,
    objective: Objective,
    *,
    rng: np.random.Generator,
    steps: int = 5000,
    cooling: float = 1e-3,
    heat: float = 1.0,
) -> Solution:
    """Maximises an objective by simulated annealing.

    Each step proposes to exchange two neurons of one group, drawn with probability proportional to
    the group's size, and does so with probability min(1, exp(change / T)). T begins at `heat` times
    the mean absolute change of random exchanges and falls geometrically.

    Args:
        start: the alignment to begin with.
        objective: of the parameters of A and of the permuted B; it need not be differentiable.
        rng: draws the proposals.
        steps: proposals; each costs one evaluation of the objective.
        cooling: the last temperature, relative to the first.
        heat: the first temperature, relative to the mean absolute change; 0 accepts no change for
            the worse.

    Returns:
        The best alignment met, with a trace of the best objective after every tenth of the steps.

    Reference: Entezari et al. 2022, who found it too weak for wide networks.
    """
    pair, value = start, float(objective(start.a, start.b))
    best, trace = Solution(pair, (value,)), [value]
    groups = [group for group in start.symmetry.groups if group.size > 1]
    if not groups:
        return best
    sizes = np.array([group.size for group in groups], dtype=float)

    def neighbour(pair: Alignment) -> tuple[Alignment, float]:
        group = groups[rng.choice(len(groups), p=sizes / sizes.sum())]
        order = np.arange(group.size)
        i, j = rng.choice(group.size, 2, replace=False)
        order[[i, j]] = order[[j, i]]
        proposed = pair.turned(group, order)
        return proposed, float(objective(proposed.a, proposed.b))

    hot = 0.0
    if heat > 0:
        hot = heat * float(np.mean([abs(neighbour(start)[1] - value) for _ in range(_PROBES)]))
    top = value
    for step in range(1, steps + 1):
        temperature = hot * cooling ** (step / steps)
        proposed, reached = neighbour(pair)
        change = reached - value
        if change >= 0 or (temperature > 0 and rng.random() < math.exp(change / temperature)):
            pair, value = proposed, reached
        if value > top:
            top, best = value, Solution(pair, ())
        if step % max(1, steps // 10) == 0:
            trace.append(top)
    return Solution(best.alignment, tuple(trace))
