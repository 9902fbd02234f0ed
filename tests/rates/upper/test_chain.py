"""Chains of atoms: exact cases, enumerated and simulated costs, what is refused.

Statistical tests: see `tests.rates.finite_laws`, and 60 draws with 6 standard errors (t law, 59
degrees of freedom, false alarm 7e-8 each).
"""

import numpy as np
import pytest

from lmctheory.measures import Empirical, Gaussian
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.rates.upper import chain
from lmctheory.rates.upper.chain import FEWEST, MOST_ATOMS, Chain, _missed
from lmctheory.rates.upper.covering import mean_left_over
from lmctheory.theorems.checks.finite_laws import line_cost
from tests.rates.finite_laws import awkward_atoms, awkward_cloud, enumerated_cost


def equal(points, p=2.0):
    return Chain(points, np.full(len(points), 1 / len(points)), p)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
def test_two_atoms(p):
    """All that is left over flows: exact but for what could lack, which is next to nothing."""
    points, q = np.array([[0.0, 1.0], [3.0, 1.0]]), np.array([0.2, 0.8])
    for m in (30, 100, 3000, 10**6):
        exact = 3**p * float(mean_left_over(q[:1], m)[0])
        moved, *added = Chain(points, q, p).parts(m)
        assert exact * (1 - 1e-12) <= moved <= exact * (1 + 0.3 / m)
        assert sum(added) <= exact * (0.02 * np.exp(-(m - 30) / 20) + 1e-12)


@pytest.mark.parametrize(("between", "once", "again"), [(1, 2, 1), (2, 4, 6)])
def test_all_goes_straight_on_at_empty_atoms(between, once, again, monkeypatch):
    """From end to end of a path of unit steps, by hand, in units of what is left over.

    At every atom between R is 4 - 2, and all of it is counted for G: D - 1 of the edge to an end
    and as much of the next one, less R / 2 there, so 1 for D = 2 and 3 for D = 3. Masses of the
    empty atoms are next to nothing, so that the bounds of what lacks are sharp.
    """
    n, m = between + 2, 100
    path = np.arange(n - 1), np.arange(1, n), np.ones(n - 1, dtype=bool)
    monkeypatch.setattr(chain, "_graph", lambda *_: path)
    q = np.r_[0.5, np.full(between, 1e-9), 0.5]
    left_over = float(mean_left_over(q[:1], m)[0])
    parts = np.array(Chain(np.arange(n)[:, None] * 1.0, q, 2.0).parts(m)) / left_over
    assert parts == pytest.approx([n - 1, once, again], rel=0.01, abs=1e-9)
    assert parts.sum() >= (n - 1) ** 2 * (1 - 1e-9)


def test_a_line_of_atoms_and_p_1():
    """W_1 is what flows from atom to atom; so is W_2^2, for as many neurons."""
    x = np.sort(np.random.default_rng(0).random(9))
    m, q = 3000, np.full(9, 1 / 9)
    for p, slack in ((1.0, 1.015), (2.0, 1.001)):
        exact = line_cost(x, q, p, m)
        assert exact <= Chain(x[:, None], q, p).bound(m) <= slack * exact


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))]
)
def test_no_small_law_costs_more(part):
    """All samples of up to five atoms enumerated: chains hold for few neurons too."""
    rng = np.random.default_rng(part)
    for _ in range(60):
        points, copies = awkward_atoms(rng)
        m, p = int(rng.integers(1, 5)), float(rng.choice([0.5, 1.0, 2.0, 3.0]))
        if len(points) > 1:
            cost = enumerated_cost(points, copies, m, p)
            bound = Chain(points, copies / copies.sum(), p).bound(m)
            assert cost <= bound * (1 + 1e-9), (points, copies, m, p)


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 10))]
)
def test_no_cloud_costs_more(part):
    rng = np.random.default_rng(part)
    for _ in range(25):
        points, p = awkward_cloud(rng), float(rng.choice([1.0, 2.0, 3.0]))
        m = int(rng.integers(1, 40)) * int(rng.integers(1, 8))
        if np.ptp(points, axis=0).any():
            measured = matching_cost(Empirical(points), m, repeats=60, p=p, rng=rng)
            bound = equal(points, p).bound(m)
            assert measured.mean - 6 * measured.standard_error <= bound * (1 + 1e-9)
            assert lower_bound(Empirical(points), m, p).value <= bound * (1 + 1e-9)


def test_it_does_not_depend_on_the_origin_or_the_scale():
    x = np.round(np.random.default_rng(5).standard_normal((30, 3)) * 2**20) / 2**20
    bound = equal(x).bound(500)
    assert equal(x + 2.0**30).bound(500) == pytest.approx(bound, rel=1e-6)
    assert equal(2.0**-400 * x).bound(500) == pytest.approx(2.0**-800 * bound, rel=1e-6)


def test_equal_points_are_one_atom():
    x = np.random.default_rng(1).standard_normal((8, 2))
    copies = np.array([1, 2, 3, 1, 1, 1, 2, 1])
    repeated = equal(np.repeat(x, copies, axis=0)).bound(400)
    assert repeated == pytest.approx(Chain(x, copies / 12, 2.0).bound(400), rel=1e-9)


@pytest.mark.parametrize(
    ("shape", "m", "truth", "ratio"),
    [  # truths +- 1.5 %
        ((20, 3), 1000, 0.1514, 1.2),
        ((20, 3), 16_000, 0.0378, 1.15),
        ((100, 5), 4000, 0.2595, 1.28),
        ((100, 5), 800, 0.5815, 1.7),
    ],
)
def test_how_tight_it_is(shape, m, truth, ratio):
    mu = Empirical(np.random.default_rng(0).standard_normal(shape))
    bound = upper_bound(mu, m)
    assert bound.key == "R19"
    assert 0.97 * truth < bound.value < ratio * truth
    trees = min(bound.terms["R16"], bound.terms["R18"])
    assert bound.value < 0.8 * trees


def test_going_on_is_free_for_p_1():
    """One neuron a point is enough then: W_1 is what flows from atom to atom."""
    mu = Empirical(np.random.default_rng(0).standard_normal((100, 3)))
    bound = upper_bound(mu, 200, 1.0)  # measured .393(5)
    assert bound.key == "R19"
    assert 0.393 < bound.value < 1.5 * 0.393
    assert sum(equal(np.asarray(mu.points), 1.0).parts(200)[1:]) < 1e-9 * bound.value


def test_other_exponents_are_no_detour():
    mu = Empirical(np.random.default_rng(0).standard_normal((20, 3)))
    terms = upper_bound(mu, 2000, 1.0).terms  # measured .0785(9)
    assert 0.0785 < terms["R19"] < 0.8 * min(terms["R5"], terms["R18"])


def test_what_does_not_apply():
    points = np.random.default_rng(0).standard_normal((MOST_ATOMS + 1, 1))
    assert "R19" in upper_bound(Empirical(points), 10**5).missing
    assert "R19" in upper_bound(Empirical(points[:20]), 20 * FEWEST - 1).missing
    assert "R19" in upper_bound(Empirical(points[:20]), 20 * FEWEST).terms
    for mu in (Empirical(np.ones((3, 2))), Empirical(points[:1]), Gaussian(spectrum=[1.0])):
        assert "R19" in upper_bound(mu, 100).missing


def test_rounding_does_not_grow_with_the_width():
    """Powers m of numbers near 1, where an error is multiplied by m."""
    two = Chain(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]), 2.0)
    widths = np.random.default_rng(0).uniform(4, 12, 100)
    for m in map(int, 10**widths):
        exact = (1 - 1 / (8 * m) + 1 / (128 * m**2)) / (np.pi * m) ** 0.5  # C(2m, m) / 4^m
        assert exact <= two.bound(m) * (1 + 1e-14)
        assert two.bound(m) <= exact * (1 + 1e-9 + 1 / m)


def test_what_a_computed_flow_misses_is_put_back():
    """A flow that is none, by a known amount, of the two atoms' one edge."""
    i, j = np.array([0]), np.array([1])
    q, lacking = np.array([0.5, 0.5]), 1e-3
    whole = np.array([[0.5, -0.5]])
    assert _missed(i, j, whole, q) < 1e-13
    # each end lacks its share of N_A - N_B, whose deviation is 1 / 2^(1/2) in units of m^(1/2)
    assert _missed(i, j, (1 - lacking) * whole, q) == pytest.approx(2 * lacking / 2**0.5, rel=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_clusters_and_an_outlier(far):
    """Conductances of many decades, on a line, where the cost for p = 1 is known."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        x = np.sort(np.r_[rng.random(int(rng.integers(3, 9))), far])
        q = np.full(len(x), 1 / len(x))
        m = int(10 ** rng.uniform(2, 9))
        exact = float(np.diff(x) @ mean_left_over(np.cumsum(q)[:-1], m))
        assert exact <= Chain(x[:, None], q, 1.0).bound(m) * (1 + 1e-10)
