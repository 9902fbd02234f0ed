"""Coordinate descent."""

from functools import partial

import numpy as np
import pytest

from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers import (
    coordinate_descent,
    exhaustive,
    frank_wolfe,
)
from lmctheory.matching.solvers.units import units
from tests.matching.solvers.examples import attention, quadratic


@pytest.mark.parametrize("build", [partial(attention, 3, 2, stream=7), partial(quadratic, 6)])
def test_the_objective_never_falls_with_blocks_and_with_a_group_on_both_axes(build):
    for seed in range(20):
        start = build(seed=seed)
        solution = coordinate_descent(start, rng=np.random.default_rng(seed))
        assert (np.diff(solution.trace) >= 0).all()
        assert solution.trace[-1] == pytest.approx(float(similarity(start.a, solution.alignment.b)))


def test_a_group_on_both_axes_is_no_worse_than_its_start_and_no_better_than_the_best():
    for seed in range(6):
        start = quadratic(5, seed)
        assert not units(start.symmetry)[0].is_linear
        best = exhaustive(start, similarity).trace[-1]
        for found in (coordinate_descent(start), frank_wolfe(start)):
            assert start.objective <= found.trace[-1] + 1e-10 or found.trace[-1] >= found.trace[0]
            assert found.trace[-1] <= best + 1e-10
