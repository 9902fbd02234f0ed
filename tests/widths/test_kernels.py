"""Kernels of wide networks: closed forms, quadrature, and sampled networks."""

from itertools import product

import numpy as np
import pytest
from mpmath import mp
from scipy.special import erf

from lmctheory.activations import KNOWN, pointwise
from lmctheory.widths.ensembles import ensemble
from lmctheory.widths.kernels import dual_kernel, nngp_kernels, sampled_kernels
from tests.rarely import rarely


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


@pytest.mark.parametrize("rho", [-1 + 2**-40, -0.999999, -0.9, -0.1])
def test_the_relu_near_opposite_inputs(rho):
    """Where sqrt(1 - rho^2) and rho arccos(-rho) cancel."""
    with mp.workdps(40):
        exact = (mp.sqrt(1 - mp.mpf(rho) ** 2) + rho * mp.acos(-rho)) / (2 * mp.pi)
    found = dual_kernel(pair(1.0, 1.0, rho), "relu")[0, 1]
    assert found == pytest.approx(float(exact), rel=1e-8, abs=0)


PRECISE = {
    "relu": lambda z: max(z, mp.mpf(0)),
    "tanh": mp.tanh,
    "erf": mp.erf,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "gelu": lambda z: z * mp.ncdf(z),
}


def pair(p: float, q: float, rho: float) -> np.ndarray:
    c = rho * p**0.5 * q**0.5
    return np.array([[p, c], [c, q]])


@pytest.mark.parametrize("variances", rarely([[1e-12, 1e4], [1.0, 1e8]], [[1.0, 1e8]]))
@pytest.mark.parametrize("name", sorted(PRECISE))
def test_one_variable_to_many_digits(name, variances):
    """rho = 1 and -1, split where the activation turns, by mpmath."""
    sigma = PRECISE[name]
    with mp.workdps(25):
        for q in variances:
            a = mp.sqrt(q)
            turns = [x for x in (2 / a, 16 / a) if x < 10]
            points = [*(-x for x in reversed([*turns, 10])), 0, *turns, 10]
            for sign in (1, -1):

                def term(x, a=a, sign=sign):
                    return sigma(a * x) * sigma(sign * a * x) * mp.npdf(x)

                exact = float(mp.quad(term, points, maxdegree=6))
                found = dual_kernel(pair(q, q, sign), name)[0, 1]
                assert found == pytest.approx(exact, rel=1e-8, abs=0), (q, sign)


def panels(centre: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's rule for a normal variable, on panels that double away from a centre."""
    x, w = np.polynomial.legendre.leggauss(16)
    steps = np.cumsum(np.minimum(scale * 2.0 ** np.arange(60), 1.0))
    edges = centre + np.concatenate([-steps[::-1], [0.0], steps])
    edges = np.union1d(edges[np.abs(edges) < 9], np.arange(-9.0, 10.0))  # if the centre is far out
    middle, half = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    nodes, weights = (middle + half * x).ravel(), (half * w).ravel()
    density = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    return nodes, weights * density


def by_panels(name: str, p: float, q: float, rho: float) -> float:
    """First u, then v given u, each with panels where sigma turns."""
    sigma, (a, b) = KNOWN[name].function, np.sqrt([p, q])
    free = np.sqrt((1 - rho) * (1 + rho))
    total = 0.0
    for x, w in zip(*panels(0.0, min(0.5, 0.5 / max(a, b))), strict=True):
        y, v = panels(-rho * x / free, min(0.5, 0.5 / (b * free)))
        total += w * float(sigma(a * np.array([x]))[0]) * (v @ sigma(b * (rho * x + free * y)))
    return total


SMOOTH = ("tanh", "sigmoid", "softplus", "gelu")


@pytest.mark.parametrize("name", SMOOTH)
def test_two_variables_of_different_variances_by_panels(name):
    two_variables_by_panels(name, 0.1, 9.0)


@pytest.mark.parametrize(
    ("name", "q"),
    rarely(
        product(SMOOTH, (1e-12, 100.0, 1e8)),
        set(product(SMOOTH, (1e-12, 100.0, 1e8))) - {("sigmoid", 1e-12)},
    ),
)
def test_two_variables_of_small_and_large_variance_by_panels(name, q):
    two_variables_by_panels(name, q, q)


def two_variables_by_panels(name, p, q):
    for rho in (-0.999999, -0.5, 0.999):
        kernel = dual_kernel(pair(p, q, rho), name)
        exact = by_panels(name, p, q, rho)
        assert kernel[0, 1] == pytest.approx(exact, rel=1e-8, abs=0), rho
        assert kernel[1, 0] == kernel[0, 1]


@pytest.mark.parametrize("name", ["tanh", "erf", "identity"])
def test_an_odd_function_has_an_odd_kernel(name):
    for p, q in ((1e-12, 3.0), (100.0, 100.0), (1e6, 1e8)):
        for rho in (0.0, 0.3, 0.999, 0.999999, 1.0):
            plus, minus = (dual_kernel(pair(p, q, r), name)[0, 1] for r in (rho, -rho))
            assert plus == pytest.approx(-minus, rel=1e-12, abs=0)


def test_what_was_wrong_once():
    """tanh at q = 100, rho = .999, and at q = 1e6; the sigmoid at q = 1e4, rho = -1."""
    assert dual_kernel(pair(100, 100, 0.999), "tanh")[0, 1] == pytest.approx(0.9155, abs=1e-4)
    assert dual_kernel(pair(1e4, 1e4, 0.999), "tanh")[0, 1] == pytest.approx(0.970, abs=5e-4)
    assert dual_kernel(pair(1e6, 1e6, 0), "tanh")[0, 0] == pytest.approx(0.9992, abs=5e-5)
    assert dual_kernel(pair(1e4, 1e4, -1), "sigmoid")[0, 1] == pytest.approx(0.00399, abs=5e-6)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_no_variance_is_too_large_or_zero(name):
    """1e300, where tanh is the sign and the others are multiples of a relu or a jump; and 0."""
    rho = 0.3
    kernel = dual_kernel(pair(1e300, 1e300, rho), name)[0, 1]
    angle = np.pi - np.arccos(rho)
    relu = 1e300 * (np.sqrt(1 - rho**2) + rho * angle) / (2 * np.pi)
    limit = {"identity": rho * 1e300, "sigmoid": angle / (2 * np.pi)}
    limit |= dict.fromkeys(("tanh", "erf"), 2 / np.pi * np.arcsin(rho))
    assert kernel == pytest.approx(limit.get(name, relu), rel=1e-9)
    at_zero = KNOWN[name].function(np.zeros(1))[0]
    kernel = dual_kernel(pair(0.0, 2.0, 0.0), name)
    assert kernel[0, 0] == pytest.approx(at_zero**2, rel=1e-9)
    means = by_panels(name, 1.0, 2.0, 0.0) / by_panels(name, 1.0, 1.0, 0.0) ** 0.5 if at_zero else 0
    assert kernel[0, 1] == pytest.approx(at_zero * means, rel=1e-9)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "gelu", "relu"])
def test_a_function_without_its_name_has_the_same_kernel(name):
    """A kink at 0 is no obstacle; correlations of 1 and -1 are right at any variance."""
    C = covariance(3)
    sigma = pointwise(name).function
    np.testing.assert_allclose(dual_kernel(C, sigma), dual_kernel(C, name), rtol=1e-6)
    for p, q in ((1e-6, 1e-6), (1e6, 1e6), (1e4, 1.0)):
        for rho in (1, -1):
            C = pair(p, q, rho)
            expected = dual_kernel(C, name)
            scale = np.sqrt(expected[0, 0] * expected[1, 1])
            np.testing.assert_allclose(
                dual_kernel(C, sigma), expected, rtol=1e-8, atol=1e-8 * scale
            )


def test_what_does_not_converge_is_refused():
    with pytest.raises(ValueError, match=r"200 Hermite polynomials.*deviations of 100 and 100 and"):
        dual_kernel(pair(1e4, 1e4, 0.999), np.tanh)
    # waves everywhere, or a kink that is not at 0
    for sigma, q in ((np.sin, 1e6), (lambda z: np.clip(z, -1, 1), 1.7)):
        with pytest.raises(ValueError, match="does not converge at a standard deviation of 1"):
            dual_kernel(pair(q, q, 0), sigma)
    for sigma in (lambda z: z[0], lambda z: np.full_like(z, np.nan)):
        with pytest.raises(ValueError, match="activation must act elementwise and be finite"):
            dual_kernel(np.eye(2), sigma)


def test_kernels_stay_positive_semi_definite_and_exact_on_the_diagonal():
    x = np.random.default_rng(4).standard_normal((40, 6))
    x[1] = x[0]  # a correlation of one
    x[2] = -x[0]
    x[3] = 0.0
    for name in ("relu", "tanh", "gelu", np.arctan):
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
    with pytest.raises(ValueError, match="every width must be >= 1, got 0"):
        sampled_kernels(np.eye(2), (0,), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="networks must be >= 1, got 0"):
        sampled_kernels(np.eye(2), (3,), networks=0, rng=np.random.default_rng(0))


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nngp_kernels(np.eye(2), 1.5), "depth must be an integer, got 1.5"),
        (lambda: ensemble(np.eye(2), 1.5), "depth must be an integer, got 1.5"),
        (
            lambda: sampled_kernels(np.eye(2), (2.5,), rng=np.random.default_rng(0)),
            "every width must be an integer, got 2.5",
        ),
        (
            lambda: sampled_kernels(np.eye(2), (2,), networks=1.5, rng=np.random.default_rng(0)),
            "networks must be an integer, got 1.5",
        ),
    ],
)
def test_numbers_of_layers_and_neurons_are_integers(call, message):
    with pytest.raises(TypeError, match=message):
        call()
