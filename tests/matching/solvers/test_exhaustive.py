"""All permutations."""

from itertools import permutations as all_permutations

import numpy as np
import pytest

from lmctheory.matching import permute
from lmctheory.matching.objectives import similarity
from lmctheory.matching.solvers import (
    exhaustive,
)
from tests.matching.solvers.examples import mlp, pair


def test_exhaustion_evaluates_every_arrangement_once():
    start, seen = pair(2, 3, 2, 2), set()

    def objective(a, b):
        seen.add(
            tuple(b["layers.0.weight"].ravel().tolist() + b["layers.2.weight"].ravel().tolist())
        )
        return similarity(a, b)

    best = exhaustive(start, objective).trace[-1]
    assert len(seen) == 6 * 2
    values = []
    for p in all_permutations(range(3)):
        for q in all_permutations(range(2)):
            orders = {"layers.0": np.array(p), "layers.1": np.array(q)}
            moved = permute(mlp(2, 3, 2, 2, seed=1), orders)
            values.append(float(similarity(start.a, dict(moved.named_parameters())).detach()))
    assert best == pytest.approx(max(values), rel=1e-12)


def test_exhaustion_refuses_more_than_it_can_try():
    with pytest.raises(ValueError, match=r"at most 200000 arrangements, got 3.63e\+06 .* \[10\]"):
        exhaustive(pair(3, 10, 2), similarity)


def test_of_equally_good_arrangements_the_first_is_kept():
    start = pair(2, 3, 2)
    found = exhaustive(start, lambda a, b: similarity(a, b) * 0)
    assert {name: order.tolist() for name, order in found.alignment.orders.items()} == {
        "layers.0": [0, 1, 2]
    }
