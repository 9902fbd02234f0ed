"""The nearest-neighbour arguments against naive Monte Carlo of what they bound.

Means of 1500 draws; 4 standard errors, a false alarm < 1e-4 each (where the bound is attained).
"""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from lmctheory.measures import Gaussian, UniformBall, UniformCube, UniformSphere
from lmctheory.rates.lower import voronoi
from lmctheory.rates.lower.box_balls import box_bound
from lmctheory.rates.lower.moments import mean_bound
from lmctheory.rates.lower.nearest_neighbour import (
    ball_bound,
    correlation_bound,
    density_bound,
    lens,
)
from lmctheory.rates.lower.small_ball import isotropic_bound, tilted_bound
from lmctheory.rates.lower.voronoi import ball_voronoi_gain, cube_voronoi_gain, sphere_voronoi_gain

DRAWS = 1500


def simulated(costs):
    return np.mean(costs), 4 * np.std(costs) / np.sqrt(len(costs))


def nearest(mu, m, p, rng):
    """E min_j |a - b_j|^p, one a for every sample b."""
    a = mu.sample(DRAWS, rng=rng)[:, None]
    b = mu.sample(DRAWS * m, rng=rng).reshape(DRAWS, m, mu.dimension)
    return simulated(np.linalg.norm(a - b, axis=2).min(axis=1) ** p)


@pytest.mark.parametrize("p", [0.5, 2.0])
@pytest.mark.parametrize(
    ("bound", "mu", "tight"),
    [
        (lambda m, p: box_bound((1.0,), m, p), UniformCube(1), 0.97),
        (lambda m, p: box_bound((1.0,) * 3, m, p), UniformCube(3), 0.94),
        (lambda m, p: box_bound((1.0,) * 20, m, p), UniformCube(20), 0.88),
        (lambda m, p: ball_bound(1, m, p), UniformBall(1), 0.97),
        (lambda m, p: ball_bound(4, m, p), UniformBall(4), 0.97),
        (lambda m, p: correlation_bound(UniformSphere(3), 4.0, m, p), UniformSphere(3), 0.97),
        (lambda m, p: isotropic_bound(3, m, p), Gaussian(spectrum=[1.0] * 3), 0.94),
        (lambda m, p: tilted_bound(np.ones(6), m, p), Gaussian(spectrum=[1.0] * 6), 0.6),
    ],
)
def test_the_bounds_are_just_below_the_nearest_neighbour_cost(bound, mu, tight, p):
    mean, slack = nearest(mu, 20, p, np.random.default_rng(1))
    assert tight * mean - slack <= bound(20, p) <= mean + slack


def test_unequal_sides():
    sides = (2.0, 1.0, 0.3)
    rng = np.random.default_rng(2)
    costs = [
        np.square(sides * (rng.random(3) - rng.random((50, 3)))).sum(axis=1).min()
        for _ in range(DRAWS)
    ]
    mean, slack = simulated(costs)
    assert 0.85 * mean <= box_bound(sides, 50, 2.0) <= mean + slack


def test_many_different_sides_are_rounded_down():
    sides = tuple(np.geomspace(1.0, 0.5, 12))
    smallest, largest = (box_bound((side,) * 12, 30, 2.0) for side in (0.5, 1.0))
    assert smallest < box_bound(sides, 30, 2.0) < largest


def test_lenses_agree_with_sampling():
    """1500 uniform points: 4 standard errors of a share."""
    x = UniformBall(3).sample(DRAWS, rng=np.random.default_rng(3))
    for norm in (0.0, 0.3, 0.8, 1.0):
        for r in (0.1, 0.5, 0.9, 1.2, 1.9):
            share = (np.linalg.norm(x - [norm, 0, 0], axis=1) <= r).mean()
            exact = float(lens(3, np.array([norm]), r)[0])
            assert abs(share - exact) <= 4 * np.sqrt(exact * (1 - exact) / DRAWS) + 1e-12


@pytest.mark.parametrize(("k", "p", "m"), [(1, 2.0, 1), (3, 1.0, 50), (8, 2.0, 10**12)])
def test_the_density_form_is_its_integral(k, p, m):
    """int (1 - F v r^k)^m d(r^p) by quadrature, F v = 2."""
    log_volume = k / 2 * np.log(np.pi) - gammaln(k / 2 + 1)
    logs = np.full(k, np.inf)
    logs[-1] = np.log(2) - log_volume
    q = np.geomspace(1e-12 / m, min(1.0, 100 / m), 400_001)
    integrand = np.exp(m * np.log1p(-np.minimum(q, 1 - 1e-16)))
    exact = np.trapezoid(integrand, (q / 2) ** (p / k)) + (q[0] / 2) ** (p / k)
    assert density_bound(logs, m, p) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("m", [10, 1000, 1_288_839, 10**9])
def test_the_density_form_keeps_its_digits_in_large_samples(m):
    """In one dimension 1/(2(m+1)) for p = 1 and 1/(2(m+1)(m+2)) for p = 2, exactly."""
    assert density_bound(np.zeros(1), m, 1.0) * 2 * (m + 1) == pytest.approx(1, rel=1e-13)
    assert density_bound(np.zeros(1), m, 2.0) * 2 * (m + 1) * (m + 2) == pytest.approx(1, rel=1e-13)


def test_the_means_of_normal_samples():
    """E|N(0, I_2)| = sqrt(pi/2); Hoelder loses a factor 1.25 / 1 at most."""
    exact = np.sqrt(np.pi / 2) * np.sqrt(2 / 10)
    assert 0.75 * exact < mean_bound(np.ones(2), 10, 1.0) < exact
    assert mean_bound(np.ones(2), 10, 2.0) == pytest.approx(0.4)


def test_the_translation_identity():
    """E W_2^2 is that of the centred samples plus 2 tr / m: here for nearest neighbours."""
    rng, m = np.random.default_rng(5), 6
    centred, shifted = [], []
    for _ in range(4000):
        a, b = rng.standard_normal((2, m, 2))
        centred.append(np.square(a[0] - a.mean(0) - b + b.mean(0)).sum(axis=1).min())
        y = np.sqrt(1 - 2 / m) * rng.standard_normal(2)
        shifted.append(np.square(y - rng.standard_normal((m, 2))).sum(axis=1).min())
    (one, slack), (other, more) = simulated(centred), simulated(shifted)
    assert abs(one - other) <= slack + more
    plain, error = simulated(
        [
            np.square(rng.standard_normal(2) - rng.standard_normal((m, 2))).sum(axis=1).min()
            for _ in range(4000)
        ]
    )
    assert plain - error > other + more  # the identity is no triviality: Y is nearer to 0
    bound = isotropic_bound(2, m, 2.0, 1 - 2 / m)
    assert 0.96 * other - more <= bound <= other + more


@pytest.mark.parametrize(("m", "p"), [(2, 2.0), (40, 1.0), (150, 2.0)])
@pytest.mark.parametrize(
    ("mu", "gain"),
    [
        (UniformSphere(2), lambda m, p: sphere_voronoi_gain(2, m, p)),
        (UniformSphere(4), lambda m, p: sphere_voronoi_gain(4, m, p)),
        (UniformBall(3), lambda m, p: ball_voronoi_gain(3, m, p)),
        (UniformCube(1), lambda m, p: cube_voronoi_gain(1, m, p)),
        (UniformCube(2), lambda m, p: cube_voronoi_gain(2, m, p)),
        (UniformCube(3), lambda m, p: cube_voronoi_gain(3, m, p)),
    ],
)
def test_the_voronoi_gain_is_below_what_empty_cells_cost(mu, gain, m, p):
    """Naively: the least surplus |a_i - b_j|^p - min_k |a_k - b_j|^p, averaged over i."""
    rng, means = np.random.default_rng(m), []
    for _ in range(1500 if m < 150 else 100):
        cost = cdist(mu.sample(m, rng=rng), mu.sample(m, rng=rng)) ** p
        means.append((cost - cost.min(axis=0)).min(axis=1).mean())
    mean, slack = simulated(means)
    value = gain(m, p)
    assert value <= mean + slack
    if m >= 40:  # else all is boundary
        assert value >= 0.3 * mean


@pytest.mark.parametrize(
    ("name", "coarse"), [("_SHELLS", 6), ("_CELLS", (16, 4, 3, 2, 2)), ("_COSTS", 75)]
)
def test_coarser_grids_lower_the_voronoi_gain(monkeypatch, name, coarse):
    """Every grid is rounded the safe way: the gain is far enough below the truth to hide it."""
    gains = {"_SHELLS": ball_voronoi_gain, "_CELLS": cube_voronoi_gain, "_COSTS": cube_voronoi_gain}
    fine = gains[name](2, 40, 2.0)
    monkeypatch.setattr(voronoi, name, coarse)
    assert 0.3 * fine < gains[name].__wrapped__(2, 40, 2.0) < fine


def test_the_voronoi_gain_in_the_bulk():
    """On the sphere in R^3, locally the plane: 1.368 times the nearest-neighbour cost."""
    m = 10**6
    nearest_neighbour = 4 / (m + 1)  # C(r) = r^2 / 4
    assert sphere_voronoi_gain(3, m, 2.0) / nearest_neighbour == pytest.approx(0.368, abs=0.015)


def test_one_neuron_leaves_no_cell_empty():
    assert sphere_voronoi_gain(3, 1, 2.0) == ball_voronoi_gain(2, 1, 1.0) == 0.0
    assert cube_voronoi_gain(6, 100, 2.0) == 0.0
