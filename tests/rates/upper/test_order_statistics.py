"""Order statistics of normal samples, against quadrature and brute-force sums."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from lmctheory.rates import normal_matching_cost
from lmctheory.rates.upper import half_normal
from lmctheory.rates.upper import order_statistics as module
from lmctheory.rates.upper.half_normal import half_normal_partial_sums
from lmctheory.rates.upper.order_statistics import normal_partial_sums
from tests.rarely import rarely


@pytest.mark.parametrize(
    ("m", "cost"), [(1, 2.0), (2, 2 - 2 / np.pi), (100, 0.05480), (1000, 0.0062967)]
)
def test_known_values(m, cost):
    assert normal_matching_cost(m) == pytest.approx(cost, rel=1e-4 if m > 2 else 1e-12)


@pytest.mark.parametrize(
    ("i", "m"), rarely([(1, 3), (2, 5), (1, 40), (17, 40), (3, 1000)], [(17, 40)])
)
def test_variances_agree_with_adaptive_quadrature(i, m):
    def density(x):
        beta = stats.beta(i, m - i + 1)
        return beta.pdf(stats.norm.cdf(x)) * stats.norm.pdf(x)

    first = integrate.quad(lambda x: x * density(x), -9, 9, epsabs=1e-12)[0]
    second = integrate.quad(lambda x: (x - first) ** 2 * density(x), -9, 9, epsabs=1e-12)[0]
    assert module._variance(np.array([float(i)]), m)[0] == pytest.approx(second, rel=1e-7)


@pytest.mark.parametrize("m", rarely([1025, 4096, 50_001], [50_001]))
def test_the_integral_over_ranks_is_the_full_sum(m):
    ranks = np.array_split(np.arange(1.0, m + 1), m // 1000)
    full = 2 / m * sum(module._variance(part, m).sum() for part in ranks)
    assert normal_matching_cost(m) == pytest.approx(full, rel=1e-8)


def test_the_expansion_for_large_samples_meets_the_quadrature(monkeypatch):
    ranks = np.array([30_000.0, 60_000.0])
    expanded = module._variance(ranks, 10**6), normal_partial_sums(ranks, np.array([1e6, 1e6]))
    monkeypatch.setattr(module, "_LARGE", 10**6)
    integrated = module._variance(ranks, 10**6), normal_partial_sums(ranks, np.array([1e6, 1e6]))
    np.testing.assert_allclose(expanded, integrated, rtol=1e-8)


def test_never_increasing_up_to_a_million_million():
    widths = [1, 2, 3, 10, 1024, 1025, 1026, 10**5, 10**8, 10**12]
    costs = [normal_matching_cost(m) for m in widths]
    assert all(left > right for left, right in itertools.pairwise(costs))
    assert 1e12 * costs[-1] / 2 == pytest.approx(np.log(np.log(1e12)), rel=0.5)  # log log m / m


@pytest.mark.parametrize(("m", "variance"), [(10**4, 0.09251100119), (10**12, 0.03054423126)])
def test_the_variance_of_the_extreme_of_a_large_sample(m, variance):
    # high-precision quadrature over 60 standard deviations: the tail is only exponential
    assert module._variance(np.array([1.0]), m)[0] == pytest.approx(variance, rel=1e-9)


def test_partial_sums_of_tiny_samples():
    sums = normal_partial_sums(np.array([0.0, 1, 2, 1, 2, 3]), np.array([2.0, 2, 2, 3, 3, 3]))
    root = np.sqrt(np.pi)
    np.testing.assert_allclose(sums, [0, -1 / root, 0, -1.5 / root, -1.5 / root, 0], atol=1e-12)


def test_partial_sums_agree_with_simulated_ranks():
    # 40,000 draws of 9 order statistics: standard errors < 0.01; false alarm < 1e-5 at 5 of them
    z = np.sort(np.random.default_rng(0).standard_normal((40_000, 9)), axis=1).mean(axis=0)
    sums = normal_partial_sums(np.arange(10.0), np.full(10, 9.0))
    np.testing.assert_allclose(sums[1:], np.cumsum(z), atol=0.05)


def test_ranks_near_the_end_of_a_large_sample():
    """Where a share rounds near 1 or 0; the values are those of ball arithmetic."""
    upper = normal_partial_sums(np.array([162427203020.0]), np.array([162427242851.0]))
    assert upper[0] == pytest.approx(-207740.08729822496, rel=1e-11, abs=0)
    lower = half_normal_partial_sums(np.array([45188.0]), np.array([389187324867.0]))
    assert lower[0] == pytest.approx(0.0032879643961033413, rel=1e-11, abs=0)
    variance = half_normal._variance(np.array([267.0]), 48227219533)
    assert variance[0] == pytest.approx(1.8032115806470315e-19, rel=1e-11, abs=0)
    variance = half_normal._variance(np.array([8.0]), 16)
    assert variance[0] == pytest.approx(0.034748168315594246, rel=1e-13, abs=0)


def test_no_neurons_are_refused():
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        normal_matching_cost(0)
