"""Explicit dyadic bounds for support in a cube (R4): as published, and the series behind it.

`fournier_bound` is the published state of the art, kept for comparison. `dyadic_bound` evaluates
the sum over dyadic cubes that it estimates, and is always smaller.
"""

import numpy as np

from lmctheory.measures.arguments import at_least, positive
from lmctheory.rates.bound import Bound
from lmctheory.rates.upper.covering import NestedPartition, check_samples, covering_bound

__all__ = ["dyadic_bound", "fournier_bound"]


def fournier_bound(N: float, d: int, p: float, side: float = 1.0) -> float:
    """E W_p^p(mu_N, mu) <= side^p kappa N^{-min(1/2, p/d)}, for support in a cube, in sup-norm.

    kappa = 2^{d/2-1} / (1 - 2^{d/2-p}) for p > d/2,
    2^{p-1} / (p ln 2) max(0, ln((2^{1-p} - 2^{1-2p}) sqrt N)) + 2^{p-1} / (1 - 2^{-p}) for p = d/2,
    2^{p-2p/d} (1 - 2^{-d/2})^{1-2p/d} / (1 - 2^{p-d/2}) for p < d/2.

    One sample against the law. Two samples: the same at N/2. Euclidean norm: times d^{p/2}.

    Args:
        N: sample size, > 0 (half a sample size for two samples).
        d: dimension >= 1.
        p: exponent > 0.
        side: side of the cube that holds the support, in units of the weights.

    Raises:
        TypeError: if d is no integer, or another argument no number.
        ValueError: if an argument is out of range.

    Reference:
        theory key R4; Fournier (2023), ESAIM: PS 27, 749-775.

    Example:
        >>> round(fournier_bound(1000.0, 5, 2.0), 3)
        0.476
    """
    N, p, side = positive("N", N), positive("p", p), positive("side", side)
    d = at_least("d", d, 1)
    if p > d / 2:
        kappa = 2 ** (d / 2 - 1) / (1 - 2 ** (d / 2 - p))
    elif p == d / 2:
        logarithm = max(0.0, np.log((2 ** (1 - p) - 2 ** (1 - 2 * p)) * np.sqrt(N)))
        kappa = 2 ** (p - 1) / (p * np.log(2)) * logarithm + 2 ** (p - 1) / (1 - 2**-p)
    else:
        shrink = (1 - 2 ** (-d / 2)) ** (1 - 2 * p / d)
        kappa = 2 ** (p - 2 * p / d) * shrink / (1 - 2 ** (p - d / 2))
    return float(side**p * kappa * N ** -min(0.5, p / d))


def dyadic_bound(
    m: int, d: int, p: float = 2.0, side: float = 1.0, *, samples: int = 2, euclidean: bool = True
) -> Bound:
    """E W_p^p <= side^p (2^p - 1)/2 sum_{l>=1} 2^{-pl} E_l, any law with support in a cube.

    E_l is the mean left-over of 2^{dl} cells (see `lmctheory.rates.upper.covering`), always at most
    min(2, sqrt(samples (2^{dl} - 1) / m)). Hence no case distinction between p and d/2, and always
    below Fournier's bound, which is listed beside it.

    Args:
        m: number of neurons in each sample, >= 1.
        d: dimension >= 1.
        p: exponent > 0.
        side: side of the cube that holds the support, in units of the weights, > 0.
        samples: 2 for two samples, 1 for one sample against its law.
        euclidean: cost in the Euclidean norm (d^{p/2} times as large), else in the sup-norm.

    Returns:
        A bound of E W_p^p, in units of the weights to the power p.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        theory key R4; Fournier (2023), ESAIM: PS 27, 749-775, with the exact mean left-over of R5.

    Example:
        >>> print(dyadic_bound(1000, 5))
        1.17293 by R4 series (R4 published: 3.1406)
    """
    m, d = at_least("m", m, 1), at_least("d", d, 1)
    p, side = positive("p", p), positive("side", side)
    check_samples(samples)
    diameter = float(side * np.sqrt(d)) if euclidean else side
    published = fournier_bound(m / samples, d, p, diameter)
    levels = np.arange(int(np.ceil(50 / p)) + 1.0)  # what remains is below 2^-50 of the whole
    with np.errstate(over="ignore"):
        cubes = NestedPartition(0.5**levels, cells=np.exp2(d * levels[1:]))
    series = diameter**p * covering_bound(cubes, m, p, samples=samples).value
    return Bound(
        series,
        "R4 series",
        {"R4 published": published, "R4 series": series},
        ("neurons i.i.d.", f"support in a cube of side {side:g}"),
    )
