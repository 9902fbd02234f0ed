"""Trees of equal cells: exact cases, the matching of the proof carried out, optimal matchings."""

import numpy as np
import pytest
from scipy.stats import binom

from lmctheory.measures import Empirical, Gaussian, GaussianMixture
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.rates.upper.equal_cells import (
    _cut,
    _levels,
    _prime_factors,
    equal_cells_bound,
    equal_cells_power_bound,
)
from tests.rates.finite_laws import (
    awkward_atoms,
    awkward_cloud,
    enumerated_cost,
    no_cloud_costs_more,
)


def left_over_matched(a, b, groups, rng):
    """Matches leftovers of different groups at random; what is matched, and what is left."""
    units = []
    for counts in (a, b):
        labels = np.repeat(np.arange(len(counts)), counts)
        units.append(rng.permutation(labels))
    k = min(map(len, units))
    assert (groups[units[0][:k]] != groups[units[1][:k]]).all()
    left = [np.bincount(u[k:], minlength=len(a)) for u in units]
    return list(zip(units[0][:k], units[1][:k], strict=True)), *left


@pytest.mark.parametrize(
    ("n", "levels", "aside", "m"), [(12, (2, 2, 3), 0, 9), (8, (8,), 0, 5), (14, (2, 6), 2, 20)]
)
def test_it_is_the_cost_of_the_matching_of_the_proof(n, levels, aside, m):
    """Level after level from below; 4 standard errors, false alarm 6e-5."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 2))
    x = x - x.mean(axis=0)
    rest, cells = x[:aside], x[aside:][None]
    points, paths = x[aside:], [np.zeros(n - aside, dtype=int)]
    for parts in levels:
        cells = cells.reshape(-1, 1, 2) if parts == cells.shape[1] else _cut(cells, parts)
        points = cells.reshape(-1, 2)
        paths.append(np.repeat(np.arange(len(cells)), cells.shape[1]))
    points = np.r_[rest, points]
    own = np.arange(aside)  # points set aside are cells of their own, up to the root
    costs = []
    for _ in range(4000):
        a, b = rng.multinomial(m, np.full(n, 1 / n), size=2)
        a, b = a - np.minimum(a, b), b - np.minimum(a, b)
        cost = 0.0
        for upper, lower in zip(paths[-2::-1], paths[:0:-1], strict=True):
            children = np.r_[own, lower + aside]
            for cell in range(upper.max() + 1):
                inside = np.r_[np.zeros(aside, dtype=bool), upper == cell]
                pairs, left_a, left_b = left_over_matched(a * inside, b * inside, children, rng)
                cost += sum(((points[i] - points[j]) ** 2).sum() for i, j in pairs)
                a, b = a * ~inside + left_a, b * ~inside + left_b
        pairs, a, b = left_over_matched(a, b, np.r_[own, np.full(n - aside, n)], rng)
        cost += sum(((points[i] - points[j]) ** 2).sum() for i, j in pairs)
        assert not a.any()
        assert not b.any()
        costs.append(cost / m)
    mean, error = np.mean(costs), np.std(costs) / np.sqrt(len(costs))
    stated = _levels(x, np.arange(aside), m)[len(levels) - 1]
    if aside:  # pairs of two kinds count as the dearer
        assert mean - 4 * error < stated < 1.2 * mean
    else:
        assert abs(stated - mean) < 4 * error


def transcribed(x, m, parts):
    """Every level by loops: cells cut one after the other, and the last one into points."""
    n = len(x)

    def g(size):
        k = np.arange(m + 1)
        law = binom.pmf(k, m, size / n)
        return float((np.abs(k[:, None] - k) * law[:, None] * law).sum()) / m

    def cost(points, parts):
        if len(points) == 1:
            return 0.0
        if parts:
            children = list(_cut(points[None], parts[0]))
        else:
            children = [point[None] for point in points]
        pairs = [
            ((p - q) ** 2).sum()
            for i, first in enumerate(children)
            for second in children[:i]
            for p in first
            for q in second
        ]
        own = (sum(g(len(c)) for c in children) - g(len(points))) / 2 * np.mean(pairs)
        return own + sum(cost(c, parts[1:]) for c in children)

    return min(cost(x, parts[:depth]) for depth in range(len(parts) + 1))


@pytest.mark.parametrize(("n", "parts"), [(12, [2, 2, 3]), (9, [3, 3]), (7, [7])])
@pytest.mark.parametrize("m", [1, 6, 40])
def test_against_the_definition(n, parts, m):
    x = np.random.default_rng(n).standard_normal((n, 3)) * [3.0, 1.0, 0.5]
    assert min(_levels(x, np.arange(0), m)) == pytest.approx(transcribed(x, m, parts), rel=1e-10)


def test_no_small_law_costs_more():
    """All samples enumerated: rounding is not allowed for."""
    rng = np.random.default_rng(3)
    for _ in range(100):
        points, copies = awkward_atoms(rng)
        copies = np.minimum(copies, 60)
        m = int(rng.integers(1, 5))
        cost = enumerated_cost(points, copies, m)
        bound = equal_cells_bound(np.repeat(points, copies, axis=0), m)
        assert cost <= bound, (points, copies, m)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_cloud_costs_more(part):
    no_cloud_costs_more("R16", part)


@pytest.mark.parametrize(
    ("shape", "truth", "ratio"),
    [((160, 385), 27.53, 1.1), ((1000, 100), 140.4, 1.26), ((8, 5), 0.97, 1.2)],
)
def test_how_tight_it_is(shape, truth, ratio):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) / np.arange(1, shape[1] + 1) ** (0.3 if shape[0] == 160 else 0)
    cost = matching_cost(Empirical(x), 100, repeats=4, rng=rng)
    bound = equal_cells_bound(x, 100)
    assert bound <= ratio * (cost.mean + 4 * cost.standard_error)
    assert bound < upper_bound(Empirical(x), 100).terms["R5"]


def test_clusters_of_equal_probability():
    """Their labels are points of equal chances; 40 draws, 6 standard errors."""
    rng = np.random.default_rng(2)
    means = rng.standard_normal((8, 5))
    mu = GaussianMixture(np.full(8, 1 / 8), means, [Gaussian(spectrum=[1e-4] * 5)] * 8)
    for m in (20, 200):
        bound = upper_bound(mu, m).terms["R5 clusters"]
        cost = matching_cost(mu, m, repeats=40, rng=rng)
        assert cost.mean - 6 * cost.standard_error < bound < 1.02 * equal_cells_bound(means, m)
    weights = np.r_[1.1, np.ones(6), 0.9] / 8
    unequal = GaussianMixture(weights, means, [Gaussian(spectrum=[1e-4] * 5)] * 8)
    assert upper_bound(unequal, 200).value > 1.2 * bound  # R5 is left


def test_points_set_aside_cost_little():
    """503 is a prime: 500 in a tree, or all of them in one cell."""
    x = np.random.default_rng(0).standard_normal((503, 10))
    assert equal_cells_bound(x, 1000) < 1.01 * equal_cells_bound(x[:500], 1000)
    assert equal_cells_bound(x, 1000) < 0.8 * min(_levels(x, np.arange(0), 1000))


def test_two_atoms_and_one_neuron_are_exact():
    assert equal_cells_bound(np.ones((1, 2)), 5) == 0.0
    assert equal_cells_bound(np.ones((7, 2)), 5) == 0.0
    x = np.random.default_rng(1).standard_normal((11, 3))
    assert equal_cells_bound(x, 1) == pytest.approx(2 * Empirical(x).spectrum.sum(), rel=1e-10)
    two = np.array([[0.0], [3.0]])
    for m in (1, 4, 300):
        assert equal_cells_bound(two, m) == pytest.approx(lower_bound(Empirical(two), m).value)


def test_it_does_not_depend_on_the_origin_or_the_scale():
    x = np.round(np.random.default_rng(5).standard_normal((30, 3)) * 2**20) / 2**20
    bound = equal_cells_bound(x, 20)
    assert equal_cells_bound(x + 2.0**30, 20) == pytest.approx(bound, rel=1e-9)
    assert equal_cells_bound(1e-100 * x, 20) == pytest.approx(1e-200 * bound, rel=1e-9)


def test_prime_factors():
    assert _prime_factors(1) == []
    assert _prime_factors(360) == [2, 2, 2, 3, 3, 5]
    assert _prime_factors(503) == [503]


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (60, 3), (53, 2), (101, 6)])
def test_other_exponents_know_the_second(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    for m in (1, 7, 200):
        bound = equal_cells_bound(x, m)
        assert equal_cells_power_bound(x, m, 2.0) == pytest.approx(bound, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0])
def test_no_small_law_costs_more_for_another_exponent(p):
    rng = np.random.default_rng(int(10 * p))
    for _ in range(40):
        points, copies = awkward_atoms(rng)
        copies, m = np.minimum(copies, 40), int(rng.integers(1, 5))
        bound = equal_cells_power_bound(np.repeat(points, copies, axis=0), m, p)
        assert enumerated_cost(points, copies, m, p) <= bound * (1 + 1e-9)


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))]
)
def test_no_cloud_costs_more_for_another_exponent(part):
    """60 draws, 6 standard errors: t law, 59 degrees of freedom, false alarm 7e-8 each."""
    rng = np.random.default_rng(part)
    for _ in range(25):
        points, m, p = awkward_cloud(rng), int(rng.integers(1, 80)), float(rng.choice([0.5, 1, 3]))
        measured = matching_cost(Empirical(points), m, repeats=60, p=p, rng=rng)
        bound = equal_cells_power_bound(points, m, p)
        assert measured.mean - 6 * measured.standard_error <= bound * (1 + 1e-9)


def test_it_is_no_detour_for_p_1():
    mu = Empirical(np.random.default_rng(0).standard_normal((500, 3)))
    bound = upper_bound(mu, 1000, 1.0)  # measured .241
    assert bound.key == "R19"
    assert 0.241 < bound.value < 1.6 * 0.241 < 0.9 * bound.terms["R16"]
    assert bound.terms["R16"] < 0.46 < 0.55 * upper_bound(mu, 1000).terms["R16"] ** 0.5
