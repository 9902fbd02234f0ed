"""Lines that stand for activations: against functions of one variable on dense grids."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import activation, activation_of
from lmctheory.paths.smooth_functions import smooth
from lmctheory.paths.taylor_activations import Fresh, activated, larger, line_of
from lmctheory.paths.taylor_curves import curve_of, curved
from lmctheory.paths.taylor_models import TaylorModel, value_at
from tests.paths.test_taylor_models import at, random_model

S = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
SMOOTH = (
    *("identity", "tanh", "sigmoid", "softplus", "gelu", "erf"),
    *("silu", "mish", "gelu_tanh", "logsigmoid", "tanhshrink", "softsign", "celu"),
)
BENT = {
    name: activation_of(module)
    for name, module in {
        "relu": nn.ReLU(),
        "leaky": nn.LeakyReLU(0.1),
        "negative": nn.LeakyReLU(-0.3),
        "steep": nn.LeakyReLU(1.5),
    }.items()
}
SIGMAS = {**BENT, **{name: activation(name) for name in SMOOTH}}


def model(c, rest, dtype=torch.float64):
    """A model of one example without symbols, coefficients ``[k + 1, entries]``."""
    c = torch.as_tensor(c, dtype=torch.float64)
    c = c.view(len(c), 1, -1)
    radius = torch.as_tensor(rest, dtype=dtype).expand(c.shape[1:])
    return TaylorModel(c, radius.new_zeros(2, 0, *radius.shape), (), radius)


def passed(sigma, z, fresh):
    """Sigma of a model."""
    if sigma.curvature == torch.inf:
        return activated(sigma, z, fresh)
    return curved(smooth(sigma), z, 3, fresh)


def share_of_error(sigma, z):
    """The largest |sigma(z) - slope z - p| over the error, for P + w, |w| <= R."""
    if sigma.curvature < torch.inf:
        return share_of_curve(sigma, z)
    line = line_of(sigma, z)
    p = torch.zeros(len(line.polynomial) or 1, *line.entries.shape, dtype=torch.float64)
    error = torch.zeros(line.entries.shape, dtype=torch.float64)
    if len(line.error):
        p[:, line.entries], error[line.entries] = line.polynomial, line.error
    centre = sum(c * S**k for k, c in enumerate(z.polynomial))
    rest = z.rest
    worst = torch.zeros(line.entries.shape, dtype=torch.float64)
    kinks = (-centre).clamp(-rest, rest)
    for w in (-rest, rest, 0 * rest, kinks, 0.5 * rest, -0.7 * rest):
        value = centre + w
        off = (
            sigma.apply(value) - line.slope * value - sum(c * S**k for k, c in enumerate(p))
        ).abs()
        worst = torch.maximum(worst, off.amax(0))
    small = 4e-16 * (centre.abs().amax(0) + rest)
    return (worst - small).clamp(min=0) / error.clamp(min=1e-300), line


def share_of_curve(sigma, z, degree=3):
    """The largest |sigma(P + w) - p - (lambda_0 + lambda_1 s) w| over the error."""
    curve = curve_of(smooth(sigma), z, degree)
    centre, rest = sum(c * S**k for k, c in enumerate(z.polynomial)), z.rest
    worst = torch.zeros(z.radius.shape, dtype=torch.float64)
    for share in (-1.0, 1.0, 0.0, 0.5, -0.7):
        w = share * rest
        off = sigma.apply(centre + w) - sum(c * S**k for k, c in enumerate(curve.polynomial))
        off = off - (curve.slope[0] + curve.slope[1] * S) * w
        worst = torch.maximum(worst, off.abs().amax(0))
    small = 4e-16 * (centre.abs().amax(0) + rest)
    return (worst - small).clamp(min=0) / curve.error.clamp(min=1e-300), curve


@pytest.mark.parametrize("name", SIGMAS)
def test_no_value_leaves_its_line(name):
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4):
        c = rng.standard_normal((size, 400)) * 10.0 ** rng.uniform(-3, 0.5, (size, 400))
        c[0] *= rng.choice([0.0, 1.0], 400, p=[0.2, 0.8])
        rest = 10.0 ** rng.uniform(-6, 1, 400) * rng.choice([0, 1], 400)
        share, _ = share_of_error(SIGMAS[name], model(c, rest))
        assert float(share.max()) <= 1


@pytest.mark.parametrize("name", ["relu", "leaky", "negative", "steep"])
@pytest.mark.parametrize(
    "case",
    {
        "a wide rest": ([[1e-3], [1e-3], [0.0]], 1.0),
        "a line": ([[0.0], [1.0], [0.0]], 0.0),
        "a line, off centre": ([[0.9], [1.0], [0.0]], 0.0),
        "a constant": ([[0.3]], 1.0),
        "a constant below": ([[-0.3]], 1.0),
    }.items(),
    ids=lambda case: case[0],
)
def test_errors_of_kinks_are_attained(name, case):
    c, rest = case[1]
    share, _ = share_of_error(BENT[name], model(c, rest))
    assert float(share.max()) == pytest.approx(1, abs=1e-2)


def test_a_bent_line_is_taken_where_it_is_closer():
    """A chord of a relu without rest errs by 1/4 of its range, the parabola by less."""
    z = model([[0.0], [1.0], [0.0]], 0.0)
    line = line_of(BENT["relu"], z)
    assert float(line.slope) == 0.5
    assert float(line.error) == pytest.approx((2 - 2**0.5) / 16 * 2, rel=0.3)
    assert float(line.error) < 0.08
    wide = line_of(BENT["relu"], model([[0.0], [0.1], [0.0]], 1.0))
    assert float(wide.error) <= 0.275 + 1e-9


def test_errors_of_bent_lines_with_a_rest_and_higher_powers_are_nearly_attained():
    c = [[0.0], [1.0], [0.0], [0.0]]
    for k, extra in ((2, 0.05), (3, 0.05)):
        bent = [[*row] for row in c]
        bent[k][0] = extra
        share, line = share_of_error(BENT["relu"], model(bent, 0.02))
        assert float(line.slope) == 0.5
        assert float(share.max()) > 0.6


@pytest.mark.parametrize("name", ["leaky", "negative", "steep"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slopes_that_are_no_float32_numbers(name, dtype):
    """Neurons of one sign are exact: 0.1 z, not what float32 makes of 0.1."""
    z = model([[-1.0, 1.0, -1e30]], 0.0, dtype)
    out = activated(BENT[name], z, Fresh(1, 0))
    off = (out.polynomial[0] - BENT[name].apply(z.polynomial[0])).abs()
    assert (off <= 1e-15 * z.polynomial[0].abs()).all()
    assert (out.radius <= 1e-14 * z.polynomial[0].abs()).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_radius_of_neurons_of_one_sign_is_not_rounded_down(dtype):
    radius = torch.rand(1, 1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    c = torch.full((1, 1, 1000), -10.0, dtype=torch.float64)
    z = TaylorModel(c, radius.new_zeros(2, 0, 1, 1000), (), radius)
    out = activated(BENT["leaky"], z, Fresh(1, 0))
    assert (out.radius.double() >= 0.1 * radius.double()).all()


@pytest.mark.parametrize("name", SIGMAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_symbols_keep_their_meaning(name, dtype):
    rng = np.random.default_rng(3)
    for limit in (0, 2, 100):
        z = random_model(rng, dtype=dtype, degree=3)
        z = TaylorModel(z.polynomial * 2, z.symbols * 0.1, z.blocks, z.radius * 0.01)
        out = passed(SIGMAS[name], z, Fresh(7, limit))
        fresh = out.symbols.shape[1] - 5
        assert fresh <= limit
        assert out.blocks == (*z.blocks, (7, fresh))[: 3 if fresh else 2]
        own = out.symbols[:, 5:].abs().double().sum((0, 1))  # free in what follows
        for _ in range(40):
            e = torch.from_numpy(rng.choice([-1.0, 0.3, 1.0], (5, 3)))
            rho = torch.from_numpy(rng.choice([-1.0, 1.0], (3, 4)))
            s = float(rng.choice([-1.0, 1.0, rng.uniform(-1, 1)]))
            true = SIGMAS[name].apply(at(z, s, e, rho))
            known = torch.cat([e, torch.zeros(fresh, 3).double()])
            off = (true - at(out, s, known, torch.zeros(()))).abs()
            assert (off <= own + out.radius + 1e-14).all()


def test_slopes_times_float32_symbols_are_rounded():
    """Nearly of one sign: the error is small, and attained where the symbol is 1."""
    g = 0.5 + torch.rand(1, 2000, generator=torch.Generator().manual_seed(0)) / 2
    symbols = torch.stack([g, 0 * g])[:, None]
    z = TaylorModel((g.double() - 1e-3)[None], symbols, ((1, 1),), 0 * g)
    out = activated(BENT["relu"], z, Fresh(2, 0))
    for e in (-1.0, 1.0):
        true = BENT["relu"].apply(z.polynomial[0] + e * g.double())
        there = out.polynomial[0] + e * out.symbols[0, 0].double()
        assert ((true - there).abs() <= out.radius).all()


def test_the_largest_errors_become_symbols():
    z = model([[0.0, 0.0, 0.0, 5.0]], [1.0, 3.0, 2.0, 1.0])
    out = activated(BENT["relu"], z, Fresh(3, 2))
    assert out.blocks == ((3, 2),)
    assert (out.symbols[0].abs().sum(0)[0] > 0).tolist() == [False, True, True, False]
    assert (out.symbols[0] != 0).sum(2).amax() == 1  # one neuron each
    assert float(out.radius[0, 0]) >= 0.5
    assert float(out.radius[0, 3]) == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_maxima(dtype):
    rng = np.random.default_rng(5)
    for scale in (0.0, 0.01, 1.0):
        one = random_model(rng, ((1, 2), (2, 1)), dtype=dtype, degree=1)
        other = random_model(rng, ((1, 2), (5, 2)), dtype=dtype, degree=3)
        one = TaylorModel(one.polynomial, one.symbols * scale, one.blocks, one.radius * scale)
        out = larger(one, other, Fresh(8, 3))
        count = out.symbols.shape[1] - 5
        own = out.symbols[:, 5:].abs().double().sum((0, 1))
        for _ in range(60):
            e = torch.from_numpy(rng.choice([-1.0, 1.0], (5, 3)))
            rho, sign = (torch.from_numpy(rng.choice([-1.0, 1.0], (3, 4))) for _ in range(2))
            s = float(rng.choice([-1.0, 1.0, rng.uniform(-1, 1)]))
            true = torch.maximum(at(one, s, e[:3], rho), at(other, s, e[[0, 1, 3, 4]], sign))
            known = torch.cat([e, torch.zeros(count, 3).double()])
            off = (true - at(out, s, known, torch.zeros(()))).abs()
            assert (off <= own + out.radius + 1e-14).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_maximum_of_large_values_that_are_nearly_equal(dtype):
    """Slopes are no float32 numbers, and what they multiply is 1e6 times what they decide."""
    c = torch.linspace(-1, 1, 101, dtype=torch.float64)[None, None]
    one, other = model(1e6 + c, 0.0, dtype), model(torch.full_like(c, 1e6), 0.0, dtype)
    one = one.wider(torch.full_like(one.radius, 1.5))
    out = larger(one, other, Fresh(1, 0))
    for w in (-1.5, 0.0, 1.5):
        true = torch.maximum(one.polynomial[0] + w, other.polynomial[0])
        assert ((true - out.polynomial[0]).abs() <= out.radius).all()
    assert (out.radius <= 1.6).all()


def test_a_maximum_that_is_decided_is_one_of_the_two():
    rng = np.random.default_rng(6)
    one = random_model(rng, ((1, 2),))
    above = TaylorModel(one.polynomial.clone(), one.symbols, one.blocks, one.radius)
    above.polynomial[0] += 50
    for pair in ((one, above), (above, one)):
        out = larger(*pair, Fresh(2, 10))
        assert out.blocks == one.blocks
        torch.testing.assert_close(out.polynomial, above.polynomial)
        torch.testing.assert_close(out.radius, above.radius)


def test_softplus_as_pytorch_computes_it():
    """It is its argument beyond 20: a jump of 2e-9."""
    c = torch.tensor([[20.0], [1e-9], [0.0], [0.0]], dtype=torch.float64)
    line = curve_of(smooth(SIGMAS["softplus"]), model(c, 0.0), 3)
    off = SIGMAS["softplus"].apply(c[0] + c[1] * S).flatten()
    there = value_at(line.polynomial, S[:, :, None]).flatten()
    assert 1e-9 < float((off - there).abs().max()) <= float(line.error)


@pytest.mark.parametrize("name", SIGMAS)
def test_what_is_no_number_stays_none(name):
    for c, rest in (([[torch.nan]], 0.0), ([[torch.inf], [1.0]], 0.0), ([[0.0]], torch.inf)):
        for limit in (0, 3):
            out = passed(SIGMAS[name], model(c, rest), Fresh(1, limit))
            reach = out.polynomial.abs().sum(0) + out.rest
            assert not (reach < torch.inf).any()
