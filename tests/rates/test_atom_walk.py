"""Costs of given points, enclosed by a walk among them (R23)."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from lmctheory.measures import Empirical
from lmctheory.rates import (
    matching_cost,
    simulated_interval,
    simulated_lower_bound,
    simulated_upper_bound,
)
from lmctheory.rates.atom_walk import AtomWalk, _Moves, atom_walk, doublings
from lmctheory.rates.simulated_bounds import _Choice
from lmctheory.theorems.checks.finite_laws import FiniteLaw

CLOUD = np.random.default_rng(0).standard_normal((60, 2))
CORNERS = FiniteLaw(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), np.array([3, 2, 1]))


def walk_of(points, cost, p=2):
    return atom_walk(cdist(points, points) ** p, np.full(len(points), 1 / len(points)), cost)


def test_two_atoms_by_hand():
    """Rates .8 and .2 of masses .2 and .8, whose gap is 1; kappa of 1 and 2, the cost 9."""
    p, kappa, c = np.array([0.2, 0.8]), np.array([1.0, 2.0]), np.array([[0.0, 9.0], [9.0, 0.0]])
    moves = _Moves(c, p)
    sums = {
        (0, 0): 0.8 * (9 + 1) ** 2 / 1,
        (0, 1): 0,  # c falls by 9, kappa rises by 1
        (1, 1): 0.2 * (9 - 1) ** 2 / 2,
        (1, 0): 0,
    }
    for scale in (1.0, 7.0):  # weights of any scale: the gap is divided out
        walk = moves.walk(scale * np.array([0.16]), kappa)
        assert walk.strength == pytest.approx(max(sums.values()), rel=1e-9)
        assert walk.mean_added == pytest.approx(2 * (0.2 * 1 + 0.8 * 2))
    # from (0, 0), sqrt(0 + 1 + 1) to sqrt(9 + 2 + 1)
    assert walk.longest == pytest.approx(12**0.5 - 2**0.5)


def test_a_rare_atom_is_bounded_sharply():
    """One neuron of each layer: G is larger by c and a difference of kappa, with the chance 2p."""
    p = 1e-3
    walk = atom_walk(np.array([[0.0, 3.0], [3.0, 0.0]]), np.array([1 - p, p]), 6 * p)
    variance = 2 * p * (3 + walk.added[1] - walk.added[0]) ** 2
    assert (1 - 2 * p) * variance < walk.variance(6 * p) < 1.02 * variance


@pytest.mark.parametrize("least", [1, 100])
def test_the_strength_is_that_of_every_pair_of_atoms(least):
    """With small weights a partner at the same atom decides, with large ones one that is far."""
    costs = cdist(CLOUD, CLOUD) ** 2
    moves = _Moves(costs, np.full(60, 1 / 60))
    rng = np.random.default_rng(0)
    w, kappa = rng.exponential(size=moves.ends.shape[1]), least + rng.exponential(size=60)
    gap = np.sort(np.linalg.eigvalsh(moves.laplacian(w)))[1]
    sums, longest = np.zeros((60, 60)), 0.0
    for u in range(60):
        for q in range(60):
            total = 0.0
            for (i, j), weight in zip(moves.ends.T, w, strict=True):
                if u in (i, j):
                    v = j if u == i else i
                    h = max(costs[v, q] - costs[u, q] + kappa[v] - kappa[u], 0.0)
                    total += 60 * weight * h**2
                    before = costs[u, q] + kappa[u] + kappa[q]
                    longest = max(longest, (before + h) ** 0.5 - before**0.5)
            sums[u, q] = total / (costs[u, q] / 2 + kappa[u])
    largest = sums.max()
    assert (np.diag(sums).max() == largest) == (least == 1)
    walk = moves.walk(w, kappa)
    assert walk.strength == pytest.approx(largest / gap, rel=1e-8)
    assert walk.longest == pytest.approx(longest, rel=1e-8)
    assert walk.strength >= largest / gap
    assert walk.longest >= longest


def test_the_gap_is_not_rounded_up():
    """A pair of atoms so near to each other that the gap drowns in rounding gives no walk."""
    near = np.r_[CLOUD, CLOUD[:1] + 1e-9]
    moves = _Moves(cdist(near, near), np.full(61, 1 / 61))
    tiny = np.full(moves.ends.shape[1], 1e-14)
    tiny[0] = 1.0
    assert moves.certain_gap(tiny) == 0
    assert moves.walk(tiny, np.ones(61)).strength == np.inf


def test_phi_is_the_sum_of_doublings():
    y = 0.3
    assert doublings(y) == pytest.approx(2 * doublings(y / 4) - np.log1p(-y), rel=1e-14)
    assert doublings(1e-9) == pytest.approx(2e-9, rel=1e-8)
    assert doublings(y) > sum(-(2.0**k) * np.log1p(-y / 4**k) for k in range(60))


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 2])
def test_both_ends_hold_the_cost_of_few_atoms(m, p):
    """The ends at the mean itself are near it once there are many costs."""
    cost = CORNERS.two_samples(m, p)
    walk = atom_walk(cdist(CORNERS.points, CORNERS.points) ** p, CORNERS.masses, cost)
    mean = cost + walk.mean_added
    for n in (1, 100, 10**6):
        low, high = walk.lower(mean**0.5, n, m, 0.01), walk.upper(mean, n, m, 0.01)
        assert low < cost < high
        spread = (2 * walk.variance(cost) * np.log(100) / (m * n)) ** 0.5
        assert high - cost > 0.9 * spread
        if n > 1:
            assert high - cost < 1.2 * spread
    assert cost - low < 1.3 * spread


def test_ends_by_hand():
    """Without weights and with short moves: sqrt U = sqrt x + sqrt(A ln(1/delta) / (2 m n))."""
    walk = AtomWalk(strength=2.0, mean_added=0.5, added=np.zeros(1), longest=1e-6)
    m, n, delta = 10, 10**6, 0.05
    root = (2.0 * np.log(20) / (2 * m * n)) ** 0.5
    assert walk.upper(4.0, n, m, delta) == pytest.approx((2 + root) ** 2 - 0.5, abs=1e-6)
    assert walk.lower(2.0, n, m, delta) == pytest.approx((2 - root) ** 2 - 0.5, abs=1e-6)
    assert walk.lower(0.1, n, m, delta) == 0
    longer = replace(walk, longest=100.0)
    assert longer.upper(4.0, n, m, delta) == walk.upper(4.0, n, m, delta)
    assert longer.lower(2.0, n, m, delta) < walk.lower(2.0, n, m, delta)


def test_enough_costs_and_no_more():
    walk = walk_of(CLOUD, 0.3)
    for gap in (0.9, 0.3, 0.05):
        n = walk.enough(0.3, gap, 100, 0.01)
        mean = 0.3 + walk.mean_added

        def found(n, mean=mean):
            high = walk.upper(mean, n, 100, 0.01)
            return 1 - walk.lower(mean**0.5, n, 100, 0.01) / high

        assert found(n) <= gap
        assert n == 1 or found(n - 1) > gap


def test_an_interval_of_points_is_a_walk_s():
    """Five times narrower than the support's, of the same costs."""
    mu = Empirical(CLOUD)
    found = simulated_interval(mu, 200, repeats=300, rng=3)
    assert found.upper.key == found.lower.key == "R23 simulated"
    many = matching_cost(mu, 200, repeats=4000, rng=4).mean
    assert found.lower.value < many < found.upper.value
    by_support = mu.diameter**2 * (np.log(200) / (200 * 300)) ** 0.5
    assert found.upper.value - found.lower.value < 2 * by_support / 5
    assert found.failure == pytest.approx(0.01)
    wider = simulated_upper_bound(mu, 500, width=200, repeats=300, delta=0.005, rng=3)
    narrower = simulated_lower_bound(mu, 100, width=200, repeats=300, delta=0.005, rng=3)
    assert (wider.value, narrower.value) == (found.upper.value, found.lower.value)


def test_as_many_costs_as_a_gap_takes():
    found = simulated_interval(Empirical(CLOUD), 100, gap=0.3, rng=0)
    assert found.gap < 0.3
    assert 100 < len(found.costs.draws) < 3000


def test_every_point_has_the_weight_of_its_atom():
    """Points in another order, some of them twice; one that lies apart weighs most."""
    points = np.r_[CLOUD, [[6.0, 0.0]], CLOUD[:3]]
    for order in (np.arange(64), np.random.default_rng(1).permutation(64)):
        choice = _Choice(Empirical(points[order]), 4, 0.1, None)
        walk, _ = choice.walk(np.random.default_rng(0))
        added = walk.added[np.argsort(order)]
        assert (added[61:] == added[:3]).all()
        assert added.argmax() == 60


def test_points_up_to_signs_are_one():
    """Points and what is opposite to them: the law of either half."""
    half, both = Empirical(CLOUD), Empirical(np.r_[CLOUD, -CLOUD])
    found = simulated_interval(both, 50, repeats=50, modulo="signs", rng=0)
    assert found.upper.key == "R23 simulated"
    other = simulated_interval(half, 50, repeats=50, modulo="signs", rng=1)
    assert found.gap == pytest.approx(other.gap, rel=0.2)
    many = matching_cost(half, 50, repeats=2000, modulo="signs", rng=2).mean
    assert found.lower.value < many < found.upper.value


@pytest.mark.parametrize(
    "points", [np.zeros((3, 2)), np.ones((1, 4)), 1e120 * CLOUD, 1e-170 * CLOUD]
)
def test_points_without_a_walk_are_left_to_their_diameter(points):
    found = simulated_interval(Empirical(points), 5, repeats=3, rng=0)
    assert found.upper.key == "R10 simulated"


@pytest.mark.parametrize("modulo", [None, "signs"])
@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [1e-200, 0], [1, 0]],
        [[1, 1e-200], [1, 0], [-1, 1e-200]],
        [[5e-324], [0], [1]],
        np.r_[1e-155 * CLOUD, [[1.0, 1.0]]],
        np.r_[CLOUD, 1e-45 * CLOUD],
    ],
)
def test_points_whose_distances_are_no_floats(points, modulo):
    found = simulated_interval(Empirical(points), 10, repeats=8, modulo=modulo, rng=3)
    assert 0 <= found.lower.value <= found.costs.mean <= found.upper.value < np.inf


def test_a_point_beside_another_costs_nothing():
    near = Empirical(np.r_[CLOUD, CLOUD[:1] + 1e-9])
    alone, found = (
        simulated_interval(mu, 100, repeats=100, rng=0) for mu in (Empirical(CLOUD), near)
    )
    assert found.upper.key == "R23 simulated"
    assert found.gap < 1.2 * alone.gap


def test_the_shorter_interval_is_taken():
    """A walk's says less of a single cost, and more of many."""
    mu = Empirical(np.random.default_rng(0).standard_normal((20, 3)))
    one, many = (simulated_interval(mu, 20, repeats=n, rng=0) for n in (1, 200))
    assert one.upper.key == "R10 simulated"
    assert many.upper.key == "R23 simulated"


def test_a_gap_is_refused_before_the_search(monkeypatch):
    monkeypatch.setattr("lmctheory.rates.simulated_bounds.lower_bound", lambda *_, **__: Nothing())
    monkeypatch.setattr("lmctheory.rates.simulated_bounds.atom_walk", Nothing)
    with pytest.raises(ValueError, match="gap must be left out where the lower bound"):
        simulated_interval(Empirical(CLOUD), 5, gap=0.5, rng=0)


class Nothing:
    """A lower bound of 0, and what cannot be called with arguments."""

    value = 0.0


def test_a_gap_that_takes_too_many_costs():
    with pytest.raises(ValueError, match=r"gap must be larger: 1e-06 takes more than 2\^30 costs"):
        simulated_interval(Empirical(CLOUD), 1, gap=1e-6, rng=0)


def test_more_points_than_a_walk_takes(monkeypatch):
    monkeypatch.setattr("lmctheory.rates.simulated_bounds._MOST_ATOMS", 59)
    assert simulated_interval(Empirical(CLOUD), 5, rng=0).upper.key == "R10 simulated"


def test_a_hopeless_search_ends_early(monkeypatch):
    steps = []
    lowest = _Moves.lowest
    monkeypatch.setattr(_Moves, "lowest", lambda self, w: steps.append(1) or lowest(self, w))
    assert atom_walk(cdist(CLOUD, CLOUD), np.full(60, 1 / 60), 0.3, below=1e-9) is None
    assert len(steps) < 30


@pytest.mark.slow
@pytest.mark.parametrize("delta", [0.05, 0.5])
def test_intervals_hold_as_often_as_they_say(delta):
    """Of two atoms, one of them rare, whose cost is a finite sum."""
    law, m = FiniteLaw(np.array([[0.0], [1.0]]), np.array([30, 1])), 3
    mu, cost = Empirical(law.repeated), law.two_samples(m, 2)
    found = [simulated_interval(mu, m, delta=delta, repeats=20, rng=seed) for seed in range(400)]
    missed = np.mean([not one.lower.value <= cost <= one.upper.value for one in found])
    assert all(one.upper.key == "R23 simulated" for one in found)
    assert missed <= delta
