"""Costs between samples of given points, by how often each was drawn."""

import numpy as np
import pytest

from lmctheory.measures import Empirical
from lmctheory.rates import matching_cost, wasserstein_pow
from lmctheory.rates.empirical import points as given_points

CLOUD = np.random.default_rng(0).standard_normal((12, 3))
REPEATED = np.round(CLOUD)[:, :2]


def by_assignment(mu, m, p, modulo, rng):
    """As if nothing were known of the law."""
    return wasserstein_pow(mu.sample(m, rng=rng), mu.sample(m, rng=rng), p, modulo=modulo)


@pytest.mark.parametrize("points", [CLOUD, REPEATED, CLOUD[:, :1], CLOUD[:1], 1e-11 * CLOUD])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3, 12, 20])
@pytest.mark.parametrize("modulo", [None, "signs"])
@pytest.mark.parametrize("m", [5, 12, 100])
def test_counts_cost_what_samples_cost(points, p, modulo, m):
    mu = Empirical(points)
    found = matching_cost(mu, m, repeats=2, p=p, modulo=modulo, rng=7).draws
    rng = np.random.default_rng(7)
    expected = [by_assignment(mu, m, p, modulo, rng) for _ in range(2)]
    assert found == pytest.approx(expected, rel=1e-12, abs=0)


def test_more_neurons_than_points_are_never_assigned_one_by_one(monkeypatch):
    def refused(*_, **__):
        raise AssertionError

    monkeypatch.setattr(given_points, "wasserstein_pow", refused)
    wide = matching_cost(Empirical(CLOUD), 10**6, repeats=1, rng=0).mean
    assert 0 < wide < 1e-2 * matching_cost(Empirical(CLOUD), 12, repeats=1, rng=0).mean
    with pytest.raises(AssertionError):
        matching_cost(Empirical(CLOUD), 11, repeats=1, rng=0)


def test_a_transport_that_is_left_unfinished_is_not_used(monkeypatch):
    whole = matching_cost(Empirical(CLOUD), 50, repeats=2, rng=1).draws
    monkeypatch.setattr(given_points, "_STEPS", 1)
    assert matching_cost(Empirical(CLOUD), 50, repeats=2, rng=1).draws == pytest.approx(whole)


@pytest.mark.parametrize("p", [2, 4, 8])
def test_small_steps_beside_large_ones_are_not_lost(p):
    """Two clusters a million times as far apart as they are wide, with as many neurons in each."""
    points = np.r_[1e-6 * CLOUD, 1 + 1e-6 * CLOUD]
    cost = given_points.point_cost(Empirical(points), 48, p, signs=False, memory_limit=2**20)
    rng = np.random.default_rng(0)
    a, b = (np.r_[rng.integers(12, size=24), rng.integers(12, 24, size=24)] for _ in range(2))
    within = [wasserstein_pow(points[a[k]], points[b[k]], p) for k in (slice(24), slice(24, 48))]
    assert cost(a, b) == pytest.approx(sum(within) / 2, rel=1e-8, abs=0)


def test_memory_is_asked_for_before_the_work():
    with pytest.raises(ValueError, match="memory_limit must be >= 1152"):
        matching_cost(Empirical(CLOUD), 50, memory_limit=1000, rng=0)
    signed = "memory_limit must be >= 2304"
    with pytest.raises(ValueError, match=signed):
        matching_cost(Empirical(CLOUD), 50, modulo="signs", memory_limit=1000, rng=0)
