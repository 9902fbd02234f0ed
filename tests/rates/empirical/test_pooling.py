"""Pooled neurons: exact tests of independence, and costs of wide networks from narrow ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmctheory.measures import Gaussian
from lmctheory.rates import matching_cost, normal_matching_cost, wasserstein_pow
from lmctheory.rates.empirical.independence import (
    IndependenceTest,
    coordinate_products,
    matching_statistic,
    permutation_test,
    variance_ratio,
)
from lmctheory.rates.empirical.pooling import pooled_matching_cost


def independent(rng, K=8, m=12, d=3):
    return rng.standard_normal((K, m, d))


def shared(rng, K=8, m=12, d=3, strength=0.5):
    """Every network adds its own vector to all its neurons."""
    return independent(rng, K, m, d) + strength * rng.standard_normal((K, 1, d))


def repelling(rng, K=8, m=12):
    """One neuron in each of m cells of the line: their mean hardly varies."""
    return (np.arange(m)[None, :, None] + rng.random((K, m, 1))) / m


def scaled(rng, K=8, m=12, d=3):
    """Networks of different variance: independent given the network, means as for independence."""
    return independent(rng, K, m, d) * np.exp(0.5 * rng.standard_normal((K, 1, 1)))


def naive_variance_ratio(x):
    K, m, d = x.shape
    between = sum(np.var([x[k, :, i].mean() for k in range(K)], ddof=1) for i in range(d))
    within = np.mean([sum(np.var(x[k, :, i], ddof=1) for i in range(d)) for k in range(K)])
    return m * between / within


def test_the_variance_ratio_is_that_of_an_analysis_of_variance():
    x = independent(np.random.default_rng(0), 4, 7, 2)
    assert variance_ratio(x) == pytest.approx(naive_variance_ratio(x))
    assert np.isnan(variance_ratio(np.zeros((3, 4, 2))))


def test_the_variance_ratio_has_the_mean_of_its_docstring():
    # shared vector of variance s^2: E F ~ 1 + m s^2; numerator chi^2 of 7 * 50 degrees of freedom
    rng = np.random.default_rng(1)
    m, s = 12, 0.5
    numerators = [variance_ratio(shared(rng, 8, m, 50, s)) for _ in range(50)]
    # relative standard error sqrt(2 / (350 * 50)) = 1.1 %: five of them; false alarm 6e-7
    assert np.mean(numerators) == pytest.approx(1 + m * s**2, rel=0.055)


@pytest.mark.parametrize("statistic", [matching_statistic, variance_ratio])
def test_independent_neurons_are_rejected_as_rarely_as_promised(statistic):
    """P(p <= 0.2) <= 0.2 for 200 data sets: more than 61 has a probability of 1e-4."""
    rng = np.random.default_rng(2)
    ps = [
        permutation_test(independent(rng, 4, 6, 2), statistic, permutations=19, rng=rng).p_value
        for _ in range(200)
    ]
    rejected = sum(p <= 0.2 for p in ps)
    assert 21 <= rejected <= 61  # and not much more rarely: ties have probability zero


@pytest.mark.parametrize(
    ("plant", "statistic", "side"),
    [
        (shared, variance_ratio, 1),
        (shared, matching_statistic, 1),
        (repelling, variance_ratio, -1),
        (repelling, matching_statistic, -1),
        (scaled, lambda x: variance_ratio(coordinate_products(x)), 1),
    ],
)
def test_planted_dependence_is_found(plant, statistic, side):
    """At least 15 of 20 data sets at p <= 0.05; independent ones: that is beyond 1e-14."""
    rng = np.random.default_rng(3)
    found = [permutation_test(plant(rng), statistic, permutations=39, rng=rng) for _ in range(20)]
    assert sum(test.p_value <= 0.05 for test in found) >= 15
    assert side * (np.mean([test.ratio for test in found]) - 1) > 0.05


def test_coordinate_products_see_what_means_do_not():
    """Networks of different variance leave the ratio of the means at 1."""
    rng = np.random.default_rng(4)
    # of 40 tests at p <= 0.05 more than 8 have a probability of 3e-4 if they are exact
    found = [
        permutation_test(scaled(rng), variance_ratio, permutations=39, rng=rng) for _ in range(40)
    ]
    assert sum(test.p_value <= 0.05 for test in found) <= 8


def test_p_values_are_ranks():
    permuted = np.arange(1.0, 20.0)  # 19 deals
    assert IndependenceTest(0.0, permuted).p_value == pytest.approx(2 / 20)
    assert IndependenceTest(20.0, permuted).p_value == pytest.approx(2 / 20)
    assert IndependenceTest(10.0, permuted).p_value == 1.0
    assert IndependenceTest(3.5, permuted).p_value == pytest.approx(2 * 4 / 20)
    assert IndependenceTest(5.0, np.full(19, 5.0)).p_value == 1.0  # ties never reject
    assert IndependenceTest(5.0, permuted).ratio == pytest.approx(0.5)
    assert np.isnan(IndependenceTest(0.0, np.zeros(3)).ratio)


def test_equal_neurons_are_no_evidence_and_equal_ones_of_unequal_networks_all():
    rng = np.random.default_rng(0)
    assert np.isnan(variance_ratio(np.ones((4, 5, 2))))
    assert permutation_test(np.ones((4, 5, 2)), variance_ratio, rng=rng).p_value == 1.0
    networks = np.arange(4.0)[:, None, None] * np.ones((4, 5, 2))
    assert variance_ratio(networks) == np.inf
    assert permutation_test(networks, variance_ratio, rng=rng).p_value == pytest.approx(0.02)


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_neurons_and_networks_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    x = shared(rng, 6, 5, 2)
    shuffled = np.stack([rng.permutation(network) for network in x])
    for statistic in (matching_statistic, variance_ratio):
        assert statistic(shuffled) == pytest.approx(statistic(x))
    assert variance_ratio(rng.permutation(x)) == pytest.approx(variance_ratio(x))
    assert matching_statistic(x[[2, 3, 1, 0, 5, 4]]) == pytest.approx(matching_statistic(x))


@given(st.integers(0, 2**32 - 1))
def test_the_means_bound_the_cost_from_below(seed):
    x = shared(np.random.default_rng(seed), 2, 5, 3)
    means = x.mean(axis=1)
    assert matching_statistic(x) >= np.square(means[0] - means[1]).sum() * (1 - 1e-12)


def test_the_matching_statistic_is_a_mean_over_disjoint_pairs():
    x = independent(np.random.default_rng(5), 5, 6, 2)
    expected = (wasserstein_pow(x[0], x[1]) + wasserstein_pow(x[2], x[3])) / 2
    assert matching_statistic(x) == pytest.approx(expected)


def test_coordinate_products_are_products_along_the_pool_s_axes():
    x = independent(np.random.default_rng(6), 3, 4, 2) * [3.0, 1.0] + [5.0, 0.0]
    products = coordinate_products(x, axes=5)  # only two there are
    assert products.shape == (3, 4, 3)
    centred = x - x.mean(axis=(0, 1))
    # the trace, and the square of the off-diagonal entry, of a rotated x x^T
    np.testing.assert_allclose(products[..., 0] + products[..., 2], np.square(centred).sum(axis=2))
    assert coordinate_products(x, axes=1).shape == (3, 4, 1)
    # uncorrelated over the pool: these are principal axes
    assert abs(products[..., 1].mean()) < 1e-12


def test_narrow_networks_predict_the_cost_of_wide_ones():
    """Independent Gaussian neurons: R7's exact value, and a simulation, within 4.5 errors.

    Student's t with as many degrees of freedom as there are disjoint pairs and partitions: the
    false alarm probability is below 1e-3.
    """
    rng = np.random.default_rng(7)
    cost = pooled_matching_cost(rng.standard_normal((64, 32, 1)), 128, rng=rng)
    assert cost.draws.shape == (4, 8)
    assert abs(cost.mean - normal_matching_cost(128)) < 4.5 * cost.standard_error
    law = Gaussian(spectrum=[1.0, 0.5, 0.25])
    pool = law.sample(64 * 32, rng=rng).reshape(64, 32, 3)
    predicted = pooled_matching_cost(pool, 128, rng=rng)
    simulated = matching_cost(law, 128, repeats=32, rng=rng)
    error = np.hypot(predicted.standard_error, simulated.standard_error)
    assert abs(predicted.mean - simulated.mean) < 4.5 * error
    assert error < 0.1 * simulated.mean


def test_the_error_is_that_of_one_partition():
    rng = np.random.default_rng(8)
    cost = pooled_matching_cost(independent(rng, 8, 10, 2), 10, partitions=3, rng=rng)
    per_partition = [np.std(draws, ddof=1) / 2 for draws in cost.draws]
    assert cost.standard_error == pytest.approx(np.sqrt(np.mean(np.square(per_partition))))
    # coverage: over 100 pools the means scatter at most as much as the errors say (with 25 % room)
    found = [
        pooled_matching_cost(independent(rng, 8, 10, 2), 10, partitions=3, rng=rng)
        for _ in range(100)
    ]
    typical = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert np.std([one.mean for one in found]) < 1.25 * typical


def test_neurons_are_drawn_without_replacement():
    """One neuron far from all others is in exactly one of two halves of the pool, every time.

    With replacement both would hold it equally often in 4 of 10 draws: in none of 40, never.
    """
    pool = np.append(np.arange(7.0), 1000.0).reshape(2, 4, 1)
    cost = pooled_matching_cost(pool, 4, partitions=40, rng=np.random.default_rng(9))
    assert cost.draws.shape == (40, 1)
    assert (cost.draws > 990**2 / 4).all()
    assert np.isnan(cost.standard_error)  # one pair has none


def test_nothing_is_changed_and_draws_repeat():
    x = independent(np.random.default_rng(10))
    before = x.copy()
    first, again = (
        permutation_test(x, variance_ratio, rng=np.random.default_rng(11)).permuted
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("shape", "entry"), [((1, 5, 2), 0.0), ((5, 1, 2), 0.0), ((3, 3, 0), 0.0), ((3, 3, 2), np.nan)]
)
def test_what_is_no_pool_is_refused(shape, entry):
    rng = np.random.default_rng(0)
    neurons = np.full(shape, entry)
    for refused in (
        lambda: permutation_test(neurons, variance_ratio, rng=rng),
        lambda: pooled_matching_cost(neurons, 1, rng=rng),
        lambda: coordinate_products(neurons),
    ):
        with pytest.raises(ValueError, match="neurons must be"):
            refused()


def test_bad_numbers_are_refused():
    rng = np.random.default_rng(0)
    x = independent(rng, 2, 4, 1)
    with pytest.raises(ValueError, match="permutations must be >= 1, got 0"):
        permutation_test(x, variance_ratio, permutations=0, rng=rng)
    with pytest.raises(ValueError, match="width must be <= 4, half the pool, got 5"):
        pooled_matching_cost(x, 5, rng=rng)
    with pytest.raises(ValueError, match="width must be >= 1, got 0"):
        pooled_matching_cost(x, 0, rng=rng)
    with pytest.raises(ValueError, match="partitions must be >= 1, got 0"):
        pooled_matching_cost(x, 2, partitions=0, rng=rng)
    with pytest.raises(ValueError, match="axes must be >= 1, got 0"):
        coordinate_products(x, axes=0)
