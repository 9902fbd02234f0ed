"""Gaussian laws of one neuron's weights."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import gammainc

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    exp_rounded_up,
    generator,
    nonnegative,
    number,
)
from lmctheory.measures.covariance import principal_axes
from lmctheory.measures.display import Readable

__all__ = ["Gaussian", "LowRankPlusNoise"]


@dataclass(frozen=True, eq=False, repr=False)
class Gaussian(Readable):
    """N(0, Lambda) on R^d, in its principal axes: matching cost depends on nothing else.

    Args:
        spectrum: eigenvalues of Lambda ``[d]``, in any order; zero is allowed.
        covariance: alternatively Lambda itself ``[d, d]``; samples then have that covariance.
            What is below zero, or so near it, that it may be the rounding of the type that the
            matrix comes in, is set to zero: pass a float32 matrix as such.

    Raises:
        TypeError: unless exactly one of the two is given, of real numbers.
        ValueError: for an empty, non-finite or negative spectrum, or a covariance that is no
            symmetric positive semidefinite matrix.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> Gaussian(spectrum=[1.0, 3.0]).spectrum
        array([3., 1.])
    """

    spectrum: Float[np.ndarray, " d"]
    _axes: Float[np.ndarray, "d d"] | None = field(repr=False)

    def __init__(
        self,
        *,
        spectrum: "Shaped[ArrayLike, ' d'] | list[float] | tuple[float, ...] | None" = None,
        covariance: Shaped[ArrayLike, "d d"] | None = None,
    ) -> None:
        if (spectrum is None) == (covariance is None):
            raise TypeError("Gaussian needs exactly one of spectrum and covariance")
        axes = None
        if covariance is not None:
            eigenvalues, axes = principal_axes("covariance", covariance)
        else:
            eigenvalues = np.sort(array("spectrum", spectrum, "d", least=0.0))[::-1]
        object.__setattr__(self, "spectrum", eigenvalues.copy())
        object.__setattr__(self, "_axes", axes)
        self.spectrum.setflags(write=False)

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return len(self.spectrum)

    @property
    def second_moment(self) -> float:
        """E|X|^2 = tr Lambda, in squared units of the weights."""
        return float(self.spectrum.sum())

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        x: Float[np.ndarray, "m d"] = rng.standard_normal((m, self.dimension))
        x *= np.sqrt(self.spectrum)
        return x if self._axes is None else x @ self._axes.T

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Lambda, in the coordinates of the samples."""
        if self._axes is None:
            return np.diag(self.spectrum)
        return (self._axes * self.spectrum) @ self._axes.T

    @property
    def density_bound(self) -> float:
        """The density prod (2 pi lambda_i)^{-1/2} at 0; infinite if an eigenvalue is zero."""
        with np.errstate(divide="ignore"):
            return exp_rounded_up(-np.log(2 * np.pi * self.spectrum).sum() / 2)

    @property
    def semigroup_constant(self) -> float:
        """4, as for any law (R6)."""
        return 4.0

    @property
    def log_sobolev_constant(self) -> float:
        """The largest eigenvalue lambda_1 (R10)."""
        return float(self.spectrum[0])

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """An upper bound of P(|X - X'| <= r), exact for isotropic laws (R9).

        |X - X'|^2 = 2 sum lambda_i chi^2_1 is stochastically larger than 2 g_k chi^2_k for every k,
        g_k the geometric mean of the k largest eigenvalues: of all ellipsoids of one volume the
        ball has the largest Gaussian measure.
        """
        r = nonnegative("r", r)
        k = np.arange(1, len(self._positive) + 1)
        means = np.exp(np.cumsum(np.log(self._positive)) / k)
        with np.errstate(over="ignore"):
            bounds = gammainc(k / 2, r[..., None] ** 2 / (4 * means))
        return np.asarray(bounds.min(axis=-1, initial=1.0))

    def heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """Heat trace prod (1 - e^{-s/lambda_i})^{-1}, over the positive eigenvalues (R6)."""
        s = nonnegative("s", s)
        with np.errstate(divide="ignore", over="ignore"):
            x = s[..., None] / self._positive
            # 1 - e^{-x} without cancellation at either end
            logs = np.where(x < 1, np.log(-np.expm1(-x)), np.log1p(-np.exp(-np.maximum(x, 1))))
            return np.exp(-logs.sum(axis=-1))

    def even_heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """(1/2) [prod (1 - q_i)^{-1} + prod (1 + q_i)^{-1}], q_i = e^{-s/lambda_i} (S1)."""
        s = nonnegative("s", s)
        with np.errstate(over="ignore", divide="ignore"):
            alternating = np.exp(-np.log1p(np.exp(-s[..., None] / self._positive)).sum(axis=-1))
        return (self.heat_trace(s) + alternating) / 2

    def mean_squared_displacement(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """D(t) = 2 sum lambda_i (1 - e^{-t/lambda_i}) (R6)."""
        t = nonnegative("t", t)
        with np.errstate(over="ignore"):
            return -2 * np.expm1(-t[..., None] / self._positive) @ self._positive

    def contraction(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """L_t = e^{-t/lambda_1}; 0 for a single point (R6)."""
        t = nonnegative("t", t)
        with np.errstate(over="ignore"):
            return np.exp(-t / self.spectrum[0]) if self._positive.size else np.zeros_like(t)

    @property
    def _positive(self) -> np.ndarray:
        return self.spectrum[self.spectrum > 0]


class LowRankPlusNoise(Gaussian):
    """A standard Gaussian in k of d coordinates plus isotropic noise.

    N(0, Lambda), lambda_i = 1 + eta^2/d for i <= k and eta^2/d for i > k.

    Args:
        rank: k, between 1 and the dimension.
        dimension: d.
        eta: root-mean-square norm >= 0 of the noise in total, in units of the weights.

    Raises:
        TypeError: if rank or dimension is no integer.
        ValueError: if an argument is out of range.

    Reference:
        theory key D4; Ferbach et al. (2024), Theorem 5.4.

    Example:
        >>> from lmctheory.measures import LowRankPlusNoise
        >>> LowRankPlusNoise(1, 4, eta=2.0).spectrum
        array([2., 1., 1., 1.])
    """

    rank: int
    eta: float

    def __init__(self, rank: int, dimension: int, eta: float) -> None:
        rank = at_least("rank", rank, 1)
        dimension = at_least("dimension", dimension, rank)
        eta = number("eta", eta, least=0.0)
        noise = eta**2 / dimension
        super().__init__(spectrum=noise + (np.arange(dimension) < rank))
        object.__setattr__(self, "rank", rank)
        object.__setattr__(self, "eta", eta)
