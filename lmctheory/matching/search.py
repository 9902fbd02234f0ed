"""Every solver from all its starts."""

from collections.abc import Iterator

import numpy as np

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.objectives import Objective, similarity
from lmctheory.matching.solvers import (
    Solution,
    annealing,
    coordinate_descent,
    exhaustive,
    frank_wolfe,
    propagated,
    relaxed_optimum,
    sinkhorn,
    straight_through,
)

__all__ = ["NARROW", "solutions"]

_CENTRES = {
    "frank_wolfe": {"barycentre": 0.0, "halfway": 0.5},
    "sinkhorn": {"barycentre": 0.0},
}
"""Where relaxed solvers begin: the share of B's order, the rest being the mean of all orders."""

NARROW = 128
"""Up to this width Frank-Wolfe takes tenths of a second and finds what coordinate descent misses;
beyond, it takes ten times as long as coordinate descent, whose optima are as good."""


def solutions(
    solver: str,
    pair: Alignment,
    objective: Objective,
    restarts: int,
    rng: np.random.Generator | None,
) -> dict[str, Solution]:
    """What a solver finds from each of its starts, by their names."""

    def solve(start: Alignment, share: float) -> Solution:
        match solver:
            case "coordinate_descent":
                return coordinate_descent(start, rng=rng)
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
    starts = _starts(solver, pair, restarts, rng, weighs)
    return {name: solve(start, share) for name, start, share in starts}


def _starts(
    solver: str,
    pair: Alignment,
    restarts: int,
    rng: np.random.Generator | None,
    weighs: bool,
) -> Iterator[tuple[str, Alignment, float]]:
    """Name, order, and its share in the initial matrices of a relaxed solver."""
    if solver == "straight_through":
        yield "weight", _weight_matching(pair), 1.0
    elif solver == "sinkhorn" and not weighs:
        # what it hands back is no worse than the weight matching
        near = _weight_matching(pair)
        yield from ((name, near, share) for name, share in _CENTRES["frank_wolfe"].items())
    elif solver in _CENTRES:
        yield from ((name, pair, share) for name, share in _CENTRES[solver].items())
    else:
        yield "identity", pair, 1.0
    # where no groups interact the assignments are independent, and exact from any start
    if solver == "coordinate_descent" and pair.symmetry.interacts:
        yield "layer by layer", propagated(pair).alignment, 1.0
        if max(group.size for group in pair.symmetry.groups) <= NARROW:
            for name, share in _CENTRES["frank_wolfe"].items():
                yield name, relaxed_optimum(pair, share), 1.0
    if rng is not None:
        for k in range(restarts):
            yield f"random {k + 1}", _shuffled(pair, rng), 0.5


def _weight_matching(pair: Alignment) -> Alignment:
    return coordinate_descent(propagated(pair).alignment).alignment


def _shuffled(pair: Alignment, rng: np.random.Generator) -> Alignment:
    for group in pair.symmetry.groups:
        pair = pair.turned(group, rng.permutation(group.size))
    return pair
