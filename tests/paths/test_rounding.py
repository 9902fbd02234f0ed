"""What certificates share about floating-point numbers, against exact arithmetic."""

import dataclasses
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lmctheory.networks import Examples, activation
from lmctheory.networks.losses import as_loss
from lmctheory.paths import certificates
from lmctheory.paths.certified_losses import AtPoint, certified_loss
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Convolution, Dense
from lmctheory.paths.rounding import length, margin_loss, spreads
from lmctheory.paths.whole_path import certify_chains
from tests.paths.adversarial import interpolated, map_parameters, random_chain


def integers(rng, *shape) -> Tensor:
    return torch.from_numpy(rng.integers(-99, 100, shape)).double()


def square(x) -> Fraction:
    return sum((Fraction(float(value)) ** 2 for value in x.flatten()), Fraction(0))


@pytest.mark.parametrize("operator", [Dense(), Convolution((1,), (0,), (1,), 1, (1,))])
def test_norms_of_matrices_are_rounded_up(operator):
    """|u v^T|^2 = |u|^2 |v|^2, of integers."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        u, v = integers(rng, 5), integers(rng, 7)
        W = torch.outer(u, v)
        W = W if isinstance(operator, Dense) else W[..., None]
        op = Affine(Node("layer", (0,), (5,)), operator, W, W, u, u)
        exact = square(u) * square(v)
        assert exact <= Fraction(op.norm(1.0)) ** 2 <= exact * Fraction(1 + 1e-8)


def test_differences_of_rows_are_rounded_up():
    W = integers(np.random.default_rng(1), 30, 7)
    found = spreads(W)
    for i in range(30):
        for j in range(i):
            exact = square(W[i] - W[j])
            assert exact <= Fraction(float(found[i, j])) ** 2 <= exact * Fraction(1 + 1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_lengths_are_right_at_any_scale(scale):
    x = scale * torch.tensor([[3.0, 4.0], [0.0, 0.0], [5.0, 12.0]], dtype=torch.float64)
    np.testing.assert_allclose(length(x) / scale, [5, 0, 13], rtol=1e-12)
    mixed = torch.stack([x[0], torch.ones(2).double()])
    np.testing.assert_allclose(length(mixed), [5 * scale, 2**0.5], rtol=1e-12)


def test_losses_are_rounded_up():
    rng = np.random.default_rng(2)
    margins = torch.from_numpy(rng.standard_normal((200, 6)) * 10 ** rng.uniform(-2, 1, (200, 1)))
    found = margin_loss(margins)
    with mpmath.workdps(40):
        for row, loss in zip(margins.tolist(), found.tolist(), strict=True):
            exact = mpmath.log(1 + sum(mpmath.exp(m) for m in row))
            assert exact <= loss <= exact + 1e-14 * (1 + exact)


def test_squared_errors_are_rounded_up():
    rng = np.random.default_rng(3)
    known = certified_loss(as_loss("squared"))
    centre, values = torch.from_numpy(rng.standard_normal((2, 400, 5)))
    radius = torch.zeros(400).double()
    found, _ = known.at(AtPoint(centre, radius, lambda _: centre), values)
    for c, y, loss in zip(centre.tolist(), values.tolist(), found.tolist(), strict=True):
        exact = sum((Fraction(p) - Fraction(q)) ** 2 for p, q in zip(c, y, strict=True))
        assert exact <= Fraction(loss) <= exact * Fraction(1 + 1e-13)


def measured(a, b, data, t):
    """The error of the network at t, and of its hidden features, against the chord."""
    middle = interpolated(a, b, t)
    nets = (a, b, middle)
    f_a, f_b, f_t = (net(data.inputs) for net in nets)
    hidden = [[phi for _, phi in net.hidden(data.inputs)] for net in nets]
    features = [
        (p_t - (t * p_a + (1 - t) * p_b)).norm(dim=1).numpy()
        for p_a, p_b, p_t in zip(*hidden, strict=True)
    ]
    return (f_t - (t * f_a + (1 - t) * f_b)).norm(dim=1).numpy(), features


def certified(a, b, data, t):
    [found] = certificates(*(map_parameters(net, lambda x: x[None]) for net in (a, b)), data, t)
    return found


def test_what_cancels_errs_as_its_terms_are_large():
    """Without hidden layers all is rounding: outputs near 0 of inputs and weights that are not."""
    rng = np.random.default_rng(4)
    seen = 0
    for _ in range(20):
        a, b = (random_chain(rng, (40, 3), [], [1e6]) for _ in range(2))
        x = torch.from_numpy(rng.standard_normal((8, 40)))
        rows = torch.cat([a.weights[0], b.weights[0]])
        x = x - x @ torch.linalg.pinv(rows) @ rows  # what both take to nothing
        zeros = (torch.zeros(3).double(),)
        a, b = (dataclasses.replace(net, biases=zeros) for net in (a, b))
        data = Examples(x, torch.arange(8) % 3)
        t = float(rng.random())
        found, (error, _) = certified(a, b, data, t), measured(a, b, data, t)
        for bound in (found.function_error, found.function_error_c1, found.function_error_c2):
            assert (error <= bound).all()
        loss = cross_entropy(interpolated(a, b, t)(x), data.labels, reduction="none").numpy()
        assert (loss <= found.example_loss).all()
        assert (loss <= certify_chains(a, b, data, nodes=1).example_loss).all()
        seen += int((error > 0).sum())
    assert seen > 100


def test_products_below_the_least_normal_number_have_few_digits():
    """Outputs that are linear in t, but of hidden numbers in multiples of 5e-324."""
    rng = np.random.default_rng(6)
    a, b = (random_chain(rng, (4, 5, 3), [activation("identity")], [1e-159, 1e300]) for _ in "ab")
    zeros, head = (torch.zeros(5).double(), torch.zeros(3).double()), a.weights[1]
    a, b = (
        dataclasses.replace(net, weights=(net.weights[0], head), biases=zeros) for net in (a, b)
    )
    data = Examples(1e-159 * torch.from_numpy(rng.standard_normal((8, 4))), torch.arange(8) % 3)
    found, (error, _) = certified(a, b, data, 0.3), measured(a, b, data, 0.3)
    for bound in (found.function_error, found.function_error_c1, found.function_error_c2):
        assert (error <= bound).all()
    assert (error > 0).any()


def test_outputs_whose_offsets_cancel_in_margins_err_as_the_offsets_are_large():
    """Linear networks, whose margins are parabolas in t: exact but for offsets of 1e11."""
    rng = np.random.default_rng(7)
    a, b = (random_chain(rng, (4, 6, 2), [activation("identity")], [1.0, 1.0]) for _ in "ab")
    offset = torch.full((2,), 1e11, dtype=torch.float64)
    a, b = (dataclasses.replace(net, biases=(net.biases[0], offset)) for net in (a, b))
    data = Examples(torch.from_numpy(rng.standard_normal((64, 4))), torch.arange(64) % 2)
    times = np.linspace(0, 1, 201)
    losses = np.stack(
        [
            cross_entropy(interpolated(a, b, t)(data.inputs), data.labels, reduction="none")
            for t in times
        ]
    )
    assert (losses <= certified(a, b, data, times).example_loss).all()
    bound = certify_chains(a, b, data, nodes=1).example_loss[0]
    assert (losses.max(0) <= bound).all()
    assert (losses.max(0) >= bound - 0.1).all()


def test_a_curved_activation_errs_as_its_value_is_large():
    """sigmoid(z) = 1/2 + z/4 for tiny z: a unit in the last place of 1/2 is more than any of z."""
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(20):
        a, b = (random_chain(rng, (4, 30, 3), [activation("sigmoid")], [1e-13, 1.0]) for _ in "ab")
        data = Examples(torch.from_numpy(rng.standard_normal((8, 4))), torch.arange(8) % 3)
        t = float(rng.random())
        found, (_, [error]) = certified(a, b, data, t), measured(a, b, data, t)
        assert (error <= found.feature_error[0]).all()
        seen += int((error > 0).sum())
    assert seen > 100
