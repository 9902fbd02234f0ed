"""Coordinate descent from several starts."""

from collections.abc import Iterator
from functools import partial

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.solvers._frank_wolfe import CENTRES, relaxed_optimum
from lmctheory.matching.solvers.descent import descended
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.propagation import propagate, propagated
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solver
from lmctheory.matching.solvers.terms import Problem
from lmctheory.measures.arguments import RandomSource, generator

__all__ = ["COORDINATE_DESCENT", "coordinate_descent", "weight_matching"]

_NARROW = 128
"""Up to this width Frank-Wolfe takes milliseconds and finds what coordinate descent misses; beyond,
it takes ten times as long as coordinate descent, whose optima are as good."""

_FEW = 96
"""Up to this width a start that knows nothing may end above one that does."""

_SIGNAL = 0.9
"""What neurons with something in common gain in relation to chance; see `propagate`."""


def coordinate_descent(start: Alignment, *, rng: RandomSource | None = None) -> Solution:
    """Solves one group after another, the others held fixed, until none can be improved.

    Maximises the sum over all parameters of <theta_A, P theta_B>.

    *The objective never falls, and the method ends.* If a group acts on one axis only of every
    parameter, the objective as a function of its permutation is a constant plus
    sum_i G[i, perm(i)], G the gain over all parameters that touch the group; the assignment is
    exact and the present order is one of its candidates, so the best order improves by at least
    zero. Groups inside blocks are solved together with the group that moves the blocks, exactly
    too (`units`). A group that acts on both axes of one parameter enters <W_A, P W_B P^T>
    quadratically; G is then only the derivative at the present order, and the true objective at its
    assignment decides. In each case the new order is taken only if the objective rises by more
    than `TOLERANCE` of |theta_A| |theta_B|, which bounds it, in double precision, so that happens
    finitely often.

    *Where it ends* no group of the first two kinds can be improved, given the others, by more than
    the rounding of its gain in single precision, and among neurons that single precision cannot
    tell apart not by more than `TOLERANCE` (`ties`). That is a local optimum: which one depends on
    the start and, in narrow networks, on the order.

    A group is solved again only after a neighbour has moved, and its gain is corrected rather than
    computed anew (`gains`). Late passes move few neurons and cost next to nothing.

    Args:
        start: the alignment to begin with.
        rng: draws the order of the groups in every pass; None takes them from the input on.

    Reference: Ainsworth et al. 2023 (Git Re-Basin), algorithm 1.
    """
    return descended(Gains(Problem(start)), rng=None if rng is None else generator(rng))


def weight_matching(pair: Alignment) -> Alignment:
    """B as coordinate descent orders it from the layer-by-layer matching of its weights on."""
    return coordinate_descent(propagated(pair).alignment).alignment


def _descents(search: Search) -> Iterator[tuple[str, Solution]]:
    """From each start; all share what does not depend on it."""
    pair = search.pair
    problem = Problem(pair)
    descend = partial(descended, rng=search.rng)
    width = max((group.size for group in pair.symmetry.groups), default=0)
    signal = 1.0
    # where no groups interact the assignments are independent, and exact from any start
    if pair.symmetry.interacts:
        known = Gains(problem)
        signal = propagate(known)
        yield "layer by layer", descend(known)
        del known  # whose gains are as large as the network
    # in the noise of wide networks B's order is one of many, and no good one to begin with
    if width <= _FEW or signal >= _SIGNAL:
        yield "identity", descend(Gains(problem))
    if pair.symmetry.interacts and width <= _NARROW:
        for name, share in CENTRES.items():
            yield name, descend(relaxed_optimum(problem, share)[0])
    for name, start in search.random_starts():
        yield name, coordinate_descent(start, rng=search.rng)


COORDINATE_DESCENT = Solver(
    "coordinate_descent", ("weight",), lambda search: dict(_descents(search))
)
