"""Exact Wasserstein distances, against brute force and POT."""

import itertools
import re

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from lmctheory.measures import Gaussian
from lmctheory.rates import matching_cost, optimal_permutation, wasserstein, wasserstein_pow
from lmctheory.rates.empirical.monte_carlo import Estimate


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
        (np.zeros((0, 2)), np.zeros((0, 2)), 2.0, "a must be a non-empty array [m, d], got shape"),
        (np.full((1, 1), np.nan), np.zeros((1, 1)), 2.0, "a must be finite"),
        (np.zeros((1, 1)), np.zeros((1, 1)), 0.0, "p must be positive and finite, got 0.0"),
    ],
)
def test_bad_samples_are_refused(a, b, p, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        wasserstein_pow(a, b, p)


@pytest.mark.parametrize("distance", [wasserstein, wasserstein_pow, optimal_permutation])
def test_samples_of_unequal_size_are_refused(distance, as_users_call):
    with pytest.raises(ValueError, match=re.escape("same shape [m, d], got (3, 2) and (4, 2)")):
        distance(np.zeros((3, 2)), np.zeros((4, 2)))


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


@pytest.mark.parametrize("d", [3, 200])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "uint8"])
def test_every_type_is_converted_before_anything_is_computed(kind, d):
    values = torch.randint(0, 200, (2, 9, d), generator=torch.Generator().manual_seed(0))
    a, b = values.to(getattr(torch, kind))
    x, y = values.double().numpy()
    samples = [(a, b)] if kind == "bfloat16" else [(a, b), (a.numpy(), b.numpy())]
    for one, other in samples:
        assert wasserstein_pow(one, other) == wasserstein_pow(x, y)
        assert wasserstein(one, other, 3.0) == wasserstein(x, y, 3.0)
        assert (optimal_permutation(one, other) == optimal_permutation(x, y)).all()


@pytest.mark.parametrize("distance", [wasserstein, wasserstein_pow, optimal_permutation])
@pytest.mark.parametrize("complex_one", [np.array([[1j]]), torch.tensor([[1j]])])
def test_complex_samples_are_refused(distance, complex_one):
    with pytest.raises(TypeError, match=r"b must .* real numbers, got"):
        distance(np.zeros((1, 1)), complex_one)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 1000.0])
@pytest.mark.parametrize("d", [1, 2, 200])
@pytest.mark.parametrize("scale", [1e-320, 1e-170, 1e-12, 1e12, 1e200, 1e300])
def test_distances_know_no_units(p, d, scale):
    a, b = np.random.default_rng(d).standard_normal((2, 5, d))
    digits = 1e-12 if scale > 1e-300 else 1e-2
    assert wasserstein(scale * a, scale * b, p) == pytest.approx(
        scale * wasserstein(a, b, p), rel=digits, abs=0
    )
    if scale > 1e-300 and d > 1:  # in one dimension several are optimal for p = 1
        same = optimal_permutation(a, b, p)
        assert (optimal_permutation(scale * a, scale * b, p) == same).all()


def test_a_tiny_distance_beside_a_large_common_coordinate():
    common = np.full(4, 1e200)
    a = np.stack([common, 1e-170 * np.arange(4)], axis=1)
    assert wasserstein(a, a + np.array([0, 1e-170])) == pytest.approx(1e-170, abs=0)
    assert wasserstein(np.array([[0.0]]), np.array([[1e-170]])) == 1e-170
    assert wasserstein(np.zeros((1, 2)), np.array([[5e-324, 0.0]])) == 5e-324


def test_a_cost_beyond_the_largest_float_is_refused_in_our_words():
    far = np.array([[1e200, 0.0], [0.0, 1e200]])
    with pytest.raises(ValueError, match=r"a and b must be nearer .* W_p\^p exceeds the largest"):
        wasserstein_pow(far, -far)
    assert wasserstein(far, -far) == pytest.approx(2**0.5 * 1e200)
    assert wasserstein_pow(1e-170 * np.eye(2), np.zeros((2, 2))) == 0  # 1e-340 is no float


def test_high_powers_are_matched_by_the_largest_distance():
    a = np.array([[0.0, 0.0], [10.0, 0.0], [1000.0, 0.0]])
    b = np.array([[1000.0, 1.0], [11.0, 0.0], [5.0, 0.0]])
    assert optimal_permutation(a, b, 2000.0).tolist() == [2, 1, 0]
    assert wasserstein(a, b, 2000.0) == pytest.approx(5.0 * 3 ** (-1 / 2000))
