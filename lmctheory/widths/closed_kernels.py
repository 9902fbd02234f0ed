r"""Dual kernels of the named activations, right at every variance and correlation (D1).

Each is a jump, a relu or z times a jump, smoothed by noise of its own:

    erf(z)      = E sign(z + e/sqrt 2),       tanh(z)     = E sign(z + l/2),
    sigmoid(z)  = E 1{z + l > 0},             softplus(z) = E (z + l)_+,
    gelu(z)     = E z 1{z + e > 0},

e normal, l logistic, that is a normal times a random s: twice Kolmogorov's variable (Andrews and
Mallows 1974). So E sigma(u) sigma(v) is the kernel of the jump or of the relu for variances that
are raised by s^2 and s'^2, with the noises of u and v independent, averaged over s and s'. With
a^2, b^2 the variances, alpha = a/sqrt(a^2 + s^2), beta likewise, r = rho alpha beta and
cos r' = -r, 0 <= r' <= pi, the kernels are (Cho and Saul 2009, degrees 0 and 1)

    E 1 1 = r' / (2 pi),    E sign sign = (2/pi) arcsin r,
    E relu relu = sqrt(a^2 + s^2) sqrt(b^2 + s'^2) (sqrt(1 - r^2) + r r') / (2 pi),

and by parts, for s = s' = 1 and with c = rho a b,

    E gelu gelu = c r' / (2 pi) + (a^2 b^2 - c^2 + c^2/(1+a^2) + c^2/(1+b^2)) / (2 pi sqrt D),
    D = (1 + a^2)(1 + b^2) - c^2.

The mean over s is a rule of `_RULE` nodes, Gauss's for log s. With it the smoothed jump is within
2e-7 of tanh, relative, at every z, with errors of both signs, and kernels are within 1e-9: no
variance is too large or too small. What comes out is the kernel of a function near sigma, hence
positive semi-definite. Where terms cancel, at correlations near -1, the differences are taken by
hand: 1 - r^2 from 1 - rho^2, 1 - alpha^2 and 1 - beta^2, and sqrt(1 - r^2) + r r' =
sqrt(1 - r^2) (1 - (arctan x)/x), x = sqrt(1 - r^2)/|r|.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

__all__ = ["CLOSED_KERNELS"]

Matrix = Float[np.ndarray, "n n"]
Vector = Float[np.ndarray, " n"]

_RULE = 8
"""Nodes for log s."""


class _Smoothed(NamedTuple):
    """Pairs of variables after the noise: their deviations and correlation, and what cancels."""

    scale: Matrix
    """sqrt(a^2 + s^2) sqrt(b^2 + s'^2)."""
    r: Matrix
    rest: Matrix
    """sqrt(1 - r^2)."""

    @property
    def angle(self) -> Matrix:
        """r', pi at r = 1."""
        return np.arctan2(self.rest, -self.r)


def _smoothed(deviation: Vector, rho: Matrix, s: float, s_prime: float) -> _Smoothed:
    a, b = np.hypot(deviation, s)[:, None], np.hypot(deviation, s_prime)[None, :]
    alpha, beta = (_ratio(deviation[:, None], a), _ratio(deviation[None, :], b))
    free = _ratio(s, a) ** 2 + alpha**2 * (_ratio(s_prime, b) ** 2 + beta**2 * _free(rho))
    return _Smoothed(a * b, rho * alpha * beta, np.sqrt(free))


def _free(rho: Matrix) -> Matrix:
    """1 - rho^2."""
    return (1 - rho) * (1 + rho)


def _ratio(part: NDArray[np.float64] | float, whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where both are 0: a variable without variance or noise."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _jump(pair: _Smoothed) -> Matrix:
    return pair.angle / (2 * np.pi)


def _sign(pair: _Smoothed) -> Matrix:
    return 2 / np.pi * np.arctan2(pair.r, pair.rest)


def _relu(pair: _Smoothed) -> Matrix:
    x = _tangent(pair)
    near = pair.rest * _arctan_defect(x)  # at negative correlations
    return pair.scale * np.where(x < 1, near, pair.rest + pair.r * pair.angle) / (2 * np.pi)


def _gelu(deviation: Vector, rho: Matrix) -> Matrix:
    pair = _smoothed(deviation, rho, 1.0, 1.0)
    noise = 1 / np.hypot(deviation, 1.0) ** 2
    signal = (deviation * np.sqrt(noise)) ** 2
    (A, B), (a, b) = ((one[:, None], one[None, :]) for one in (noise, signal))
    apart, x = a * b * _free(rho), _tangent(pair)
    far = pair.r * pair.angle + (apart + pair.r**2 * (A + B)) / pair.rest
    small = A * B + A * (A * b + apart) + B * (B * a + apart)
    near = pair.rest * _arctan_defect(x) - small / pair.rest
    return pair.scale * np.where(x < 1, near, far) / (2 * np.pi)


def _tangent(pair: _Smoothed) -> Matrix:
    """Of the angle r': x = sqrt(1 - r^2)/|r| where r < 0; infinite elsewhere."""
    infinite = np.full_like(pair.r, np.inf)
    return np.divide(pair.rest, -pair.r, out=infinite, where=pair.r < 0)


_SERIES = (-1.0) ** np.arange(14) / (2 * np.arange(14) + 3)


def _arctan_defect(x: Matrix) -> Matrix:
    """1 - (arctan x)/x, x^2/3 to first order; x >= 0."""
    square = np.minimum(x, 0.3) ** 2
    small = square * np.polyval(_SERIES[::-1], square)
    large = np.clip(x, 0.3, 1.0)
    return np.where(x < 0.3, small, 1 - np.arctan(large) / large)


@cache
def _logistic() -> tuple[Vector, Vector]:
    """Scales s and weights: a logistic variable is s times a normal one; Gauss's rule for log s."""
    log_k = np.arange(np.log(0.15), np.log(5.0), 0.02)
    k, i = np.exp(log_k)[:, None], np.arange(1, 60)
    # Kolmogorov's density, for log k
    mass = (8 * k**2 * (-1.0) ** (i - 1) * i**2 * np.exp(-2 * i**2 * k**2)).sum(axis=1)
    mass = np.maximum(mass, 0.0) / mass.sum()
    # Stieltjes: orthonormal polynomials on the fine grid, three terms at a time
    diagonal, beside = np.zeros(_RULE), np.zeros(_RULE)
    before, polynomial = np.zeros_like(mass), np.ones_like(mass)
    for n in range(_RULE):
        diagonal[n] = mass @ (log_k * polynomial**2)
        following = (log_k - diagonal[n]) * polynomial - beside[n - 1] * before
        beside[n] = np.sqrt(mass @ following**2)
        before, polynomial = polynomial, following / beside[n]
    jacobi = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return 2 * np.exp(nodes), vectors[0] ** 2


def _averaged(
    kernel: Callable[[_Smoothed], Matrix], shrink: float
) -> Callable[[Vector, Matrix], Matrix]:
    """The mean over logistic noise that is shrunk by a factor."""

    def dual(deviation: Vector, rho: Matrix) -> Matrix:
        scales, weights = _logistic()
        total = np.zeros_like(rho)
        for i, s in enumerate(scales):
            for j, s_prime in enumerate(scales[: i + 1]):
                pair = _smoothed(deviation, rho, s * shrink, s_prime * shrink)
                one = weights[i] * weights[j] * kernel(pair)
                total += one if i == j else one + one.T
        return total

    return dual


def _with_noise(
    kernel: Callable[[_Smoothed], Matrix], s: float
) -> Callable[[Vector, Matrix], Matrix]:
    return lambda deviation, rho: kernel(_smoothed(deviation, rho, s, s))


CLOSED_KERNELS: Mapping[str, Callable[[Vector, Matrix], Matrix]] = {
    "identity": lambda deviation, rho: np.outer(deviation, deviation) * rho,
    "relu": _with_noise(_relu, 0.0),
    "erf": _with_noise(_sign, 0.5**0.5),
    "gelu": _gelu,
    "tanh": _averaged(_sign, 0.5),
    "sigmoid": _averaged(_jump, 1.0),
    "softplus": _averaged(_relu, 1.0),
}
"""By name, functions of the deviations ``[n]`` and correlations ``[n, n]``."""
