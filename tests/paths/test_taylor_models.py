"""Polynomials on [-1, 1] with symbols and a radius."""

import numpy as np
import pytest
import torch

from lmctheory.paths.taylor_models import (
    LOWER,
    TaylorModel,
    added,
    aligned,
    bounds,
    padded,
    polynomial_size,
    value_at,
)

S = torch.linspace(-1, 1, 4001, dtype=torch.float64)
F32 = torch.finfo(torch.float32)


def random_model(rng, blocks=((1, 2), (2, 3)), n=3, width=4, dtype=torch.float64, degree=2):
    def draw(*shape):
        return torch.from_numpy(rng.standard_normal(shape))

    size = sum(count for _, count in blocks)
    return TaylorModel(
        draw(degree + 1, n, width),
        draw(2, size, n, width).to(dtype),
        tuple(blocks),
        draw(n, width).abs().to(dtype),
    )


def at(model, s, e, rho):
    """The value for given numbers: one e for each symbol and example, rho in [-1, 1]."""
    symbols = model.symbols[0].double() + s * model.symbols[1].double()
    return value_at(model.polynomial, s) + (symbols * e[:, :, None]).sum(0) + rho * model.radius


@pytest.mark.parametrize("degree", [2, 3])
def test_the_nearest_polynomial_of_lower_degree(degree):
    lower = torch.tensor(LOWER[degree], dtype=torch.float64)
    gap = (S ** (degree + 1) - value_at(lower, S)).abs()
    assert float(gap.max()) == pytest.approx(2.0**-degree, abs=1e-15)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-170, 1e160, 1e300])
def test_bounds_of_cubics_are_their_extrema(scale):
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4):
        c = rng.standard_normal((size, 200))
        c *= rng.choice([0.0, 1e-9, 1.0], c.shape, p=[0.1, 0.1, 0.8])
        low, high = bounds(torch.from_numpy(c * scale))
        for each, least, most in zip(c.T, low / scale, high / scale, strict=True):
            turns = np.roots(np.polyder(np.poly1d(each[::-1]))) if np.any(each[1:]) else []
            inside = [float(r.real) for r in turns if abs(r.imag) < 1e-6 and abs(r.real) < 1]
            values = np.polyval(each[::-1], [-1.0, 1.0, *inside])
            room = 1e-13 * np.abs(each).sum()
            assert values.min() - room <= least <= values.min() + 1e-15
            assert values.max() - 1e-15 <= most <= values.max() + room


def test_bounds_near_a_double_root_of_the_derivative():
    for gap in (0.0, 1e-16, 1e-12, 1e-8, 1e-4):
        c = torch.tensor([0.0, 1 - gap, 0.0, -1 / 3], dtype=torch.float64)[:, None]
        shifted = torch.tensor([0.0, 0.27 - gap, -0.9, 1.0], dtype=torch.float64)[:, None]
        for each in (c, shifted):
            low, high = bounds(each)
            values = value_at(each, S)
            assert float(low) <= float(values.min())
            assert float(high) >= float(values.max())


def test_what_is_no_number_has_no_bounds():
    for bad in (torch.nan, torch.inf):
        c = torch.tensor([0.0, bad, 1.0, 1.0], dtype=torch.float64)[:, None]
        low, high = bounds(c)
        assert not (low > -torch.inf).any()
        assert not (high < torch.inf).any()


def test_sums_join_what_symbols_have_in_common():
    rng = np.random.default_rng(1)
    for dtype in (torch.float32, torch.float64):
        one = random_model(rng, ((1, 2), (4, 3)), dtype=dtype, degree=1)
        other = random_model(rng, ((1, 2), (2, 1), (9, 2)), dtype=dtype, degree=3)
        total = added(one, other)
        assert total.blocks == ((1, 2), (2, 1), (4, 3), (9, 2))
        assert len(total.polynomial) == 4
        for _ in range(50):
            e = torch.from_numpy(rng.choice([-1.0, 1.0], (8, 3)))
            s = float(rng.choice([-1.0, 1.0, 0.3]))
            rho, sign = (torch.from_numpy(rng.choice([-1.0, 1.0], (3, 4))) for _ in range(2))
            there = at(one, s, e[[0, 1, 3, 4, 5]], rho) + at(other, s, e[[0, 1, 2, 6, 7]], sign)
            off = (there - at(total, s, e, torch.zeros(()))).abs()
            assert (off <= total.radius).all()
            tight = one.radius.double() + other.radius + 1e-4
            assert (total.radius <= tight).all()


def test_a_model_less_itself_is_nothing_but_radius():
    model = random_model(np.random.default_rng(2))
    minus = TaylorModel(-model.polynomial, -model.symbols, model.blocks, model.radius)
    nothing = added(model, minus)
    assert not nothing.polynomial.any()
    assert not nothing.symbols.any()
    torch.testing.assert_close(nothing.radius, 2 * model.radius)


def test_symbols_are_aligned_by_name():
    rng = np.random.default_rng(3)
    one, other = random_model(rng, ((1, 2),)), random_model(rng, ((1, 2), (5, 1)))
    g, h, blocks = aligned(one, other)
    assert blocks == ((1, 2), (5, 1))
    assert torch.equal(g[:, :2], one.symbols)
    assert not g[:, 2:].any()
    assert torch.equal(h, other.symbols)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spread_and_rest_are_rounded_up(dtype):
    g = torch.rand(2, 3000, 2, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    model = TaylorModel(torch.zeros(1, 2, 3).double(), g, ((1, 3000),), g[0, 0])
    exact = g.double().abs().sum((0, 1))
    assert (model.spread.double() >= exact).all()
    assert (model.rest >= exact + g[0, 0].double()).all()
    assert (model.rest <= 1.01 * (exact + g[0, 0])).all()


def test_noise_counts_units_of_both_precisions_and_what_underflows():
    one = torch.ones(1, 1)
    model = TaylorModel(
        torch.full((3, 1, 1), 2.0).double(), torch.full((2, 5, 1, 1), 0.5), ((1, 5),), one
    )
    eps = torch.finfo(torch.float64).eps
    assert float(model.noise(0, 10**6)) == pytest.approx(1e6 * eps * (6 + 5 + 1), rel=1e-4)
    assert float(model.noise(3, 0)) == pytest.approx(3 * F32.eps * (5 + 1), rel=1e-4)
    small = TaylorModel.constant(torch.full((1, 1), 1e-33, dtype=torch.float64), torch.float32)
    assert float(small.noise(1, 1)) >= F32.tiny


def test_coefficients():
    c = torch.tensor([[1.0, -2.0], [3.0, 0.5]], dtype=torch.float64)
    assert torch.equal(padded(c, 4)[2:], torch.zeros(2, 2).double())
    assert torch.equal(padded(c, 1), c)
    assert polynomial_size(c).tolist() == [4.0, 2.5]
    assert value_at(c, -1.0).tolist() == [-2.0, -2.5]
