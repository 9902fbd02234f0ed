r"""R6c: Gaussians, truncated, as unbounded support costs the semigroup bound its exponent.

Unbounded support costs R6a the exponent: only 1/d. Cut every coordinate at
rho sqrt(lambda_i) and resample what lies outside. With P = P(|Z| > rho), o = E[Z^2 | |Z| > rho],
v = Var(Z | |Z| <= rho), what was cut is independent of the resampled neurons, hence of their
matching:

    M <= (1 - P)^2 M~ + tr Lambda (2P(1 - P)(o + v) + 2 P^2 o),

M~ by R6a for the Ornstein-Uhlenbeck process between reflecting walls. Its lambda_i-fold eigenvalues
mu_k, k >= 1, are at least k (the truncated law is a contraction of the Gaussian, Caffarelli) and at
least 1/2 + (pi k / 2 rho)^2 (derivatives of eigenfunctions solve w'' = (x^2/4 + 1/2 - mu_k) w with
w = 0 at the walls); D(t) <= 2 sum_i lambda_i v (1 - e^{-t/(v lambda_i)}) (Jensen over the spectrum,
as E|grad x_i|^2 = 1), and L_t <= e^{-t/lambda_1}.

*Modulo signs* (S1) the same holds with the even part of the truncated process (`measures.even`):
what was cut has mean zero, whatever the sign that its neuron is given.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from lmctheory.measures import Gaussian, Modulo
from lmctheory.measures.arguments import at_least
from lmctheory.measures.quotient import by_signs
from lmctheory.rates.bound import Bound
from lmctheory.rates.upper.semigroup import best_time, smallest

__all__ = ["truncated_gaussian_bound"]

_RADII = np.geomspace(0.5, 8.0, 201).tolist()
"""Where R6c may truncate; fixed, so that their flows serve every m."""
_STRIDES = (20, 5, 1)
"""Every so many of them are tried, first all over, then around the best."""


def truncated_gaussian_bound(mu: Gaussian, m: int, *, modulo: Modulo = None) -> Bound:
    """R6c: M(m) of a Gaussian by R6a for its truncation, at the best radius.

    Beats the rank-block tree (R13) for very wide layers in two and three dimensions only.

    Args:
        mu: a Gaussian law.
        m: number of neurons in each sample, >= 1.
        modulo: "signs" for neurons of an odd activation: only even eigenfunctions count (S1).

    Returns:
        A bound for two samples and p = 2, in squared units of the weights, never above 2 tr.

    Raises:
        TypeError: if m is no integer.
        ValueError: if m < 1, or for an unknown modulo.

    Reference:
        theory keys R6c, S1.

    Example:
        >>> truncated_gaussian_bound(Gaussian(spectrum=[1.0, 1.0]), 10**6).key
        'R6c'
    """
    m, signs = at_least("m", m, 1), by_signs(modulo)
    terms = {"2 tr": 2 * mu.second_moment}
    if mu.second_moment > 0:
        eigenvalues = tuple(mu.spectrum[mu.spectrum > 0].tolist())

        def at(number: int) -> float:  # a bound for every radius
            law = _truncated(eigenvalues, _RADII[number], signs)
            return law.with_cut(best_time(law, m, 2, law.semigroup_constant))

        tried = {i: at(i) for i in range(0, len(_RADII), _STRIDES[0])}
        for coarse, fine in pairwise(_STRIDES):
            best = min(tried, key=lambda i: tried[i])
            near = range(max(best - coarse, 0), min(best + coarse, len(_RADII) - 1) + 1, fine)
            tried |= {i: at(i) for i in near if i not in tried}
        terms["R6c"] = min(tried.values())
    return smallest(terms, "Gaussian")


@dataclass(frozen=True, eq=False)
class _TruncatedGaussian:
    """N(0, Lambda) given |x_i| <= rho sqrt(lambda_i), a diffusion between reflecting walls.

    Modulo signs (`measures.even`) only products of an even degree count in the heat trace. With E
    and O the sums over even and odd k >= 1 that is the polynomial
    (1/2) [prod (1 + E + O) + prod (1 + E - O)], whose coefficients are positive: upper bounds of
    every exponential bound it.
    """

    eigenvalues: Float[np.ndarray, " d"]
    rho: float
    even: bool = False

    semigroup_constant = 4.0

    @property
    def outside(self) -> float:
        """P(|Z| > rho)."""
        return float(2 * ndtr(-self.rho))

    @property
    def _density(self) -> float:
        return float(np.exp(-(self.rho**2) / 2) / np.sqrt(2 * np.pi))

    @property
    def outer_moment(self) -> float:
        """E[Z^2 | |Z| > rho]."""
        return float(1 + 2 * self.rho * self._density / self.outside)

    @property
    def inner_variance(self) -> float:
        """Var(Z | |Z| <= rho)."""
        return float(1 - 2 * self.rho * self._density / (1 - self.outside))

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        return self.inner_variance * self.eigenvalues

    def with_cut(self, cost: float) -> float:
        """R6c: the cost for neurons of the whole Gaussian, from that of resampled ones."""
        P, o, v = self.outside, self.outer_moment, self.inner_variance
        cut = 2 * P * (1 - P) * (o + v) + 2 * P**2 * o
        return (1 - P) ** 2 * cost + float(self.eigenvalues.sum()) * cut

    def contraction(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        return np.exp(-t / self.eigenvalues[0])

    def mean_squared_displacement(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        return -2 * np.expm1(-t[..., None] / self.spectrum) @ self.spectrum

    def heat_trace(self, s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        values, counts = np.unique(self.eigenvalues, return_counts=True)
        times = s[..., None] / values
        whole = self._line(times, 1)
        with np.errstate(over="ignore"):
            trace = np.exp(np.log1p(whole) @ counts)
            if not self.even:
                return trace
            alternating = np.maximum(1 + 2 * self._line(times, 2) - whole, 1e-16 * (1 + whole))
            return (trace + np.exp(np.log(alternating) @ counts)) / 2

    def _line(self, s: Float[np.ndarray, "*n"], step: int) -> Float[np.ndarray, "*n"]:
        """The sum of exp(-s max(k, 1/2 + (pi k / 2 rho)^2)) over k = step, 2 step, ..."""
        rate = (np.pi / (2 * self.rho)) ** 2
        total = np.exp(-s / 2) * _squares(rate * step**2 * s)
        for k in range(step, int(1 / rate) + 1, step):  # beyond, the second is the larger
            quadratic = 0.5 + rate * k**2
            total += np.exp(-s * max(k, quadratic)) - np.exp(-s * quadratic)
        return total


@lru_cache(maxsize=1024)
def _truncated(eigenvalues: tuple[float, ...], rho: float, even: bool) -> _TruncatedGaussian:
    return _TruncatedGaussian(np.array(eigenvalues), rho, even)


def _squares(a: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """sum_{k>=1} e^{-a k^2}, for small a by Poisson summation."""
    k2 = np.arange(1, 6) ** 2
    direct = np.exp(-np.maximum(a, 1.0)[..., None] * k2).sum(axis=-1)
    dual = np.exp(-(np.pi**2) / np.minimum(a, 5.0)[..., None] * k2).sum(axis=-1)
    return np.where(a > 3, direct, (np.sqrt(np.pi / a) * (1 + 2 * dual) - 1) / 2)
