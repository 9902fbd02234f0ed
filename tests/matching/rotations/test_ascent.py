"""The account of every step, and that none lowers the objective."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lmctheory.matching import match, rotations, symmetry
from lmctheory.matching._symmetry import parameters
from lmctheory.matching.rotations import ascent
from lmctheory.matching.rotations.ascent import Turning, ascended, transformed
from lmctheory.matching.rotations.finding import RotationSymmetry
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


class Gated(nn.Module):
    """A unit of which only the ungated half may be negated."""

    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(4, 12), nn.Linear(4, 12), nn.Linear(12, 3)

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x))


def test_neurons_are_negated_where_that_is_best_for_all_their_weights():
    torch.manual_seed(0)
    nets, x = [Gated().double() for _ in range(2)], torch.randn(3, 4).double()
    groups = symmetry(nets[0], x)
    found = RotationSymmetry((), {}, groups)
    a, b = map(parameters, nets)
    start = Turning({group.name: np.arange(group.size) for group in groups.groups}, {})
    end = ascended(found, a, b, start, 1e-9)
    assert end.trace[-1] == pytest.approx(match(*nets, data=x).objective, rel=1e-12)  # one layer
