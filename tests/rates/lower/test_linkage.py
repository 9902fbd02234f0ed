"""Gaps between clusters from below: exact cases, a transcription, simulation, what is refused.

Statistical tests fix seeds and sizes beforehand: 60 draws, 6 standard errors (t law, 59 degrees of
freedom) are exceeded with probability 7e-8 each where a bound is attained, and hardly elsewhere.
"""

import itertools

import numpy as np
import pytest

import lmctheory.rates.lower.linkage as module
from lmctheory.measures import Empirical, Gaussian, GaussianMixture
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.rates.atom_lines import line_costs
from lmctheory.rates.lower.linkage import linkage_bound, separation_bound
from lmctheory.rates.lower.nearest_neighbour import empirical_bound
from lmctheory.rates.upper.covering import mean_left_over
from lmctheory.theorems.checks.finite_laws import line_cost
from tests.rates.finite_laws import awkward_atoms, awkward_cloud, enumerated_cost

NEVER = np.zeros_like


def transcribed(points, m, p, g):
    """The definition: minimax paths, clusters as sets, one g."""
    n = len(points)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    u = apart.copy()
    for k in range(n):
        u = np.minimum(u, np.maximum(u[:, [k]], u[[k]]))
    total = 0.0
    for row in apart:
        steps = np.diff(np.minimum(np.sort(row), g) ** p)
        total += (steps * (1 - np.arange(1, n) / n) ** m).sum() / n
    clusters = {}
    for height in np.unique(u):
        for row in u:
            clusters.setdefault(frozenset(np.flatnonzero(row <= height)), height)
    for members, height in clusters.items():
        larger = [h for other, h in clusters.items() if members < other]
        if larger:
            left = mean_left_over(np.array([len(members) / n]), m)[0]
            total += (max(min(larger), g) ** p - max(height, g) ** p) * left / 2
    return total


@pytest.mark.parametrize(("m", "p"), [(1, 2.0), (3, 1.0), (20, 2.0), (20, 0.5)])
def test_against_the_definition(m, p):
    points = np.random.default_rng(m).standard_normal((9, 2))
    points[1] = points[0]
    found = linkage_bound(Empirical(points), m, p)
    apart = np.unique(np.linalg.norm(points[:, None] - points, axis=2))
    every = max(transcribed(points, m, p, g) for g in np.r_[apart, 1e9])
    assert found <= every * (1 + 1e-12)
    assert found == pytest.approx(every, rel=1e-3)  # heights of the linkage are enough


def test_two_atoms_are_exact():
    masses = np.repeat([0.0, 3.0], [2, 5])[:, None]
    for m in (1, 4, 50, 10**6):
        exact = 9 * float(mean_left_over(np.array([2 / 7]), m)[0])
        assert linkage_bound(Empirical(masses), m, 2.0) == pytest.approx(exact, rel=1e-10)


def test_it_is_at_least_the_nearest_neighbour():
    mu = Empirical(np.random.default_rng(0).standard_normal((200, 3)))
    for m in (1, 10, 100, 10_000):
        assert linkage_bound(mu, m, 2.0) >= empirical_bound(mu, m, 2.0) * (1 - 1e-10)


@pytest.mark.parametrize("signs", [False, True])
def test_distances_modulo_signs(signs):
    points = np.random.default_rng(1).standard_normal((40, 2))
    flipped = points * np.where(np.arange(40) % 3, 1.0, -1.0)[:, None]
    one, other = (linkage_bound(Empirical(x), 30, 2.0, signs=signs) for x in (points, flipped))
    assert (one == pytest.approx(other, rel=1e-12)) == signs


def test_no_small_law_costs_less():
    """All samples of up to five atoms enumerated."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        points, copies = awkward_atoms(rng)
        copies = np.minimum(copies, 300)
        mu, m = Empirical(np.repeat(points, copies, axis=0)), int(rng.integers(1, 5))
        p = float(rng.choice([0.5, 1.0, 2.0, 3.0]))
        cost = enumerated_cost(points, copies, m, p)
        terms = lower_bound(mu, m, p).terms
        assert terms.get("R22", 0.0) <= cost, (points, copies, m, p)
        assert terms.get("R7 in every coordinate", 0.0) <= cost * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_cloud_costs_less(part):
    rng = np.random.default_rng(part)
    for _ in range(100):
        mu, m = Empirical(awkward_cloud(rng)), int(rng.integers(1, 80))
        p, modulo = float(rng.choice([1.0, 2.0, 3.0])), rng.choice([None, "signs"])
        measured = matching_cost(mu, m, repeats=60, p=p, modulo=modulo, rng=rng)
        bound = lower_bound(mu, m, p, modulo=modulo)
        allowed = 6 * measured.standard_error + 1e-9 * measured.mean
        assert max(bound.terms.values()) <= measured.mean + allowed, (mu, m, p, modulo, bound)


@pytest.mark.parametrize(
    ("shape", "truth", "ratios"),
    [  # truths at m = 100 and 1000, +- 3 % or better
        ((500, 3), (0.632, 0.144), (2.25, 2.1)),
        ((300, 2), (0.228, 0.0561), (2.0, 2.5)),
        ((500, 10), (6.34, 2.5), (1.4, 1.55)),
    ],
)
def test_how_tight_it_is(shape, truth, ratios):
    mu = Empirical(np.random.default_rng(0).standard_normal(shape))
    for m, cost, ratio in zip((100, 1000), truth, ratios, strict=True):
        assert cost / ratio <= lower_bound(mu, m).value <= 1.03 * cost


# blocks


def test_a_long_axis_and_the_others():
    """Ranks along it, neighbours across: more than either alone, less than the cost."""
    points = np.random.default_rng(0).standard_normal((300, 8)) * [6.0, *[0.5] * 7]
    points = points @ np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
    mu = Empirical(points)
    bound, measured = lower_bound(mu, 100), matching_cost(mu, 100, repeats=60, rng=0)
    assert bound.key == "R22 blocks"
    assert bound.value < measured.mean + 6 * measured.standard_error
    rest = sorted(bound.terms.values())[-2]
    assert bound.value > 1.15 * rest
    centred = points - points.mean(axis=0)
    along = centred @ np.linalg.svd(centred)[2].T
    parts = line_costs(along[:, :1], 100)[0] + linkage_bound(Empirical(along[:, 1:]), 100, 2.0)
    assert bound.value == pytest.approx(parts, rel=1e-9)


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 6))]
)
def test_no_cloud_with_a_gap_costs_less(part):
    rng = np.random.default_rng(part)
    for _ in range(20):
        points = awkward_cloud(rng)
        points[:, : int(rng.integers(1, 3))] *= 10 ** rng.uniform(0.5, 2)
        mu, m = Empirical(points), int(rng.integers(2, 80))
        measured = matching_cost(mu, m, repeats=60, rng=rng)
        bound = lower_bound(mu, m).terms.get("R22 blocks", 0.0)
        assert bound <= measured.mean + 6 * measured.standard_error + 1e-9 * measured.mean
        points, copies = awkward_atoms(rng)
        points[:, 0] *= 10
        m = int(rng.integers(2, 4))
        terms = lower_bound(Empirical(np.repeat(points, np.minimum(copies, 300), axis=0)), m).terms
        cost = enumerated_cost(points, np.minimum(copies, 300), m)
        assert terms.get("R22 blocks", 0.0) <= cost * (1 + 1e-9)


def test_without_a_gap_there_are_no_blocks():
    mu = Empirical(np.random.default_rng(0).standard_normal((50, 3)))
    assert lower_bound(mu, 20).missing["R22 blocks"] == "a gap in the spectrum"
    assert "R22 blocks" in lower_bound(Empirical(np.ones((5, 2))), 20).missing
    assert "R22 blocks" in lower_bound(Empirical(np.arange(5.0)[:, None]), 20).missing


# mixtures


def random_mixture(rng):
    k, d = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    means = rng.standard_normal((k, d)) * 10 ** rng.uniform(-1, 2)
    if rng.random() < 0.2:
        means[1] = means[0]
    components = [
        Gaussian(covariance=np.diag(10 ** rng.uniform(-4, 0, d) * (rng.random(d) < 0.8)))
        for _ in range(k)
    ]
    return GaussianMixture(rng.dirichlet(np.ones(k)), means, components)


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))]
)
def test_no_mixture_costs_less(part):
    rng = np.random.default_rng(part)
    for _ in range(40):
        mu, m = random_mixture(rng), int(rng.integers(1, 60))
        measured = matching_cost(mu, m, repeats=60, rng=rng)
        bound = lower_bound(mu, m)
        allowed = 6 * measured.standard_error
        assert max(bound.terms.values()) <= measured.mean + allowed, (mu, m, bound)
        assert bound.value <= upper_bound(mu, m).value * (1 + 1e-9)


def test_points_that_are_clusters():
    """Components without a spread: the law of k atoms."""
    rng = np.random.default_rng(0)
    means, weights = rng.standard_normal((6, 3)), np.array([1, 2, 3, 1, 2, 1]) / 10
    mixture = GaussianMixture(weights, means, [Gaussian(spectrum=[0.0] * 3)] * 6)
    atoms = Empirical(np.repeat(means, [1, 2, 3, 1, 2, 1], axis=0))
    for m in (5, 500):
        exact = transcribed(np.asarray(atoms.points), m, 2.0, 0.0)
        assert separation_bound(mixture, m, NEVER) == pytest.approx(exact, rel=1e-9)


def test_what_a_direction_takes_off():
    """Two components: the definition, margin by margin."""
    mu = GaussianMixture(
        [0.3, 0.7],
        np.array([[0.0, 0.0], [0.0, 4.0]]),
        [Gaussian(covariance=np.diag([9.0, 0.04])), Gaussian(covariance=np.diag([1.0, 0.09]))],
    )
    draws = np.abs(np.random.default_rng(0).standard_normal(2_000_000))
    margins = np.arange(0, 1.5, 0.05)
    left = mean_left_over(np.array([0.3]), 40)[0]
    values = []
    for r in margins:
        excess = [np.maximum(s * draws - r, 0).mean() / 2 for s in (0.2, 0.3)]
        t = 4 - 2 * r
        values.append(t**2 * left - 4 * t * (0.3 * excess[0] + 0.7 * excess[1]))
    assert separation_bound(mu, 40, NEVER) == pytest.approx(max(values), rel=0.02)


def test_clusters_of_the_study():
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    mu = GaussianMixture([0.25] * 4, corners, [Gaussian(spectrum=[0.01] * 3)] * 4)
    bound = lower_bound(mu, 1000)  # measured .177(13)
    assert bound.key == "R22"
    assert 0.15 < bound.value < 0.177


def test_overlapping_clusters_have_no_gaps():
    one = Gaussian(spectrum=[1.0, 1.0])
    mu = GaussianMixture([0.5, 0.5], np.array([[0.0, 0.0], [0.1, 0.0]]), [one, one])
    assert separation_bound(mu, 100, NEVER) < 1e-6
    nearest = separation_bound(mu, 100, lambda x: np.exp(-(10**4) * x))
    assert nearest == pytest.approx(1e-4, rel=0.1)  # the integral of the survival


# lines


@pytest.mark.parametrize("m", [1, 2, 9, 400])
def test_lines_are_exact(m):
    rng = np.random.default_rng(m)
    points = np.c_[rng.standard_normal(15), 1e6 + rng.random(15), np.full(15, 7.0)]
    exact = [line_cost(np.sort(x), np.full(15, 1 / 15), 2.0, m) for x in points.T[:2]]
    assert line_costs(points, m) == pytest.approx([*exact, 0.0], rel=1e-8, abs=1e-30)


@pytest.mark.parametrize("m", [1, 3, 200])
def test_one_dimension_is_closed(m):
    """L = M = U."""
    mu = Empirical(np.random.default_rng(m).gamma(2.0, size=(150, 1)))
    low, high = lower_bound(mu, m), upper_bound(mu, m)
    assert low.value == pytest.approx(high.value, rel=1e-10)
    assert low.value <= high.value
    assert upper_bound(mu, 10**9).value > lower_bound(mu, 10**9).value > 0


def test_blocks_of_ranks_are_summed(monkeypatch):
    points = np.random.default_rng(0).standard_normal((20, 2))
    whole = line_costs(points, 50)
    monkeypatch.setattr("lmctheory.rates.atom_lines._BLOCK", 60)
    assert line_costs(points, 50) == pytest.approx(whole, rel=1e-12)


# what is missing


def test_what_does_not_apply(monkeypatch):
    monkeypatch.setattr("lmctheory.rates.lower.lower_arguments.MOST_POINTS", 10)
    points = np.random.default_rng(0).standard_normal((11, 1))
    assert lower_bound(Empirical(points), 5).missing["R22"].startswith("2 to 10 points")
    assert lower_bound(Empirical(points[:1]), 5).missing["R22"].startswith("2 to 10 points")
    assert "given points" in lower_bound(Gaussian(spectrum=[1.0]), 5).missing["R22"]
    mixture = random_mixture(np.random.default_rng(0))
    assert "keep their signs" in lower_bound(mixture, 5, modulo="signs").missing["R22"]


def test_many_points_are_taken_in_blocks(monkeypatch):
    mu = Empirical(np.random.default_rng(0).standard_normal((50, 3)))
    whole = linkage_bound(mu, 7, 2.0)
    monkeypatch.setattr(module, "_BLOCK", 170)
    assert linkage_bound(mu, 7, 2.0) == pytest.approx(whole, rel=1e-13)
    for first, second in itertools.pairwise([1, 2, 30, 1000]):
        assert linkage_bound(mu, first, 2.0) >= linkage_bound(mu, second, 2.0)
