"""Sign changes of polynomials whose roots are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from lmctheory.layerwise.second_order.roots import (
    bernstein_from_values,
    chebyshev_nodes,
    sign_changes,
)


def coefficients(*polynomials):
    degree = max(p.degree() for p in polynomials)
    values = np.stack([p(chebyshev_nodes(degree)) for p in polynomials])
    return values @ bernstein_from_values(degree).T


def changes(polynomial):
    return np.sort(sign_changes(coefficients(polynomial)).position)


@pytest.mark.parametrize(
    "roots",
    [
        [0.5],
        [0.3, 0.7],
        [0.25, 0.5, 0.75],
        [0.4, 0.4 + 1e-6],
        [0.1, 0.2, 0.3, 0.8, 0.9, 0.95],
        [-0.5, 0.3, 1.2],
    ],
)
def test_simple_roots_are_found(roots):
    inside = [root for root in roots if 0 < root < 1]
    np.testing.assert_allclose(changes(Polynomial.fromroots(roots)), inside, atol=1e-8)
    np.testing.assert_allclose(changes(-3e-9 * Polynomial.fromroots(roots)), inside, atol=1e-8)


def test_what_is_no_change_of_sign_is_none():
    assert len(changes(Polynomial([1.0, -1.0, 1.0]))) == 0  # complex roots
    assert len(changes(Polynomial.fromroots([0.5, 0.5]) + 1e-9)) == 0
    assert len(sign_changes(np.zeros((1, 4))).position) == 0
    assert len(sign_changes(np.array([[1.0, 1e-300, 2.0]])).position) == 0
    assert len(sign_changes(np.array([[1.0, 0.0, 0.0]])).position) == 0  # (1-u)^2 touches at 1


def test_a_triple_root_changes_the_sign_once():
    np.testing.assert_allclose(changes(Polynomial.fromroots([0.3] * 3)), [0.3], atol=1e-4)


def test_a_root_between_two_intervals_belongs_to_one_of_them():
    left, right = np.array([[-1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert len(sign_changes(left).position) + len(sign_changes(right).position) == 1
    assert len(sign_changes(-left).position) + len(sign_changes(-right).position) == 1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**31), degree=st.integers(1, 8), count=st.integers(1, 20))
def test_random_polynomials_against_companion_matrices(seed, degree, count):
    rng = np.random.default_rng(seed)
    polynomials = [Polynomial(rng.normal(size=degree + 1)) for _ in range(count)]
    found = sign_changes(coefficients(*polynomials))
    for i, polynomial in enumerate(polynomials):
        roots = polynomial.roots()
        expected = np.sort(roots[(abs(roots.imag) < 1e-12)].real)
        expected = expected[(expected > 0) & (expected < 1)]
        mine = np.sort(found.position[found.polynomial == i])
        np.testing.assert_allclose(mine, expected, atol=1e-7)
