r"""Beyond the nearest neighbour (R9): who has an empty Voronoi cell pays more. For any p > 0.

Nearest neighbours forget that a matching is injective: many a share one nearest b. Let each b_j ask
a price, the cost N(b_j) = min_i |a_i - b_j|^p of its own nearest a. Then

    sum_i |a_i - b_pi(i)|^p >= sum_j N(b_j) + sum_i min_j { |a_i - b_j|^p - N(b_j) },

and the last minimum is >= 0, and > 0 unless some b_j lies in the Voronoi cell of a_i. Given A the
b_j are independent, so that with Jensen's inequality, over A,

    E W_p^p >= E min_j |a - b_j|^p + integral_0^infinity (1 - Q_x)^m dx,
    Q_x = P(|a_1 - b|^p - N(b) <= x)
        = E_b [ F_b(x^{1/p}) + integral_{rho^p > x} (1 - F_b((rho^p - x)^{1/p}))^{m-1} dF_b(rho) ],

F_b(r) = mu(B(b, r)): beyond rho^p = x no other a may be nearer to b than (rho^p - x)^{1/p}. In the
bulk of a density the nearest-neighbour cost at p = 2 is multiplied by 1.62, 1.37, 1.24, 1.13, 1.07
in 1, 2, 3, 5, 8 dimensions, at any width. For m = 1 the second term is 0 and the first exact.

*Rounding.* With nodes 0 = r_0 < r_1 < .. and rho_k^p = x + r_k^p, the integral over rho is at most
sum_k g_k (F(rho_{k+1}) - F(rho_k)), g_k = (1 - F(r_k))^{m-1}, as g decreases. A lower bound of F in
g raises it, and, summed by parts, so does an upper bound of F in the rest.

*Modulo signs* (S1) F_b(r) is the mass of B(b, r) and B(-b, r) together: twice that of one where
they are disjoint, r <= |b|, and between one and two times that beyond.

*Masses of small balls.* The sphere: F_b does not depend on b. The ball: lenses, monotone in |b|.
The cube: see `cube_voronoi_gain`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from lmctheory.measures.arguments import log_ball_volume
from lmctheory.rates.lower.nearest_neighbour import lens

__all__ = ["ball_voronoi_gain", "cube_voronoi_gain", "sphere_voronoi_gain"]

Array = NDArray[np.float64]

_RADII = 200
_COSTS = 300
_SHELLS = 24
"""Classes of |b| in the ball, of equal probability."""
_CELLS = (64, 14, 9, 6, 4)
"""Classes of the distance to a face of the cube in 1..5 dimensions, for coordinates near one."""


@dataclass(frozen=True)
class _Masses:
    """Bounds of F_b for classes of points b.

    Attributes:
        weights: probabilities of the classes ``[c]``.
        lower: radii ``[n]`` to lower bounds ``[c, n]`` of F_b, increasing in the radius.
        upper: likewise upper bounds.
        reach: a radius within which every class has neighbours, or the diameter.
        diameter: of the support.
    """

    weights: Float[np.ndarray, " c"]
    lower: Callable[[Array], Array]
    upper: Callable[[Array], Array]
    reach: float
    diameter: float


def _gain(masses: _Masses, m: int, p: float) -> float:
    """A lower bound of integral_0^infinity (1 - Q_x)^m dx."""
    if m == 1:
        return 0.0
    radii = np.append(masses.reach * np.linspace(0.0, 1.0, _RADII) ** 1.5, masses.diameter)
    F = np.minimum(masses.lower(radii[1:-1]), 1 - 1e-16)
    g = np.exp((m - 1) * np.log1p(-np.insert(F, 0, 0.0, axis=1)))
    falls = -np.diff(g, axis=1, append=0.0)
    x = masses.reach**p * np.linspace(0.0, 1.0, _COSTS + 1)[1:] ** 3
    rho = (x[:, None] + radii[1:] ** p) ** (1 / p)
    falls *= masses.weights[:, None]
    Q = np.array([(falls * np.minimum(masses.upper(row), 1.0)).sum() for row in rho])
    return float(np.diff(x, prepend=0.0) @ np.exp(m * np.log1p(-np.minimum(Q, 1 - 1e-16))))


def _united(one: Array, disjoint: NDArray[np.bool_], copies: int) -> Array:
    """A lower bound of the mass of so many balls, increasing in the radius, from that of one."""
    return np.maximum.accumulate(np.where(disjoint, copies * one, one), axis=1)


def _enough(m: int) -> float:
    """A mass that holds some of m points but for a negligible probability."""
    return (20 + float(np.log(m))) / m


@lru_cache(maxsize=1024)
def sphere_voronoi_gain(dimension: int, m: int, p: float, copies: int = 1) -> float:
    """What empty cells cost on the unit sphere, beyond the nearest neighbour.

    Args:
        dimension: d >= 2 of the surrounding space.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 modulo signs.

    Reference:
        theory keys R9, S1; derived here.
    """
    half = (dimension - 1) / 2

    def mass(r: Array) -> Array:  # opposite balls are disjoint until they cover the sphere
        one = np.asarray(betainc(half, half, np.minimum(r / 2, 1.0) ** 2))[None]
        return np.minimum(copies * one, 1.0)

    reach = 2 * float(betaincinv(half, half, min(_enough(m), 1.0) / copies)) ** 0.5
    return _gain(_Masses(np.ones(1), mass, mass, reach, 2.0), m, p)


@lru_cache(maxsize=1024)
def ball_voronoi_gain(dimension: int, m: int, p: float, copies: int = 1) -> float:
    """What empty cells cost in the unit ball, beyond the nearest neighbour.

    Args:
        dimension: d >= 1.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 modulo signs.

    Reference:
        theory keys R9, S1; derived here.
    """
    norms = (np.arange(_SHELLS + 1) / _SHELLS) ** (1 / dimension)

    def lower(r: Array) -> Array:
        return _united(lens(dimension, norms[1:, None], r), r <= norms[:-1, None], copies)

    def upper(r: Array) -> Array:
        return copies * lens(dimension, norms[:-1, None], r)

    radii = np.geomspace(1e-13, 2.0, 2000)
    covered = lower(radii)[-1] >= min(_enough(m), 1.0)
    reach = float(radii[np.argmax(covered)]) if covered.any() else 2.0
    weights = np.full(_SHELLS, 1 / _SHELLS)
    return _gain(_Masses(weights, lower, upper, reach, 2.0), m, p)


@lru_cache(maxsize=1024)
def cube_voronoi_gain(dimension: int, m: int, p: float, copies: int = 1) -> float:
    """What empty cells cost in the unit cube, beyond the nearest neighbour.

    With t_k the distance of b to the nearest face in direction k, u uniform in the unit ball and
    T(t) = P(|u_1| > t), the share of a ball of radius r <= 1/2 around b that lies in the cube is
    E 2^{-N}, N the number of k with r|u_k| > t_k: at most prod_k (1 - T(t_k/r)/2), for larger r
    too (see `box_balls`), and by Jensen's inequality at least 2^{-sum_k T(t_k/r)}. Classes of b:
    the cells that hold t_1..t_d, in any order. Beyond 5 dimensions nearly all is boundary: 0.

    Args:
        dimension: d >= 1.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 modulo signs.

    Reference:
        theory keys R9, S1; derived here.
    """
    if dimension > len(_CELLS):
        return 0.0
    d, volume = dimension, float(np.exp(log_ball_volume(dimension)))
    h = min(2 * (_enough(m) / volume) ** (1 / d), 0.5)  # a corner keeps 2^{-d} of a ball
    inner = [max(h, 0.5 - h), 0.5] if copies > 1 and h < 0.25 else [0.5]  # far from 0, and near
    edges = np.r_[np.linspace(0.0, h, _CELLS[d - 1] + 1), inner]
    weights, cells = _face_classes(2 * np.diff(edges), d)
    nearest = np.sqrt(np.square(0.5 - edges[1:])[cells].sum(axis=1))  # |b| at least

    def beyond(t: Array, r: Array) -> Array:
        ratio = np.minimum(t[:, None] / r, 1.0)
        return np.asarray(betainc((d + 1) / 2, 0.5, 1 - ratio**2))

    def lower(r: Array) -> Array:
        r = np.minimum(r, h)
        one = volume * r**d * 0.5 ** beyond(edges[:-1], r)[cells].sum(axis=1)
        return _united(one, r <= nearest[:, None], copies)

    def upper(r: Array) -> Array:
        shares, product = 1 - beyond(edges[1:], r) / 2, np.ones((len(weights), len(r)))
        for column in cells.T:
            product *= shares[column]
        return copies * volume * r**d * product

    return _gain(_Masses(weights, lower, upper, h, d**0.5), m, p)


def _face_classes(shares: Array, d: int) -> tuple[Array, NDArray[np.intp]]:
    """Probabilities ``[c]`` of the unordered draws of d cells, and the draws ``[c, d]``."""
    draws = list(combinations_with_replacement(range(len(shares)), d))
    orders = [factorial(d) / prod(factorial(draw.count(i)) for i in set(draw)) for draw in draws]
    cells = np.array(draws)
    return np.array(orders) * shares[cells].prod(axis=1), cells
