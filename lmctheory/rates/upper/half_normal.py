r"""Order statistics of |X|, X symmetric on the line: what folding makes of a coordinate (S1).

|X| is T(W) with W = |G| half-normal, F(w) = P(W <= w) = 2 Phi(w) - 1, so that the j-th smallest of
m has in x = ln w the density

    F(w)^{j-1} (1 - F(w))^{m-j} phi(w) w,

which is analytic and falls like e^{jx} on the left and faster than any exponential on the right:
the trapezoidal rule converges faster than any power, as for normal order statistics. Variances and
sums have relative errors below 2e-11, and below 1e-8 where an expansion replaces the rule.

*Sums of the half-normal.* The J smallest of b lie below the (J+1)-th, and the mean of W below w is
2 (phi(0) - phi(w)) / F(w), so that their expected sum is b E g(B), B ~ Beta(J, b - J),

    g(F(w)) = 2 (phi(0) - phi(w)),    g''(F(w)) = 1 / (2 phi(w)).

*On the line* the quotient modulo signs is the half-line, and R7 is exact there:
M_s(m) = (2/m) sum_j Var |X|_(j:m).
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import erf, erfinv, log_ndtr, ndtri

from lmctheory.measures.marginal import Marginal
from lmctheory.rates.upper.order_statistics import inner_variance

__all__ = [
    "folded_matching_cost",
    "folded_order_statistics",
    "half_normal_matching_cost",
    "half_normal_partial_sums",
]

Array = NDArray[np.float64]

_NODES = np.linspace(-1, 1, 361)
_BLOCK = 2048
"""Ranks at once: 6 MiB an array."""
_LARGE = 20_000
"""Ranks on both sides beyond which expansions in 1/m have a relative error below 1e-8."""
_SINGLE = 128
"""Ranks from either end that are summed one by one."""
_FARTHEST = 39.0
"""Beyond it a normal density is 0."""


def _quantile(below: Array, above: Array) -> Array:
    """F^{-1} of a share of such parts, from the side on which it is accurate."""
    total = below + above
    tail = -ndtri(above / total / 2)
    return np.where(below < above, np.sqrt(2) * erfinv(below / total), tail)


def _density(w: Array) -> Array:
    return np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)


def _nodes(left: Array, right: Array) -> tuple[Array, Array]:
    """Nodes w and weights ``[n, k]`` of the law of F^{-1}(B), B ~ Beta(left, right)."""
    total = left + right
    centre = _quantile(left, right)
    spread = np.sqrt(left * right / (total + 1)) / total / (2 * _density(centre) * centre)
    fewest = np.minimum(left, right)
    reach = np.minimum(spread, 1.5) * 12 * np.clip(5 / np.sqrt(fewest), 1, 3)
    w = np.minimum(centre[:, None] * np.exp(reach[:, None] * _NODES), _FARTHEST)
    inside, log_beyond = erf(w / np.sqrt(2)), np.log(2) + log_ndtr(-w)
    with np.errstate(divide="ignore"):  # each where it is accurate: large ranks multiply them
        log_below = np.where(w < 1, np.log(inside), np.log1p(-np.exp(log_beyond)))
        log_beyond = np.where(w < 1, np.log1p(-inside), log_beyond)
    log_law = (left[:, None] - 1) * log_below + (right[:, None] - 1) * log_beyond
    log_law += np.log(w) - w**2 / 2
    law = np.exp(log_law - log_law.max(axis=1, keepdims=True))
    law[w >= _FARTHEST] = 0.0
    return w, law / law.sum(axis=1, keepdims=True)


@lru_cache(maxsize=64)
def folded_order_statistics(marginal: Marginal | None, m: int) -> Float[np.ndarray, " m"]:
    """E |X|_(j:m), j = 1..m, for a symmetric law of variance 1, to about 2e-11.

    Args:
        marginal: the law; None for the standard normal.
        m: number of neurons, >= 1.
    """
    blocks = []
    for j in np.array_split(np.arange(1.0, m + 1), -(-m // _BLOCK)):
        w, law = _nodes(j, m + 1 - j)
        values = w if marginal is None else marginal.transport(w.ravel()).reshape(w.shape)
        blocks.append((law * values).sum(axis=1))
    result = np.concatenate(blocks)
    result.setflags(write=False)
    return result


def folded_matching_cost(marginal: Marginal | None, m: int) -> float:
    """R7 for |X|, X symmetric of variance 1: M_s(m) = 2 - (2/m) sum_j (E |X|_(j:m))^2.

    Args:
        marginal: the law of X; None for the standard normal.
        m: number of neurons, 1 <= m <= `WIDEST` of `thinning`; the relative error grows to 1e-8.
    """
    return 2 - 2 * float(np.mean(folded_order_statistics(marginal, m) ** 2))


@lru_cache(maxsize=4096)
def half_normal_matching_cost(m: int) -> float:
    """M_s(m) of the standard normal, at any width, at a cost independent of it.

    Ranks up to 128 from either end are summed one by one, the others are an integral over the
    logarithm of the rank, in Gauss-Legendre panels, with the Euler-Maclaurin correction.

    Args:
        m: number of neurons >= 1.

    Reference:
        theory keys R7, S1.

    Example:
        >>> round(half_normal_matching_cost(1), 10) == round(2 * (1 - 2 / np.pi), 10)
        True
    """
    if m <= 4 * _SINGLE:
        return 2 / m * float(_variance(np.arange(1.0, m + 1), m).sum())
    middle = (m + 1) / 2
    return 2 / m * float(sum(_half_of_variances(m, middle, up) for up in (False, True)))


def _half_of_variances(m: int, middle: float, up: bool) -> float:
    """The sum of the variances of the ranks below the middle, or, counted from above, above it."""

    def variance(rank: Array) -> Array:
        return _variance(m + 1 - rank if up else rank, m)

    ends = variance(np.arange(1.0, _SINGLE + 2))
    edges = np.linspace(np.log(_SINGLE + 0.5), np.log(middle), int(np.log(m)) + 2)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges) / 2
    rank = np.exp((edges[:-1] + half)[:, None] + half[:, None] * nodes).ravel()
    bulk = (variance(rank) * rank) @ (half[:, None] * weights).ravel()
    # the corrections at the middle cancel: it is the end of both halves
    return float(ends[:_SINGLE].sum() + bulk + (ends[_SINGLE] - ends[_SINGLE - 1]) / 24)


def _variance(j: Array, m: int) -> Array:
    """Var W_(j:m) for (not necessarily integral) ranks j."""
    result = np.empty_like(j)
    small = np.minimum(j, m - j + 1) <= _LARGE
    w, law = _nodes(j[small], m - j[small] + 1)
    centred = w - (law * w).sum(axis=1, keepdims=True)
    result[small] = (centred**2 * law).sum(axis=1)
    below, above = j[~small], m + 1 - j[~small]
    p, w0 = below / (m + 1), _quantile(below, above)
    slope = 1 / (2 * _density(w0))  # of F^{-1}; its derivatives follow from phi' = -w phi
    second, third = w0 * slope**2, (1 + 2 * w0**2) * slope**3
    result[~small] = inner_variance(p, m, slope, second, third)
    return result


def half_normal_partial_sums(
    counts: Float[np.ndarray, " n"], size: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Sums of the expected order statistics of the half-normal: sum_{j <= J} E W_(j:b), to 1e-9.

    Args:
        counts: J, between 0 and b.
        size: b, the sample sizes.

    Reference:
        theory keys R13, S1.
    """
    J, b = np.broadcast_arrays(np.asarray(counts, np.float64), np.asarray(size, np.float64))
    result = np.where(J > 0, b * np.sqrt(2 / np.pi), 0.0)
    inner = (J > 0) & (b > J)
    J, b = J[inner], b[inner]
    small = np.minimum(J, b - J) <= _LARGE
    mean = np.empty_like(J)
    w, law = _nodes(J[small], b[small] - J[small])
    mean[small] = (-np.expm1(-(w**2) / 2) * law).sum(axis=1) * np.sqrt(2 / np.pi)
    p, w0 = J[~small] / b[~small], _quantile(J[~small], b[~small] - J[~small])
    mean[~small] = -np.expm1(-(w0**2) / 2) * np.sqrt(2 / np.pi) + p * (1 - p) / (
        4 * (b[~small] + 1) * _density(w0)
    )
    result[inner] = b * mean
    return result
