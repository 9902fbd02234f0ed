"""Bounds against exact expectations, which are sums over all samples of a few atoms.

The truth for the given numbers, whatever their place, scale and type: in rational arithmetic for
squares, to 40 digits for other powers.
"""

from fractions import Fraction
from itertools import permutations, product

import mpmath
import numpy as np
import pytest

from lmctheory.measures import Empirical, Gaussian, GaussianMixture
from lmctheory.rates import lower_bound, upper_bound

PLACES = {
    "here": lambda x, rng: x,
    "far away": lambda x, rng: x + 1e8,
    "nearly one point": lambda x, rng: x[:1] * (1 + 1e-14 * rng.integers(-9, 10, x.shape)),
    "one of them far": lambda x, rng: np.r_[1e9 * x[:1], x[1:]],
    "two alike": lambda x, rng: np.r_[x[:1], x[:-1]],
    "quantised": lambda x, rng: np.rint(2 * x),
}


def exact_cost(points, m, p):
    """E W_p^p between two samples of m from the uniform law on the points."""
    with mpmath.workdps(40):
        rows = [[Fraction(float(x)) for x in row] for row in points]
        squares = [
            [sum(((u - v) ** 2 for u, v in zip(r, s, strict=True)), Fraction(0)) for s in rows]
            for r in rows
        ]
        cost = [[(mpmath.mpf(v.numerator) / v.denominator) ** (mpmath.mpf(p) / 2) for v in row]
                for row in squares]  # fmt: skip
        draws = list(product(range(len(rows)), repeat=m))
        total = mpmath.mpf(0)
        for a, b in product(draws, draws):
            total += min(
                sum(cost[a[i]][b[order[i]]] for i in range(m)) for order in permutations(range(m))
            )
        return total / m / len(draws) ** 2


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_no_bound_lies_on_the_wrong_side(place, kind):
    rng = np.random.default_rng(1)
    for n, m, p in ((1, 1, 2.0), (2, 1, 2.0), (3, 2, 2.0), (2, 3, 2.0), (3, 2, 1.0), (3, 2, 3.0)):
        for scale in (1e-12, 1.0, 1e12):
            mu = Empirical((scale * place(rng.standard_normal((n, 2)), rng)).astype(kind))
            exact = exact_cost(mu.points, m, p)
            for key, value in lower_bound(mu, m, p).terms.items():
                assert value <= exact * (1 + 1e-9), key
            for key, value in upper_bound(mu, m, p).terms.items():
                assert value >= exact * (1 - 1e-9), key


def test_clusters_far_away_have_the_spectrum_of_those_here():
    parts = [Gaussian(spectrum=[1e-24])] * 2
    apart = 2.0**-32
    here = GaussianMixture([0.3, 0.7], np.array([[0.0], [apart]]), parts)
    there = GaussianMixture([0.3, 0.7], np.array([[1e6], [1e6 + apart]]), parts)
    assert there.spectrum == pytest.approx(here.spectrum, rel=1e-12, abs=0)
    for p in (2.0, 3.0):
        same = pytest.approx(upper_bound(here, 5, p).value, abs=0)
        assert upper_bound(there, 5, p).value == same
