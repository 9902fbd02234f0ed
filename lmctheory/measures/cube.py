r"""The uniform law in a cube.

Its heat semigroup is that of reflected Brownian motion, coordinate by coordinate. With u = t/a^2,
the series of R6 and what they become at small u by Poisson summation, to double precision:

    theta(u) = sum_{k>=0} e^{-pi^2 k^2 u} = 1/2 + (pi u)^{-1/2} (1/2 + sum_{n>=1} e^{-n^2/u}),
    D(t) / (2 d a^2) = 1/12 - sum_{k odd} 8/(pi k)^4 e^{-pi^2 k^2 u} = u - 8 u^{3/2}/(3 sqrt pi),
    L_t = sum_{k odd} (4/(pi k)) (-1)^{(k-1)/2} e^{-pi^2 k^2 u} = 1.

L_t is exact: the derivative of P_t x solves the heat equation with value 0 at both ends and starts
from 1, so it is largest in the centre.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import binom, gammaln

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    at_least,
    exp_rounded_up,
    generator,
    log_ball_volume,
    nonnegative,
    positive,
    raised,
)
from lmctheory.measures.hopf_lax import hopf_lax_constant

__all__ = ["UniformCube"]

Array = NDArray[np.float64]

_SMALL_TIME = 0.0015
"""Below it the expansions of D and L at small u are exact: the next terms are below e^-41."""
_ODD = np.arange(1, 63, 2)
"""Odd frequencies that matter above that time."""


@dataclass(frozen=True)
class UniformCube:
    """The uniform law in the cube [-a/2, a/2]^d.

    Args:
        dimension: d >= 1.
        side: a > 0, in units of the weights.

    Raises:
        TypeError: if the dimension is no integer, or the side no number.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R5, R6, R6b, R9.

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> UniformCube(2, side=6.0).spectrum
        array([3., 3.])
    """

    dimension: int
    side: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", at_least("dimension", self.dimension, 1))
        object.__setattr__(self, "side", positive("side", self.side))

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues a^2/12 of the covariance ``[d]``."""
        return np.full(self.dimension, raised(self.side, 2.0) / 12)

    @property
    def second_moment(self) -> float:
        """E|X|^2 = d a^2/12."""
        return self.dimension * raised(self.side, 2.0) / 12

    @property
    def diameter(self) -> float:
        """The diagonal a sqrt d."""
        return float(self.side * np.sqrt(self.dimension))

    @property
    def density_bound(self) -> float:
        """The density a^{-d}."""
        return exp_rounded_up(-self.dimension * np.log(self.side))

    @property
    def semigroup_constant(self) -> float:
        """c_d of R6b; c_1 = 1."""
        return hopf_lax_constant(self.dimension)

    @property
    def log_sobolev_constant(self) -> float:
        """(a/pi)^2: even functions on a circle of length 2a, coordinate by coordinate (R10)."""
        return raised(self.side / math.pi, 2.0)

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        return self.side * (rng.random((m, self.dimension)) - 0.5)

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """An upper bound of P(|X - X'| <= r).

        For r <= a in low dimension a closed form; otherwise the law of the squared distance by
        convolution of its coordinates, each rounded down to a fine grid: too large by at most
        1e-4 for d <= 20 and r > a, by 0.01 for d = 784.
        """
        r = nonnegative("r", r)
        u = r / self.side
        bound = np.minimum(_convolved(self.dimension, u), _short(self.dimension, np.minimum(u, 1)))
        return np.where(u <= 1, bound, _convolved(self.dimension, u))

    def heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """Heat trace tr P_s = theta(s/a^2)^d, theta(u) = sum_{k>=0} e^{-pi^2 k^2 u}."""
        s = nonnegative("s", s)
        with np.errstate(over="ignore"):
            return np.exp(self.dimension * _log_theta(s / raised(self.side, 2.0)))

    def even_heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """(1/2) [theta^d + theta_-^d], theta_-(u) = sum_{k>=0} (-1)^k e^{-pi^2 k^2 u} (S1)."""
        s = nonnegative("s", s)
        with np.errstate(over="ignore"):
            alternating = _alternating_theta(s / raised(self.side, 2.0)) ** self.dimension
        return (self.heat_trace(s) + alternating) / 2

    def mean_squared_displacement(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """D(t) = 2 d a^2 (1/12 - sum_{k odd} 8/(pi k)^4 e^{-pi^2 k^2 t/a^2})."""
        t, square = nonnegative("t", t), raised(self.side, 2.0)
        u = t / square
        series = 1 / 12 - _decay(u) @ (8 / (np.pi * _ODD) ** 4)
        small = np.minimum(u, _SMALL_TIME)
        expansion = small - 8 / 3 / np.sqrt(np.pi) * small**1.5
        return 2 * self.dimension * square * np.where(u < _SMALL_TIME, expansion, series)

    def contraction(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """L_t = (4/pi) sum_{k odd} (-1)^{(k-1)/2} e^{-pi^2 k^2 t/a^2} / k, at most 1."""
        t = nonnegative("t", t)
        u = t / raised(self.side, 2.0)
        sign = 2.0 - _ODD % 4  # 1, -1, 1, ...
        return np.where(u < _SMALL_TIME, 1.0, _decay(u) @ (4 / np.pi * sign / _ODD))

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """2^{jd} cubes of diameter 2^{-j} a sqrt d at levels j = 1..levels (R5)."""
        levels = at_least("levels", levels, 1)
        j = np.arange(1, levels + 1)
        with np.errstate(over="ignore"):
            return np.exp2(j * float(self.dimension)), self.diameter * 0.5**j


def _decay(u: Array) -> Array:
    """e^{-pi^2 k^2 u} for odd k, along a new last axis."""
    return np.exp(-((np.pi * _ODD) ** 2) * u[..., None])


def _log_theta(u: Array) -> Array:
    n = np.arange(1, 7)
    with np.errstate(divide="ignore"):
        small, large = np.minimum(u, 1 / np.pi), np.maximum(u, 1 / np.pi)
        dual = (0.5 + np.exp(-(n**2) / small[..., None]).sum(axis=-1)) / np.sqrt(np.pi * small)
        direct = np.log1p(np.exp(-((np.pi * n) ** 2) * large[..., None]).sum(axis=-1))
        return np.where(u < 1 / np.pi, np.log(0.5 + dual), direct)


def _alternating_theta(u: Array) -> Array:
    """1/2 + (pi u)^{-1/2} sum_{n>=0} e^{-(n+1/2)^2/u}, or the series itself, for large u."""
    n = np.arange(6)
    with np.errstate(divide="ignore", invalid="ignore"):
        small, large = np.minimum(u, 1 / np.pi), np.maximum(u, 1 / np.pi)
        dual = np.exp(-((n + 0.5) ** 2) / small[..., None]).sum(axis=-1) / np.sqrt(np.pi * small)
        direct = np.exp(-((np.pi * n) ** 2) * large[..., None]) @ (-1.0) ** n
        return np.where(u < 1 / np.pi, 0.5 + np.where(u > 0, dual, 0.0), direct)


def _short(d: int, u: Array) -> Array:
    """P(|X - X'| <= u) for u <= 1 in the unit cube, rounded up.

    The difference has density prod (1 - |x_i|), so that the Dirichlet integrals give
    sum_k (-1)^k binom(d, k) pi^{(d-k)/2} u^{d+k} / Gamma(1 + (d+k)/2). Its first term is an upper
    bound of its own, where in high dimension the signs cancel too much.
    """
    k = np.arange(d + 1)
    log_size = (d - k) / 2 * np.log(np.pi) - gammaln(1 + (d + k) / 2)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        terms = binom(d, k) * np.exp(log_size + (d + k) * np.log(u)[..., None])
        first = np.exp(log_ball_volume(d) + d * np.log(u))
        series = terms @ (-1.0) ** k + 1e-14 * (1 + d) * terms.sum(axis=-1)
    return np.fmin(series, first)  # beyond 1000 dimensions binomials overflow


def _convolved(d: int, u: Array) -> Array:
    """An upper bound of P(|X - X'| <= u) in the unit cube."""
    cumulative, step = _squared_distance_law(d)
    cell = np.minimum(u**2 / step, len(cumulative) - 1).astype(int)
    return cumulative[cell]


@lru_cache(maxsize=16)
def _squared_distance_law(d: int) -> tuple[Array, float]:
    """Distribution function of sum of d squared differences of coordinates, and its grid step.

    One squared difference y has distribution function 2 sqrt y - y; it is rounded down to the grid.
    """
    cells = max(2**20 // d, 4096)
    edges = np.linspace(0.0, 1.0, cells + 1)
    law = np.diff(2 * np.sqrt(edges) - edges)
    length = d * (cells - 1) + 1
    padded = next_fast_len(length, real=True)
    total = irfft(rfft(law, padded) ** d, padded)[:length]
    # 1e-12 exceeds the rounding of the transforms, the sum of d 1e-16 of modulus at most 1
    cumulative = np.minimum(np.cumsum(total) + 1e-12, 1.0)
    cumulative.setflags(write=False)
    return cumulative, 1 / cells
