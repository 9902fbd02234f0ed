"""Frank-Wolfe: its line search, its rise, its ends."""

import numpy as np
import pytest

from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers import (
    exhaustive,
    frank_wolfe,
)
from lmctheory.matching.solvers._frank_wolfe import relaxed_optimum
from lmctheory.matching.solvers.relaxation import initial, relaxed
from lmctheory.matching.solvers.terms import Problem
from tests.matching.solvers.examples import attention, pair


@pytest.mark.parametrize(
    "build", [lambda s: pair(5, 9, 8, 7, 3, seed=s), lambda s: attention(2, 3, s, stream=5)]
)
def test_frank_wolfe_never_lowers_the_relaxed_objective(build):
    for seed in range(5):
        start = build(seed)
        centre = float(similarity(start.a, relaxed(start, initial(start, 0.0))))
        trace = frank_wolfe(start).trace
        assert trace[0] == pytest.approx(centre, rel=1e-10)
        fall = int(np.argmin(np.diff(trace)))  # the rounding, if it lowers anything
        assert (np.diff(trace[: fall + 1]) >= -1e-10).all()
        assert (np.diff(trace[fall + 1 :]) >= -1e-10).all()
        ends, _ = relaxed_optimum(Problem(start), 0.0)
        assert ends.alignment().objective >= 0.7 * trace[-1]


def test_frank_wolfe_is_exact_for_one_group_and_bounded_by_exhaustion():
    one = pair(3, 6, 2)
    assert frank_wolfe(one).trace[-1] == pytest.approx(exhaustive(one, similarity).trace[-1])
    for seed in range(2):
        two = pair(3, 4, 4, 2, seed=seed)
        assert frank_wolfe(two).trace[-1] <= exhaustive(two, similarity).trace[-1] + 1e-10
