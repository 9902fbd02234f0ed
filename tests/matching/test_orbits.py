"""Chords of orbits: how far from the curve, and what a segment costs exactly."""

import numpy as np
import pytest
from scipy.linalg import expm

from lmctheory.matching import (
    chord_barrier,
    chord_distance,
    orbit_acceleration,
    orbit_error,
    sagitta,
)
from tests.border import BAD, FORMS, PLAIN, refused, same

X = np.array([[0.5, -0.25], [0.25, 0.5]])
W, U = np.array([[1.0, 2.0, 0.5], [0.25, -1.0, 4.0]]), np.array([[2.0, -0.5]])

CALLS = {
    "orbit_acceleration": lambda f: orbit_acceleration(f.array(X), f.array(W), f.array(U)),
    "chord_distance": lambda f: chord_distance(f.number(0.5), f.number(0.25)),
    "chord_barrier": lambda f: chord_barrier(
        f.number(0.5), f.number(2.0), f.number(0.25), slope=f.number(1.0)
    ),
    "sagitta": lambda f: sagitta(f.number(0.5), f.number(2.0)),
    "orbit_error": lambda f: orbit_error(f.array(X), f.array(W.T), f.array(U), f.number(0.25)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_arguments_gives_the_same(name, form):
    same(CALLS[name](FORMS[form]), CALLS[name](PLAIN))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_arguments_are_refused(name, bad):
    refused(CALLS[name], BAD[bad])


def test_the_acceleration_is_the_largest_second_difference():
    h, places = 1e-4, np.linspace(0, 1, 21)

    def curve(s):
        return np.r_[(expm(s * X) @ W).ravel(), (U @ expm(-s * X)).ravel()]

    bends = [np.linalg.norm(curve(s + h) - 2 * curve(s) + curve(s - h)) / h**2 for s in places]
    assert orbit_acceleration(X, W, U) == pytest.approx(max(bends), rel=1e-5)


def test_rotations_have_one_acceleration_everywhere():
    J = np.array([[0.0, -0.7], [0.7, 0.0]])
    size = np.sqrt((W**2).sum() + (U**2).sum())
    assert orbit_acceleration(J, W, U) == pytest.approx(0.49 * size)


def test_a_straight_curve_has_no_bow():
    assert chord_distance(0.0) == chord_barrier(0.0, 5.0, slope=3.0) == sagitta(0.0, 9.0) == 0.0
    assert orbit_acceleration(np.zeros((2, 2)), W, U) == 0.0
    assert not orbit_error(np.eye(2), W.T, U).any()


def test_ends_are_on_the_curve():
    assert chord_distance(3.0, 0.0) == chord_distance(3.0, 1.0) == 0.0
    assert not orbit_error(X, W.T, U, 1.0).any()


@pytest.mark.parametrize("slope", [0.0, 0.7])
def test_a_parabola_above_its_chord_attains_the_rise_of_the_loss(slope):
    """(s, -K s (1 - s) / 2), loss slope z + beta z^2 / 2, z the height above the lowest point."""
    K, beta = 1.6, 3.0
    z = K / 8  # of the chord at t = 1/2
    assert chord_barrier(K, beta, slope=slope) == pytest.approx(slope * z + beta * z**2 / 2)


def test_an_arc_bows_less_than_its_acceleration_allows():
    for turn in (1e-6, 0.5, np.pi):
        assert sagitta(2.0, turn / 2) <= chord_distance(turn**2 / 2) * (1 + 1e-12)
    assert sagitta(2.0, 1e-6 / 2) == pytest.approx(chord_distance(1e-12 / 2), rel=1e-9)


@pytest.mark.parametrize("turn", [0.5, 2.0, np.pi])
def test_an_arc_of_a_circle_attains_it(turn):
    assert sagitta(2.0, turn / 2) == pytest.approx((1 - np.cos(turn / 2)) / 2)


def test_two_linear_layers_by_hand():
    """W_2 (t/g + 1 - t) (t g + 1 - t) W_1 - W_2 W_1 with g = 4, t = 1/2: 25/16 - 1."""
    assert orbit_error([[4.0]], [[1.0]], [[1.0]]) == pytest.approx(np.array([[9 / 16]]))


def test_a_negated_neuron_of_a_linear_network_vanishes_at_the_midpoint():
    assert orbit_error([[-1.0]], [[3.0]], [[2.0]]) == pytest.approx(np.array([[-6.0]]))


def test_rotations_shrink_and_scales_blow_up():
    angle, s = 0.8, 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    f = W.T @ U.T
    assert f + orbit_error(turn, W.T, U) == pytest.approx(np.cos(angle / 2) ** 2 * f)
    assert f + orbit_error(np.exp(s) * np.eye(2), W.T, U) == pytest.approx(np.cosh(s / 2) ** 2 * f)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: orbit_acceleration([[0.0, 1.0], [0.0, 0.0]], W, U), "generator must commute"),
        (lambda: orbit_acceleration(X, W.T, U), "generator must be square"),
        (lambda: orbit_acceleration(X[:1], W, U), "generator must be square"),
        (lambda: chord_distance(-1.0), "acceleration must be"),
        (lambda: chord_distance(1.0, 1.5), "t must"),
        (lambda: chord_barrier(1.0, -1.0), "smoothness must be"),
        (lambda: chord_barrier(1.0, 1.0, slope=-1.0), "slope must be"),
        (lambda: sagitta(2.0, 2.0), "curvature times length must be <= pi, got 4"),
        (lambda: orbit_error(np.zeros((2, 2)), W.T, U), "matrix must be invertible"),
        (lambda: orbit_error(X, W, U), "matrix must be square"),
    ],
)
def test_what_is_no_orbit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
