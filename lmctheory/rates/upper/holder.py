r"""Moments of laws with unbounded support, and what they say about W_p for p > 2.

*Any matching.* |a - b|^q <= 2^{q-1} (|a - c|^q + |b - c|^q), c = E X and q >= 1: whatever the
permutation, even a random one, the mean cost for |a - b|^q is at most V_q = 2^q E|X - c|^q.

*Hoelder.* At the permutation that is optimal for p = 2, for every q > p > 2,

    E W_p^p <= M^{(q-p)/(q-2)} V_q^{(p-2)/(q-2)},

as p = 2 theta + q (1 - theta) with theta = (q-p)/(q-2), first over neurons, then over samples. So a
cost that falls with width for p = 2 falls for every p.

*Gaussians.* |X|^2 = sum lambda_i chi^2_1 has the cumulants kappa_n = 2^{n-1} (n-1)! sum lambda_i^n:
even moments are exact, and between them log E|X|^q is convex in q.

All of it goes by norms (E|X|^q)^{1/q}: the powers, to the 34th and beyond, would under- or overflow
for weights of size 1e-10 or 1e10.
"""

from functools import singledispatch
from math import comb, factorial

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Gaussian, GaussianMixture, Measure, SubGaussianProduct
from lmctheory.measures.covariance import centred
from lmctheory.rates.bound import NotApplicable

__all__ = ["central_moment", "central_norm", "interpolated"]


def central_moment(mu: Measure, q: float) -> float:
    """E|X - E X|^q for q >= 2, or an upper bound of it, in units of the weights to the power q.

    Raises:
        NotApplicable: if none is known for this law.
    """
    return float(central_norm(mu, q) ** q)


@singledispatch
def central_norm(mu: Measure, q: float) -> float:  # noqa: ARG001  its methods need q
    """(E|X - E X|^q)^{1/q} for q >= 2, or an upper bound of it, in units of the weights.

    Raises:
        NotApplicable: if none is known for this law.
    """
    raise NotApplicable(f"{type(mu).__name__} has no known moments beyond the second")


@central_norm.register
def _(mu: Gaussian, q: float) -> float:
    low, top = int(q // 2), float(mu.spectrum[0]) or 1.0
    moments = _quadratic_form_moments(mu.spectrum / top, low + 1)
    share = q / 2 - low
    return float(top**0.5 * (moments[low] ** (1 - share) * moments[low + 1] ** share) ** (1 / q))


@central_norm.register
def _(mu: GaussianMixture, q: float) -> float:
    """By Minkowski's inequality in every cluster."""
    shifts = np.linalg.norm(centred(np.asarray(mu.means), np.asarray(mu.weights)), axis=1)
    norms = shifts + [central_norm(component, q) for component in mu.components]
    top = norms.max() or 1.0
    return float(top * (np.asarray(mu.weights) @ (norms / top) ** q) ** (1 / q))


@central_norm.register
def _(mu: SubGaussianProduct, q: float) -> float:
    """By Minkowski's inequality for |X|^2 = sum of squares."""
    return float(np.linalg.norm(mu.scales) * mu.marginal.norm(q))


def interpolated(mu: Measure, cost: float, p: float) -> float:
    """E W_p^p <= M^{(q-p)/(q-2)} V_q^{(p-2)/(q-2)} at the best even q (module docstring).

    Args:
        mu: a law with known moments.
        cost: an upper bound of M, in squared units of the weights.
        p: exponent > 2.

    Raises:
        NotApplicable: if no moments are known for this law.
    """
    first = 2 * int(p // 2) + 2
    values = [
        cost ** ((q - p) / (q - 2)) * (2 * central_norm(mu, float(q))) ** (q * (p - 2) / (q - 2))
        for q in range(first, first + 32, 2)
    ]
    return float(min(values))


def _quadratic_form_moments(spectrum: Float[np.ndarray, " d"], count: int) -> list[float]:
    """E (sum lambda_i chi^2_1)^n for n = 0..count, from the cumulants."""
    cumulants = [
        2.0 ** (n - 1) * factorial(n - 1) * float((spectrum**n).sum()) for n in range(1, count + 1)
    ]
    moments = [1.0]
    for n in range(1, count + 1):
        moments.append(
            sum(comb(n - 1, j - 1) * cumulants[j - 1] * moments[n - j] for j in range(1, n + 1))
        )
    return moments
