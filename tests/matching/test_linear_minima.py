"""Components of the minima of linear networks, and the passes between them."""

from itertools import permutations, product

import numpy as np
import pytest

from lmctheory.matching import lowest_pass, minima_components, orientations
from tests.border import BAD, FORMS, PLAIN, refused, same

WEIGHTS = [np.array([[1.0, 0.5], [0.25, 2.0]]), np.array([[2.0, 0.0], [0.5, 1.0]])]
TARGET, MOMENT = WEIGHTS[1] @ WEIGHTS[0], np.array([[2.0, 0.5], [0.5, 1.0]])

CALLS = {
    "minima_components": lambda f: minima_components([2, f.integer(2), 2], f.integer(2)),
    "orientations": lambda f: orientations(
        [f.array(W) for W in WEIGHTS], f.array(TARGET), f.array(MOMENT)
    ),
    "lowest_pass": lambda f: lowest_pass(f.array(TARGET), f.array(MOMENT)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_arguments_gives_the_same(name, form):
    same(CALLS[name](FORMS[form]), CALLS[name](PLAIN))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_arguments_are_refused(name, bad):
    refused(CALLS[name], BAD[bad])


@pytest.mark.parametrize(
    ("widths", "rank", "components", "modulo_permutations"),
    [
        ([5, 5], 5, 1, 1),  # one layer is one point
        ([1, 1, 1], 1, 2, 2),  # w_2 w_1 = y, two branches of a hyperbola
        ([1, 1, 1], 0, 1, 1),  # w_2 w_1 = 0, a cross
        ([1, 1, 1, 1], 1, 4, 4),
        ([1, 2, 1], 1, 1, 1),
        ([3, 3, 3, 3], 3, 4, 1),
        ([3, 3, 3, 3], 2, 1, 1),  # singular
        ([4, 2, 3, 2, 5], 2, 4, 1),
        ([4, 2, 3, 2, 5], 1, 1, 1),
        ([7, 1, 2, 1, 1], 1, 4, 4),
    ],
)
def test_known_numbers_of_components(widths, rank, components, modulo_permutations):
    assert minima_components(widths, rank) == components
    assert minima_components(widths, rank, modulo="permutations") == modulo_permutations
    assert minima_components(widths, rank, modulo="signs") == 1


def test_scalar_networks_by_counting_sign_patterns():
    for layers in (1, 2, 3, 4):
        patterns = [s for s in product((-1, 1), repeat=layers) if np.prod(s) == 1]
        assert minima_components([1] * (layers + 1), 1) == len(patterns)


def test_one_in_two_to_the_b_permutations_leads_to_the_same_component():
    rng = np.random.default_rng(0)
    weights = list(rng.standard_normal((3, 3, 3)))
    target = weights[2] @ weights[1] @ weights[0]
    sides = orientations(weights, target)
    assert set(sides) == {1, 2}
    matrices = [np.eye(3)[list(order)] for order in permutations(range(3))]
    alike = 0
    for P, Q in product(matrices, repeat=2):
        permuted = [P @ weights[0], Q @ weights[1] @ P.T, weights[2] @ Q.T]
        found = orientations(permuted, target)
        assert found == {
            1: sides[1] * round(np.linalg.det(P)),
            2: sides[2] * round(np.linalg.det(Q)),
        }
        alike += found == sides
    assert alike == 36 // 4


def test_networks_near_the_minima_have_sides_too():
    rng = np.random.default_rng(1)
    target = np.diag([2.0, 1.0])
    weights = [np.eye(2), target]
    noisy = [W + 0.1 * rng.standard_normal((2, 2)) for W in weights]
    assert orientations(noisy, target) == orientations(weights, target)
    assert orientations([np.zeros((2, 2)), target], target) == {1: 0}


def test_away_from_minima_sides_depend_on_the_inputs():
    """Of Y = (1, 0) the sign is that of <w_1, Sigma e_1>: Sigma e_1 = (1, .9)."""
    moment = np.array([[1.0, 0.9], [0.9, 1.0]])
    sides = [
        orientations([[row], [[1.0]]], [[1.0, 0.0]], moment)[1]
        for row in ([1.0, 0.0], [-0.75, 1.0], [-0.95, 1.0])
    ]
    assert [side * sides[0] for side in sides] == [1, 1, -1]


def test_layers_that_are_wide_have_no_side():
    rng = np.random.default_rng(2)
    wide = [rng.standard_normal((3, 2)), rng.standard_normal((2, 3))]
    assert orientations(wide, wide[1] @ wide[0]) == {}
    assert orientations([TARGET], TARGET) == {}


def test_the_straight_way_between_two_branches_is_as_low_as_any():
    """w_2 w_1 from (1, 3) to (-1, -3), inputs of second moment 4."""
    along = np.linspace(1, -1, 101)
    excess = 4.0 * (along * (3 * along) - 3.0) ** 2
    assert excess.max() == pytest.approx(lowest_pass([[3.0]], [[4.0]]))


def test_the_least_positive_singular_value_counts():
    assert lowest_pass(np.diag([3.0, 0.5, 0.0])) == pytest.approx(0.25)
    assert lowest_pass(np.diag([3.0, 0.5]), np.diag([1.0, 100.0])) == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minima_components([3], 1), "widths must be of inputs and outputs"),
        (lambda: minima_components([3, 0], 0), "widths must be"),
        (lambda: minima_components([3, 2, 3], 3), "rank must be at most the least width 2, got 3"),
        (lambda: minima_components([3, 3], -1), "rank must be"),
        (lambda: minima_components([3, 3], 1, modulo="turns"), "modulo must be one of"),
        (lambda: lowest_pass(np.zeros((2, 2))), "target must not be zero"),
        (lambda: lowest_pass(np.eye(2), np.zeros((2, 2))), "moment must be positive definite"),
        (lambda: lowest_pass(np.eye(2), [[1.0, 2.0], [0.0, 1.0]]), "moment must be symmetric"),
        (lambda: lowest_pass(np.eye(2), np.eye(3)), "moment must be symmetric"),
        (lambda: orientations([], TARGET), "weights must multiply to the shape"),
        (lambda: orientations([np.eye(3), np.eye(2)], TARGET), "weights must multiply"),
        (
            lambda: orientations([np.ones((1, 2)), np.ones((2, 1))], TARGET),
            "weights must have hidden widths >= the target's rank 2",
        ),
    ],
)
def test_what_has_no_components_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
