"""Dual kernels (D1): E sigma(u) sigma(v) for a Gaussian pair, against ball arithmetic.

relu, erf and gelu: E sigma(N(mu, s^2)) is elementary, which leaves one integral. tanh, the sigmoid
and softplus: a jump or a relu smoothed by logistic noise, a normal times 2K, K Kolmogorov's
variable. The trapezoidal rule over log K turns the noise into a finite mixture; that the mixture is
the function to 1e-22, relative, at any z, is checked here, and its kernel is a double sum.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from flint import acb, arb, ctx

from lmctheory.activations import pointwise
from lmctheory.widths.closed_kernels import CLOSED_KERNELS
from lmctheory.widths.kernels import dual_kernel
from tests.oracle.balls import COUNTS, certified, integral, require, symmetric

Pair = tuple[float, float, float]
"""Two deviations and a correlation."""


def density(x: acb) -> acb:
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def below(x: acb) -> acb:
    return (-x / arb(2).sqrt()).erfc() / 2


def relu_mean(mu: acb, s: arb) -> acb:
    return mu * below(mu / s) + s * density(mu / s)


def erf_mean(mu: acb, s: arb) -> acb:
    return (mu / (1 + 2 * s * s).sqrt()).erf()


def gelu_mean(mu: acb, s: arb) -> acb:
    root = (1 + s * s).sqrt()
    return mu * below(mu / root) + s * s / root * density(mu / root)


DIRECT: dict[str, tuple[Callable, Callable]] = {
    "relu": (lambda z: z, relu_mean),
    "erf": (lambda z: z.erf(), erf_mean),
    "gelu": (lambda z: z * below(z), gelu_mean),
}
"""sigma on the right half-line, and its mean over N(mu, s^2)."""


def by_definition(name: str, pair: Pair) -> arb:
    """E sigma(a X) E[sigma(b (rho X + sqrt(1 - rho^2) Y)) | X]."""
    a, b, rho = map(arb, pair)
    sigma, mean = DIRECT[name]
    s = b * (1 - rho * rho).sqrt()

    def both_sides(x: acb, _: bool) -> acb:
        right = sigma(a * x) * mean(b * rho * x, s)
        left = {"relu": lambda: 0, "erf": lambda: right}.get(
            name, lambda: sigma(-a * x) * mean(-b * rho * x, s)
        )
        return (right + left()) * density(x)

    far = arb(26)  # beyond, |sigma(ax)| <= 1 + ax, and its mean is at most 1 + b (1 + x)
    rest = 2 * (1 + a) * (1 + b) * (far + 2) ** 2 * density(far)
    return integral(both_sides, arb(0), far) + symmetric(rest)


@cache
def kolmogorov(bits: int) -> list[tuple[arb, arb]]:
    """Values 2k and weights: 8 k^2 sum_i (-1)^{i-1} i^2 e^{-2 i^2 k^2} is the density of log k."""
    step, nodes = arb(1) / 15, []
    for j in range(-28, 26):
        k = (j * step).exp()
        terms = ((-1) ** (i - 1) * i * i * (-2 * i * i * k * k).exp() for i in range(1, 40))
        nodes.append((2 * k, step * 8 * k**2 * sum(terms, arb(0))))
    return nodes


def jump_kernel(scale: arb, r: arb) -> arb:
    return (arb.pi() - r.acos()) / (2 * arb.pi())


def sign_kernel(scale: arb, r: arb) -> arb:
    return 2 / arb.pi() * r.asin()


def relu_kernel(scale: arb, r: arb) -> arb:
    return scale * ((1 - r * r).sqrt() + r * (arb.pi() - r.acos())) / (2 * arb.pi())


SMOOTHED: dict[str, tuple[Callable, int, Callable, Callable]] = {
    "tanh": (sign_kernel, 2, lambda z: z.tanh(), lambda z, s: (z / s / arb(2).sqrt()).erf()),
    "sigmoid": (jump_kernel, 1, lambda z: 1 / (1 + (-z).exp()), lambda z, s: below(z / s)),
    "softplus": (relu_kernel, 1, lambda z: z.exp().log1p(), relu_mean),
}
"""The kernel that is averaged, by what the noise is divided, sigma and the mean over N(z, s^2)."""


def noisy(kernel: Callable, pair: Pair, s: arb, t: arb) -> arb:
    """The kernel of deviations and a correlation with independent noise on both sides."""
    a, b, rho = map(arb, pair)
    scale = (a * a + s * s).sqrt() * (b * b + t * t).sqrt()
    return kernel(scale, rho * a * b / scale)


def by_mixture(name: str, pair: Pair) -> arb:
    kernel, shrink, _, _ = SMOOTHED[name]
    total, nodes = arb(0), kolmogorov(ctx.prec)
    for s, v in nodes:
        total += sum(
            (v * w * noisy(kernel, pair, s / shrink, t / shrink) for t, w in nodes), arb(0)
        )
    return total


def pairs(count: int, seed: int) -> list[Pair]:
    """Deviations from 1e-6 to 1e6, correlations near -1, 0 and 1 and in between."""
    rng = np.random.default_rng(seed)
    found = []
    for kind in np.arange(count) % 5:
        a, b = 10 ** rng.uniform(-6, 6, 2)
        near = 10 ** rng.uniform(-15, 0)
        rho = (1 - near, near - 1, rng.uniform(-1, 1), near, -near)[kind]
        found.append((a, float((a, b)[rng.integers(2)]), float(rho)))
    return [(1e6, 1e6, 1 - 1e-15), (1e-6, 1e6, 1e-15 - 1), (1.0, 1.0, 0.0), *found][:count]


def closed(name: str, pair: Pair) -> float:
    a, b, rho = pair
    matrix = CLOSED_KERNELS[name](np.array([a, b]), np.array([[1.0, rho], [rho, 1.0]]))
    return float((matrix[0, 1] + matrix[1, 0]) / 2)


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.parametrize("count", COUNTS)
def test_closed_forms(name, count):
    places = [pair for pair in pairs(count, 0) if pair[2] or name != "erf"]
    exact = [certified(lambda pair=pair: by_definition(name, pair)) for pair in places]
    require([closed(name, pair) for pair in places], exact, 1e-12, places)


@pytest.mark.parametrize("name", SMOOTHED)
@pytest.mark.parametrize("count", COUNTS)
def test_means_of_closed_forms(name, count):
    places = [pair for pair in pairs(count, 1) if pair[2] or name != "tanh"]
    exact = [certified(lambda pair=pair: by_mixture(name, pair)) for pair in places]
    require([closed(name, pair) for pair in places], exact, 1e-9, places)


@pytest.mark.parametrize("name", ["relu", "tanh", "softplus"])
def test_covariances_and_functions_without_a_name(name):
    """From C, whose correlation is rounded; and by Hermite polynomials, to 1e-6 of the diagonal."""
    rng, exact, places = np.random.default_rng(2), [], []
    for _ in range(6):
        a, b, rho = *(2.0 ** rng.integers(-2, 2, 2)), float(rng.uniform(-0.9, 0.9))
        places.append((float(a), float(b), rho))
        oracle = by_definition if name in DIRECT else by_mixture
        exact.append(certified(partial(oracle, name, places[-1])))
    found = [dual_kernel(covariance(place), name)[0, 1] for place in places]
    require(found, exact, 1e-12 if name in DIRECT else 1e-9, places)
    sigma = pointwise(name).function
    for ball, place in zip(exact, places, strict=True):
        kernel = dual_kernel(covariance(place), sigma)
        unit = float(np.sqrt(kernel[0, 0] * kernel[1, 1]))
        require([kernel[0, 1]], [ball], 1e-6, [place], unit)


def covariance(pair: Pair) -> np.ndarray:
    a, b, rho = pair
    return np.array([[a * a, rho * a * b], [rho * a * b, b * b]])


@pytest.mark.parametrize("name", SMOOTHED)
def test_the_mixture_of_the_oracle_is_the_function(name):
    _, shrink, sigma, mean = SMOOTHED[name]
    with ctx.workprec(512):
        for z in (-12.0, -3.0, -1e-9, 1e-12, 0.3, 2.0, 25.0, 1e4):
            total = sum((w * mean(arb(z), s / shrink) for s, w in kolmogorov(512)), arb(0))
            assert abs(total / sigma(arb(z)) - 1) < 1e-20


@pytest.mark.parametrize("rho", [-0.999, -0.3, 0.5, 1 - 1e-9])
def test_the_kernels_of_the_oracle_are_those_of_the_definition(rho):
    def found(kernel: Callable, square: float) -> arb:
        return certified(lambda: noisy(kernel, pair, arb(square).sqrt(), arb(square).sqrt()))

    pair = (0.3, 2.0, rho)
    assert found(relu_kernel, 0).overlaps(certified(lambda: by_definition("relu", pair)))
    sign, jump = found(sign_kernel, 0.5), found(jump_kernel, 0.5)
    assert sign.overlaps(certified(lambda: by_definition("erf", pair)))
    assert (4 * jump - 1).overlaps(sign)  # sign = 2 jump - 1, of mean 0
