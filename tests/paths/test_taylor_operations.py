"""Operations on a piece: what symbols and remainders become, at every s and for all numbers e."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.paths.certified_operations import Fixed
from lmctheory.paths.layer_operations import Affine, Node, Normalisation
from lmctheory.paths.linear_maps import Convolution, Dense
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.taylor_layers import AffineOnPiece
from lmctheory.paths.taylor_models import TaylorModel
from lmctheory.paths.taylor_operations import passage
from tests.paths.test_taylor_models import at, random_model

PRECISIONS = [torch.float32, torch.float64]
PIECES = [Piece(0.0, 1.0), Piece(0.5, 0.5625), Piece(0.25, 0.25)]
NODE = Node("it", (0,), (3,))


def draw(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def affine(rng, scale=1.0):
    return Affine(NODE, Dense(), *(draw(rng, 3, 4) * scale for _ in range(2)), *draw(rng, 2, 3))


def normalisation(rng, near=False):
    first = torch.rand(3, generator=torch.Generator().manual_seed(1)).double() + 0.1
    other = first * (1.5 if near else 30.0)
    pairs = [(draw(rng, 3), draw(rng, 3)) for _ in range(3)]
    return Normalisation(NODE, *pairs, (first, other))


def numbers(rng, symbols, n, width):
    """Of symbols and of the remainder, most of them extreme."""
    e = torch.from_numpy(rng.choice([-1.0, 1.0, 0.5], (symbols, n)))
    return e, torch.from_numpy(rng.choice([-1.0, 1.0], (n, width)))


def shares(op, piece, effort, x, rng, draws=60):
    """By how much of the radius values are off, once all known symbols are taken into account."""
    out = passage(op, 5, piece, effort)([x])
    nothing, found = torch.zeros(()), []
    for i in range(draws):
        e, rho = numbers(rng, x.symbols.shape[1], *x.radius.shape)
        s = float([-1.0, 1.0, 0.0, rng.uniform(-1, 1)][i % 4])
        true = op.at(piece.at(s))(at(x, s, e, rho))
        found.append((true - at(out, s, e, nothing)).abs() / out.radius.double())
    return torch.stack(found)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("piece", PIECES, ids=str)
@pytest.mark.parametrize("kind", ["affine", "normalisation", "near normalisation"])
def test_no_value_leaves_a_layer(kind, piece, degree, dtype):
    rng = np.random.default_rng(0)
    for scale in (0.0, 1.0):
        op = affine(rng) if kind == "affine" else normalisation(rng, near="near" in kind)
        width = 4 if kind == "affine" else 3
        x = random_model(rng, width=width, dtype=dtype, degree=degree)
        x = TaylorModel(x.polynomial, x.symbols * scale, x.blocks, x.radius * scale)
        assert float(shares(op, piece, Effort(degree, 4, dtype), x, rng).max()) <= 1


def one_layer(W_c, D, b=0.0):
    """x -> (W_c + s D) x on the whole segment."""
    W_a, W_b = (torch.full((1, 1), W_c + sign * D, dtype=torch.float64) for sign in (1, -1))
    bias = torch.full((1,), b, dtype=torch.float64)
    return Affine(NODE, Dense(), W_a, W_b, bias, bias.clone())


def one_number(polynomial, g=(0.0, 0.0), radius=0.0):
    return TaylorModel(
        torch.tensor(polynomial, dtype=torch.float64)[:, None, None],
        torch.tensor(g, dtype=torch.float64)[:, None, None, None],
        ((1, 1),),
        torch.full((1, 1), radius, dtype=torch.float64),
    )


@pytest.mark.parametrize(
    ("layer", "x", "exact"),
    [
        ((0.0, 1.0), ([0.0, 0.0, 1.0], (0.0, 0.0), 0.0), 0.25),  # s^3
        ((0.0, 1.0), ([0.0], (0.0, 1.0), 0.0), 0.5),  # s^2 e
        ((2.0, 1.0), ([0.0], (0.0, 0.0), 1.0), 3.0),  # radius at the end of the piece
        ((-2.0, 1.0), ([0.0], (1.0, 0.0), 0.0), 0.0),  # symbols go on without loss
    ],
)
def test_what_layers_leave_to_the_radius_is_attained(layer, x, exact):
    out = AffineOnPiece(one_layer(*layer), Piece(0, 1), Effort(2, 0, torch.float64))(
        [one_number(*x)]
    )
    assert float(out.radius) == pytest.approx(exact, abs=1e-9)


def test_the_power_beyond_degree_three():
    x = one_number([0.0, 0.0, 0.0, 1.0])
    out = AffineOnPiece(one_layer(0.0, 1.0), Piece(0, 1), Effort(3, 0, torch.float64))([x])
    assert float(out.radius) == pytest.approx(0.125, abs=1e-9)
    assert out.polynomial.flatten().tolist() == pytest.approx([-0.125, 0.0, 1.0, 0.0])


def test_bounds_of_normalisations_are_nearly_attained():
    """A narrow piece loses nothing but the economised powers, a wide one no more than they are."""
    rng = np.random.default_rng(2)
    op = normalisation(rng, near=True)
    x = random_model(rng, width=3, n=200, degree=2)
    found = shares(op, Piece(0.5, 0.5 + 2.0**-8), Effort(2, 4, torch.float64), x, rng, 200)
    assert float(found.max()) > 0.8
    plain = TaylorModel(x.polynomial, x.symbols * 0, x.blocks, x.radius * 0)
    found = shares(op, Piece(0.0, 1.0), Effort(2, 4, torch.float64), plain, rng, 200)
    assert float(found.max()) > 0.3


def test_the_tail_of_the_factor_is_needed():
    """var from 1 to 30: the series is far from its sum at the ends of the piece."""
    one = torch.ones(1).double()
    op = Normalisation(NODE, (one, one), (0 * one, 0 * one), (0 * one, 0 * one), (30 * one, one))
    for degree in (2, 3):
        x = one_number([1.0])
        x = TaylorModel(x.polynomial, x.symbols[:, :0], (), x.radius)
        found = shares(
            op, Piece(0, 1), Effort(degree, 0, torch.float64), x, np.random.default_rng(0)
        )
        assert 0.05 < float(found.max()) <= 1


def test_averages_of_float32_symbols_are_rounded():
    rng = np.random.default_rng(10)
    op = Fixed(Node("it", (0,), (2,)), lambda v: v.view(len(v), 2, -1).mean(2), (600,))
    x = random_model(rng, ((1, 40),), n=20, width=600, dtype=torch.float32)
    x = TaylorModel(x.polynomial, x.symbols, x.blocks, x.radius * 0)
    found = shares(op, PIECES[0], Effort(2, 0, torch.float32), x, rng)
    assert 1e-6 < float(found.max()) <= 1


def test_what_normalisations_leave_of_symbols():
    """var from 1 to 3, one symbol: of a(s) e the powers from s^2 on are left, and they add."""
    one = torch.ones(1).double()
    op = Normalisation(NODE, (one, one), (0 * one, 0 * one), (0 * one, 0 * one), (3 * one, one))
    x = one_number([0.0], (1.0, 0.0))
    found = shares(op, Piece(0, 1), Effort(2, 4, torch.float64), x, np.random.default_rng(0))
    assert 0.8 < float(found.max()) <= 1


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_images_and_pools(dtype):
    """Every operation of a network on images, its input with symbols and a remainder."""
    rng = np.random.default_rng(4)
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, groups=1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 2)
    ).double()
    data = Examples(draw(rng, 2, 1, 4, 4), torch.zeros(2, dtype=torch.long))
    for op in program_of(body, body, data).operations:
        x = random_model(rng, n=2, width=int(np.prod(op.in_shape)) if isinstance(op, Fixed) else 16)
        if isinstance(op, Affine) and isinstance(op.operator, Dense):
            continue
        shape = op.in_shape if isinstance(op, Fixed) else (1, 4, 4)
        x = TaylorModel(
            x.polynomial.view(-1, 2, *shape),
            x.symbols.view(2, -1, 2, *shape).to(dtype),
            x.blocks,
            x.radius.view(2, *shape).to(dtype),
        )
        out = passage(op, 5, Piece(0.0, 1.0), Effort(2, 0, dtype))([x])
        for _ in range(10):
            e, s = torch.from_numpy(rng.choice([-1.0, 1.0], (5, 2))), float(rng.uniform(-1, 1))
            sides = e.view(5, 2, *[1] * len(shape))
            own = ((x.symbols[0].double() + s * x.symbols[1].double()) * sides).sum(0)
            value = sum(c * s**k for k, c in enumerate(x.polynomial)) + own + x.radius
            there = sum(c * s**k for k, c in enumerate(out.polynomial))
            moved = out.symbols[0].double() + s * out.symbols[1].double()
            there = there + (moved * e.view(5, 2, *[1] * (out.radius.ndim - 1))).sum(0)
            assert ((op.at(0.5)(value) - there).abs() <= out.radius.double() + 1e-13).all(), (
                type(op),
                op.node,
            )


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e-20, 1e20, 1e30])
def test_layers_of_any_size_that_cancel(scale, dtype):
    """A = -B but for a little: what is left in the middle is rounding of the weights."""
    rng = np.random.default_rng(6)
    for tiny in (1.0, 1e-33, 1e-300):
        op = affine(rng, scale)
        op = Affine(NODE, Dense(), op.W_a, -op.W_a * (1 + 2.0**-50), op.b_a * 0, op.b_a * 0)
        x = TaylorModel.constant(draw(rng, 3, 4) * tiny, dtype)
        for piece in (Piece(0.5, 0.5), Piece(0.5, 0.5 + 2.0**-40), Piece(0.0, 1.0)):
            out = passage(op, 5, piece, Effort(2, 0, dtype))([x])
            for s in (-1.0, 0.3, 1.0):
                value = op.at(piece.at(s))(x.polynomial[0])
                there = sum(c * s**k for k, c in enumerate(out.polynomial))
                assert not ((value - there).abs() > out.radius).any()


def test_symbols_are_rounded_in_their_own_precision():
    """Nothing but symbols, 400 inputs: what float32 loses of the sums joins the radius."""
    rng = np.random.default_rng(8)
    op = Affine(NODE, Dense(), draw(rng, 3, 400), draw(rng, 3, 400), *draw(rng, 2, 3))
    for piece in PIECES[1:]:
        x = random_model(rng, width=400, dtype=torch.float32, degree=1)
        x = TaylorModel(
            x.polynomial,
            x.symbols * torch.tensor([1.0, 0.0]).view(2, 1, 1, 1),
            x.blocks,
            x.radius * 0,
        )
        found = shares(op, piece, Effort(2, 0, torch.float32), x, rng)
        assert 1e-4 < float(found.max()) <= 1


def test_biases_that_cancel():
    """b_A = -b_B: what is left in the middle is rounding of each."""
    rng = np.random.default_rng(9)
    b = draw(rng, 1000) * 1e10
    W = torch.zeros(1000, 1, dtype=torch.float64)
    op = Affine(Node("it", (0,), (1000,)), Dense(), W, W, b, -b * (1 + 2.0**-50))
    x = TaylorModel.constant(torch.zeros(1, 1).double(), torch.float64)
    for piece in (Piece(0.25, 0.5), Piece(0.5, 0.75), Piece(0.0, 1.0)):
        out = passage(op, 5, piece, Effort(2, 0, torch.float64))([x])
        off = 0.0
        for s in rng.uniform(-1, 1, 20):
            value = op.at(piece.at(s))(x.polynomial[0])
            there = sum(c * s**k for k, c in enumerate(out.polynomial))
            assert ((value - there).abs() <= out.radius).all()
            off = max(off, float((value - there).abs().max()))
        assert off > 0


def test_normalisations_after_which_float32_is_zero():
    """The factor is 1e-37 and the radius 1e-12: their product is no float32 number but zero."""
    one = torch.ones(3).double()
    op = Normalisation(NODE, *((v * one, v * one) for v in (1e-37, 0.0, 0.0, 1.0)))
    x = random_model(np.random.default_rng(0), (), width=3, dtype=torch.float32)
    x = TaylorModel(x.polynomial, x.symbols, (), x.radius * 1e-12)
    out = passage(op, 5, Piece(0, 1), Effort(2, 0, torch.float32))([x])
    assert (out.radius.double() >= 1e-37 * x.radius.double()).all()


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_contrasts_through_differences_of_rows(dtype):
    rng = np.random.default_rng(7)
    for piece in PIECES:
        op = affine(rng)
        x = random_model(rng, dtype=dtype, degree=1)
        layer = AffineOnPiece(op, piece, Effort(2, 0, dtype))
        out = layer([x])
        labels = torch.tensor([0, 2, 1])
        apart = layer.between(x, out, labels)
        at_label = labels[:, None]
        worst = 0.0
        for _ in range(100):
            e, rho = numbers(rng, 5, 3, 4)
            s = float(rng.choice([-1.0, 1.0, 0.1]))
            true, there = op.at(piece.at(s))(at(x, s, e, rho)), at(out, s, e, torch.zeros(()))
            off = true - there
            off = (off - off.gather(1, at_label)).abs()
            assert (off <= apart).all()
            worst = max(worst, float((off / apart).max()))
        assert worst > 0.6
        assert (apart <= (out.radius + out.radius.gather(1, at_label)).double() * 1.01 + 1e-9).all()


def test_pieces():
    parts = Piece(0.25, 0.75).cut(4)
    assert [part.start for part in parts] == [0.25, 0.375, 0.5, 0.625]
    assert parts[-1] == Piece(0.625, 0.75)
    assert (parts[0].centre, parts[0].half, parts[0].at(-1.0)) == (0.3125, 0.0625, 0.25)


def test_convolutions_have_as_many_terms_as_a_kernel():
    rng = np.random.default_rng(0)
    W = draw(rng, 4, 2, 3, 3)
    op = Affine(
        Node("it", (0,), (4, 5, 5)),
        Convolution((1, 1), (1, 1), (1, 1), 2, (5, 5)),
        *(W, W + 1, draw(rng, 4), draw(rng, 4)),
    )
    assert AffineOnPiece(op, Piece(0, 1), Effort(2, 0, torch.float32)).terms == 18
