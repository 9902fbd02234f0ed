"""The k-d tree of a box and the pairs at its leaves: exact cases, simulation, the tree itself."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.rates import wasserstein_pow
from lmctheory.rates.upper.box_tree import _Tree, box_tree
from lmctheory.rates.upper.pairs import normal_pair_costs, uniform_pair_gains


def mean_and_error(draws):
    return np.mean(draws), np.std(draws, ddof=1) / np.sqrt(len(draws))


@pytest.mark.parametrize("spectrum", [[1.0], [1.0, 1.0], [3.0, 1.0, 0.1], [1.0] * 20])
def test_two_normal_neurons_against_two(spectrum):
    # 200,000 draws, 4 standard errors: false alarm 6e-5 each
    root = np.sqrt(spectrum)
    a, c, b, d = np.random.default_rng(0).standard_normal((4, 200_000, len(root))) * root
    straight = ((a - b) ** 2).sum(axis=1) + ((c - d) ** 2).sum(axis=1)
    crossed = ((a - d) ** 2).sum(axis=1) + ((c - b) ** 2).sum(axis=1)
    mean, error = mean_and_error(np.minimum(straight, crossed) / 2)
    assert abs(normal_pair_costs(np.array(spectrum), 1)[0] - mean) < 4 * error


def test_one_normal_coordinate_in_closed_form():
    assert normal_pair_costs(np.array([2.0]), 1)[0] == pytest.approx(2 * (2 - 2 / np.pi), rel=1e-10)


def test_a_narrow_side_saves_no_more_than_it_does():
    """int x f(x) G(x/1024) dx in ball arithmetic, f, G the law of a product of two differences."""
    exact = 0.00038519718702769356
    assert exact * (1 - 2e-7) <= uniform_pair_gains(np.array([2**-10, 1.0]))[0] <= exact


def test_one_uniform_coordinate_in_closed_form():
    gain = uniform_pair_gains(np.array([5.0]))[0]
    assert (1 - 2e-7) / 18 < gain < 1 / 18


@pytest.mark.parametrize("weights", [[1.0, 1.0], [1.0, 0.5, 0.25], [1.0, 0.0, 1.0]])
def test_uniform_gains_agree_with_simulation(weights):
    # 400,000 draws, 5 standard errors: false alarm 6e-7 each
    u = np.random.default_rng(1).random((4, 400_000, len(weights)))
    products = (u[0] - u[1]) * (u[2] - u[3])
    draws = np.sign(products @ np.array(weights))[:, None] * products / 2
    errors = draws.std(axis=0) / np.sqrt(len(draws))
    gaps = np.abs(uniform_pair_gains(np.array(weights)) - draws.mean(axis=0))
    assert (gaps < 5 * errors).all()


@pytest.mark.parametrize("m", [1, 2, 3, 10, 1000, 10**6])
def test_a_segment_is_exact(m):
    """(2/m) sum_i Var U_(i) = 1 / (3 (m + 1))."""
    assert box_tree(np.array([2.0]), m) == pytest.approx(4 / (3 * (m + 1)), rel=1e-7)


@pytest.mark.parametrize(("d", "m"), [(2, 100), (3, 50), (5, 200), (8, 200)])
def test_no_optimal_matching_costs_more(d, m):
    rng = np.random.default_rng(d)
    draws = [wasserstein_pow(rng.random((m, d)), rng.random((m, d))) for _ in range(12)]
    mean, error = mean_and_error(draws)
    bound = box_tree(np.ones(d), m)
    assert mean - 5 * error <= bound <= 2.2 * mean  # t law, 11 d.o.f.: false alarm 2e-4


def test_it_is_the_cost_of_its_own_tree():
    """The matching that the proof describes, carried out; 4 standard errors, false alarm 6e-5."""
    sides, m = np.array([1.0, 0.7, 0.4]), 23
    tree = _Tree(sides**2, m)

    def matched(a, b, level):
        if len(a) == 1:
            return [((a - b) ** 2).sum()]
        if len(a) == 2:
            # scaled to a unit box, unseen here: the sign of the weighted sum uses nominal sides
            sign = ((a[0] - a[1]) * (b[0] - b[1])).sum()
            pairs = ((0, 0), (1, 1)) if sign > 0 else ((0, 1), (1, 0))
            return [((a[i] - b[j]) ** 2).sum() for i, j in pairs]
        axis, s = tree.order[level], len(a) // 2
        a, b = a[np.argsort(a[:, axis])], b[np.argsort(b[:, axis])]
        return matched(a[:s], b[:s], level + 1) + matched(a[s:], b[s:], level + 1)

    rng = np.random.default_rng(0)
    draws = [
        np.mean(matched(sides * rng.random((m, 3)), sides * rng.random((m, 3)), 0))
        for _ in range(4000)
    ]
    mean, error = mean_and_error(draws)
    computed = float(sides**2 @ tree.cost(m, 0))
    # pairing by true distances saves a little more than pairing by scaled ones
    assert mean - 4 * error <= computed <= mean * 1.02 + 4 * error


@given(
    sides=st.lists(st.floats(0, 10), min_size=1, max_size=6),
    scale=st.floats(1e-3, 1e3),
    m=st.integers(1, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_it_scales_and_stays_below_the_trivial_bound(sides, scale, m):
    sides = np.array(sides)
    bound = box_tree(sides, m)
    assert 0 <= bound <= (sides**2).sum() / 6 * (1 + 1e-12)
    assert box_tree(scale * sides, m) == pytest.approx(scale**2 * bound, rel=1e-9, abs=0)


def test_wider_layers_have_no_larger_bound_along_powers_of_two():
    bounds = [box_tree(np.ones(3), 2**k) for k in range(30)]
    assert all(left > right for left, right in itertools.pairwise(bounds))


def test_the_rate_in_three_dimensions():
    constants = [box_tree(np.ones(3), 2 ** (3 * k + 1)) * 2 ** (2 * k) for k in (4, 8, 12)]
    assert max(constants) < 1.05 * min(constants)


@pytest.mark.parametrize(
    ("sides", "m", "message"),
    [
        (np.ones(2), 0, "m must be >= 1, got 0"),
        (np.zeros(0), 1, "sides must be a non-empty array [d], got shape (0,)"),
        (np.array([-1.0]), 1, "sides must be >= 0, got -1.0"),
        (np.array([np.nan]), 1, "sides must be finite, got NaN"),
    ],
)
def test_bad_boxes_are_refused(sides, m, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        box_tree(sides, m)
