"""Certified matching costs, against the exact solver."""

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.rates import certified as module
from lmctheory.rates import wasserstein_pow
from lmctheory.rates.certified import Interval, certified_matching_cost


@pytest.mark.parametrize(
    ("m", "d", "p"),
    [
        (1, 2, 2.0),
        (3, 2, 2.0),
        (70, 2, 1.0),
        (300, 3, 0.5),
        (333, 2, 3.0),
        (700, 2, 2.0),
        (500, 5, 2.0),
        (500, 30, 2.0),
        (200, 300, 2.0),
        (500, 1, 2.0),
        (50, 1, 0.5),
    ],
)
def test_the_exact_cost_lies_inside_and_the_gap_is_kept(m, d, p):
    a, b = np.random.default_rng(m + d).standard_normal((2, m, d))
    interval = certified_matching_cost(a, b, p)
    exact = wasserstein_pow(a, b, p)
    assert interval.lower <= exact <= interval.upper * (1 + 1e-12)
    assert interval.gap <= 0.01


def test_a_small_gap_is_exact():
    a, b = np.random.default_rng(1).standard_normal((2, 400, 3))
    interval = certified_matching_cost(a, b, gap=1e-6)
    assert interval == pytest.approx((wasserstein_pow(a, b),) * 2, rel=2e-6)


@given(
    seed=st.integers(0, 10**6),
    m=st.integers(1, 150),
    levels=st.integers(1, 4),
    scale=st.sampled_from([1e-150, 1e-3, 1e100]),
)
@settings(max_examples=25, deadline=None)
def test_duplicates_and_ties_at_any_scale(seed, m, levels, scale):
    a, b = scale * np.random.default_rng(seed).integers(0, levels, (2, m, 2)).astype(float)
    exact = wasserstein_pow(a, b)
    interval = certified_matching_cost(a, b)
    assert interval.lower <= exact * (1 + 1e-12)
    assert exact <= interval.upper * (1 + 1e-12)


def test_the_interval_moves_with_the_samples():
    a, b = np.random.default_rng(4).standard_normal((2, 300, 3))
    here, there = certified_matching_cost(a, b), certified_matching_cost(a + 1e6, b + 1e6)
    assert there.lower <= here.upper
    assert here.lower <= there.upper * (1 + 1e-6)


def test_constant_columns_and_unequal_laws():
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 400, 3)) * [1.0, 0.5, 0.0] + 7.0
    b = 3 * b + rng.choice([-5.0, 5.0], (400, 1))
    interval = certified_matching_cost(a, b)
    assert interval.lower <= wasserstein_pow(a, b) <= interval.upper * (1 + 1e-12)
    assert interval.gap <= 0.01


def test_equal_constants_cost_nothing():
    assert certified_matching_cost(np.ones((9, 2)), np.ones((9, 2))) == Interval(0.0, 0.0)
    assert Interval(0.0, 0.0).gap == 0


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_c_transforms_are_feasible_for_every_pair(p):
    rng = np.random.default_rng(6)
    x, y = rng.random((2, 200, 20 if p == 2 else 3))
    phi = rng.random(200)
    near, psi = module._c_transform(x, phi, y, p)
    cost = np.linalg.norm(x[:, None] - y, axis=2) ** p
    assert (phi[:, None] + psi <= cost).all()
    np.testing.assert_allclose(psi, (cost - phi[:, None]).min(axis=0), atol=1e-10)
    best = np.argpartition(cost - phi[:, None], 9, axis=0)[:10]
    assert (np.sort(near.T, axis=0) == np.sort(best, axis=0)).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=re.escape("gap must be >= 1e-06, got 0.0")):
        certified_matching_cost(np.zeros((2, 2)), np.zeros((2, 2)), gap=0.0)
    with pytest.raises(ValueError, match="must be finite"):
        certified_matching_cost(np.full((2, 2), np.nan), np.zeros((2, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 3, 5, 20])
def test_wide_layers_within_one_per_cent(d):
    a, b = np.random.default_rng(d).standard_normal((2, 16_384, d))
    assert certified_matching_cost(a, b).gap <= 0.01


@pytest.mark.benchmark
def test_ten_times_faster_than_the_exact_solver():
    a, b = np.random.default_rng(0).standard_normal((2, 16_384, 5))
    start = time.perf_counter()
    certified_matching_cost(a, b)
    certified = time.perf_counter() - start
    start = time.perf_counter()
    wasserstein_pow(a, b)
    assert time.perf_counter() - start >= 10 * certified
