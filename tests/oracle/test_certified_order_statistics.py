"""Order statistics (R7, S1) and what R13 and R15 make of them, against ball arithmetic."""

from functools import lru_cache
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from flint import arb, ctx

from lmctheory.measures.marginal import Laplace, Uniform
from lmctheory.rates import normal_matching_cost
from lmctheory.rates.lower.box_balls import interval_matching_cost
from lmctheory.rates.upper import half_normal, order_statistics
from lmctheory.rates.upper.thinning import (
    WIDEST,
    expected_order_statistics,
    marginal_matching_cost,
    thinning,
)
from tests.oracle.balls import COUNTS, certified, require
from tests.oracle.order_statistics import (
    HALF_NORMAL,
    NORMAL,
    matching_cost,
    mean,
    normal_shares,
    variance,
)

LAWS = {"normal": (order_statistics, NORMAL), "half-normal": (half_normal, HALF_NORMAL)}


def ranks(count: int, largest: float, seed: int, *, least: int = 1) -> list[tuple[int, int]]:
    """Ranks i of m: log-uniform from either end or uniform, ends and middles among them."""
    rng = np.random.default_rng(seed)
    found = []
    for kind in np.arange(count) % 5:
        m = int(np.exp(rng.uniform(np.log(least), np.log(largest))))
        near = int(np.exp(rng.uniform(0, np.log(m))))
        i = (near, m + 1 - near, 1 + int(rng.random() * m), m, (m + 1) // 2)[kind]
        found.append((min(max(i, 1), m), m))
    return found


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("count", COUNTS)
def test_variances(name, count):
    module, law = LAWS[name]
    for few in (True, False):
        places = [(i, m) for i, m in ranks(count, 1e12, 0) if (min(i, m + 1 - i) <= 20_000) == few]
        found = [module._variance(np.array([float(i)]), m)[0] for i, m in places]
        exact = [certified(lambda i=i, m=m: variance(law, i, m)) for i, m in places]
        require(found, exact, 2e-11 if few else 1e-8, places)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("count", COUNTS)
def test_partial_sums(name, count):
    """E sum_{j <= J} = -b E phi or b E 2 (phi(0) - phi) at the (J+1)-th of b - 1."""
    module, law = LAWS[name]
    places = [(min(J, b - 1), b) for J, b in ranks(count, 1e12, 1, least=2)]
    sums = module.normal_partial_sums if law is NORMAL else module.half_normal_partial_sums
    J, b = np.array(places, float).T

    def density(x):
        return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()

    def exact(J: int, b: int) -> arb:
        if law is NORMAL:
            return -b * mean(law, J, b - 1, density)
        return b * mean(law, J, b - 1, lambda w: -(-w * w / 2).expm1()) * (2 / arb.pi()).sqrt()

    require(sums(J, b), [certified(lambda a=a: exact(*a)) for a in places], 1e-9, places)


@lru_cache(maxsize=1)
def shares(count: int) -> list[arb]:
    with ctx.workprec(256 + count):
        return normal_shares(count)


@pytest.mark.parametrize(
    ("count", "terms", "largest"),
    [(12, 80, 150), pytest.param(1000, 700, 8000, marks=pytest.mark.slow)],
)
def test_matching_costs_of_the_normal_law(count, terms, largest):
    widths = sorted({1, 2, largest, *(m for _, m in ranks(count, largest, 2))})
    exact = [certified(lambda m=m: matching_cost(shares(terms), m)) for m in widths]
    require([normal_matching_cost(m) for m in widths], exact, 1e-9, widths)
    require([marginal_matching_cost(None, m) for m in widths], exact, 1e-9, widths)


@pytest.mark.parametrize("count", COUNTS)
def test_expected_order_statistics(count):
    """Normal, half-normal, uniform, (2j/(m+1) - 1) sqrt 3, and those of Laplace's law."""
    places = ranks(count, WIDEST if count > 100 else 500, 3)
    found = [expected_order_statistics(None, m)[j - 1] for j, m in places]
    with ctx.workprec(192):
        exact = [mean(NORMAL, j, m, lambda x: x) for j, m in places]
    require(found, exact, 1e-12, places, unit=1)
    found = [expected_order_statistics(Uniform(), m)[j - 1] for j, m in places]
    exact = [(arb(2 * j) / (m + 1) - 1) * arb(3).sqrt() for j, m in places]
    require(found, exact, 1e-12, places, unit=1)
    found = [expected_order_statistics(Laplace(), m)[j - 1] for j, m in places]
    with ctx.workprec(192):
        exact = [laplace(j, m) for j, m in places]
    require(found, exact, 1e-12, places, unit=1)
    found = [half_normal.folded_order_statistics(None, m)[j - 1] for j, m in places]
    exact = [certified(lambda j=j, m=m: mean(HALF_NORMAL, j, m, lambda x: x)) for j, m in places]
    require(found, exact, 2e-11, places)


def laplace(j: int, m: int) -> arb:
    """k of m are negative with probability C(m, k)/2^m: exponential laws on either side."""
    harmonic = [arb(0)]
    for n in range(1, m + 1):
        harmonic.append(harmonic[-1] + arb(1) / n)
    total, chance = arb(0), arb(2) ** -m
    for k in range(m + 1):
        up = harmonic[m - k] - harmonic[m - j] if j > k else harmonic[j - 1] - harmonic[k]
        total += chance * up
        chance *= arb(m - k) / (k + 1)
    return total / arb(2).sqrt()


@pytest.mark.parametrize("count", COUNTS)
def test_half_normal_matching_costs(count):
    widths = [1, 2, 3, *(9, 40, 100) * (count > 100)]
    exact = [
        certified(
            lambda m=m: (
                arb(2) / m * sum((variance(HALF_NORMAL, i, m) for i in range(1, m + 1)), arb(0))
            )
        )
        for m in widths
    ]
    require([half_normal.half_normal_matching_cost(m) for m in widths], exact, 1e-9, widths)
    require([half_normal.folded_matching_cost(None, m) for m in widths], exact, 1e-9, widths)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_matching_costs_of_huge_samples(name):
    """512 ranks from either end, and Gauss and Legendre's rule over certified variances between.

    Between ranks the midpoint rule, with its first correction f'/24 at the ends, off by 1e-12.
    """
    law, m, end = LAWS[name][1], 10**9, 512

    def summed(up: bool) -> float:
        def one(rank: float) -> float:
            with ctx.workprec(160):
                return float(variance(law, m + 1 - rank if up else rank, m).mid())

        edges = np.linspace(np.log(end + 0.5), np.log((m + 1) / 2), 12)
        nodes, weights = np.polynomial.legendre.leggauss(14)
        total = sum(one(float(i)) for i in range(1, end + 1))
        total += (one(end + 1.0) - one(float(end))) / 24
        for low, high in pairwise(edges):
            for y, w in zip((low + high + (high - low) * nodes) / 2, weights, strict=True):
                total += (high - low) / 2 * w * one(float(np.exp(y))) * float(np.exp(y))
        return total

    exact = 2 / m * (summed(False) + summed(True))
    found = (normal_matching_cost if law is NORMAL else half_normal.half_normal_matching_cost)(m)
    assert found == pytest.approx(exact, rel=1e-9, abs=0)


def test_intervals():
    widths = [1, 2, 10, 10**9]
    exact = [arb(1) / (3 * (m + 1)) for m in widths]
    require([interval_matching_cost(m) for m in widths], exact, 1e-12, widths)


@pytest.mark.parametrize("count", COUNTS)
def test_thinning(count):
    """H(k, j) = C(j-1, k-1) C(b-j, s-k) / C(b, s)."""
    rng, found, exact, places = np.random.default_rng(4), [], [], []
    for _ in range(count):
        b = int(np.exp(rng.uniform(np.log(2), np.log(WIDEST))))
        s = (b // 2, b // 3, b // 4, 3 * b // 4)[rng.integers(4)] or 1
        k = int(rng.integers(s))
        row = thinning(b, s)[[k]].tocoo()
        j = int(row.coords[1][rng.integers(len(row.data))])
        places.append((b, s, k + 1, j + 1))
        found.append(float(row.data[row.coords[1] == j][0]))
        exact.append(arb(comb(j, k)) * comb(b - j - 1, s - k - 1) / comb(b, s))
    require(found, exact, 1e-12, places, unit=1)
