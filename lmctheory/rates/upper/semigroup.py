r"""Semigroup bounds (R6): let every neuron diffuse for a while, then match smooth densities.

P_t is an ergodic reversible diffusion whose invariant law mu is that of a neuron, with carre du
champ |grad f|^2. The smoothed sample P_t mu_m has a density f with
E||f - 1||^2_{H^-1} = (1/m) int_{2t}^infinity (tr P_s - 1) ds, and W_2^2(f mu, mu) is at most c
times that norm squared, c = 4 for any mu (Peyre, Ledoux). Write eps_t^2 for c times the mean.

*R6, one sample.* D(t) = E|X_t - X_0|^2 is the cost of smoothing:
E W_2^2(mu_m, mu) <= (sqrt(D(t)) + eps_t)^2.

*R6a, two samples.* Couple each sample with the same z ~ mu, independently given z: a neuron x with
x_t by the diffusion and x_t with z optimally. Let psi(y) = E[X_0 | X_t = y] have the Lipschitz
constant L_t. As E|x - y|^2 <= 2 E|x - psi(z)|^2 and E|X_0 - psi(X_t)|^2 = D(2t)/2,
M(m) <= 2 (sqrt(D(2t)/2) + L_t eps_t)^2, which tends to the trivial 2 tr Lambda as t -> infinity.

*R6b, a better c for uniform laws.* With u = Q_s phi the Hopf-Lax flow of a potential,
A_s^2 = int |grad u|^2 dmu and B = ||f - 1||_{H^-1}, Kantorovich duality gives

    (1/2) W_2^2(f mu, mu) <= sup_phi int_0^1 [-(w_s / 2) A_s^2 + (-w_s') A_s B] ds

for every w that falls from 1 to 0 (f >= 0 makes 1 + (1 - w)(f - 1) >= w), and c = 4 if nothing is
known of A. On flat tori, convex bodies and spheres Hess u <= 1/s; two thirds of
int |grad u|^2 Lap u and one third of -2 int grad u . Hess u grad u, either of which is the
derivative of A_s^2, make it at most (e/s) A_s^2, e = 2(n - 1)/3 in n dimensions (shocks of u and
the boundary contribute with the good sign). On a sphere, which has no boundary, nothing else
enters: no derivatives are exchanged, so no curvature appears; Hess d^2/2 <= 1 by comparison; and
the shocks can be avoided, solving u' = -|grad u|^2/2 + eta Lap u instead: -u/(2 eta) is the log of
a solution of the heat equation, so Hess u <= 1/s is Hamilton's matrix Harnack inequality (sectional
curvature >= 0, parallel Ricci), eta adds -2 eta int (Lap u)^2 <= 0 to the derivative of A_s^2, and
as eta -> 0 the gradients, bounded by that of phi as Ricci >= 0, converge almost everywhere.

So A_s^2 s^{-e} never increases. Taking w quadratic on [0, s_1], constant on [s_1, 1) and 0 at 1
bounds 1/c from below by s_1/4 + (1 - s_1^{e+1})/(e + 1); the best s_1 = 4^{-1/e} gives

    c_n = (e + 1) / (1 + (e/4) 4^{-1/e}),     c_1 = 1, c_2 = 1.63, c_3 = 2.09, c_5 = 2.63, -> 4.

*R6c, Gaussians.* Unbounded support costs R6a the exponent: only 1/d. Cut every coordinate at
rho sqrt(lambda_i) and resample what lies outside. With P = P(|Z| > rho), o = E[Z^2 | |Z| > rho],
v = Var(Z | |Z| <= rho), what was cut is independent of the resampled neurons, hence of their
matching:

    M <= (1 - P)^2 M~ + tr Lambda (2P(1 - P)(o + v) + 2 P^2 o),

M~ by R6a for the Ornstein-Uhlenbeck process between reflecting walls. Its lambda_i-fold eigenvalues
mu_k, k >= 1, are at least k (the truncated law is a contraction of the Gaussian, Caffarelli) and at
least 1/2 + (pi k / 2 rho)^2 (derivatives of eigenfunctions solve w'' = (x^2/4 + 1/2 - mu_k) w with
w = 0 at the walls); D(t) <= 2 sum_i lambda_i v (1 - e^{-t/(v lambda_i)}) (Jensen over the spectrum,
as E|grad x_i|^2 = 1), and L_t <= e^{-t/lambda_1}.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import ndtr

from lmctheory.measures.arguments import at_least, is_value
from lmctheory.measures.gaussian import Gaussian
from lmctheory.measures.measure import Diffusive, Measure
from lmctheory.rates.bound import Bound
from lmctheory.rates.upper.covering import check_samples

Array = NDArray[np.float64]

__all__ = ["semigroup_bound", "truncated_gaussian_bound"]

_TIMES = 128
"""Times per decade at which a bound is tried: 1.8 per cent apart."""
_DECADES = 16
_MIXED = 1e-6
"""tr P_s - 1 below which the rest of its integral is estimated."""
_RADII = np.geomspace(0.5, 8.0, 201).tolist()
"""Where R6c may truncate; fixed, so that their flows serve every m."""
_STRIDES = (20, 5, 1)
"""Every so many of them are tried, first all over, then around the best."""


def semigroup_bound(mu: Measure, m: int, *, samples: int = 2) -> Bound:
    """The semigroup bound of the cost for p = 2, at the best time t.

    Two samples: M(m) <= 2 (sqrt(D(2t)/2) + L_t eps_t)^2; one sample against its law:
    E W_2^2(mu_m, mu) <= (sqrt(D(t)) + eps_t)^2. Every t gives a bound.

    Args:
        mu: a law with a diffusion semigroup.
        m: number of neurons in each sample, >= 1.
        samples: 2 for two samples, 1 for one sample against its law.

    Returns:
        A bound in squared units of the weights, never above the trivial one. Its terms: "R6a"
        (one sample: "R6") with the constant 4, and "R6b" where the law has a better constant.

    Raises:
        TypeError: if the law has no semigroup, or m is no integer.
        ValueError: if m < 1 or samples is neither 1 nor 2.

    Reference:
        theory keys R6, R6a and R6b; Peyre (2018), Ledoux (2019).

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> round(semigroup_bound(UniformCube(2), 1000).value, 4)
        0.0037
    """
    m = at_least("m", m, 1)
    check_samples(samples)
    if not isinstance(mu, Diffusive):
        raise TypeError(f"R6 needs a law with a heat_trace, {type(mu).__name__} has none")
    key, trivial = ("R6a", "2 tr") if samples == 2 else ("R6", "tr")
    terms = {trivial: samples * float(mu.spectrum.sum())}
    if terms[trivial] > 0:
        terms[key] = _best_time(mu, m, samples, 4.0)
        if mu.semigroup_constant < 4:
            terms["R6b"] = _best_time(mu, m, samples, mu.semigroup_constant)
    return _smallest(terms, "invariant law of a reversible diffusion")


def truncated_gaussian_bound(mu: Gaussian, m: int) -> Bound:
    """R6c: M(m) of a Gaussian by R6a for its truncation, at the best radius.

    Beats the rank-block tree (R13) for very wide layers in two and three dimensions only.

    Args:
        mu: a Gaussian law.
        m: number of neurons in each sample, >= 1.

    Returns:
        A bound for two samples and p = 2, in squared units of the weights, never above 2 tr.

    Raises:
        TypeError: if m is no integer.
        ValueError: if m < 1.

    Reference:
        theory key R6c.

    Example:
        >>> truncated_gaussian_bound(Gaussian(spectrum=[1.0, 1.0]), 10**6).key
        'R6c'
    """
    m = at_least("m", m, 1)
    terms = {"2 tr": 2 * mu.second_moment}
    if mu.second_moment > 0:
        eigenvalues = tuple(mu.spectrum[mu.spectrum > 0].tolist())

        def at(number: int) -> float:  # a bound for every radius
            law = _truncated(eigenvalues, _RADII[number])
            return law.with_cut(_best_time(law, m, 2, law.semigroup_constant))

        tried = {i: at(i) for i in range(0, len(_RADII), _STRIDES[0])}
        for coarse, fine in pairwise(_STRIDES):
            best = min(tried, key=lambda i: tried[i])
            near = range(max(best - coarse, 0), min(best + coarse, len(_RADII) - 1) + 1, fine)
            tried |= {i: at(i) for i in near if i not in tried}
        terms["R6c"] = min(tried.values())
    return _smallest(terms, "Gaussian")


def _smallest(terms: dict[str, float], law: str) -> Bound:
    key = min(terms, key=lambda name: terms[name])
    return Bound(terms[key], key, terms, ("neurons i.i.d.", law))


def _best_time(mu: Diffusive, m: int, samples: int, constant: float) -> float:
    """The least bound over t, from long times down to where eps_t alone exceeds the best."""
    best = np.inf
    flow = _remembered(mu) if is_value(mu) else _Flow(mu)
    for number in range(_DECADES):
        at = flow.decade(number)
        eps = np.sqrt(constant * at.rest / m)
        if samples == 2:
            residual = np.sqrt(2) * at.contraction * eps
            values = (np.sqrt(at.moved_twice) + residual) ** 2
        else:
            residual = eps
            values = (np.sqrt(at.moved) + residual) ** 2
        best = min(best, float(values.min()))
        if residual[0] ** 2 >= best:
            break
    return best


def _mixing_time(mu: Diffusive) -> float:
    """A time at which tr P_s - 1 has become small, by doubling and halving."""
    s = np.array([mu.spectrum[0]])
    while _excess(mu, s)[0] <= _MIXED:
        s = s / 2
    while _excess(mu, s)[0] > _MIXED:
        s = s * 2
    return float(s[0])


class _Decade(NamedTuple):
    """What the bounds need at some times t, the same for every m."""

    rest: Array  # an upper bound of int_{2t}^infinity (tr P_s - 1) ds
    contraction: Array  # L_t
    moved: Array  # D(t)
    moved_twice: Array  # D(2t)


class _Flow:
    """The semigroup of a law, decade by decade from its mixing time down."""

    def __init__(self, mu: Diffusive) -> None:
        self.mu = mu
        self.end = _mixing_time(mu)
        self.decades: list[_Decade] = []

    def decade(self, number: int) -> _Decade:
        """With 2t between 10^-(number + 1) and 10^-number times the mixing time.

        h(s) = tr P_s - 1 is a sum of exponentials: log h is convex, and the straight lines between
        its values lie above it. As h(ks) <= h(s)^k, the rest beyond a mixing time s is at most
        s h(s) / (1 - h(s)).
        """
        while len(self.decades) <= number:
            s = self.end * 10.0 ** -(len(self.decades) + 1) * np.geomspace(1.0, 10.0, _TIMES + 1)
            h = _excess(self.mu, s)
            beyond = self.decades[-1].rest[0] if self.decades else s[-1] * h[-1] / (1 - h[-1])
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.diff(h) / np.diff(np.log(h))
            panels = np.diff(s) * np.where(np.isfinite(mean), mean, h[:-1])
            rest = beyond + np.append(np.cumsum(panels[::-1])[::-1], 0.0)
            displacement = self.mu.mean_squared_displacement
            self.decades.append(
                _Decade(rest, self.mu.contraction(s / 2), displacement(s / 2), displacement(s))
            )
        return self.decades[number]


_remembered = lru_cache(maxsize=1024)(_Flow)


def _excess(mu: Diffusive, s: Array) -> Array:
    """h(s) = tr P_s - 1, whose rounding error is 1e-16."""
    return np.maximum(mu.heat_trace(s) - 1, 1e-16)


@dataclass(frozen=True, eq=False)
class _TruncatedGaussian:
    """N(0, Lambda) given |x_i| <= rho sqrt(lambda_i), a diffusion between reflecting walls."""

    eigenvalues: Float[np.ndarray, " d"]
    rho: float

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
        log_trace = np.log1p(self._line(s[..., None] / values)) @ counts
        with np.errstate(over="ignore"):
            return np.exp(log_trace)

    def _line(self, s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """sum_{k>=1} exp(-s max(k, 1/2 + (pi k / 2 rho)^2))."""
        rate = (np.pi / (2 * self.rho)) ** 2
        total = np.exp(-s / 2) * _squares(rate * s)
        for k in range(1, int(1 / rate) + 1):  # beyond, the second is the larger
            quadratic = 0.5 + rate * k**2
            total += np.exp(-s * max(k, quadratic)) - np.exp(-s * quadratic)
        return total


@lru_cache(maxsize=1024)
def _truncated(eigenvalues: tuple[float, ...], rho: float) -> _TruncatedGaussian:
    return _TruncatedGaussian(np.array(eigenvalues), rho)


def _squares(a: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """sum_{k>=1} e^{-a k^2}, for small a by Poisson summation."""
    k2 = np.arange(1, 6) ** 2
    direct = np.exp(-np.maximum(a, 1.0)[..., None] * k2).sum(axis=-1)
    dual = np.exp(-(np.pi**2) / np.minimum(a, 5.0)[..., None] * k2).sum(axis=-1)
    return np.where(a > 3, direct, (np.sqrt(np.pi / a) * (1 + 2 * dual) - 1) / 2)
