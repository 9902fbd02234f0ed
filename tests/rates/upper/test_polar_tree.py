"""The tree in polar coordinates: its vectors in closed form, its matching carried out, costs."""

import mpmath
import numpy as np
import pytest

from lmctheory.measures import UniformBall, UniformSphere
from lmctheory.rates import matching_cost, upper_bound
from lmctheory.rates.upper.polar_tree import _radii, _rows, _Tree, polar_tree, root
from lmctheory.rates.upper.thinning import thinning
from tests.rarely import rarely


def cosines_and_sines(power, m):
    """Of one angle of density sin^power, the first in R^{power + 2}."""
    return root(power + 2, m, 1, solid=False)[1:]


@pytest.mark.parametrize("m", [1, 2, 7, 600, 8192])
def test_order_statistics_in_closed_form(m):
    j = np.arange(1, m + 1)
    # in three dimensions the cosine is uniform: (1 + cos) / 2 is Beta(j, m + 1 - j)
    cosines, sines = cosines_and_sines(1, m)
    assert cosines == pytest.approx(2 * j / (m + 1) - 1, abs=1e-12)
    assert _radii(1, m) == pytest.approx(j / (m + 1), abs=1e-12)
    around = cosines_and_sines(0, m)
    for k in {1, m // 2 + 1, m}:
        # all around, E e^{2 pi i B}
        turned = mpmath.hyp1f1(k, m + 1, 2j * mpmath.pi)
        assert around[0, k - 1] == pytest.approx(float(turned.real), abs=1e-12)
        assert around[1, k - 1] == pytest.approx(float(turned.imag), abs=1e-12)
        sine = 2 * mpmath.beta(k + 0.5, m + 1.5 - k) / mpmath.beta(k, m + 1 - k)
        assert sines[k - 1] == pytest.approx(float(sine), abs=1e-12)


@pytest.mark.parametrize("power", [2, 5, 40])
def test_order_statistics_of_drawn_angles(power):
    """cos phi of a direction in R^{power + 2}; 5 standard errors each, false alarm 1e-5."""
    x = np.random.default_rng(power).standard_normal((20_000, 6, power + 2))
    cosine = np.sort(x[..., 0] / np.linalg.norm(x, axis=2), axis=1)
    drawn = (cosine, np.sqrt(1 - cosine**2))
    for found, of in zip(cosines_and_sines(power, 6), drawn, strict=True):
        assert (np.abs(found - of.mean(axis=0)) < 5 * of.std(axis=0) / 20_000**0.5).all()


def polar(x, solid):
    """Radius and angles, each growing with its rank: -cos, and all around the angle itself."""
    r = np.linalg.norm(x, axis=1) if solid else np.zeros(len(x))
    columns = [r]
    columns += [x[:, k] / np.linalg.norm(x[:, k:], axis=1) for k in range(x.shape[1] - 2)]
    columns.append(np.arctan2(-x[:, -1], -x[:, -2]) + np.pi)
    return np.stack(columns, axis=1)


def carried_out(tree, node, a, b, solid):
    """Costs of the tree's own matching: pairs choose the better pairing, or toss a coin."""
    size = len(a)
    if size <= 2:
        apart = ((a[:, None] - b) ** 2).sum(axis=2)
        both = np.trace(apart), np.trace(apart[::-1])
        return np.array([min(both), np.mean(both)])
    coordinate, s = tree._best_cut(node)
    low_a, low_b = (np.argsort(polar(x, solid)[:, coordinate]) for x in (a, b))
    total = np.zeros(2)
    for part in (slice(0, s), slice(s, size)):
        child = (thinning(size, part.stop - part.start) @ node.T).T
        rows = _rows(node, coordinate)
        child[rows] = node[rows, part]
        total += carried_out(tree, child, a[low_a[part]], b[low_b[part]], solid)
    return total


@pytest.mark.parametrize(("d", "solid"), [(2, True), (2, False), (3, True), (4, False)])
@pytest.mark.parametrize("m", [4, 11, 24])
def test_its_own_matching_costs_what_it_says(d, solid, m):
    """By a coin the cost is known exactly; by the better pairing it is below the bound."""
    node = root(d, m, d - 1, solid=solid)
    tree = _Tree(solid=solid, closed=True)
    mu = UniformBall(d) if solid else UniformSphere(d)
    rng = np.random.default_rng(m)
    draws = []
    for _ in range(400):
        a, b = mu.sample(m, rng=rng), mu.sample(m, rng=rng)
        draws.append(carried_out(tree, node, a, b, solid) / m)
    (chosen, tossed), errors = np.mean(draws, axis=0), np.std(draws, axis=0) / 20
    singles = _Tree(solid=solid, closed=True)
    singles._pair = lambda leaf: float(singles._square(leaf.mean(axis=1)))
    exact = 2 * mu.second_moment - 2 * singles.gain(node)
    assert tossed == pytest.approx(exact, abs=4.5 * errors[1])
    bound = polar_tree(d, m, solid=solid)
    assert chosen - 4.5 * errors[0] < bound < exact


@pytest.mark.parametrize("d", rarely([2, 3, 6, 40], [6]))
@pytest.mark.parametrize("m", rarely([1, 2, 5, 60], [5]))
@pytest.mark.parametrize("law", [UniformBall, UniformSphere])
def test_no_cost_is_above(d, m, law):
    mu = law(d, radius=2.0)
    cost = matching_cost(mu, m, repeats=400, rng=np.random.default_rng(m))
    bound = upper_bound(mu, m).terms["R17"]
    assert cost.mean - 5 * cost.standard_error < bound
    if m == 1:
        assert bound == pytest.approx(2 * mu.second_moment, rel=1e-10)


def test_balls_and_spheres_are_bounded_by_it():
    for mu, least in ((UniformBall(3), 1.9), (UniformSphere(8), 1.15)):
        bound = upper_bound(mu, 1000)
        assert bound.key == "R17"
        assert bound.terms["R6b"] > least * bound.value
    scaled = upper_bound(UniformBall(3, radius=0.1), 1000)
    assert scaled.terms["R17"] == pytest.approx(upper_bound(UniformBall(3), 1000).value / 100)
    assert upper_bound(UniformBall(3), 50, 1.0).terms["R17"] == pytest.approx(
        polar_tree(3, 50, solid=True) ** 0.5
    )


def test_beyond_what_is_tracked():
    """More dimensions than angles, more neurons than are tabulated."""
    assert polar_tree(500, 64, solid=False) < 2
    assert polar_tree(3, 10**6, solid=True) == polar_tree(3, 8192, solid=True)


@pytest.mark.parametrize(
    ("d", "m", "message"), [(1, 5, "dimension must be >= 2"), (2, 0, "m must")]
)
def test_arguments_out_of_range_are_refused(d, m, message):
    with pytest.raises(ValueError, match=message):
        polar_tree(d, m, solid=True)
