"""Curves that stand for smooth functions: every term of their error is met, none is exceeded."""

from math import factorial

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import activation, activation_of
from lmctheory.paths.smooth_functions import EXP, RECIPROCAL, RSQRT, SQRT, smooth
from lmctheory.paths.taylor_curves import curve_of, remainder
from lmctheory.paths.taylor_models import TaylorModel

S = torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
SMOOTH = (
    *("identity", "tanh", "sigmoid", "softplus", "gelu", "erf"),
    *("silu", "mish", "gelu_tanh", "logsigmoid", "tanhshrink", "softsign", "celu"),
)
FUNCTIONS = {
    **{name: smooth(activation(name)) for name in SMOOTH},
    "celu(.3)": smooth(activation_of(nn.CELU(0.3))),
    "softplus(2)": smooth(activation_of(nn.Softplus(beta=2))),
    "exp": EXP,
}
POSITIVE = {"rsqrt": RSQRT, "reciprocal": RECIPROCAL, "sqrt": SQRT}


def model(c, rest):
    """Of one example without symbols, coefficients ``[k + 1, entries]``."""
    c = torch.as_tensor(c, dtype=torch.float64)
    c = c.view(len(c), 1, -1)
    radius = torch.as_tensor(rest, dtype=torch.float64).expand(c.shape[1:])
    return TaylorModel(c, radius.new_zeros(2, 0, *radius.shape), (), radius)


def share_of_error(sigma, z, degree=3, least=None):
    """The largest |sigma(P + w) - p - (lambda_0 + lambda_1 s) w| over the error, w in [-R, R]."""
    curve = curve_of(sigma, z, degree, least)
    centre, rest = sum(c * S**k for k, c in enumerate(z.polynomial)), z.rest
    worst = torch.zeros(z.radius.shape, dtype=torch.float64)
    for share in (-1.0, 1.0, 0.0, 0.5, -0.7):
        w = (share * rest).expand_as(centre)
        if least is not None:
            w = torch.minimum(torch.maximum(w, least - centre), rest)
        off = sigma.apply(centre + w) - sum(c * S**k for k, c in enumerate(curve.polynomial))
        off = off - (curve.slope[0] + curve.slope[1] * S) * w
        if least is not None:
            off = off.where(centre + w >= least, 0.0)
        worst = torch.maximum(worst, off.abs().amax(0))
    return worst / curve.error.clamp(min=1e-300), curve


def random_case(rng):
    size = int(rng.integers(1, 5))
    c = rng.standard_normal((size, 100)) * 10.0 ** rng.uniform(-3, 0.5, (size, 100))
    c[0] *= rng.choice([0.0, 1.0, 3.0], 100)
    return c, 10.0 ** rng.uniform(-6, 1, 100) * rng.choice([0, 1], 100)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_value_leaves_its_curve(name):
    rng = np.random.default_rng(0)
    for degree in (2, 3, 2, 3):
        share, _ = share_of_error(FUNCTIONS[name], model(*random_case(rng)), degree)
        assert float(share.max()) <= 1 + 1e-9


@pytest.mark.parametrize("name", POSITIVE)
def test_no_value_leaves_the_curve_of_a_function_of_positive_numbers(name):
    rng = np.random.default_rng(0)
    for degree in (2, 3, 2, 3):
        c, rest = random_case(rng)
        c[0] = np.abs(c[0]) + rng.choice([0.1, 3.0], 100)
        least = torch.from_numpy(10.0 ** rng.uniform(-3, -1, (1, 100)))
        share, curve = share_of_error(POSITIVE[name], model(c, rest), degree, least)
        reach = torch.from_numpy(np.abs(c[1:]).sum(0))
        inside = torch.from_numpy(c[0])[None] - reach > 0
        assert inside.any()
        assert float(share[inside].max()) <= 1 + 1e-9
        assert (curve.error[inside] < torch.inf).all()


TIGHT = {
    # function, coefficients, rest, degree: which term of the error decides
    "fourth derivative": ("tanh", [-0.42131647, 0.02], 0.0, 3, 0.95),
    "third derivative": ("tanh", [0.0, 0.01], 0.0, 2, 0.99),
    "second derivative": ("celu", [0.0, 0.01], 0.0, 3, 0.5),
    "change of slope times rest": ("tanh", [0.0, 0.05], 1e-3, 3, 0.85),
    "rest times rest": ("tanh", [0.6585], 1e-3, 3, 0.99),
    "all slopes": ("tanh", [0.0], 1000.0, 3, 0.99),
}


@pytest.mark.parametrize("case", TIGHT)
def test_errors_are_nearly_attained(case):
    name, c, rest, degree, least = TIGHT[case]
    share, _ = share_of_error(FUNCTIONS[name], model([[v] for v in c], rest), degree)
    assert least <= float(share.max()) <= 1 + 1e-9


@pytest.mark.parametrize("order", [2, 3, 4])
def test_derivatives_of_compositions_are_those_of_faa_di_bruno(order):
    """Of sum_k M_k z^k/k! and p_1 s + p_2 s^2/2 + p_3 s^3/6, all positive: met at s = 0."""
    M = torch.rand(4, generator=torch.Generator().manual_seed(0)).double() + 0.5
    p = torch.rand(3, generator=torch.Generator().manual_seed(1)).double() + 0.5
    s = torch.zeros((), dtype=torch.float64, requires_grad=True)
    z = p[0] * s + p[1] * s**2 / 2 + p[2] * s**3 / 6
    value = sum(m * z**k / factorial(k) for k, m in enumerate(M, start=1))
    for _ in range(order):
        [value] = torch.autograd.grad(value, s, create_graph=True)
    found = remainder(tuple(M), tuple(p), order) * factorial(order) * 2 ** (order - 1)
    assert float(found) == pytest.approx(float(value.detach()), rel=1e-12)


def test_mixed_terms_of_the_third_and_fourth_derivative():
    """Where sigma''' vanishes and sigma'' does not: gelu at 0."""
    gelu = FUNCTIONS["gelu"]
    share, _ = share_of_error(gelu, model([[0.0], [1e-3], [1e-4]], 0.0), 2)
    assert 0.7 <= float(share.max()) <= 1
    share, _ = share_of_error(gelu, model([[0.0], [1e-3], [0.0], [1e-4]], 0.0), 3)
    assert 0.5 <= float(share.max()) <= 1


def test_a_constant_where_all_that_is_known_is_the_least_value():
    least = torch.full((1, 1), 1e-5, dtype=torch.float64)
    share, curve = share_of_error(RSQRT, model([[1e-5], [0.0]], 1.0), 3, least)
    assert float(curve.error) < 1e-5**-0.5 / 2 + 1
    assert float(share.max()) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("name", FUNCTIONS | POSITIVE)
def test_bounds_of_derivatives_on_intervals(name):
    sigma, rng = (FUNCTIONS | POSITIVE)[name], np.random.default_rng(0)
    low = torch.from_numpy(rng.uniform(-6, 6, 100))
    if name in POSITIVE:
        low = low.abs() + 0.1
    high = low + torch.from_numpy(10.0 ** rng.uniform(-3, 1, 100))
    z = (low + (high - low) * torch.linspace(0, 1, 201).double()[:, None]).requires_grad_()
    value = sigma.apply(z)
    for k, bound in enumerate(sigma.bounds(low, high)):
        [value] = torch.autograd.grad(value.sum() + 0 * z.square().sum(), z, create_graph=True)
        most, known = value.detach().abs().amax(0), bound.expand(100)
        assert (most <= known * (1 + 1e-8) + 1e-12).all()
        if k in (1, 2) and name in ("tanh", "sigmoid", "gelu", "silu", "softplus", "erf", "exp"):
            assert float((most / known)[known > 1e-3].min()) > 0.9  # not only global


def test_celu_is_linear_above_zero():
    c = torch.tensor([[3.0], [1.0], [0.5], [0.2]]).double()
    curve = curve_of(FUNCTIONS["celu"], model(c, 0.5), 3)
    assert float(curve.error) < 1e-12
