"""Distances and dimensions modulo signs (S1): brute force, invariance, exact intervals."""

import itertools

import numpy as np
import pytest

from lmctheory import rates
from lmctheory.measures import Empirical, Gaussian, UniformCube
from lmctheory.measures.quotient import condensed_distances, distances
from lmctheory.rates.empirical.independence import matching_statistic

RNG = np.random.default_rng(0)
CALLS = {
    "wasserstein_pow": lambda a, b, modulo: rates.wasserstein_pow(a, b, modulo=modulo),
    "wasserstein": lambda a, b, modulo: rates.wasserstein(a, b, modulo=modulo),
    "optimal_permutation": lambda a, b, modulo: rates.optimal_permutation(a, b, modulo=modulo),
    "certified": lambda a, b, modulo: rates.certified_matching_cost(a, b, modulo=modulo),
    "matching_cost": lambda a, b, modulo: rates.matching_cost(
        Empirical(a), 4, rng=0, modulo=modulo
    ),
    "curve": lambda a, b, modulo: rates.matching_cost_curve(
        Empirical(a), [4, 8], rng=0, modulo=modulo
    ),
    "pooled": lambda a, b, modulo: rates.pooled_matching_cost(
        np.stack([a, b]), 4, rng=0, modulo=modulo
    ),
    "statistic": lambda a, b, modulo: matching_statistic(np.stack([a, b]), modulo),
    "two_nn": lambda a, b, modulo: rates.two_nn_dimension(a, modulo=modulo),
    "ml": lambda a, b, modulo: rates.maximum_likelihood_dimension(a, modulo=modulo),
    "correlation": lambda a, b, modulo: rates.correlation_dimension(a, modulo=modulo),
    "compare": lambda a, b, modulo: rates.compare_dimensions(a, modulo=modulo),
}
EVERY_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@EVERY_CALL
def test_what_neurons_cannot_be_compared_modulo_is_refused(call):
    a, b = RNG.standard_normal((2, 9, 3))
    with pytest.raises(ValueError, match=r"modulo must be one of \[None, 'signs'\], got 'scales'"):
        call(a, b, "scales")


def _brute_force(a, b, p):
    """Over all permutations and all signs."""
    m = len(a)
    return min(
        float((np.linalg.norm(a - np.array(signs)[:, None] * b[list(order)], axis=1) ** p).mean())
        for order in itertools.permutations(range(m))
        for signs in itertools.product([1, -1], repeat=m)
    )


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("d", [1, 2, 4, 130])
def test_the_cost_is_the_least_over_permutations_and_signs(p, d):
    for m in (1, 2, 4):
        a, b = 10.0 ** RNG.integers(-3, 4) * (RNG.standard_normal((2, m, d)) + 0.3)
        cost = rates.wasserstein_pow(a, b, p, modulo="signs")
        assert cost == pytest.approx(_brute_force(a, b, p), rel=1e-12)
        perm = rates.optimal_permutation(a, b, p, modulo="signs")
        aligned = rates.optimal_signs(a, b[perm])[:, None] * b[perm]
        assert cost == pytest.approx((np.linalg.norm(a - aligned, axis=1) ** p).mean(), rel=1e-12)
        interval = rates.certified_matching_cost(a, b, p, modulo="signs")
        assert interval.lower <= cost * (1 + 1e-13)
        assert cost * (1 - 1e-13) <= interval.upper


@pytest.mark.parametrize(("d", "p"), [(2, 1.0), (3, 2.0), (20, 2.0), (200, 2.0)])
def test_wide_layers_are_enclosed(d, p):
    a, b = RNG.standard_normal((2, 300, d)) + 0.2
    interval = rates.certified_matching_cost(a, b, p, modulo="signs")
    assert interval.lower <= rates.wasserstein_pow(a, b, p, modulo="signs") <= interval.upper
    assert interval.gap <= 0.01


def test_a_signed_permutation_costs_nothing():
    """Also with neurons that are zero, repeated, or in a coordinate that never changes."""
    a = RNG.integers(-2, 3, (200, 4)) / 2
    a[:, 0] = 1.0
    signs = RNG.choice([-1.0, 1.0], (200, 1))
    b = (signs * a)[RNG.permutation(200)]
    assert rates.wasserstein_pow(a, b, modulo="signs") == 0
    assert rates.certified_matching_cost(a, b, modulo="signs") == (0, 0)
    assert rates.wasserstein_pow(a, b) > 0.1


def test_constants_count_modulo_signs():
    """(1, 2) is not (1, -2), though the first coordinate is the same everywhere."""
    assert rates.wasserstein_pow([[1.0, 2.0]], [[1.0, -2.0]], modulo="signs") == 4.0


def test_signs_change_no_cost_and_never_raise_one():
    a, b = RNG.standard_normal((2, 40, 3)) + 0.5
    signs = RNG.choice([-1.0, 1.0], (40, 1))
    for p in (0.7, 2.0, 4.0):
        cost = rates.wasserstein_pow(a, b, p, modulo="signs")
        assert rates.wasserstein_pow(signs * a, b, p, modulo="signs") == pytest.approx(cost)
        assert cost <= rates.wasserstein_pow(a, b, p)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150])
def test_units_do_not_matter(scale):
    a, b = RNG.standard_normal((2, 20, 3))
    one = rates.wasserstein(a, b, modulo="signs")
    assert rates.wasserstein(scale * a, scale * b, modulo="signs") == pytest.approx(scale * one)


def test_memory_for_both_signs_is_asked_for():
    a, b = RNG.standard_normal((2, 100, 3))
    with pytest.raises(ValueError, match="memory_limit must be >= 160000 bytes"):
        rates.wasserstein_pow(a, b, modulo="signs", memory_limit=100_000)


def test_pooled_and_simulated_costs_agree_modulo_signs():
    cube = UniformCube(2)
    neurons = np.stack([cube.sample(64, rng=RNG) for _ in range(32)])
    pooled = rates.pooled_matching_cost(neurons, 64, rng=RNG, modulo="signs")
    direct = rates.matching_cost(cube, 64, repeats=64, rng=RNG, modulo="signs")
    error = np.hypot(pooled.standard_error, direct.standard_error)
    assert abs(pooled.mean - direct.mean) < 5 * error  # false alarm 1e-4 (t law)
    whole = rates.matching_cost(cube, 64, repeats=64, rng=RNG)
    assert direct.mean < 0.9 * whole.mean


def test_dimensions_are_those_of_the_quotient():
    """A cluster far from the origin and its mirror image are one: it is the cluster's dimension."""
    centre = np.array([30.0, 0.0, 0.0, 0.0])
    cluster = centre + np.c_[RNG.standard_normal((800, 2)), np.zeros((800, 2))]
    signs = RNG.choice([-1.0, 1.0], (800, 1))
    inside, outside = (
        rates.compare_dimensions(points, modulo=modulo)
        for points, modulo in ((signs * cluster, "signs"), (cluster, None))
    )
    for name in ("two-NN", "maximum likelihood", "correlation"):
        assert inside[name] == pytest.approx(outside[name], rel=1e-6)


def test_mirror_images_are_repeated_points_modulo_signs():
    points = RNG.standard_normal((300, 3))
    once = rates.compare_dimensions(points, modulo="signs")
    twice = rates.compare_dimensions(np.r_[points, -points], modulo="signs")
    assert once == pytest.approx(twice, rel=1e-12)
    with pytest.raises(ValueError, match="at least 3 distinct ones, got 2"):
        rates.two_nn_dimension(np.array([[1.0, 0], [-1, 0], [0, 2], [0, -2]]), modulo="signs")


@pytest.mark.parametrize("d", [2, 5])
def test_a_density_keeps_its_dimension(d):
    points = RNG.standard_normal((1500, d))
    for estimator in (rates.two_nn_dimension, rates.maximum_likelihood_dimension):
        assert estimator(points, modulo="signs") == pytest.approx(estimator(points), rel=0.08)


def test_curves_give_the_wasserstein_dimension_modulo_signs():
    curve = rates.matching_cost_curve(
        Gaussian(spectrum=[1.0] * 5), [32, 128, 512], repeats=8, rng=RNG, modulo="signs"
    )
    assert 4 < rates.wasserstein_dimension(curve) < 7


@pytest.mark.parametrize("signs", [False, True])
def test_distances_of_all_pairs_are_those_of_single_ones(signs):
    x, y = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 3))

    def apart(one, other):
        straight, mirrored = np.linalg.norm(one - other), np.linalg.norm(one + other)
        return min(straight, mirrored) if signs else straight

    expected = np.array([[apart(one, other) for other in y] for one in x])
    assert distances(x, y, signs=signs) == pytest.approx(expected, rel=1e-14)
    squares = distances(x, y, signs=signs, metric="sqeuclidean")
    assert squares == pytest.approx(expected**2, rel=1e-13)
    pairs = [apart(one, other) for one, other in itertools.combinations(y, 2)]
    assert condensed_distances(y, signs=signs) == pytest.approx(pairs, rel=1e-14)
