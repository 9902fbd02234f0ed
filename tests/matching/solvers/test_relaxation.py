"""Relaxed permutations."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from lmctheory.matching._symmetry import Action, PermutationGroup, Symmetry
from lmctheory.matching.solvers._frank_wolfe import best_step
from lmctheory.matching.solvers.relaxation import degree, relaxed
from tests.matching.solvers.examples import alignment, attention, pair, quadratic, singles


@pytest.mark.parametrize("build", [partial(attention, 2, 3, stream=5), partial(quadratic, 5)])
def test_permutation_matrices_act_as_permutations_do(build):
    start, rng = build(seed=0), np.random.default_rng(2)
    matrices, turned = {}, start
    for group in start.symmetry.groups:
        order = rng.permutation(group.size)
        turned = turned.turned(group, order)
        matrices[group.name] = torch.eye(group.size, dtype=torch.float64)[order]
    for name, tensor in relaxed(start, matrices).items():
        torch.testing.assert_close(tensor, turned.b[name], rtol=0, atol=1e-14)


def test_matrices_act_within_one_part_of_a_grouped_layer_only():
    part = Action("weight", 1, singles(2), within=(2, 4))
    groups = Symmetry((PermutationGroup("g", 2, (part,), (), ()),))
    start = alignment(groups, {"weight": (6, 2)}, 0)
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    moved = relaxed(start, {"g": swap})["weight"]
    expected = start.b["weight"].clone()
    expected[2:4] = expected[2:4].flip(1)
    assert torch.equal(moved, expected)


def test_the_degree_counts_groups_that_act_on_one_parameter():
    assert degree(pair(3, 4, 2).symmetry) == 1
    assert degree(pair(3, 4, 5, 2).symmetry) == 2
    assert degree(quadratic(4, 0).symmetry) == 2
    assert degree(attention(2, 2, 0).symmetry) == 3
    assert degree(pair(3, 2).symmetry) == 1


@given(
    coefficients=st.lists(st.floats(-3, 3), min_size=3, max_size=5),
    value=st.floats(-3, 3),
    slope=st.floats(0.01, 3),
)
@settings(max_examples=50, deadline=None)
def test_the_line_search_finds_the_best_point_of_the_segment(coefficients, value, slope):
    along = Polynomial([value, slope, *coefficients])
    samples = {s: float(along(s)) for s in np.linspace(0, 1, len(coefficients) + 1)[1:].tolist()}
    grid = along(np.linspace(0, 1, 2001)).max()
    assert along(best_step(value, slope, samples)) >= grid - 1e-6
