"""Products of Taylor models: every term of what is left over is met."""

import pytest
import torch

from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_models import TaylorModel, value_at
from lmctheory.paths.taylor_norms import centred
from lmctheory.paths.taylor_products import bilinear, squared


def single(c=(0.0,), g=(0.0, 0.0), radius=0.0, name=1, dtype=torch.float64):
    """One entry: coefficients, a symbol's g_0 and g_1, a radius."""
    return TaylorModel(
        torch.tensor(c, dtype=torch.float64)[:, None, None],
        torch.tensor(g, dtype=dtype)[:, None, None, None],
        ((name, 1),),
        torch.full((1, 1), radius, dtype=dtype),
    )


CASES = {
    # what is left: x, y, and a value of the product at s for e of x and of y, rho of x and of y
    "economised": (single((0, 0, 1)), single((0, 0, 1)), [(s, 1, 1, 0, 0) for s in (0, 1, 0.7071)]),
    "a bend times a symbol": (single((0, 0, 1)), single(g=(1, 0)), [(0, 1, 1, 0, 0)]),
    "a cube times a symbol": (single((0, 0, 0, 1)), single(g=(1, 0)), [(1, 1, 1, 0, 0)]),
    "a rise times a symbol's": (single((0, 1)), single(g=(0, 1)), [(1, 1, 1, 0, 0)]),
    "the other way about": (single(g=(0, 1)), single((0, 1)), [(1, 1, 1, 0, 0)]),
    "a radius": (single((2,)), single(radius=1), [(0, 1, 1, 0, 1)]),
    "the other's radius": (single(radius=1), single((2,)), [(0, 1, 1, 1, 0)]),
    "symbols": (single(g=(1, 0)), single(g=(1, 0)), [(0, 1, 1, 0, 0)]),
    "radii": (single(radius=1), single(radius=1), [(0, 1, 1, 1, 1)]),
}


def share(found, true, s, e):
    g = found.symbols[0] + s * found.symbols[1]
    centre = value_at(found.polynomial, s) + e * g.double().sum(0)
    return float((true - centre).abs() / found.radius)


def value(x, s, e, rho):
    return value_at(x.polynomial, s) + e * (x.symbols[0] + s * x.symbols[1]).sum(0) + rho * x.radius


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_over_is_met(case):
    x, y, points = CASES[case]
    found = bilinear(torch.mul, x, y, 1, 3)
    shares = [share(found, value(x, s, e, p) * value(y, s, f, q), s, e) for s, e, f, p, q in points]
    assert 0.99 < max(shares) <= 1


def test_squares_are_not_below_zero():
    found = squared(torch.mul, single(radius=1.0), 1, 3)
    assert float(found.polynomial[0]) == pytest.approx(0.5)
    assert float(found.radius) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factors_that_are_no_float32_numbers(dtype):
    x, y = single((0.1,), dtype=dtype), single(g=(3, 0), dtype=dtype)
    found = bilinear(torch.mul, x, y, 1, 3)
    assert share(found, torch.tensor(0.1 * 3, dtype=torch.float64), 0.0, 1.0) <= 1
    assert float(found.radius) < (1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_deviations_from_a_mean(width):
    radius = torch.arange(1.0, width + 1, dtype=torch.float64)[None]
    x = TaylorModel(0 * radius[None], radius.new_zeros(2, 0, 1, width), (), radius)
    found = centred(x, (-1,), width, Fresh(1, 0)).radius[0]
    signs = torch.full((width, width), -1.0).double() + 2 * torch.eye(width).double()
    values = signs * radius
    most = (values - values.mean(1, keepdim=True)).diagonal()
    assert (most <= found + 1e-15).all()
    assert torch.allclose(most, found, rtol=1e-12)
