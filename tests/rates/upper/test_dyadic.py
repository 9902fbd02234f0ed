"""The dyadic series (R4), against Fournier's closed form, the naive series and simulation."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lmctheory.measures import UniformCube
from lmctheory.rates import fournier_bound, matching_cost
from lmctheory.rates.upper.dyadic import dyadic_bound


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8, 40, 784])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
def test_never_above_the_published_bound_nor_the_series(samples, d, p):
    for m in (1, 10, 1000, 10**9):
        bound = dyadic_bound(m, d, p, samples=samples, euclidean=False)
        published = fournier_bound(m / samples, d, p)
        assert bound.terms["R4 published"] == pytest.approx(published, rel=1e-12)
        level = np.arange(1, 200)
        with np.errstate(over="ignore"):
            spread = np.minimum(2, np.sqrt(samples * (2.0 ** (d * level) - 1) / m))
        series = (2**p - 1) / 2 * np.sum(2.0 ** (-p * level) * spread)
        assert bound.value <= series * (1 + 1e-9)
        assert bound.value >= series * np.sqrt(2 / np.pi) * 0.75
        assert bound.value < published


def test_two_samples_on_a_line_of_cells():
    """Naive: exact expected gaps of binomials at every level."""
    m, p = 12, 1.0
    k = np.arange(m + 1)
    value = 0.0
    for level in range(1, 45):
        weight = binom.pmf(k, m, 0.5**level)
        gap = weight @ np.abs(np.subtract.outer(k, k)) @ weight / m
        value += (2**p - 1) / 2 * 2 ** (-p * level) * 2**level * gap
    assert dyadic_bound(m, 1, p).value == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_the_truth_lies_below(d, p):
    # 8 draws: a violation beyond 5 standard errors, false alarm < 1e-3 each (t law, 7 d.o.f.)
    measured = matching_cost(UniformCube(d), 80, repeats=8, p=p, rng=np.random.default_rng(d))
    assert measured.mean <= dyadic_bound(80, d, p).value + 5 * measured.standard_error


@given(side=st.floats(1e-3, 1e3), m=st.integers(1, 10**6), p=st.floats(0.5, 4))
@settings(max_examples=20, deadline=None)
def test_scales_with_the_cube_and_the_norm(side, m, p):
    one = dyadic_bound(m, 3, p, euclidean=False)
    scaled = dyadic_bound(m, 3, p, side)
    for key, value in one.terms.items():
        assert scaled.terms[key] == pytest.approx((np.sqrt(3) * side) ** p * value, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"m": 0}, "m must be >= 1, got 0"),
        ({"d": 0}, "d must be >= 1, got 0"),
        ({"p": 0.0}, "p must be positive and finite, got 0.0"),
        ({"side": -1.0}, "side must be positive and finite, got -1.0"),
        ({"samples": 3}, "samples must be 1 or 2, got 3"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        dyadic_bound(**({"m": 10, "d": 3} | arguments))
