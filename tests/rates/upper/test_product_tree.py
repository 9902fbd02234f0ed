"""The k-d tree of a product law: exact cases, its own matching carried out, optimal matchings."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, laplace, norm

from lmctheory.measures import (
    Laplace,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
)
from lmctheory.rates import box_tree, normal_matching_cost, wasserstein_pow
from lmctheory.rates.upper.product_tree import Tree, _best_cut, product_tree
from lmctheory.rates.upper.rank_block import rank_block_tree
from lmctheory.rates.upper.thinning import (
    expected_order_statistics,
    marginal_matching_cost,
    thinning,
)
from tests.rarely import rarely

MARGINALS = [Uniform(), TruncatedNormal(1.5), RademacherMixture(0.3), Laplace()]


def mean_and_error(draws):
    return np.mean(draws), np.std(draws, ddof=1) / np.sqrt(len(draws))


# transport maps, order statistics and thinning


@pytest.mark.parametrize("marginal", MARGINALS)
def test_the_transport_map_makes_the_law_of_normals(marginal):
    z = norm.ppf(np.arange(0.5, 20_000) / 20_000)
    x = marginal.transport(z)
    assert (np.diff(x) >= 0).all()
    assert x == pytest.approx(-x[::-1], abs=1e-9)
    draws = marginal.sample((20_000, 1), rng=np.random.default_rng(0))[:, 0]
    # Kolmogorov and Smirnov's test at level 1e-4
    assert kstest(draws, lambda t: np.searchsorted(x, t) / len(x)).pvalue > 1e-4


def test_transport_keeps_its_precision_in_the_tails():
    z = np.array([-30.0, -8.0, 8.0, 30.0])
    assert laplace.logsf(Laplace().transport(z)[2:], scale=np.sqrt(0.5)) == pytest.approx(
        norm.logsf(z[2:]), rel=1e-12
    )
    assert RademacherMixture(1e-6).transport(z) == pytest.approx(np.sign(z), abs=1e-4)


@pytest.mark.parametrize("m", [1, 2, 9, 1000])
def test_uniform_order_statistics_in_closed_form(m):
    exact = np.sqrt(12) * (np.arange(1, m + 1) / (m + 1) - 0.5)
    assert expected_order_statistics(Uniform(), m) == pytest.approx(exact, abs=1e-13)


def test_normal_order_statistics_in_closed_form():
    """1/sqrt pi for two, 3/(2 sqrt pi) for three, and R7 for many."""
    assert expected_order_statistics(None, 2)[1] == pytest.approx(np.pi**-0.5, rel=1e-13)
    assert expected_order_statistics(None, 3)[2] == pytest.approx(1.5 * np.pi**-0.5, rel=1e-13)
    many = expected_order_statistics(None, 5000)
    cost = 2 - 2 * float((many**2).mean())
    assert cost == pytest.approx(normal_matching_cost(5000), rel=1e-9)


@pytest.mark.parametrize("noise", [0.3, 0.02])
def test_two_neurons_of_a_mixture_in_closed_form(noise):
    """E|X - X'|: the signs differ by 0 or 2, the noise by sigma = sqrt 2 n."""
    h, sigma = np.hypot(1, noise), noise * np.sqrt(2)

    def folded(mu):
        return sigma * 2 * norm.pdf(mu / sigma) + mu * (1 - 2 * norm.cdf(-mu / sigma))

    gap = (folded(0.0) + folded(2.0)) / 2 / h
    assert 2 * expected_order_statistics(RademacherMixture(noise), 2)[1] == pytest.approx(
        gap, rel=1e-12
    )


def test_thinning_counts_subsets():
    counts = np.zeros((3, 6))
    for subset in itertools.combinations(range(6), 3):
        counts[range(3), subset] += 1 / 20
    assert thinning(6, 3).toarray() == pytest.approx(counts, abs=1e-14)


@pytest.mark.parametrize("marginal", [None, *MARGINALS])
@pytest.mark.parametrize(("b", "s"), [(5, 2), (100, 50), (1000, 250), (1000, 999)])
def test_some_of_many_neurons_are_a_sample(marginal, b, s):
    thinned = thinning(b, s) @ expected_order_statistics(marginal, b)
    assert thinned == pytest.approx(expected_order_statistics(marginal, s), abs=1e-11)


# the tree


@pytest.mark.parametrize("m", [1, 2, 3, 10, 1000])
def test_one_dimension_is_exact(m):
    assert product_tree(np.array([3.0]), m) == pytest.approx(9 * normal_matching_cost(m), rel=1e-9)
    segment = product_tree(np.array([1.0]), m, Uniform())  # of length 2 sqrt 3
    assert segment == pytest.approx(12 / (3 * (m + 1)), rel=1e-10)
    assert marginal_matching_cost(None, m) == pytest.approx(normal_matching_cost(m), rel=1e-9)
    assert marginal_matching_cost(Uniform(), m) == pytest.approx(12 / (3 * (m + 1)), rel=1e-9)


@pytest.mark.parametrize(("d", "m"), [(2, 64), (2, 1000), (3, 1000), (5, 1000), (8, 777)])
def test_cubes_agree_with_the_tree_of_boxes(d, m):
    """The same cuts; R14 pairs by all values, R15 by votes."""
    voted = product_tree(np.ones(d), m, Uniform())
    exact = box_tree(np.full(d, np.sqrt(12)), m)
    assert exact * (1 - 1e-6) <= voted <= 1.04 * exact


@pytest.mark.parametrize(
    "marginal", rarely([None, Laplace(), RademacherMixture(0.3)], [None, Laplace()])
)
def test_it_is_the_cost_of_its_own_matching(marginal):
    """The matching that the proof describes, carried out; 4 standard errors, false alarm 6e-5."""
    scales, m = np.array([1.0, 0.8]), 24

    def matched(a, b, node):
        size, cut = node.shape[1], len(node) - 1
        if size == 1:
            return [((a - b) ** 2).sum()]
        if size == 2:
            assert cut == len(scales)
            votes = np.sign((a[0] - a[1]) * (b[0] - b[1])) @ np.diff(node[:-1])[:, 0] ** 2
            b = b if votes > 0 else b[::-1]
            return list(((a - b) ** 2).sum(axis=1))
        vectors = node[:-1] if cut == 2 else np.vstack([node[:-1], node[-1] * scales[cut]])
        axis, s = _best_cut(vectors)
        a, b = a[np.argsort(a[:, axis])], b[np.argsort(b[:, axis])]
        result = []
        for half in (slice(0, s), slice(s, size)):
            child = np.array([thinning(size, len(a[half])) @ row for row in node])
            if axis == cut:
                child = np.vstack([child[:cut], vectors[cut, half], child[cut:]])
            child[axis] = vectors[axis, half]
            result += matched(a[half], b[half], child)
        return result

    rng = np.random.default_rng(0)
    root = expected_order_statistics(marginal, m)[None]

    def draw():
        if marginal is None:
            return rng.standard_normal((m, 2)) * scales
        return marginal.sample((m, 2), rng=rng) * scales

    mean, error = mean_and_error([np.mean(matched(draw(), draw(), root)) for _ in range(500)])
    # the triangular wave is cut off: up to 1 % of what pairs save, here 0.1 % of the whole
    assert abs(product_tree(scales, m, marginal) - mean) < 4 * error + 1e-3 * mean


@pytest.mark.parametrize("marginal", [None, *MARGINALS])
@pytest.mark.parametrize(("d", "m"), [(1, 60), (2, 100), (5, 150)])
def test_no_optimal_matching_costs_more(marginal, d, m):
    rng = np.random.default_rng(d)
    scales = 1 / np.arange(1.0, d + 1)

    def draw():
        if marginal is None:
            return rng.standard_normal((m, d)) * scales
        return SubGaussianProduct(marginal, scales).sample(m, rng=rng)

    mean, error = mean_and_error([wasserstein_pow(draw(), draw()) for _ in range(24)])
    bound = product_tree(scales, m, marginal)
    assert mean - 5 * error <= bound <= 2 * mean + 5 * error  # t law, 23 d.o.f.: 5e-5


@pytest.mark.parametrize(("d", "most"), [(2, 0.0664), (3, 0.3205), (5, 1.72), (10, 8.60)])
def test_it_beats_rank_blocks_where_coordinates_come_back(d, most):
    bound = product_tree(np.ones(d), 1000)
    assert bound < most
    assert bound < rank_block_tree(np.ones(d), 1000)


def test_pairs_of_fresh_coordinates_save_most_of_what_they_can():
    """Against R13, where two neurons are paired exactly."""
    for d in (1, 3, 30, 784):
        exact = rank_block_tree(np.ones(d), 2)
        assert exact * (1 - 1e-9) <= product_tree(np.ones(d), 2)
        assert 2 * d - product_tree(np.ones(d), 2) > 0.9 * (2 * d - exact)


@given(
    scales=st.lists(st.floats(0, 10), min_size=1, max_size=6),
    factor=st.floats(1e-3, 1e3),
    m=st.integers(1, 64),
)
@settings(max_examples=10, deadline=None)
def test_it_scales_and_stays_below_the_trivial_bound(scales, factor, m):
    scales = np.array(scales)
    bound = product_tree(scales, m)
    assert 0 <= bound <= 2 * (scales**2).sum() * (1 + 1e-12)
    assert product_tree(factor * scales, m) == pytest.approx(factor**2 * bound, rel=1e-6)
    assert product_tree(scales[::-1].copy(), m) == pytest.approx(bound, rel=1e-9)


def test_equal_nodes_are_cut_once():
    tree = Tree(np.ones(3), None)
    tree.gain(expected_order_statistics(None, 512)[None])
    assert len(tree.known) < 150  # of 511


def test_it_stays_where_it_is_beyond_the_widest():
    assert product_tree(np.ones(40), 10**12) == product_tree(np.ones(40), 8192)


def test_narrow_mixtures_and_wide_spectra_do_no_harm():
    assert product_tree(np.ones(2), 16, RademacherMixture(1e-6)) < 4
    assert product_tree(np.array([1.0, 1e-160, 0.0]), 16) == pytest.approx(
        normal_matching_cost(16), rel=1e-9
    )
    assert product_tree(np.zeros(3), 5) == 0


@pytest.mark.parametrize(
    ("scales", "m", "error", "message"),
    [
        (np.ones(2), 0, ValueError, "m must be >= 1, got 0"),
        (np.ones(2), True, TypeError, "m must be an integer, got True"),
        (np.zeros(0), 1, ValueError, "scales must be a non-empty array [d]"),
        (np.array([np.inf]), 1, ValueError, "scales must be finite, got NaN or infinity"),
        (np.array([-1.0]), 1, ValueError, "scales must be >= 0, got -1.0"),
        (np.array([np.nan]), 1, ValueError, "scales must be finite, got NaN or infinity"),
    ],
)
def test_bad_laws_are_refused(scales, m, error, message):
    with pytest.raises(error, match=re.escape(message)):
        product_tree(scales, m)
