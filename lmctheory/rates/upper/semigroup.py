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
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmctheory.measures import Diffusive, EvenDiffusive, Measure, Modulo
from lmctheory.measures.arguments import at_least, is_value
from lmctheory.measures.even import EvenPart
from lmctheory.measures.quotient import by_signs
from lmctheory.rates.bound import Bound
from lmctheory.rates.upper.covering import check_samples

Array = NDArray[np.float64]

__all__ = ["best_time", "semigroup_bound", "smallest"]

_TIMES = 128
"""Times per decade at which a bound is tried: 1.8 per cent apart."""
_DECADES = 16
_MIXED = 1e-6
"""tr P_s - 1 below which the rest of its integral is estimated."""


def semigroup_bound(mu: Measure, m: int, *, samples: int = 2, modulo: Modulo = None) -> Bound:
    """The semigroup bound of the cost for p = 2, at the best time t.

    Two samples: M(m) <= 2 (sqrt(D(2t)/2) + L_t eps_t)^2; one sample against its law:
    E W_2^2(mu_m, mu) <= (sqrt(D(t)) + eps_t)^2. Every t gives a bound.

    Args:
        mu: a law with a diffusion semigroup.
        m: number of neurons in each sample, >= 1.
        samples: 2 for two samples, 1 for one sample against its law.
        modulo: "signs" for neurons of an odd activation: only even eigenfunctions count (S1).

    Returns:
        A bound in squared units of the weights, never above the trivial one. Its terms: "R6a"
        (one sample: "R6") with the constant 4, and "R6b" where the law has a better constant.

    Raises:
        TypeError: if the law has no semigroup, modulo signs one that is known to be symmetric, or
            if m is no integer.
        ValueError: if m < 1, samples is neither 1 nor 2, or for an unknown modulo.

    Reference:
        theory keys R6, R6a, R6b and S1; Peyre (2018), Ledoux (2019).

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> round(semigroup_bound(UniformCube(2), 1000).value, 4)
        0.0037
    """
    m = at_least("m", m, 1)
    check_samples(samples)
    if by_signs(modulo):
        mu = _even_part(mu)
    if not isinstance(mu, Diffusive):
        raise TypeError(f"R6 needs a law with a heat_trace, {type(mu).__name__} has none")
    key, trivial = ("R6a", "2 tr") if samples == 2 else ("R6", "tr")
    terms = {trivial: samples * float(mu.spectrum.sum())}
    if terms[trivial] > 0:
        terms[key] = best_time(mu, m, samples, 4.0)
        if mu.semigroup_constant < 4:
            terms["R6b"] = best_time(mu, m, samples, mu.semigroup_constant)
    return smallest(terms, "invariant law of a reversible diffusion")


def _even_part(mu: Measure) -> EvenPart:
    if not isinstance(mu, EvenDiffusive):
        raise TypeError(
            f"R6 modulo signs needs a law with an even_heat_trace, {type(mu).__name__} has none"
        )
    return EvenPart(mu)


def smallest(terms: dict[str, float], law: str) -> Bound:
    """The least of some bounds for independent neurons of a law that is so described."""
    key = min(terms, key=lambda name: terms[name])
    return Bound(terms[key], key, terms, ("neurons i.i.d.", law))


def best_time(mu: Diffusive, m: int, samples: int, constant: float) -> float:
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
