"""Participation ratio and Fournier's bound."""

import re

import numpy as np
import pytest
import torch

from lmctheory.rates import fournier_bound, participation_ratio


def test_participation_ratio_counts_equal_directions():
    assert participation_ratio(np.diag([2.0, 2.0, 0.0])) == pytest.approx(2)
    assert participation_ratio(np.array([2.0, 2.0, 0.0])) == pytest.approx(2)
    assert participation_ratio(np.full((4, 4), 1e-200)) == pytest.approx(1)


def test_participation_ratio_is_invariant_under_rotation_and_scale():
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    spectrum = np.array([5.0, 3.0, 1.0, 0.1, 0.0])
    S = 7 * rotation @ np.diag(spectrum) @ rotation.T
    assert participation_ratio(S) == pytest.approx(spectrum.sum() ** 2 / np.sum(spectrum**2))


@pytest.mark.parametrize(
    ("S", "message"),
    [
        (np.zeros((2, 2)), "S must not be zero"),
        (np.full((2, 2), np.nan), "S must be finite"),
        (np.zeros(0), "S must be a non-empty array [d], got shape (0,)"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "S must be symmetric"),
        (np.diag([1.0, -1.0]), "S must be >= 0, got the eigenvalue -1"),
        (np.array([1.0, -1.0]), "S must be >= 0, got the eigenvalue -1"),
    ],
)
def test_bad_matrices_are_refused(S, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        participation_ratio(S)


@pytest.mark.parametrize("d", range(1, 12))
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("N", [0.5, 10.0, 1e3, 1e9])
def test_fournier_dominates_the_series_that_it_bounds(d, p, N):
    level = np.arange(1, 200)
    with np.errstate(over="ignore"):
        spread = np.minimum(2, np.sqrt((2.0 ** (d * level) - 1) / N))
    series = (2**p - 1) / 2 * np.sum(2.0 ** (-p * level) * spread)
    assert fournier_bound(N, d, p) >= series * (1 - 1e-12)


def test_fournier_scales_with_the_cube():
    assert fournier_bound(100.0, 3, 2.0, side=2.0) == pytest.approx(
        4 * fournier_bound(100.0, 3, 2.0)
    )


@pytest.mark.parametrize("name", ["N", "d", "p", "side"])
def test_fournier_refuses_arguments_out_of_range(name):
    arguments = {"N": 10.0, "d": 2, "p": 2.0, "side": 1.0} | {name: 0 if name == "d" else 0.0}
    message = "d must be >= 1" if name == "d" else f"{name} must be positive and finite"
    with pytest.raises(ValueError, match=f"{message}, got 0"):
        fournier_bound(**arguments)


def test_a_matrix_that_is_not_square_is_refused(as_users_call):
    with pytest.raises(ValueError, match=re.escape("S must be a square matrix, got shape (2, 3)")):
        participation_ratio(np.ones((2, 3)))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
def test_matrices_of_every_type_have_a_dimension(kind):
    W = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    exact = participation_ratio((W.T @ W).double().numpy().astype(np.float32))
    W = W.to(kind)
    assert participation_ratio(W.T @ W) == pytest.approx(exact, rel=20 * torch.finfo(kind).eps)
