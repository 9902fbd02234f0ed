"""Balls: against the truth at centres of models and errors in the worst direction."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import Examples, ResNet20, activation
from lmctheory.networks.losses import as_loss
from lmctheory.paths import certify
from lmctheory.paths.blended_norms import NormalisationBlend
from lmctheory.paths.blends import BEZIER, SIMPLEX, Blend
from lmctheory.paths.certified_operations import Fixed, MaxPool, Pointwise, Sum
from lmctheory.paths.complete_operations import (
    Combination,
    Concatenation,
    Curved,
    NormOver,
    Product,
)
from lmctheory.paths.layer_operations import Affine, Node, Normalisation
from lmctheory.paths.linear_maps import Convolution, Dense
from lmctheory.paths.parameters import Parameters
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Box, Effort, Piece
from lmctheory.paths.smooth_functions import EXP
from lmctheory.paths.taylor_balls import BallsOnPiece
from lmctheory.paths.taylor_models import TaylorModel, value_at
from lmctheory.paths.taylor_operations import passage
from lmctheory.paths.taylor_outputs import PieceNetwork
from tests.paths.architectures import generator, shaken
from tests.paths.pieces import beyond, escapes, points_of, random_piece

N, SHAPE = 3, (4, 6, 6)
BALLS = [
    Effort(d, m, p, True) for d in (2, 3) for m in (0, 5) for p in (torch.float32, torch.float64)
]


def node(*inputs, shape=SHAPE):
    return Node("it", inputs or (0,), shape)


def draw(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def convolution(rng):
    image = Convolution((1, 1), (1, 1), (1, 1), 1, SHAPE[1:])
    return Affine(node(), image, *draw(rng, 2, 4, 4, 3, 3), *draw(rng, 2, 4))


def blend(family):
    def build(rng):
        weights = tuple(draw(rng, 3, 5, 6))
        return Blend(node(shape=(4, 6, 5)), Dense(), weights, tuple(draw(rng, 3, 5)), family)

    return build


def windows():
    return torch.tensor([[0, 1, 6], [1, 2, 7], [1, 3, 5]])


def batch_norm(rng):
    pairs = [tuple(draw(rng, 2, 4, 1, 1)) for _ in range(3)]
    return Normalisation(node(), *pairs, tuple(draw(rng, 2, 4, 1, 1).exp()))


def blended_batch_norm(rng):
    gamma, beta, mean = (tuple(draw(rng, 3, 4, 1, 1)) for _ in range(3))
    return NormalisationBlend(node(), gamma, beta, mean, tuple(draw(rng, 3, 4, 1, 1).exp()), BEZIER)


ONE = {
    "dense": lambda rng: Affine(node(), Dense(), *draw(rng, 2, 6, 6), *draw(rng, 2, 6)),
    "convolution": convolution,
    "bezier": blend(BEZIER),
    "simplex": blend(SIMPLEX),
    "relu": lambda rng: Pointwise(node(), activation("relu")),
    "gelu": lambda rng: Pointwise(node(), activation("gelu")),
    "pool": lambda rng: MaxPool(node(shape=(4, 1, 3)), windows(), 2),
    "mean": lambda rng: Fixed(node(shape=(4,)), lambda x: x.mean((-2, -1)), SHAPE),
    "batch norm": batch_norm,
    "batch norm on a curve": blended_batch_norm,
    "group norm": lambda rng: NormOver(node(), (2, 72), (-1,), 1e-5),
    "layer norm": lambda rng: NormOver(node(), SHAPE, (-3, -2, -1), 1.0),
    "root mean square": lambda rng: NormOver(node(), SHAPE, (-1,), 1e-2, mean=False),
    "exponential": lambda rng: Curved(node(), EXP),
}
TWO = {
    "sum": lambda rng: Sum(node(0, 1)),
    "difference": lambda rng: Combination(node(0, 1), (1, -1)),
    "concatenation": lambda rng: Concatenation(node(0, 1, shape=(4, 12, 6)), -2),
    "product": lambda rng: Product(node(0, 1), torch.mul),
    "matrix product": lambda rng: Product(node(0, 1), torch.matmul, 6),
}


def region_of(name):
    return Box((0.25, 0.125), (0.3125, 0.15625)) if name == "simplex" else Piece(0.5, 0.5625)


def model_with_ball(rng, ball, dtype, shape=SHAPE):
    c = draw(rng, 3, N, *shape)
    c[1:] *= 0.01
    radius = torch.from_numpy(rng.random((N, *shape))) * 1e-3
    symbols = draw(rng, 2, 2, N, *shape) * 1e-3
    return TaylorModel(
        c, symbols.to(dtype), ((1, 2),), radius.to(dtype), torch.full((N,), ball).double()
    )


def worst(f, centres, balls, rng, rounds=6):
    """Errors on the balls' surfaces that move f most, by following its gradient."""
    found = []
    for x, ball in zip(centres, balls, strict=True):
        v = draw(rng, *x.shape)
        found.append(v / v.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1)) * ball)
    base = f(*centres)
    for _ in range(rounds):
        moved = [(x + v).requires_grad_() for x, v in zip(centres, found, strict=True)]
        with torch.enable_grad():
            grads = torch.autograd.grad((f(*moved) - base).square().sum(), moved)
        found = [
            g / g.flatten(1).norm(dim=1).clamp(min=1e-300).view(-1, *[1] * (g.ndim - 1)) * ball
            for g, ball in zip(grads, balls, strict=True)
        ]
    return found


def most(op, region, models, effort, rng, scale=1.0, draws=12):
    """Whether any value leaves the result, scaled, and how much of the ball is used at most."""
    passed = BallsOnPiece(op, passage(op, 5, region, effort), region, last=False)
    out, left, share = passed(models), 0, 0.0
    balls = [float(m.ball[0]) for m in models]
    for i in range(draws):
        s = float([-1.0, 1.0, 0.0, rng.uniform(-1, 1)][i % 4])
        centres = []
        e = torch.from_numpy(rng.choice([-1.0, 1.0], (models[0].symbols.shape[1], 1, 1, 1, 1)))
        for m in models:
            rho = torch.from_numpy(rng.choice([-1.0, 1.0], m.radius.shape))
            g_0, g_1 = m.symbols.double()
            centres.append(
                value_at(m.polynomial, s) + ((g_0 + s * g_1) * e).sum(0) + rho * m.radius
            )
        t = region.at(s) if isinstance(region, Piece) else region.coordinates(s, (0.0,))
        f = op.at((1 - sum(t), *t) if isinstance(t, tuple) else t)
        moved = [x + v for x, v in zip(centres, worst(f, centres, balls, rng), strict=True)]
        excess = beyond(out, f(*moved), s, scale)
        left += int((excess > scale * out.ball).sum())
        share = max(share, float((excess / out.ball).max()))
    return left, share


@pytest.mark.parametrize("name", [*ONE, *TWO])
@pytest.mark.parametrize("ball", [1e-9, 1e-2, 3.0])
def test_nothing_leaves(name, ball):
    rng = np.random.default_rng(0)
    for effort in BALLS[:: 3 if ball == 1e-2 else 7]:
        op = (ONE | TWO)[name](rng)
        models = [model_with_ball(rng, ball, effort.dtype) for _ in op.node.inputs]
        with torch.no_grad():
            left, _ = most(op, region_of(name), models, effort, rng, draws=4)
        assert not left


@pytest.mark.parametrize("name", ["dense", "convolution", "relu", "mean", "sum", "layer norm"])
def test_a_ball_that_is_too_small_is_left(name):
    """Where models are points, the worst directions nearly fill it."""
    rng, effort = np.random.default_rng(1), Effort(2, 0, torch.float64, True)
    op = (ONE | TWO)[name](rng)
    if name in ("dense", "convolution"):
        op = Affine(node(), op.operator, op.W_a, op.W_a, op.b_a, op.b_a)
    models = []
    for _ in op.node.inputs:
        x = draw(rng, N, *SHAPE).abs()
        point = TaylorModel.constant(x, torch.float64)
        models.append(
            TaylorModel(
                point.polynomial, point.symbols, (), point.radius, torch.full((N,), 1e-6).double()
            )
        )
    with torch.no_grad():
        left, share = most(op, Piece(0.5, 0.5), models, effort, rng, draws=3)
        assert not left
        floor = {"convolution": 0.6, "layer norm": 0.95, "mean": 0.99}.get(name, 0.999)
        assert floor < share <= 1
        left, _ = most(op, Piece(0.5, 0.5), models, effort, rng, scale=0.95 * share, draws=3)
        assert left


def test_a_norm_by_hand():
    """(x - m)/sigma of x = (3, -3) and eps 7 is (3, -3)/4, moved by a vector along (1, 1): not."""
    x = TaylorModel.constant(torch.tensor([[3.0, -3.0]]).double(), torch.float64)
    x = TaylorModel(x.polynomial, x.symbols, (), x.radius, torch.tensor([math.sqrt(2)]).double())
    op = NormOver(node(shape=(2,)), (2,), (-1,), 7.0)
    piece, effort = Piece(0.5, 0.5), Effort(2, 0, torch.float64, True)
    out = BallsOnPiece(op, passage(op, 1, piece, effort), piece, last=False)([x])
    # the root of the variance is at least 3 - 1, and sqrt(2)/sqrt(4 + 7)
    assert float(out.ball) == pytest.approx(math.sqrt(2 / 11), rel=1e-6)
    # of what is around (2, -2) it is sqrt(2)/sqrt(1 + 7)
    wide = x.wider(torch.ones(1, 2).double())
    out = BallsOnPiece(op, passage(op, 1, piece, effort), piece, last=True)([wide])
    assert float(out.ball) >= math.sqrt(2 / 8)


def test_what_joins_the_ball_and_what_does_not():
    piece, effort = Piece(0.5, 0.5), Effort(2, 0, torch.float64, True)
    x = TaylorModel.constant(torch.zeros(1, 2).double(), torch.float64).wider(
        torch.tensor([[3.0, 4.0]])
    )
    sigma = Pointwise(node(shape=(2,)), activation("identity"))
    for last, radius, ball in ((False, 0.0, 5.0), (True, 4.0, None)):
        out = BallsOnPiece(sigma, passage(sigma, 1, piece, effort), piece, last=last)([x])
        assert float(out.radius.max()) == pytest.approx(radius, rel=1e-5)
        assert (out.ball is None) if ball is None else float(out.ball) == pytest.approx(ball, 1e-5)
    own = Parameters(node(shape=(2,)), (torch.ones(2).double(), torch.zeros(2).double()))
    out = BallsOnPiece(own, passage(own, 1, piece, effort), piece, last=False)([x])
    assert out.ball is None


def with_a_ball(size, *shape):
    still = TaylorModel.constant(torch.zeros(1, *shape).double(), torch.float64)
    return replace(still, ball=torch.tensor([size]).double())


def test_any_entry_may_be_all_that_is_off():
    assert (with_a_ball(5.0, 2, 3).rest >= 5.0).all()


def test_what_a_ball_makes_of_contrasts():
    """Before a dense layer the error may lie along the difference of two rows."""
    rng, piece, effort = (
        np.random.default_rng(4),
        Piece(0.5, 0.5),
        Effort(2, 0, torch.float64, True),
    )
    W, b = draw(rng, 3, 6), torch.zeros(3).double()
    layer = Affine(node(shape=(3,)), Dense(), W, W, b, b)
    passed = passage(layer, 1, piece, effort)
    x = with_a_ball(2.0, 6)
    found = passed.between(x, passed([replace(x, ball=None)]), torch.tensor([1]))[0]
    expected = 2 * (W - W[1]).norm(dim=1)
    assert (found >= expected).all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("loss", "least"), [("binary", 1.0), ("cross_entropy", 2**0.5)])
def test_what_a_ball_makes_of_outputs_that_no_layer_gives(loss, least):
    """Two logits may be off by 1/sqrt(2) in opposite directions, one alone by 1."""
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).double()
    labels = torch.zeros(1).long()
    program = program_of(net, net, Examples(torch.zeros(1, 3).double(), labels), complete=True)
    network = PieceNetwork(program, Piece(0.5, 0.5), Effort(2, 0, torch.float64, True))
    found = network._apart(with_a_ball(1.0, 3), with_a_ball(1.0, 2), labels, as_loss(loss))
    assert float(found[0, 1]) >= least


def test_repeated_axes():
    """A number with an error of 1 for each of six entries is off by sqrt(6) in norm."""
    rng, piece, effort = (
        np.random.default_rng(2),
        Piece(0.5, 0.5),
        Effort(2, 0, torch.float64, True),
    )
    one, six = (model_with_ball(rng, 1.0, torch.float64, (k,)) for k in (1, 6))
    op = Combination(node(0, 1, shape=(6,)), (1, 1))
    still = [
        TaylorModel(m.polynomial[:1], m.symbols[:, :0], (), 0 * m.radius, m.ball)
        for m in (one, six)
    ]
    out = BallsOnPiece(op, passage(op, 1, piece, effort), piece, last=False)(still)
    assert float(out.ball[0]) == pytest.approx(1 + math.sqrt(6), rel=1e-6)


def normed_pair(share, norm="layer"):
    g = generator(0)
    a = shaken(ResNet20((1, 8, 8), 3, 2, norm, rng=g).double().eval(), 0.3, g)
    b = shaken(a, share, g)
    x = torch.randn(4, 1, 8, 8, generator=g, dtype=torch.float64)
    with torch.no_grad():
        return a, b, Examples(x, a(x).argmax(1))


@pytest.mark.parametrize(
    "norm", ["layer", *(pytest.param(norm, marks=pytest.mark.slow) for norm in ("batch", None))]
)
def test_no_node_of_a_network_leaves(norm):
    rng = np.random.default_rng(3)
    with torch.no_grad():
        a, b, data = normed_pair(0.3, norm)
        for effort in BALLS[:: 4 if norm == "layer" else 1]:
            piece = random_piece(rng)
            assert not escapes(a, b, data, piece, effort, points_of(rng, 2), complete=True)


def test_balls_hold_where_rounding_outgrows_boxes():
    with torch.no_grad():
        a, b, data = normed_pair(1e-6)
        program = program_of(a, b, data, complete=True)
        without, balls = (
            PieceNetwork(program, Piece(0.5, 0.5), Effort(2, 0, torch.float64, kept)).outputs(
                data.inputs, data.labels, data.loss
            )
            for kept in (False, True)
        )
    assert (balls.apart.amax(1) < 1e-3 * without.apart.amax(1)).all()


@pytest.mark.slow
def test_what_boxes_leave_open_is_decided():
    a, b, data = normed_pair(1e-6)
    whole = certify(a, b, data, complete=True)
    assert whole.certified.all()
    assert "balls" in whole.effort
