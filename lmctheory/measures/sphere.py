"""The uniform law on a sphere."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import betainc, gammaln

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    at_least,
    generator,
    nonnegative,
    positive,
    raised,
)
from lmctheory.measures.hopf_lax import hopf_lax_constant
from lmctheory.measures.lattice import dyadic_cells

__all__ = ["UniformSphere"]

_MANY_TERMS = 2**17
"""Beyond this many terms of the heat trace its expansion at small times is exact to rounding."""


@dataclass(frozen=True)
class UniformSphere:
    """The uniform law on the sphere of a given radius in R^d, d >= 2, around 0.

    Carries Brownian motion with generator Laplacian (R6), n = d - 1:
    tr P_s = sum_k N(d, k) e^{-k(k+d-2)s/r^2}, D(t) = 2 r^2 (1 - e^{-n t/r^2}) in the chordal
    distance, L_t = e^{-n t/r^2}. Distances: |X - X'|^2 / (4 r^2) ~ Beta(n/2, n/2).

    Args:
        dimension: d >= 2 of the surrounding space.
        radius: r > 0, in units of the weights.

    Raises:
        TypeError: if the dimension is no integer, or the radius no number.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R5, R6, R6b, R9, R10.

    Example:
        >>> from lmctheory.measures import UniformSphere
        >>> UniformSphere(4, radius=2.0).spectrum
        array([1., 1., 1., 1.])
    """

    dimension: int
    radius: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", at_least("dimension", self.dimension, 2))
        object.__setattr__(self, "radius", positive("radius", self.radius))

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues r^2/d of the covariance ``[d]``."""
        return np.full(self.dimension, raised(self.radius, 2.0) / self.dimension)

    @property
    def second_moment(self) -> float:
        """E|X|^2 = r^2."""
        return raised(self.radius, 2.0)

    @property
    def diameter(self) -> float:
        """2 r."""
        return 2 * self.radius

    @property
    def semigroup_constant(self) -> float:
        """c_{d-1} of R6b."""
        return hopf_lax_constant(self.dimension - 1)

    @property
    def log_sobolev_constant(self) -> float:
        """r^2/(d-1), in the distance along the sphere, hence also in the chordal one (R10)."""
        return raised(self.radius, 2.0) / (self.dimension - 1)

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        x: Float[np.ndarray, "m d"] = rng.standard_normal((m, self.dimension))
        return x * (self.radius / np.linalg.norm(x, axis=1, keepdims=True))

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """P(|X - X'| <= r), exactly."""
        r = nonnegative("r", r)
        half = (self.dimension - 1) / 2
        return np.asarray(betainc(half, half, np.minimum(r / self.diameter, 1.0) ** 2))

    def heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """Heat trace sum_k N(d, k) e^{-k(k+d-2)s/r^2}, N the number of spherical harmonics."""
        return self._heat_trace(s, 1)

    def even_heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """The sum of the heat trace over even k only (S1)."""
        return self._heat_trace(s, 2)

    def _heat_trace(self, s: ArrayLike, step: int) -> np.ndarray:
        """Over every k, or every second one."""
        s = nonnegative("s", s)
        times = s.ravel() / raised(self.radius, 2.0)
        traces = [_unit_heat_trace(self.dimension, float(u), step) for u in times]
        return np.array(traces).reshape(s.shape)

    def mean_squared_displacement(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """D(t) = 2 r^2 (1 - e^{-(d-1)t/r^2})."""
        t, square = nonnegative("t", t), raised(self.radius, 2.0)
        return -2 * square * np.expm1(-(self.dimension - 1) * t / square)

    def contraction(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """L_t = e^{-(d-1)t/r^2}: the coordinates are eigenfunctions."""
        t = nonnegative("t", t)
        return np.exp(-(self.dimension - 1) * t / raised(self.radius, 2.0))

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Dyadic cells of the enclosing cube that meet the sphere, and their diameters (R5)."""
        cells, sides = dyadic_cells(self.dimension, levels, shell=True)
        return cells, self.radius * np.minimum(sides * np.sqrt(self.dimension), 2.0)


def _unit_heat_trace(d: int, u: float, step: int) -> float:
    """The heat trace of the unit sphere in R^d, over every k or every second one.

    At tiny times half of it is even: what they differ by is the heat kernel of opposite points.
    """
    if u == 0:
        return np.inf
    # k sqrt(u) is spread like chi_{d-1} / sqrt 2, which exceeds this by chance e^-42
    terms = int(min((np.sqrt(d / 2) + 6.5) / np.sqrt(u), _MANY_TERMS)) + 2
    with np.errstate(over="ignore"):
        if terms > _MANY_TERMS:  # the heat expansion with the scalar curvature n(n-1)
            n = d - 1
            log_volume = np.log(2) + d / 2 * np.log(np.pi) - gammaln(d / 2)
            log_trace = log_volume - n / 2 * np.log(4 * np.pi * u) + n * (n - 1) * u / 6
            return float(np.exp(log_trace) / step)
        k = np.arange(step, terms, step, dtype=np.float64)
        log_number = np.log(2 * k + d - 2) + gammaln(k + d - 2) - gammaln(k + 1) - gammaln(d - 1)
        return 1 + float(np.exp(log_number - k * (k + d - 2) * u).sum())
