"""Procrustes against scans and random matrices, and turning against loops."""

import numpy as np
import pytest
import torch

from lmctheory.matching.groups import Action
from lmctheory.matching.rotations.spaces import Space

KINDS = ("orthogonal", "mean", "halves", "pairs")


def space(kind, size=6):
    return Space("s", size, kind, ())


def normal(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def value(matrix, products):
    return float((matrix * products).sum())


def rotation(angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_matrix_is_orthogonal_and_none_of_its_kind_is_better(kind):
    products = normal(0, 6, 6)
    best = space(kind).nearest(products)
    assert torch.allclose(best @ best.T, torch.eye(6, dtype=torch.float64), atol=1e-12)
    rng = np.random.default_rng(1)
    for scale in (1e-3, 0.1, 10.0):  # near the optimum and far from it
        for _ in range(100):
            other = space(kind).nearest(products + scale * normal(rng.integers(2**31), 6, 6))
            assert value(other, products) <= value(best, products) + 1e-12


def test_the_nearest_matrix_of_two_directions_is_what_a_scan_finds():
    products = normal(3, 2, 2)
    turns = [rotation(angle) for angle in np.linspace(0, 2 * np.pi, 4001)]
    mirrored = [matrix @ torch.diag(torch.tensor([1.0, -1.0]).double()) for matrix in turns]
    for kind, matrices in (("orthogonal", turns + mirrored), ("pairs", turns), ("halves", turns)):
        scanned = max(value(matrix, products) for matrix in matrices)
        best = value(space(kind, 2).nearest(products), products)
        assert scanned <= best + 1e-12
        assert best - scanned < 1e-5


def test_planted_matrices_are_recovered():
    rng = np.random.default_rng(5)
    for kind in KINDS:
        one = space(kind)
        matrix, rows = one.nearest(normal(7, 6, 6)), normal(8, 6, 9)
        assert torch.allclose(one.nearest((matrix @ rows) @ rows.T), matrix, atol=1e-10)
        drawn = one.random(rng)
        assert torch.allclose(one.nearest(drawn), drawn, atol=1e-12)


def test_matrices_that_keep_the_mean_map_ones_to_themselves_or_their_negative():
    ones = torch.ones(6, dtype=torch.float64)
    for sign in (1.0, -1.0):
        products = normal(0, 6, 6) + sign * 5.0
        assert torch.allclose(space("mean").nearest(products) @ ones, sign * ones)


def test_planes_lie_where_their_layout_says():
    halves, pairs = (space(kind).nearest(normal(2, 6, 6)) != 0 for kind in ("halves", "pairs"))
    assert halves.nonzero()[:4].tolist() == [[0, 0], [0, 3], [1, 1], [1, 4]]
    assert pairs.nonzero()[:4].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_several_products_are_solved_at_once():
    products = normal(4, 3, 2, 6, 6)
    for kind in KINDS:
        alone = space(kind).nearest(products[2, 1])
        assert torch.allclose(space(kind).nearest(products)[2, 1], alone)


@pytest.mark.parametrize("within", [None, (1, 4)])
def test_every_copy_of_the_directions_is_turned_alike_and_the_rest_stays(within):
    tensor, matrix = normal(0, 4, 7), normal(1, 2, 2)
    action = Action("w", 1, ((0, 5), (3, 1)), within)
    expected = tensor.clone()
    for row in range(4) if within is None else range(*within):
        for first, second in ((0, 3), (5, 1)):
            x, y = tensor[row, first], tensor[row, second]
            expected[row, first] = matrix[0, 0] * x + matrix[0, 1] * y
            expected[row, second] = matrix[1, 0] * x + matrix[1, 1] * y
    before = tensor.clone()
    one = Space("s", 2, "orthogonal", (action,))
    assert torch.allclose(one.turn({"w": tensor}, matrix)["w"], expected)
    assert torch.equal(tensor, before)


def test_matrices_that_are_tried_turn_the_mean_or_not_and_always_the_rest():
    rng = np.random.default_rng(0)
    matrices = [space("mean").random(rng) for _ in range(20)]
    ones = torch.ones(6, dtype=torch.float64)
    assert {round(float(m.sum()) / 6) for m in matrices} == {1, -1}
    assert all(float((m - torch.diag(m.diagonal())).abs().max()) > 1e-3 for m in matrices)
    assert all(torch.allclose((m @ ones).abs(), ones) for m in matrices)
