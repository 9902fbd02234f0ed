r"""No matching beats the nearest neighbour (R9), for any law and any p > 0.

Whatever the permutation, a_i pays at least its distance to the nearest of b_1..b_m, and given a_i
these are independent of it. With q_r(a) = mu(B(a, r)),

    E W_p^p >= E min_j |a - b_j|^p = integral_0^infinity E (1 - q_{sqrt x}(a))^m d(x^{p/2}).

Any *upper* bound on q keeps it a lower bound. Four forms:

*Correlation integral.* By Jensen's inequality E (1 - q)^m >= (1 - C)^m, C = E q the correlation
integral. On the sphere q does not depend on a, and nothing is lost.

*Density.* Where the law of k coordinates has a density <= F_k, q <= F_k v_k r^k, and the integral
is (F_k v_k)^{-p/k} (p/k) B(m + 1, p/k): orthogonal projections do not raise costs.

*Ball.* The law is uniform in the unit ball: q depends on |a| and is the volume of a lens, two caps.
It decreases in |a|, which is rounded down.

*Given points.* For the uniform law on x_1..x_n, a = x_i and d_0 = 0 <= d_1 <= ... <= d_{n-1} its
distances to all of them, exactly

    E min_j |a - b_j|^p = (1/n) sum_i sum_{k>=1} (1 - k/n)^m (d_k^p - d_{k-1}^p).

*Modulo signs* (S1) b_j is within r of a if it lies in B(a, r) or B(-a, r): q is at most twice the
mass of B(a, r) under the symmetrised law, of two copies. Distances of given points are known.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln

from lmctheory.measures import Empirical, HasDistanceLaw
from lmctheory.measures.arguments import log_ball_volume
from lmctheory.measures.quotient import distances

__all__ = [
    "ball_bound",
    "best_projection",
    "correlation_bound",
    "density_bound",
    "empirical_bound",
    "lens",
    "power",
    "survival_integral",
]

Array = NDArray[np.float64]

_NODES = 2000
"""Nodes of the integral over x; the right-hand rule keeps it a lower bound."""
_CELLS = 500
"""Cells of equal probability for |a| in the ball."""
_BLOCK = 2**22
"""Distances held at once."""


def power(log_q: Array, m: int) -> Array:
    """(1 - q)^m, for log q of any size, rounded down."""
    q = np.minimum(np.exp(np.minimum(log_q, 0.0)), 1 - 1e-16)
    return np.where(log_q < 0, np.exp(m * np.log1p(-q)), 0.0)


def survival_integral(
    survival: Callable[[Array], Array], scale: float, p: float, nodes: int = _NODES
) -> float:
    """A lower bound of integral_0^infinity S(x) d(x^{p/2}).

    Args:
        survival: S, decreasing from 1 to 0, of arrays of squared distances.
        scale: a squared distance beyond which S is small.
        p: exponent > 0.
        nodes: of the right-hand rule, over the range in which S falls, found on a coarse grid.
    """
    coarse = np.geomspace(1e-32 * scale, scale, 200)
    start, stop = np.searchsorted(-survival(coarse), [-0.999, -1e-6])
    x = np.geomspace(coarse[max(start - 1, 0)], coarse[min(stop, len(coarse) - 1)], nodes)
    return float(np.diff(x ** (p / 2), prepend=0.0) @ survival(x))


def correlation_bound(
    mu: HasDistanceLaw, scale: float, m: int, p: float, *, copies: int = 1
) -> float:
    """The integral of (1 - C(sqrt x))^m, or of (1 - 2 C)^m for two copies.

    Args:
        mu: a law with a distance law.
        scale: a squared distance within which nearly all pairs lie.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 for a symmetric law modulo signs.

    Reference:
        theory keys R9 (its second form), S1.
    """

    def survival(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return power(np.log(copies * mu.distance_cdf(np.sqrt(x))), m)

    return survival_integral(survival, scale, p)


def density_bound(log_densities: Float[np.ndarray, " n"], m: int, p: float) -> float:
    """The best over k of (F_k v_k)^{-p/k} (p/k) B(m + 1, p/k).

    Args:
        log_densities: ln F_k for each number k = 1..n of coordinates; infinite if unbounded.
        m: number of neurons >= 1.
        p: exponent > 0.

    Reference:
        theory key R9 (density form); Ferbach et al. (2024), Theorem 5.3.
    """
    return float(np.exp(_log_density_bounds(log_densities, m, p).max()))


def best_projection(log_densities: Float[np.ndarray, " n"], m: int, p: float) -> int:
    """The number of coordinates that gives `density_bound`."""
    return int(np.argmax(_log_density_bounds(log_densities, m, p))) + 1


def _log_density_bounds(log_densities: Array, m: int, p: float) -> Array:
    k = np.arange(1, len(log_densities) + 1)
    c = p / k
    volumes = np.array([log_ball_volume(int(n)) for n in k])
    return -c * (log_densities + volumes) + np.log(c) + _log_beta(m + 1.0, c)


def _log_beta(a: float, c: Array) -> Array:
    """The logarithm of B(a, c), by Stirling's series where that of Gamma(a) costs digits."""
    if a < 300:
        return np.asarray(betaln(a, c))
    shift = (a + c - 0.5) * np.log1p(c / a) - c + c * np.log(a)
    ends = (1 / (a + c) - 1 / a) / 12 - (1 / (a + c) ** 3 - 1 / a**3) / 360
    return np.asarray(gammaln(c) - shift - ends)


@lru_cache(maxsize=1024)
def ball_bound(dimension: int, m: int, p: float, *, copies: int = 1) -> float:
    """The nearest-neighbour cost of the uniform law in the unit ball, rounded down.

    Args:
        dimension: d >= 1.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 for a symmetric law modulo signs.

    Reference:
        theory keys R9 (its first form), S1.
    """
    norms = (np.arange(_CELLS) / _CELLS) ** (1 / dimension)

    def survival(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            shares = [np.log(copies * lens(dimension, norms, r)) for r in x**0.5]
            return np.array([power(share, m).mean() for share in shares])

    return survival_integral(survival, 4.0, p, nodes=400)


def lens(d: int, norms: Array, r: Array | float) -> Array:
    """The share of the unit ball within r of points at given distances <= 1 from its centre.

    To about 1e-8: two caps, and one that is nearly half a ball costs half of the digits.

    Args:
        d: dimension >= 1.
        norms: the distances.
        r: > 0, broadcast against them.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # at the centre one ball holds the other
        plane = (norms**2 + 1 - r**2) / (2 * norms)  # through the intersection of the two spheres
    shared = _cap(d, plane) + r**d * _cap(d, (norms - plane) / r)
    inside = np.where(r <= 1 - norms, r**d, shared)
    return np.where(r >= 1 + norms, 1.0, inside)


def _cap(d: int, height: Array) -> Array:
    """The share of the unit ball beyond a plane at a signed distance from its centre."""
    half = betainc((d + 1) / 2, 0.5, 1 - np.minimum(height**2, 1.0)) / 2
    return np.where(height >= 0, half, 1 - half)


def empirical_bound(mu: Empirical, m: int, p: float, *, signs: bool = False) -> float:
    """The nearest-neighbour cost of bootstrap samples, exactly; ties cost nothing.

    O(n^2 (d + log n)) operations, 64 MiB.

    Args:
        mu: the uniform law on n points.
        m: number of neurons >= 1.
        p: exponent > 0.
        signs: whether the cost is modulo signs.

    Reference:
        theory keys R9 (its first form), S1.
    """
    n = len(mu.points)
    missed = (1 - np.arange(1, n) / n) ** m
    rows = max(_BLOCK // n, 1)
    blocks = (mu.points[start : start + rows] for start in range(0, n, rows))
    ordered = (np.sort(distances(block, mu.points, signs=signs), axis=1) ** p for block in blocks)
    return float(sum((np.diff(powers, axis=1) @ missed).sum() for powers in ordered)) / n
