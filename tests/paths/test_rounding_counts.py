"""What the allowances for rounding in certificates are made of, counted and met in ball arithmetic.

Adversarial instances: wide layers, weights that cancel, large biases, tiny and huge numbers.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from flint import arb, arb_mat, ctx
from torch import Tensor

from lmctheory.networks import AffineChain, Examples, activation
from lmctheory.networks.losses import as_loss
from lmctheory.paths import linear_maps
from lmctheory.paths.certified_losses import AtPoint, certified_loss
from lmctheory.paths.enclosure import peak, through
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Convolution, Dense
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.rounding import EPS, NORM_INFLATION, margin_loss, mean_of, rounding
from lmctheory.paths.smooth_functions import smooth
from lmctheory.paths.taylor_curves import _interpolated, _lost
from lmctheory.paths.taylor_layers import AffineOnPiece
from lmctheory.paths.taylor_models import TaylorModel, value_at
from lmctheory.paths.whole_path import PathCertificate, certify_chains
from tests.paths.adversarial import random_chain

CURVED = ("tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "mish", "gelu_tanh")
CURVED += ("logsigmoid", "tanhshrink", "softsign", "celu")


def exactly(values: Tensor) -> arb_mat:
    """A matrix of numbers that are exact."""
    rows = values.double().reshape(-1, values.shape[-1]).tolist()
    return arb_mat([[arb(x) for x in row] for row in rows])


def size_of(off: arb) -> float:
    return float(abs(off).upper())


def instance(rng, k: int, kind: str) -> tuple[Affine, Tensor]:
    """A layer of two outputs, and three inputs that are hard for it."""
    W_a, W_b = torch.from_numpy(rng.standard_normal((2, 2, k)))
    b_a, b_b = torch.from_numpy(rng.standard_normal((2, 2)))
    x = torch.from_numpy(rng.standard_normal((3, k)))
    if kind == "cancelling":
        x = x - x @ torch.linalg.pinv(W_a) @ W_a
    if kind == "opposite":  # the middle of the segment is nearly 0
        W_b = -W_a * (1 + 1e-14)
    if kind == "biased":
        b_a, b_b = 1e12 * b_a, -1e12 * b_b
    if kind == "ordered":  # large terms first, of one sign: partial sums round most
        x, W_a, W_b = x.abs(), W_a.abs() + 1, W_b.abs() + 1
    if kind == "tiny":
        W_a, x = 1e-160 * W_a, 1e-155 * x
    if kind == "huge":
        W_a, x = 1e150 * W_a, 1e120 * x
    return Affine(Node("layer", (0,), (2,)), Dense(), W_a, W_b, b_a, b_b), x


KINDS = ("plain", "cancelling", "opposite", "biased", "ordered", "tiny", "huge")


def exact_outputs(op: Affine, x: Tensor, t: float) -> list[list[arb]]:
    """The layer between both networks, exactly."""
    with ctx.workprec(2400):
        a, b = exactly(op.W_a), exactly(op.W_b)
        W = a * arb(t) + b * (1 - arb(t))
        bias = [
            arb(p) * arb(t) + arb(q) * (1 - arb(t))
            for p, q in zip(op.b_a.tolist(), op.b_b.tolist(), strict=True)
        ]
        found = exactly(x) * W.transpose()
        return [[found[i, j] + bias[j] for j in range(2)] for i in range(len(x))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 30, 3000])
def test_a_layer_errs_by_a_quarter_of_what_c4_allows_for_one(kind, k):
    """C4, step 10: (k/2 + 5) eps where (k + 16) eps is counted, and 16 times that is added."""
    rng = np.random.default_rng(k)
    for t in (0.5, 0.3, 0.9375):
        op, x = instance(rng, k, kind)
        computed = op.at(t)(x)
        norms = x.norm(dim=1)
        allowed = rounding(op.scale, norms, computed.norm(dim=1)) / 16
        for i, row in enumerate(exact_outputs(op, x, t)):
            with ctx.workprec(2400):
                off = [size_of(arb(float(computed[i, j])) - row[j]) for j in range(2)]
            assert np.hypot(*off) <= float(allowed[i]) / 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 30, 3000])
def test_a_layer_on_a_piece_holds_exact_and_computed_outputs(kind, dtype, k):
    """C5, step 13; of an input known exactly and of one with symbols and a radius at their ends."""
    rng = np.random.default_rng(k + 1)
    op, x = instance(rng, k, kind)
    piece = Piece(0.25, 0.3125)
    layer = AffineOnPiece(op, piece, Effort(3, 8, dtype))
    blocks = ((1 << 16, 1),)
    g = torch.from_numpy(rng.standard_normal((2, 1, *x.shape))).to(dtype) * float(x.abs().max())
    g, radius, known = 1e-3 * g, (1e-3 * x.abs()).to(dtype), 0
    for model in (
        TaylorModel.constant(x, dtype),
        TaylorModel(x[None], g, blocks, radius),
    ):
        found = layer([model])
        for s in (-1.0, 0.0, 1.0):
            t = piece.at(s)
            moved = x
            if model.symbols.shape[1]:
                moved = x + (g[0, 0].double() + s * g[1, 0].double()) + radius.double()
            seen = value_at(found.polynomial, s)
            computed = op.at(t)(moved)
            for i, row in enumerate(exact_outputs(op, moved, t)):
                for j in range(2):
                    rest = float(found.rest[i, j])
                    with ctx.workprec(2400):
                        exact = size_of(row[j] - arb(float(seen[i, j])))
                        own = size_of(arb(float(computed[i, j])) - arb(float(seen[i, j])))
                    assert not rest < max(exact, own)  # not a number says nothing
                    known += np.isfinite(rest)

    assert known == 36 or (kind, dtype) == ("huge", torch.float32)


EXACT = {
    "tanh": lambda z: z.tanh(),
    "erf": lambda z: z.erf(),
    "sigmoid": lambda z: 1 / (1 + (-z).exp()),
    "softplus": lambda z: (z.exp() + 1).log(),
    "gelu": lambda z: z / 2 * (1 + (z / arb(2).sqrt()).erf()),
    "silu": lambda z: z / (1 + (-z).exp()),
    "mish": lambda z: z * (1 + z.exp()).log().tanh(),
    "gelu_tanh": lambda z: (
        z / 2 * (1 + ((2 / arb.pi()).sqrt() * (z + arb("0.044715") * z**3)).tanh())
    ),
    "logsigmoid": lambda z: -(1 + (-z).exp()).log(),
    "tanhshrink": lambda z: z - z.tanh(),
    "softsign": lambda z: z / (1 + abs(z)),
    "celu": lambda z: z if z > 0 else z.expm1(),
}


@pytest.mark.parametrize("name", CURVED)
def test_activations_err_by_less_than_is_counted_for_them(name):
    """By 2 eps of their value and of Lip |z|, of the 16 that C4 counts and the 128 of C5."""
    sigma, rng = activation(name), np.random.default_rng(3)
    z = np.concatenate(
        [
            rng.standard_normal(200) * 10 ** rng.uniform(-20, 2.5, 200),
            np.linspace(-40, 40, 161),
            10 ** rng.uniform(-300, -100, 20),
        ]
    )
    values = sigma.apply(torch.from_numpy(z)).tolist()
    curved = smooth(sigma)
    for at, value in zip(z.tolist(), values, strict=True):
        jump = sigma.off if at > 20 else 0.0  # softplus is its argument from there on
        with ctx.workprec(3000):
            off = size_of(EXACT[name](arb(at)) - arb(value)) - jump
        assert off <= 2 * EPS * (abs(value) + sigma.lipschitz * abs(at)) + 1e-307
        c = torch.tensor([at, 0, 0, 0], dtype=torch.float64)[:, None]
        size = torch.tensor([abs(value)], dtype=torch.float64)
        nothing = torch.zeros(1).double()
        allowed = float(_lost(curved, size, nothing, c, nothing)) - 4 * sigma.off
        assert off <= allowed / 32 + 1e-307


@pytest.mark.parametrize("order", [2, 3, 4])
def test_interpolation_errs_by_a_part_of_what_is_counted(order):
    """On the whole piece, of values of any signs: 16 eps of the largest, of 128."""
    rng = np.random.default_rng(order)
    values = torch.from_numpy(rng.uniform(0.5, 1, (order, 400)) * rng.choice([-1, 1], (order, 400)))
    rows = iter(values)
    found, size = _interpolated(lambda _: next(rows), order)
    with ctx.workprec(200):
        zeros = [(arb.pi() * (2 * k + 1) / (2 * order)).cos() for k in range(order)]
        for n in range(400):
            for s in np.linspace(-1, 1, 9).tolist():
                exact = arb(0)
                for i, zero in enumerate(zeros):
                    term = arb(float(values[i, n]))
                    for other in zeros[:i] + zeros[i + 1 :]:
                        term *= (arb(s) - other) / (zero - other)
                    exact += term
                computed = sum(
                    (arb(c) * arb(s) ** k for k, c in enumerate(found[:, n].tolist())), arb(0)
                )
                assert size_of(exact - computed) <= 16 * EPS * float(size[n])


@pytest.mark.parametrize("classes", [1, 2, 10, 3000])
def test_cross_entropies_are_rounded_up_for_many_classes_and_any_margins(classes):
    rng = np.random.default_rng(classes)
    scales = 10 ** rng.uniform(-3, 4, (60, 1))
    margins = torch.from_numpy(rng.standard_normal((60, classes)) * scales)
    margins[::3] = -margins[::3].abs()  # small losses
    margins[1::3] = margins[1::3, :1]  # many that are equal
    found = margin_loss(margins)
    with ctx.workprec(300):
        for row, loss in zip(margins.tolist(), found.tolist(), strict=True):
            exact = (1 + sum((arb(m).exp() for m in row), arb(0))).log()
            assert exact <= arb(loss)
            assert arb(loss) <= exact + 1e-11 * (1 + exact)


def test_squares_of_tiny_errors_are_rounded_up():
    """1.5e-162 squared underflows."""
    known = certified_loss(as_loss("squared"))
    centre = torch.tensor([[1.5e-162]], dtype=torch.float64)
    found, _ = known.at(AtPoint(centre, torch.zeros(1).double(), lambda _: centre), 0 * centre)
    assert Fraction(float(found)) >= Fraction(1.5e-162) ** 2


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1e-3, 1e150, 1e300])
def test_parabolas_and_kinks_are_enclosed_at_any_scale(scale):
    """Squares of what is below 1e-154 underflow: neurons must not seem dead that are not."""
    rng = np.random.default_rng(4)
    z, y, k = torch.from_numpy(rng.standard_normal((3, 400)) * scale)
    k[::2] = (1.01 * (z - y).abs())[::2]  # the summit is inside, and the ends are far below
    low = torch.minimum(z, y)[::2]
    z[::2], y[::2] = z[::2] - low - 0.4 * k[::2], y[::2] - low - 0.4 * k[::2]
    image = through(activation("relu"), z, y, k, torch.zeros_like(z))
    highest = peak(z, y, k)
    seen = 0
    for i in range(400):
        a, b, c = (Fraction(float(of[i])) for of in (z, y, k))
        places = [Fraction(j, 16) for j in range(17)]
        if abs(b - a) < c:
            places.append((b - a + c) / (2 * c))
        for s in places:
            g = (1 - s) * a + s * b + s * (1 - s) * c
            room = Fraction(8 * EPS) * (abs(a) + abs(b) + abs(c))
            assert g <= Fraction(float(highest[i])) + room
            chord = (1 - s) * max(a, 0) + s * max(b, 0)
            off = max(g, 0) - chord - s * (1 - s) * Fraction(float(image.bend[i]))
            assert abs(off) <= Fraction(float(image.fresh[i])) + room
            seen += g > 0
    assert seen > 400


@pytest.mark.parametrize(("scale", "size"), [(1e-200, 1.0), (1e-3, 1.0), (1e154, 1e154)])
def test_neurons_that_vanish_in_the_middle_are_seen_at_any_scale(scale, size):
    """Right at both ends, wrong at t = 1/2, where z = 0 in both hidden neurons."""
    W = scale * torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    head = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64) / (scale * size)
    biases = torch.zeros(2).double(), torch.tensor([0.0, 0.25], dtype=torch.float64)
    a, b = (
        AffineChain(("hidden", "head"), (sign * W, head), biases, (activation("relu"),))
        for sign in (1, -1)
    )
    x = torch.full((1, 1), size, dtype=torch.float64)
    data = Examples(x, torch.zeros(1, dtype=torch.int64))
    found = certify_chains(a, b, data, nodes=1)
    assert found.correct.all()
    assert not found.certified.any()
    assert found.loss >= np.log1p(np.exp(0.25))


def test_means_are_rounded_up_and_down():
    rng = np.random.default_rng(5)
    for n in (2, 3, 10, 1000):
        losses = torch.from_numpy(rng.exponential(size=(20, n)))
        exact = [sum(map(Fraction, row)) / n for row in losses.tolist()]
        up, down = mean_of(losses, 1).tolist(), mean_of(losses, -1).tolist()
        for low, mean, high in zip(down, exact, up, strict=True):
            assert Fraction(low) <= mean <= Fraction(high)
            assert high - low <= 1e-12 * high


def test_the_bound_of_the_mean_loss_is_at_least_the_mean_of_the_bounds():
    """Networks that do not move: the bound of an example's loss is that of the whole path."""
    rng = np.random.default_rng(6)
    for _ in range(40):
        net = random_chain(rng, (4, 3), [], [1.0])
        data = Examples(torch.from_numpy(rng.standard_normal((37, 4))), torch.arange(37) % 3)
        found = certify_chains(net, net, data, nodes=1)
        exact = sum(map(Fraction, found.example_loss[0].tolist())) / 37
        assert exact <= Fraction(found.loss)


def test_a_barrier_allows_for_what_is_rounded_in_the_losses_at_both_ends():
    """Measured losses may be a few units above those of the networks as they are computed."""
    true, classified = np.array([2.0, 3.0]), np.ones((1, 100), dtype=bool)
    found = PathCertificate(
        t=np.array([0.0, 1.0]),
        certified=classified,
        correct=np.ones((2, 100), dtype=bool),
        example_loss=np.full((1, 100), 3.0),
        piece_loss=np.array([3.0]),
        node_loss=true * (1 + 100 * EPS),
    )
    assert 1.0 <= found.barrier <= 1 + 1e-10


@pytest.mark.parametrize("wrong", [0.0, 1e-6, 0.3])
def test_norms_do_not_rest_on_the_eigensolver(monkeypatch, wrong):
    """|u v^T|^2 = |u|^2 |v|^2, of integers, by a solver that errs; and of a convolution."""
    solved = linear_maps.eigh, torch.linalg.eigvalsh
    monkeypatch.setattr(linear_maps, "eigh", lambda *a, **k: solved[0](*a, **k) * (1 - wrong))
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda x: solved[1](x) * (1 - wrong))
    rng = np.random.default_rng(7)
    for _ in range(20):
        u, v = (torch.from_numpy(rng.integers(-99, 100, k)).double() for k in (5, 7))
        exact = Fraction(int((u @ u) * (v @ v)))
        found = Fraction(NORM_INFLATION * Dense().norm(torch.outer(u, v)))
        assert exact <= found**2 <= exact * (1 + Fraction(wrong) + Fraction(1, 10**7))
        # of one position, over 900 channels: too large for its matrix to be formed
        u, v = (torch.from_numpy(rng.integers(-9, 10, k)).double() for k in (3, 900))
        point = Convolution((1,), (0,), (1,), 1, (1,))
        found = Fraction(NORM_INFLATION * point.norm(torch.outer(u, v)[:, :, None]))
        exact = Fraction(int((u @ u) * (v @ v)))
        assert exact <= found**2 <= exact * (1 + Fraction(wrong) + Fraction(1, 10**7))


def test_norms_of_wide_layers_allow_for_what_sums_of_their_size_can_lose():
    """By more than 1 + 1e-9 covers, where there are many rows, and sums of many products."""
    for rows, terms in ((8000, 8000), (100, 10**8)):
        found = NORM_INFLATION * linear_maps._verified(4.0, 80.0, rows, terms, lambda _: True)
        lost = (rows * (rows + 2) + 20 * (terms + 4)) * EPS / 2
        assert found**2 >= 4 * (1 + 1e-9) * (1 + lost)
        assert found <= 2 * (1 + 2e-6)
    assert linear_maps._verified(4.0, 4.0, 100, 100, lambda _: False) == 2
    assert linear_maps._verified(0.0, 0.0, 100, 100, lambda _: False) == 0
