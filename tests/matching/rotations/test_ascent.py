"""The account of every step, and that none lowers the objective."""

import numpy as np
import pytest
import torch

from lmctheory.matching import rotations
from lmctheory.matching._symmetry import parameters
from lmctheory.matching.rotations import ascent
from lmctheory.matching.rotations.ascent import Turning, ascended, transformed
from tests.matching.rotations.examples import haar, small


def unrelated(name):
    """The symmetries of two networks that have nothing in common, and their parameters."""
    (a, x), (b, _) = small(name, 0), small(name, 1)
    found = rotations(a, x)
    a, b = (found.folding.applied(model) if found.folding else model for model in (a, b))
    a, b = ({n: t.double() for n, t in parameters(model).items()} for model in (a, b))
    return found, a, b


def anywhere(found, seed):
    rng = np.random.default_rng(seed)
    orders = {group.name: rng.permutation(group.size) for group in found.groups.groups}
    return Turning(orders, {space.name: haar(space, rng) for space in found.spaces})


def inner(a, b):
    return sum(float((x * b[name]).sum()) for name, x in a.items())


@pytest.mark.parametrize("name", ["pre-norm", "grouped"])
def test_permutations_and_matrices_are_those_that_were_taken(name):
    found, a, b = unrelated(name)
    blocks = {group.name for group in found.groups.groups if found.groups.children(group)}
    moved = set()
    for seed in range(4):
        start = anywhere(found, seed)
        end = ascended(found, a, b, start, 1e-3)
        assert end.trace[0] == pytest.approx(inner(a, transformed(found, b, start)))
        assert end.trace[-1] == pytest.approx(inner(a, transformed(found, b, end)), rel=1e-10)
        assert end.trace[-1] > end.trace[0] + 1
        orders = start.orders
        moved |= {n for n, order in end.orders.items() if (order != orders[n]).any()}
        for space in found.spaces:
            matrix = end.matrices[space.name]
            assert torch.allclose(space.nearest(matrix), matrix, atol=1e-10)
    assert blocks & moved


def test_a_step_that_would_lower_the_objective_is_not_taken(monkeypatch):
    found, a, b = unrelated("pre-norm")
    rng = np.random.default_rng(0)
    monkeypatch.setattr(ascent, "assignment", lambda gain: rng.permutation(len(gain)))
    end = ascended(found, a, b, anywhere(found, 0), 1e-3)
    assert (np.diff(end.trace) >= 0).all()
    assert end.trace[-1] == pytest.approx(inner(a, transformed(found, b, end)), rel=1e-10)
