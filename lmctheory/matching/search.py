"""Every solver from all its starts."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import Objective, similarity
from lmctheory.matching.solvers import (
    Gains,
    Problem,
    Solution,
    annealing,
    coordinate_descent,
    descended,
    exhaustive,
    frank_wolfe,
    propagate,
    propagated,
    relaxed_optimum,
    sinkhorn,
    straight_through,
)

__all__ = ["NARROW", "solutions"]

_CENTRES = {"barycentre": 0.0, "halfway": 0.5}
"""Where Frank-Wolfe begins: the share of B's order, the rest being the mean of all orders."""

NARROW = 128
"""Up to this width Frank-Wolfe takes milliseconds and finds what coordinate descent misses; beyond,
it takes ten times as long as coordinate descent, whose optima are as good."""

_FEW = 96
"""Up to this width a start that knows nothing may end above one that does."""

_SIGNAL = 0.9
"""What neurons with something in common gain in relation to chance; see `propagate`."""


def solutions(
    solver: str,
    pair: Alignment,
    objective: Objective,
    restarts: int,
    rng: np.random.Generator | None,
) -> dict[str, Solution]:
    """What a solver finds from each of its starts, by their names."""
    if solver == "coordinate_descent":
        return dict(_descents(pair, restarts, rng))

    def solve(start: Alignment, share: float) -> Solution:
        match solver:
            case "frank_wolfe":
                return frank_wolfe(start, share=share)
            case "sinkhorn":
                return sinkhorn(start, objective, share=share)
            case "straight_through":
                return straight_through(start, objective)
            case "annealing":
                assert rng is not None  # refused before
                return annealing(start, objective, rng=rng)
            case _:
                return exhaustive(start, objective)

    weighs = objective is similarity
    starts = [*_starts(solver, pair, weighs), *_random(pair, restarts, rng)]
    return {name: solve(start, share) for name, start, share in starts}


def _descents(
    pair: Alignment, restarts: int, rng: np.random.Generator | None
) -> Iterator[tuple[str, Solution]]:
    """Coordinate descent from each start; all share what does not depend on it."""
    problem = Problem(pair)
    descend = partial(descended, rng=rng)
    width = max((group.size for group in pair.symmetry.groups), default=0)
    signal = 1.0
    # where no groups interact the assignments are independent, and exact from any start
    if pair.symmetry.interacts:
        known = Gains(problem)
        signal = propagate(known)
        yield "layer by layer", descend(known)
    # in the noise of wide networks B's order is one of many, and no good one to begin with
    knows = width <= _FEW or signal >= _SIGNAL
    if knows:
        yield "identity", descend(Gains(problem))
    if pair.symmetry.interacts and width <= NARROW:
        for name, share in _CENTRES.items():
            if knows or not share:
                yield name, descend(relaxed_optimum(problem, share)[0])
    for name, start, _ in _random(pair, restarts, rng):
        yield name, coordinate_descent(start, rng=rng)


def _starts(solver: str, pair: Alignment, weighs: bool) -> Iterator[tuple[str, Alignment, float]]:
    """Name, order, and its share in the initial matrices of a relaxed solver."""
    if solver == "straight_through":
        yield "weight", _weight_matching(pair), 1.0
    elif solver == "sinkhorn" and not weighs:
        # what it hands back is no worse than the weight matching
        near = _weight_matching(pair)
        yield from ((name, near, share) for name, share in _CENTRES.items())
    elif solver == "sinkhorn":
        yield "barycentre", pair, 0.0
    elif solver == "frank_wolfe":
        yield from ((name, pair, share) for name, share in _CENTRES.items())
    else:
        yield "identity", pair, 1.0


def _random(
    pair: Alignment, restarts: int, rng: np.random.Generator | None
) -> Iterator[tuple[str, Alignment, float]]:
    if rng is not None:
        for k in range(restarts):
            yield f"random {k + 1}", _shuffled(pair, rng), 0.5


def _weight_matching(pair: Alignment) -> Alignment:
    return coordinate_descent(propagated(pair).alignment).alignment


def _shuffled(pair: Alignment, rng: np.random.Generator) -> Alignment:
    for group in pair.symmetry.groups:
        pair = pair.turned(group, rng.permutation(group.size))
    return pair
