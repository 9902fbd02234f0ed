"""The k-d tree of a law on atoms: exact cases, its own matching carried out, optimal matchings."""

import re

import numpy as np
import pytest

import lmctheory.rates.upper.cube_tree as module
from lmctheory.measures import Empirical
from lmctheory.rates import cube_tree, upper_bound
from lmctheory.rates.upper.atom_boxes import boxes_of
from lmctheory.rates.upper.cube_tree import CubeTree, _Tree
from lmctheory.theorems.checks.finite_laws import line_cost
from tests.rates.finite_laws import awkward_atoms, enumerated_cost, no_cloud_costs_more


def even(n):
    return np.full(n, 1 / n)


def centred(points, masses):
    x = points - masses @ points
    return x @ np.linalg.svd(np.sqrt(masses)[:, None] * x, full_matrices=False)[2].T


# boxes


@pytest.mark.parametrize("halved", [True, False])
@pytest.mark.parametrize("most", [2048, 7])
def test_every_atom_has_a_box_of_its_mass(halved, most):
    rng = np.random.default_rng(0)
    x, masses = rng.standard_normal((40, 3)), rng.dirichlet(np.ones(40))
    boxes = boxes_of(x, masses, 2, halved=halved, most=most)
    corners = [np.r_[0.0, ends, 1.0] for ends in boxes.ends]
    sides = [c[u] - c[low] for c, low, u in zip(corners, boxes.lower, boxes.upper, strict=True)]
    volumes = np.prod(sides, axis=0)
    assert (np.array(sides) > 0).all()
    assert len(volumes) == min(40, most)
    assert volumes @ boxes.means == pytest.approx(masses @ x, abs=1e-14)
    if most > 40:
        order = np.lexsort(boxes.means.T), np.lexsort(x.T)
        assert boxes.means[order[0]] == pytest.approx(x[order[1]], abs=0)
        assert volumes[order[0]] == pytest.approx(masses[order[1]], rel=1e-12)


def test_boxes_do_not_overlap():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 3))
    boxes = boxes_of(x, even(30), 3, halved=False)
    corners = [np.r_[0.0, ends, 1.0] for ends in boxes.ends]
    u = rng.random((2000, 3))
    inside = np.ones((2000, 30), dtype=bool)
    for c, low, up, value in zip(corners, boxes.lower, boxes.upper, u.T, strict=True):
        inside &= (value[:, None] >= c[low]) & (value[:, None] < c[up])
    assert (inside.sum(axis=1) == 1).all()


# the tree


@pytest.mark.parametrize("m", [1, 2, 7, 300])
def test_a_line_is_exact(m):
    """R7, for unequal masses and wherever the line lies."""
    rng = np.random.default_rng(m)
    x, masses = np.sort(rng.standard_normal(23)), rng.dirichlet(np.ones(23))
    exact = line_cost(x, masses, 2.0, m)
    direction = np.array([2.0, -1.0, 2.0]) / 3
    assert cube_tree(x[:, None], masses, m) == pytest.approx(exact, rel=1e-9)
    assert cube_tree(np.outer(x, direction) + 5.0, masses, m) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("axes", "halved", "m"), [(2, True, 23), (3, False, 40), (1, True, 9)])
def test_it_is_the_cost_of_its_own_tree(axes, halved, m):
    """The matching that the proof describes, carried out; 4 standard errors, false alarm 6e-5."""
    rng = np.random.default_rng(7)
    masses = rng.dirichlet(np.ones(12))
    x = centred(rng.standard_normal((12, 3)), masses)
    boxes = boxes_of(x, masses, axes, halved=halved)
    tree = _Tree(boxes, m, 0.01)  # nodes where little is to be gained stay whole
    corners = [np.r_[0.0, ends, 1.0] for ends in boxes.ends]

    def neurons(u):
        inside = np.ones((*u.shape[:-1], len(x)), dtype=bool)
        for i, c in enumerate(corners):
            value = u[..., i, None]
            inside &= (value >= c[boxes.lower[i]]) & (value < c[boxes.upper[i]])
        return boxes.means[inside.argmax(axis=-1)]

    draws = 20_000
    pending = [(tree.root(), *rng.random((2, draws, m, axes)))]
    costs, leaves = np.zeros(draws), []
    while pending:
        node, a, b = pending.pop()
        (rank,), (axis,) = tree._cuts(node)
        if rank == 0:
            leaves.append(len(node))
            x_a, x_b = neurons(a), neurons(b)  # paired at random: the mean over all pairs
            costs += ((x_a**2 + x_b**2).sum(axis=2)).sum(axis=1)
            costs -= 2 * len(node) * (x_a.mean(axis=1) * x_b.mean(axis=1)).sum(axis=1)
            continue
        a, b = (np.take_along_axis(u, u[..., [axis]].argsort(axis=1), axis=1) for u in (a, b))
        children = tree.children(node, rank, axis)
        pending += [
            (child, a[:, part], b[:, part])
            for child, part in zip(children, (slice(rank), slice(rank, None)), strict=True)
        ]
    assert sum(leaves) == m
    assert max(leaves) > 1
    stated = 2 * float(masses @ np.square(x).sum(axis=1)) - 2 * tree.gain()
    error = costs.std() / m / np.sqrt(draws)
    assert abs(costs.mean() / m - stated) < 4 * error


def test_no_small_law_costs_more():
    """All samples of up to five atoms enumerated: rounding is not allowed for."""
    rng = np.random.default_rng(3)
    for _ in range(150):
        points, copies = awkward_atoms(rng)
        m = int(rng.integers(1, 5))
        cost = enumerated_cost(points, copies, m)
        assert cost <= cube_tree(points, copies / copies.sum(), m), (points, copies, m)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_cloud_costs_more(part):
    no_cloud_costs_more("R18", part)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_boxes_may_hold_several_atoms(most, monkeypatch):
    monkeypatch.setattr(module, "boxes_of", lambda *a, **k: boxes_of(*a, **k, most=most))
    rng = np.random.default_rng(most)
    for _ in range(30):
        points, copies = awkward_atoms(rng, most=4)
        m = int(rng.integers(1, 5))
        bound = cube_tree(points, copies / copies.sum(), m)
        assert enumerated_cost(points, copies, m) <= bound
        if most == 1:  # nothing is known of the neurons then
            trace = np.trace(np.atleast_2d(np.cov(points.T, aweights=copies, ddof=0)))
            assert bound == pytest.approx(2 * trace, rel=1e-6)


def test_fewer_neurons_take_the_place_of_many(monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((20, 2))
    monkeypatch.setattr(module, "WIDEST", 50)
    assert cube_tree(points, even(20), 10**12) == cube_tree(points, even(20), 50)


@pytest.mark.parametrize(
    ("shape", "decay", "truth", "ratios"),
    [  # truths at m = 100 and 1000, +- 3 % or better
        ((500, 3), 0.0, (0.632, 0.144), (2.1, 3.55)),
        ((500, 6), 1.0, (0.358, 0.1275), (1.85, 2.75)),
        ((300, 2), 0.0, (0.228, 0.0561), (2.0, 2.3)),
    ],
)
def test_how_tight_it_is(shape, decay, truth, ratios):
    rng = np.random.default_rng(0)
    tree = CubeTree(
        rng.standard_normal(shape) / np.arange(1, shape[1] + 1) ** decay, even(shape[0])
    )
    for m, cost, ratio in zip((100, 1000), truth, ratios, strict=True):
        assert 0.97 * cost <= tree.bound(m) <= ratio * cost


# invariances


def test_it_does_not_depend_on_the_origin_the_scale_the_order_or_repetitions():
    rng = np.random.default_rng(5)
    points = np.round(rng.standard_normal((30, 3)) * 2**20) / 2**20  # shifts are exact
    bound = cube_tree(points, even(30), 20)
    repeated = cube_tree(np.repeat(points, 2, axis=0), even(60), 20)
    assert repeated == pytest.approx(bound, rel=1e-9)
    assert cube_tree(points[::-1], even(30), 20) == pytest.approx(bound, rel=1e-9)
    assert cube_tree(points + 2.0**30, even(30), 20) == pytest.approx(bound, rel=1e-9)
    assert cube_tree(1e-100 * points, even(30), 20) == pytest.approx(1e-200 * bound, rel=1e-9)
    assert cube_tree(1e100 * points, even(30), 20) == pytest.approx(1e200 * bound, rel=1e-9)


def test_equal_atoms_cost_nothing():
    assert cube_tree(np.full((5, 2), 3.7), even(5), 10) == 0.0
    with_nothing = np.array([[0.0], [1.0], [50.0]]), np.array([0.5, 0.5, 0.0])
    assert cube_tree(*with_nothing, 1) == pytest.approx(0.5, rel=1e-12)


def test_one_neuron_is_exact():
    points = np.random.default_rng(2).standard_normal((9, 4))
    trace = Empirical(points).spectrum.sum()
    assert cube_tree(points, even(9), 1) == pytest.approx(2 * trace, rel=1e-12)


def test_the_argument_of_the_sandwich():
    mu = Empirical(np.random.default_rng(0).standard_normal((100, 3)))
    bound = upper_bound(mu, 50)
    assert bound.key == "R18"
    assert bound.value == cube_tree(mu.points, even(100), 50) == upper_bound(mu, 50).value
    assert upper_bound(mu, 50, 1.0).terms["R18"] == pytest.approx(bound.value**0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("points", "masses", "m", "message"),
    [
        ([[0.0], [np.nan]], [0.5, 0.5], 3, "points must be finite"),
        ([[0.0], [1.0]], [0.5, 0.6], 3, "masses must be 2 probabilities of sum 1, got [0.5, 0.6]"),
        ([[0.0], [1.0]], [1.0], 3, "masses must be 2 probabilities of sum 1, got [1]"),
        ([[0.0], [1.0]], [1.5, -0.5], 3, "masses must be >= 0"),
        ([[0.0], [1.0]], [0.5, 0.5], 0, "m must be >= 1, got 0"),
    ],
)
def test_what_is_refused(points, masses, m, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cube_tree(points, masses, m)
