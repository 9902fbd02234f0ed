"""Exact Wasserstein distances, against brute force and POT."""

import itertools
import re

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from lmctheory.measures import Gaussian
from lmctheory.rates import matching_cost, optimal_permutation, wasserstein, wasserstein_pow
from lmctheory.rates.monte_carlo import Estimate


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("d", [1, 3])
def test_agrees_with_all_permutations(p, d):
    rng = np.random.default_rng(int(10 * p) + d)
    a, b = rng.standard_normal((2, 6, d))
    distance = np.linalg.norm(a[:, None] - b[None], axis=2) ** p
    brute = min(distance[range(6), list(perm)].mean() for perm in itertools.permutations(range(6)))
    assert wasserstein_pow(a, b, p) == pytest.approx(brute, rel=1e-12)
    assert distance[range(6), optimal_permutation(a, b, p)].mean() == pytest.approx(brute)


@pytest.mark.parametrize("apart", [0.0, 3.0, 1e8])
def test_many_dimensions_are_exact_too(apart):
    """Costs by a matrix product, unless two clusters far apart leave it no digits."""
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, 12, 200)) + apart * (np.arange(12) % 2)[:, None]
    distance = np.square(a[:, None] - b[None]).sum(2)
    least = distance[linear_sum_assignment(distance)].mean()
    assert wasserstein_pow(a, b) == pytest.approx(least, rel=1e-12)
    assert wasserstein_pow(a, a[::-1]) == 0
    near = a + 1e-9 * rng.standard_normal(a.shape) * (apart < 1e8)
    near[0, 0] += 100
    assert wasserstein_pow(near, near[::-1]) == 0


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_agrees_with_pot(p):
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 60, 4))
    cost = np.linalg.norm(a[:, None] - b[None], axis=2) ** p
    weights = np.full(60, 1 / 60)
    assert wasserstein_pow(a, b, p) == pytest.approx(ot.emd2(weights, weights, cost), rel=1e-9)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), p=st.sampled_from([1.0, 2.0, 3.0]))
@settings(max_examples=25, deadline=None)
def test_scaling_symmetry_and_common_shifts(seed, scale, p):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 7, 2))
    cost = wasserstein_pow(a, b, p)
    assert wasserstein_pow(scale * a, scale * b, p) == pytest.approx(scale**p * cost, rel=1e-9)
    assert wasserstein_pow(b, a, p) == pytest.approx(cost, rel=1e-9)
    assert wasserstein_pow(a + 3.0, b + 3.0, p) == pytest.approx(cost, rel=1e-9)
    assert wasserstein(a, b, p) == pytest.approx(cost ** (1 / p), rel=1e-12)


def test_duplicated_neurons_cost_nothing():
    a = np.zeros((5, 3))
    assert wasserstein_pow(a, a) == 0.0
    assert wasserstein(a, a) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "p", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), 2.0, "must not be empty, got shape (0, 2)"),
        (np.full((1, 1), np.nan), np.zeros((1, 1)), 2.0, "must be finite"),
        (np.zeros((1, 1)), np.zeros((1, 1)), 0.0, "p must be > 0 and finite, got 0.0"),
    ],
)
def test_bad_samples_are_refused(a, b, p, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        wasserstein_pow(a, b, p)


def test_samples_of_unequal_size_are_refused():
    # the shape annotations catch it first while tests run; without them the message must be ours
    from lmctheory.rates.exact import require_samples

    with pytest.raises(ValueError, match=re.escape("same shape [m, d], got (3, 2) and (4, 2)")):
        require_samples(np.zeros((3, 2)), np.zeros((4, 2)), 2.0)


def test_p_below_one_is_no_distance():
    with pytest.raises(ValueError, match=r"p must be >= 1 for a distance, got 0\.5"):
        wasserstein(np.zeros((1, 1)), np.zeros((1, 1)), 0.5)


def test_an_estimate_reports_its_error():
    estimate = Estimate(np.array([1.0, 2.0, 3.0]))
    assert estimate.mean == 2.0
    assert estimate.standard_error == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(Estimate(np.array([1.0])).standard_error)


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats must be >= 1, got 0"):
        matching_cost(Gaussian(spectrum=[1.0]), 3, repeats=0, rng=np.random.default_rng(0))


def test_integers_do_not_wrap_around():
    zero, one = np.array([[0]], np.uint8), np.array([[1]], np.uint8)
    assert wasserstein_pow.__wrapped__(zero, one) == 1.0
