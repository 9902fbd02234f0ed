"""Kernels of wide networks: closed forms, quadrature, and sampled networks."""

import numpy as np
import pytest
from scipy.special import erf

from lmctheory.activations import pointwise
from lmctheory.widths.kernels import dual_kernel, nngp_kernels, sampled_kernels


def covariance(seed: int, n: int = 5, scale: float = 1.0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, 3)) * scale
    return x @ x.T + 0.1


@pytest.mark.parametrize("scale", [0.1, 1.0, 2.0])
def test_the_error_function_has_a_closed_form(scale):
    C = covariance(0, scale=scale)
    d = 1 + 2 * np.diag(C)
    exact = 2 / np.pi * np.arcsin(2 * C / np.sqrt(np.outer(d, d)))
    np.testing.assert_allclose(dual_kernel(C, erf), exact, atol=1e-10)


def test_the_identity_keeps_the_covariance():
    C = covariance(1)
    np.testing.assert_allclose(dual_kernel(C, "identity"), C, atol=1e-12)


def test_the_arc_cosine_kernel():
    C = covariance(2)
    norm = np.sqrt(np.diag(C))
    angle = np.arccos(np.clip(C / np.outer(norm, norm), -1, 1))
    exact = np.outer(norm, norm) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    np.testing.assert_allclose(dual_kernel(C, "relu"), exact, atol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "gelu"])
def test_against_quadrature_in_two_dimensions(name):
    sigma = pointwise(name).function
    C = covariance(3)
    u, w = np.polynomial.legendre.leggauss(600)
    u, w = 9 * u, 9 * w * np.exp(-((9 * u) ** 2) / 2) / np.sqrt(2 * np.pi)
    for x, y in [(0, 0), (0, 1), (2, 3), (1, 4)]:
        a, b = np.sqrt(C[x, x]), np.sqrt(C[y, y])
        rho = min(1.0, C[x, y] / (a * b))
        v = rho * u[:, None] + np.sqrt(1 - rho**2) * u
        value = w @ (sigma(a * u)[:, None] * sigma(b * v)) @ w
        assert dual_kernel(C, name)[x, y] == pytest.approx(value, abs=1e-9)


def test_kernels_stay_positive_semi_definite_and_exact_on_the_diagonal():
    x = np.random.default_rng(4).standard_normal((40, 6))
    x[1] = x[0]  # a correlation of one
    x[2] = -x[0]
    x[3] = 0.0
    for name in ("relu", "tanh", "gelu"):
        for K in nngp_kernels(x, 3, name, s_b=0.3):
            assert np.linalg.eigvalsh(K).min() >= -1e-10
            assert K[0, 1] == pytest.approx(K[0, 0], rel=1e-9)


def test_the_first_kernel_is_exact_at_any_width_and_later_ones_nearly():
    x = np.random.default_rng(5).standard_normal((6, 4))
    limit = nngp_kernels(x, 2, s_b=0.2)
    rng = np.random.default_rng(6)
    draws = [sampled_kernels(x, (16, 16), s_b=0.2, networks=1, rng=rng) for _ in range(4000)]
    for layer, allowance in ((0, 0.0), (1, 0.0), (2, 0.02)):
        sample = np.stack([K[layer] for K in draws])
        error = sample.std(0) / np.sqrt(len(draws))
        # 36 entries: beyond 5 standard errors with probability below 3e-5
        assert (np.abs(sample.mean(0) - limit[layer]) <= 5 * error + allowance + 1e-12).all()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="activation must be one of"):
        dual_kernel(np.eye(2), "swish")
    with pytest.raises(ValueError, match="a correlation exceeds 1"):
        dual_kernel(np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="diagonal >= 0"):
        dual_kernel(np.array([[-1.0]]))
    with pytest.raises(ValueError, match="finite and not empty"):
        nngp_kernels(np.zeros((0, 3)), 1)
    with pytest.raises(ValueError, match="depth must be >= 0, got -1"):
        nngp_kernels(np.eye(2), -1)
    with pytest.raises(ValueError, match="s_w and s_b must be finite and >= 0"):
        nngp_kernels(np.eye(2), 1, s_b=-1.0)
    with pytest.raises(ValueError, match="networks and widths must be >= 1"):
        sampled_kernels(np.eye(2), (0,), rng=np.random.default_rng(0))
