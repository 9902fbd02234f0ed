"""Layers whose weights move in several directions: no value leaves, and no term is too large."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from lmctheory.paths.blends import Blend
from lmctheory.paths.layer_operations import Node
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.regions import Box, Direction, Effort, Piece, WeightsOnPiece
from lmctheory.paths.simplex_search import blended
from lmctheory.paths.taylor_layers import WEIGHTS, AffineOnPiece, weight_symbols, without_weights
from lmctheory.paths.taylor_models import TaylorModel
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.families import (
    exact_nodes,
    family_of,
    most_used,
    point_of,
    random_region,
    several,
)
from tests.paths.pieces import EFFORTS, fractions


class Moving:
    """x -> (W + s D + s^2 Q + sum w_j E_j) x, of one number."""

    operator, terms = Dense(), 1

    def __init__(self, W, powers=(), weights=()):
        self.W, self.powers, self.weights = W, powers, weights

    def on(self, _piece, dtype):
        def one(value):
            return torch.full((1, 1), value, dtype=torch.float64)

        def direction(value):
            low = one(value).to(dtype)
            return Direction(1.0, one(value), low, low.abs(), one(0.0)[0])

        return WeightsOnPiece(
            one(self.W),
            one(0.0)[0],
            tuple(map(direction, self.powers)),
            tuple(map(direction, self.weights)),
            one(0.0).to(dtype),
            one(0.0)[0],
        )


def number(polynomial, own=(), others=(), radius=0.0):
    """A model of one number: own are coefficients of the weights' symbols, others of one more."""
    columns = [*own, *others]
    symbols = torch.tensor(columns, dtype=torch.float64).reshape(len(columns), 2).T
    blocks = ((WEIGHTS, len(own)),) * bool(own) + ((1, len(others)),) * bool(others)
    return TaylorModel(
        torch.tensor(polynomial, dtype=torch.float64)[:, None, None],
        symbols[:, :, None, None].contiguous(),
        blocks,
        torch.full((1, 1), radius, dtype=torch.float64),
    )


def through(layer, x, degree=2):
    return AffineOnPiece(Moving(*layer), Piece(0, 1), Effort(degree, 0, torch.float64))([x])


@pytest.mark.parametrize(
    ("layer", "x", "exact"),
    [
        ((0.0, (0.0, 1.0)), ([0.0, 0.0, 1.0], (), (), 0.0), 0.25),  # s^4
        ((0.0, (0.0, 1.0)), ([0.0], (), [(1.0, 0.0)], 0.0), 0.5),  # s^2 e
        ((0.0, (0.0, 1.0)), ([0.0], (), [(0.0, 1.0)], 0.0), 0.25),  # s^3 e
        ((0.0, (1.0, -1.0)), ([0.0], (), [(1.0, 1.0)], 0.0), 0.25),  # squares that cancel
        ((2.0, (1.0, -1.0)), ([0.0], (), (), 1.0), 4.0),
        ((0.0, (), (1.0,)), ([5.0, 3.0], (), (), 0.0), 0.0),  # what joins w_j
        ((0.0, (), (1.0,)), ([0.0, 0.0, 1.0], (), (), 0.0), 0.5),  # s^2 w
        ((0.0, (), (1.0,)), ([0.0, 0.0, 0.0, 1.0], (), (), 0.0), 0.25),  # s^3 w
        ((0.0, (), (1.0,)), ([0.0], (), [(1.0, 0.0)], 0.0), 1.0),  # w e
        ((0.0, (), (1.0,)), ([0.0], (), [(1.0, 0.0), (0.0, -2.0)], 0.0), 3.0),
        ((0.0, (), (1.0,)), ([0.0], [(1.0, 0.0)], (), 0.0), 0.5),  # w^2
        ((0.0, (), (1.0,)), ([0.0], [(0.0, -1.0)], (), 0.0), 0.5),  # s w^2
        ((0.0, (), (1.0, 2.0)), ([0.0], [(1.0, 0.0), (3.0, 0.0)], (), 0.0), 8.5),
        ((0.0, (), (1.0, -3.0)), ([0.0], [(1.0, 0.0), (3.0, 0.0)], (), 0.0), 5.0),  # w v cancels
        ((0.0, (), (2.0, 0.0)), ([0.0], [(0.0, 0.0), (0.0, 1.5)], (), 0.0), 3.0),  # s w v
        ((2.0, (1.0,), (-3.0, 0.5)), ([0.0], (), (), 1.0), 6.5),
    ],
)
def test_what_is_left_to_the_radius_is_what_is_lost(layer, x, exact):
    assert float(through(layer, number(*x)).radius) == pytest.approx(exact, abs=1e-9)


def test_what_is_kept():
    out = through((0.0, (0.0, 1.0)), number([0.0], (), [(1.0, 4.0)]))
    assert out.symbols.flatten().tolist() == [0.5, 3.0]
    out = through((0.0, (), (2.0,)), number([1.0, 2.0, 3.0, 4.0]), degree=3)
    assert out.symbols.flatten().tolist() == [2.0 + 3.0, 4.0 + 6.0]
    assert out.blocks == ((WEIGHTS, 1),)
    out = through((1.0, (), (2.0,)), number([0.0], [(1.0, 3.0)], [(1.0, 0.0)]))
    assert out.polynomial.flatten().tolist() == [1.0, 3.0]
    assert out.blocks == ((WEIGHTS, 1), (1, 1))
    assert weight_symbols(out) == 1
    assert without_weights(out).symbols.flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "count"), [("bezier", 3), ("polygon", 4), ("simplex", 3), ("simplex", 4)]
)
def test_no_node_leaves_its_enclosure(name, count):
    rng, worst = np.random.default_rng(count), 0.0
    with torch.no_grad():
        for _ in range(12):
            models, data = several(rng, count)
            region = random_region(rng, name, count)
            effort = EFFORTS[rng.integers(len(EFFORTS))]
            worst = max(worst, most_used(name, count, models, data, region, effort, rng))
    assert 0.9 < worst <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"),
    [("bezier", 3), ("polygon", 3), ("polygon", 4), ("simplex", 2), ("simplex", 3), ("simplex", 5)],
)
def test_no_node_of_many_networks_leaves(name, count):
    rng = np.random.default_rng(100 + count)
    with torch.no_grad():
        for _ in range(400):
            models, data = several(rng, count)
            region = random_region(rng, name, count)
            effort = EFFORTS[rng.integers(len(EFFORTS))]
            assert most_used(name, count, models, data, region, effort, rng) <= 1


@pytest.mark.parametrize("name", ["bezier", "simplex"])
@pytest.mark.parametrize("narrow", [False, True])
def test_exact_values_of_rational_weights_are_inside(name, narrow):
    """No rounding in the truth, so that all of it in the enclosure is seen."""
    rng = np.random.default_rng(3)
    models, data = several(rng, 3, widths=(2, 4, 3, 2), scale=1.0, n=1, sigma="relu")
    length = 2.0**-40 if narrow else 0.25
    region = (
        Piece(0.25, 0.25 + length)
        if name == "bezier"
        else Box((0.25, 0.125), (0.25 + length, 0.125 + length / 2))
    )
    program = blended(models, data, family_of(name, 3))
    effort = Effort(3, 2, torch.float64)
    with torch.no_grad():
        found = list(PieceNetwork(program, region, effort).models(data.inputs))
    for _ in range(12):
        s, w = (Fraction(int(rng.integers(-64, 65)), 64) for _ in range(2))
        if name == "bezier":
            t = (Fraction(region.start) + Fraction(region.end)) / 2 + s * Fraction(region.half)
            coefficients = (t * t, 2 * t * (1 - t), (1 - t) ** 2)
        else:
            x, y = (
                Fraction(c) + e * Fraction(h)
                for c, h, e in zip(region.centre, region.halves, (s, w), strict=True)
            )
            coefficients = (1 - x - y, x, y)
        values = exact_nodes(models, coefficients, data.inputs[0])
        for model, value in zip(found, values, strict=True):
            count = weight_symbols(model)
            g = [fractions(part[:, 0]) for part in model.symbols]
            centre = sum(c * s**k for k, c in enumerate(fractions(model.polynomial[:, 0])))
            if count:
                centre = centre + w * (g[0][0] + s * g[1][0])
            reach = fractions(model.radius[0])
            if len(g[0]) > count:
                reach = reach + abs(g[0][count:] + s * g[1][count:]).sum(0)
            assert (abs(value - centre) <= reach).all()


@pytest.mark.parametrize("name", ["bezier", "polygon", "simplex"])
def test_biases_that_are_combined_are_rounded(name):
    rng = np.random.default_rng(8)
    W = torch.zeros(1000, 1, dtype=torch.float64)
    biases = tuple(torch.from_numpy(rng.standard_normal((3, 1000))))
    op = Blend(Node("it", (0,), (1000,)), Dense(), (W, W, W), biases, family_of(name, 3))
    region = Box((0.25, 0.5), (0.375, 0.5625)) if name == "simplex" else Piece(0.5, 0.75)
    x = TaylorModel.constant(torch.zeros(1, 1).double(), torch.float64)
    out = AffineOnPiece(op, region, Effort(2, 0, torch.float64))([x])
    off = 0.0
    for s in rng.uniform(-1, 1, 20):
        value = op.at(point_of(region, s, [0.3]))(x.polynomial[0])
        there = sum(c * s**k for k, c in enumerate(out.polynomial))
        for g_0, g_1 in out.symbols.transpose(0, 1):
            there = there + 0.3 * (g_0 + s * g_1)
        assert ((value - there).abs() <= out.radius).all()
        off = max(off, float((value - there).abs().max()))
    assert off > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_contrasts_take_all_directions_through_differences_of_rows(dtype):
    rng = np.random.default_rng(5)
    models, data = several(rng, 3, widths=(4, 3), scale=1.0, n=3)
    program = blended(models, data, family_of("simplex", 3))
    layer = AffineOnPiece(program.operations[-1], Box((0.0, 0.0), (0.5, 0.5)), Effort(2, 0, dtype))
    nothing = TaylorModel.constant(torch.zeros(3, 4).double(), dtype)
    x = nothing.wider(torch.rand(3, 4, generator=torch.Generator().manual_seed(0)).to(dtype))
    labels = torch.tensor([0, 2, 1])
    out = layer([x])
    apart, worst = layer.between(x, out, labels), 0.0
    for _ in range(200):
        s, w = (float(rng.choice([-1.0, 1.0])) for _ in range(2))
        rho = torch.from_numpy(rng.choice([-1.0, 1.0], (3, 4)))
        W = layer.W + s * layer.powers[0].W + w * layer.weights[0].W
        off = (x.radius.double() * rho) @ W.mT
        off = (off - off.gather(1, labels[:, None])).abs()
        assert (off <= apart).all()
        worst = max(worst, float((off / apart).max()))
    assert worst > 0.7
