"""The Gaussian law."""

import re

import numpy as np
import pytest
import torch

from lmctheory.measures import Gaussian


def test_a_covariance_and_its_spectrum_are_the_same_law_up_to_rotation():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 4))
    mu = Gaussian(covariance=root @ root.T)
    np.testing.assert_allclose(mu.spectrum, np.linalg.eigvalsh(root @ root.T)[::-1])
    assert mu.dimension == 4
    assert mu.second_moment == pytest.approx(np.sum(root**2))


def test_samples_have_the_covariance():
    # 20,000 draws: each entry's standard error is < 0.05; 5 standard errors, false alarm < 1e-5
    covariance = np.array([[2.0, 1.0], [1.0, 3.0]])
    x = Gaussian(covariance=covariance).sample(20_000, rng=np.random.default_rng(1))
    np.testing.assert_allclose(x.T @ x / len(x), covariance, atol=0.2)


def test_the_same_seed_gives_the_same_sample():
    mu = Gaussian(spectrum=[1.0, 0.0])
    first, second = (mu.sample(5, rng=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first[:, 1] == 0).all()


def test_a_singular_covariance_has_exact_zeros():
    mu = Gaussian(covariance=np.ones((3, 3)))
    np.testing.assert_allclose(mu.spectrum, [3, 0, 0])
    assert (mu.spectrum[1:] == 0).all()


def test_the_spectrum_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Gaussian(spectrum=[1.0]).spectrum[0] = 2.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, TypeError, "exactly one of spectrum and covariance"),
        ({"spectrum": [1.0], "covariance": np.eye(1)}, TypeError, "exactly one"),
        ({"spectrum": []}, ValueError, "spectrum must be a non-empty array [d], got shape (0,)"),
        ({"spectrum": [np.nan]}, ValueError, "spectrum must be finite"),
        ({"spectrum": [1.0, -1.0]}, ValueError, "spectrum must be >= 0, got -1"),
        ({"covariance": np.array([[1.0, 2.0], [0.0, 1.0]])}, ValueError, "must be symmetric"),
        ({"covariance": np.diag([1.0, -1.0])}, ValueError, "got the eigenvalue -1"),
        ({"covariance": np.full((2, 2), np.inf)}, ValueError, "covariance must be finite"),
    ],
)
def test_bad_laws_are_refused(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Gaussian(**arguments)


def test_an_empty_sample_is_refused():
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        Gaussian(spectrum=[1.0]).sample(0, rng=np.random.default_rng(0))


def covariance_of_a_layer(kind, neurons, inputs, seed):
    W = torch.randn(neurons, inputs, generator=torch.Generator().manual_seed(seed)).to(kind)
    return W, W.T @ W / neurons


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("neurons", "inputs"), [(2, 3), (5, 8), (20, 200), (64, 65)])
def test_the_covariance_of_a_layer_with_fewer_neurons_than_inputs(kind, neurons, inputs):
    for seed in range(5):
        W, C = covariance_of_a_layer(kind, neurons, inputs, seed)
        for given in (C, C.numpy()) if kind != torch.bfloat16 else (C,):
            mu = Gaussian(covariance=given)
            rank = int((mu.spectrum > 0).sum())
            assert (mu.spectrum >= 0).all()
            exact = np.linalg.svd(W.double().numpy(), compute_uv=False) ** 2 / neurons
            slack = 4 * np.sqrt(inputs) * torch.finfo(kind).eps * exact[0]
            np.testing.assert_allclose(mu.spectrum[: len(exact)], exact, atol=slack)
            assert mu.second_moment == pytest.approx(exact.sum(), rel=0.05)
            if kind in (torch.float32, torch.float64):
                assert neurons <= rank <= neurons + (inputs - neurons) // 2 + 1


def test_a_converted_matrix_is_refused_with_a_word_on_what_to_do():
    C = covariance_of_a_layer(torch.float32, 5, 8, 0)[1].double()
    with pytest.raises(ValueError, match="pass the matrix in the type that it was computed in"):
        Gaussian(covariance=C)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_eigenvalues_that_are_negative_beyond_rounding_are_refused(kind):
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    for least in (-1e-3, -1.0):
        C = (rotation * [1.0, 1.0, 1.0, 0.5, 0.1, least]) @ rotation.T
        with pytest.raises(ValueError, match="covariance must be >= 0, got the eigenvalue -"):
            Gaussian(covariance=((C + C.T) / 2).astype(kind))
