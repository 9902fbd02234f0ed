r"""Rows that are not Gaussian (D5): matching costs in the metric of the data, from a Gaussian part.

Coordinates of a row are independent, a scale times zeta_i of mean 0 and variance 1. In the metric
of the data the cost is no function of the spectrum alone: coordinates are mixed, and a map that
turns a normal into zeta_i coordinate by coordinate contracts no longer. What does carry over:

*Statement.* If a variable g has variance v, density proportional to e^{-V(g)} times that of
N(0, s^2), V convex, and E[zeta | g] = g for some coupling, then in every metric

    M(m) <= s^2 F(Lambda) + 2 (1 - v) tr Lambda,

F(Lambda) the cost of m Gaussian neurons with the covariance Lambda of the rows in that metric. The
right-hand side is concave and monotone in Lambda, so that it may be averaged over kernels (D1).

*Proof.* Draw g first, coordinatewise, and match by it, optimally. The rest, zeta - g, has mean 0
given g and hence given the matching, and independent coordinates: it adds 2 (1 - v) tr Lambda. In
the metric the vector of g's is a linear image of a log-concave perturbation of N(0, s^2 I), hence
one of N(0, s^2 Lambda), hence a 1-Lipschitz image of that Gaussian (Caffarelli).

Gaussian parts:

    truncated normal   itself: v = 1, s^2 the variance before truncation and rescaling;
    sign plus noise    the noise: s^2 = v = noise^2 / (1 + noise^2);
    Laplace            the square root of an exponential times a normal g_0: E[zeta | g_0] =
                       (sqrt pi / 2) g_0, so s^2 = v = pi/4;
    bounded            a normal cut at the ends r of the support and smaller in convex order. For
                       the uniform law any s will do: the two densities cross once on either side
                       of 0, which is the order (Karlin and Novikoff), and such g exist (Strassen).

For the last one the best s is searched. Where all fail there is 2 tr Lambda. A Gaussian bias beside
such weights is covered: it has the part N(0, v), and v <= s^2 (Brascamp and Lieb). The recursion of
D1 holds with S_l = kappa d^2, and for t != 1/2 its term with G counts twice: of rows that are not
Gaussian, N <= 2C is all that is known there. E K_1 is that of Gaussian rows only up to
O(1/m_0), though for a symmetric relu layer its trace is exact: kernels of one's own may be passed
to `ensemble`.
"""

from collections.abc import Callable
from functools import singledispatch

import numpy as np

from lmctheory.measures import (
    Gaussian,
    Laplace,
    Marginal,
    RademacherMixture,
    TruncatedNormal,
    Uniform,
)
from lmctheory.rates import upper_bound

__all__ = ["gaussian_parts", "non_gaussian_cost"]

_DEVIATIONS = np.geomspace(0.3, 10.0, 60)
"""Of a normal before it is cut: any is right, the best one is taken."""


@singledispatch
def gaussian_parts(marginal: Marginal) -> tuple[tuple[float, float], ...]:
    """Pairs (s^2, v) of the module docstring that are known for a marginal.

    Args:
        marginal: a symmetric law on the line with mean 0 and variance 1.

    Raises:
        TypeError: if none is known.

    Reference:
        theory key D5; derived here.

    Example:
        >>> from lmctheory.measures import Laplace
        >>> [(variance, share)] = gaussian_parts(Laplace())
        >>> round(variance, 3), round(share, 3)
        (0.785, 0.785)
    """
    raise TypeError(f"no Gaussian part is known of {type(marginal).__name__}")


@gaussian_parts.register
def _(marginal: TruncatedNormal) -> tuple[tuple[float, float], ...]:
    return ((marginal.log_sobolev_constant, 1.0),)  # of the normal that was cut


@gaussian_parts.register
def _(marginal: RademacherMixture) -> tuple[tuple[float, float], ...]:
    share = marginal.noise**2 / (1 + marginal.noise**2)
    return ((share, share),)


@gaussian_parts.register
def _(_: Laplace) -> tuple[tuple[float, float], ...]:
    return ((np.pi / 4, np.pi / 4),)


@gaussian_parts.register
def _(marginal: Uniform) -> tuple[tuple[float, float], ...]:
    return tuple(
        (s**2, s**2 / TruncatedNormal(cut=marginal.reach / s).log_sobolev_constant)
        for s in _DEVIATIONS.tolist()
    )


def non_gaussian_cost(marginal: Marginal) -> Callable[[Gaussian, int], float]:
    """The bound above, as a ``matching_cost`` of `deep.error_bound`.

    Args:
        marginal: law of every coordinate of a row, at variance 1.

    Returns:
        A function of the Gaussian law N(0, Lambda) with the same covariance, and of m.

    Raises:
        TypeError: if no Gaussian part is known.

    Reference:
        theory key D5.

    Example:
        >>> from lmctheory.measures import Gaussian, TruncatedNormal
        >>> cost = non_gaussian_cost(TruncatedNormal(cut=2.0))
        >>> law = Gaussian(spectrum=[1.0, 0.1])
        >>> upper_bound(law, 100).value < cost(law, 100) < 1.3 * upper_bound(law, 100).value
        True
    """
    parts = gaussian_parts(marginal)

    def cost(law: Gaussian, m: int) -> float:
        trivial = 2 * law.second_moment
        gaussian = upper_bound(law, m).value
        return min(trivial, *(s2 * gaussian + (1 - v) * trivial for s2, v in parts))

    return cost
