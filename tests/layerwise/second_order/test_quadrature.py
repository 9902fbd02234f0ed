"""Adaptive quadrature on known functions, and the kernel of the second derivative."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from lmctheory.layerwise.second_order.quadrature import green, integrals, solution

EDGES = np.array([0.0, 0.3, 0.5, 1.0])
CELLS = np.arange(3)


def test_every_entry_of_a_matrix_reaches_the_tolerance():
    def f(which, x):
        return np.stack([np.exp(x) * (which + 1), np.sqrt(x)], axis=-1)[:, None]

    found = integrals(f, np.array([0.0, 1.0]), np.array([1.0, 3.0]), 1e-8)
    expected = np.array([[np.e - 1 + 2 * (np.e**3 - np.e), 2 / 3 * 3**1.5]])
    assert np.abs(found.value[0] - expected).max() <= found.error.max() <= 1e-8 * expected.max()


def test_cells_are_summed_apart():
    found = integrals(lambda _, s: np.exp(30 * s), EDGES[:-1], EDGES[1:], 1e-12, CELLS)
    exact = [quad(lambda s: np.exp(30 * s), *ends)[0] for ends in pairwise(EDGES)]
    np.testing.assert_allclose(found.value, exact, atol=1e-12 * max(exact))
    # every interval may have a function of its own
    own = integrals(lambda i, s: i * np.ones_like(s), EDGES[:-1], EDGES[1:], 1e-12, CELLS % 2)
    np.testing.assert_allclose(own.value, [0 * 0.3 + 2 * 0.5, 1 * 0.2])


def test_it_ends_at_a_jump_and_says_so():
    ends = np.array([0.0, 1.0]), np.array([1.0, 3.0])
    found = integrals(lambda _, x: (x > 1 / np.pi) * 1.0, *ends, 1e-6)
    assert abs(found.value[0] - (3 - 1 / np.pi)) <= found.error[0] <= 3e-6
    strict = integrals(lambda _, x: (x > 1 / np.pi) * 1.0, *ends, 1e-13)
    assert strict.error[0] > 1e-13 * 3


def test_rounding_is_not_halved_for_ever():
    """Noise of 1e-6, an integral of 1: tolerances below are not reached, nor tried for long."""
    rng, calls = np.random.default_rng(0), []

    def noisy(which, x):
        calls.append(len(x))
        return 1 + 1e-6 * rng.standard_normal(len(x))

    found = integrals(noisy, np.zeros(1), np.ones(1), 1e-12)
    assert sum(calls) < 1e5
    assert 1e-12 < found.error[0] < 1e-5
    assert abs(found.value[0] - 1) <= found.error[0]


def test_nothing_to_integrate_is_exactly_nothing():
    found = integrals(lambda _, s: 0 * s, EDGES[:-1], EDGES[1:], 1e-12, CELLS)
    assert not found.value.any()
    assert not found.error.any()


def test_the_solution_has_the_second_derivative_given():
    """g = s^3 - s has g'' = 6 s and vanishes at both ends."""

    def moments(_, s):
        return np.stack([6 * s, 6 * s**2], axis=-1)

    found = integrals(moments, EDGES[:-1], EDGES[1:], 1e-12, CELLS)
    np.testing.assert_allclose(solution(EDGES, found.value), EDGES**3 - EDGES, atol=1e-15)


def test_green_is_the_tent():
    t = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(green(t, np.array([0.25, 0.5])), [[0, 0], [0.1875, 0.125], [0, 0]])


@pytest.mark.parametrize("t", [0.2, 0.5])
def test_the_kernel_solves_the_same_problem(t):
    exact = -quad(lambda s: green(np.array([t]), np.array([s]))[0, 0] * 6 * s, 0, 1, points=[t])[0]
    assert exact == pytest.approx(t**3 - t)
