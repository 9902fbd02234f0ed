"""Planted permutations, without noise, by every solver."""

from itertools import product

import pytest

from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers import (
    coordinate_descent,
    frank_wolfe,
    propagated,
    sinkhorn,
)
from tests.matching.solvers.examples import attention, is_recovered, pair, planted, quadratic
from tests.rarely import rarely

STARTS = {
    "mlp": lambda seed: pair(6, 12, 9, 11, 3, seed=seed),
    "attention": lambda seed: attention(4, 3, seed, stream=10),
    "both axes": lambda seed: quadratic(9, seed),
}


SOLVERS = {
    "propagated": propagated,
    "coordinate descent from there": lambda start: coordinate_descent(propagated(start).alignment),
    "Frank-Wolfe": frank_wolfe,
    "Sinkhorn": lambda start: sinkhorn(start, similarity, steps=30),
}


@pytest.mark.parametrize(
    ("network", "solver"), rarely(product(STARTS, SOLVERS), [("attention", "Sinkhorn")])
)
def test_a_planted_permutation_is_recovered(solver, network):
    for seed in range(2):
        start = planted(STARTS[network](seed), seed)
        assert is_recovered(start, SOLVERS[solver](start).alignment)
