r"""Order statistics of standard normal samples: the one-dimensional matching cost (R7).

The i-th smallest of m standard normals is Phi^{-1}(B), B ~ Beta(i, m - i + 1), so its density in x
is proportional to Phi(x)^{i-1} (1 - Phi(x))^{m-i} phi(x). It is analytic and decays on both sides:
the trapezoidal rule converges faster than any power, and 361 nodes over 12 standard deviations on
either side (36 for the extremes, whose tail on one side is only exponential) reach 1e-13, and 1e-11
where the rounding of nodes is felt, in samples of 1e12. Deep inside large samples (both parameters
> `_LARGE`) the expansion of David and Johnson (1954) in 1/m replaces it, with a relative error of
order i^-2 < 1e-8, so that the cost is independent of m.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from lmctheory.measures.arguments import at_least

__all__ = ["inner_variance", "normal_matching_cost", "normal_partial_sums"]

_LARGE = 20_000
_SINGLE = 128
"""Up to this rank the sum over ranks in `normal_matching_cost` goes term by term."""


def _beta_nodes(
    left: Float[np.ndarray, " n"], right: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Nodes x and weights of the law of Phi^{-1}(B), B ~ Beta(left, right)."""
    p = left / (left + right)
    centre = ndtri(p)
    spread = np.sqrt(p * (1 - p) / (left + right + 1)) / _density(centre)
    reach = np.minimum(spread, 1.5) * 12 * np.maximum(1, 3 / np.sqrt(np.minimum(left, right)))
    x = centre[:, None] + reach[:, None] * np.linspace(-1, 1, 361)
    log_weight = (left[:, None] - 1) * log_ndtr(x) + (right[:, None] - 1) * log_ndtr(-x) - x**2 / 2
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return x, weight / weight.sum(axis=1, keepdims=True)


def _density(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _variance(i: Float[np.ndarray, " n"], m: int) -> Float[np.ndarray, " n"]:
    """Var Z_(i:m) for (not necessarily integral) ranks i."""
    i = np.minimum(i, m - i + 1)  # by symmetry; near 1 the rounding of p would be felt
    result = np.empty_like(i)
    small = i <= _LARGE
    x, weight = _beta_nodes(i[small], m - i[small] + 1)
    centred = x - (x * weight).sum(axis=1, keepdims=True)
    result[small] = (centred**2 * weight).sum(axis=1)
    p = i[~small] / (m + 1)
    x0 = ndtri(p)
    first, second = 1 / _density(x0), x0 / _density(x0) ** 2  # derivatives of Phi^{-1} at p
    third = (1 + 2 * x0**2) / _density(x0) ** 3
    result[~small] = inner_variance(p, m, first, second, third)
    return result


def inner_variance(
    p: NDArray[np.float64],
    m: int,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    third: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The variance of order statistics far from the ends, in powers of 1/(m + 2).

    Args:
        p: ranks over m + 1 ``[n]``.
        m: the sample size.
        first: of the quantile function the derivative at p ``[n]``.
        second: the second one.
        third: the third.
    """
    pq = p * (1 - p)
    return pq / (m + 2) * first**2 + pq / (m + 2) ** 2 * (
        2 * (1 - 2 * p) * first * second + pq * (first * third + second**2 / 2)
    )


def normal_matching_cost(m: int) -> float:
    """R7: M(m) = E W_2^2 between two samples of m standard normals = (2/m) sum_i Var Z_(i:m).

    Terms i <= 128 are summed one by one; the rest of each half is an integral over the rank in
    Gauss-Legendre panels, with the Euler-Maclaurin correction. Relative error below 1e-9, at a cost
    independent of m.

    Args:
        m: number of neurons in each sample, >= 1.

    Returns:
        The cost per neuron, for unit variance.

    Reference:
        theory key R7; Bobkov and Ledoux (2019), One-dimensional empirical measures, order
        statistics, and Kantorovich transport distances.

    Example:
        >>> round(normal_matching_cost(1000), 7)
        0.0062967
    """
    return _normal_matching_cost(at_least("m", m, 1))


@lru_cache(maxsize=4096)
def _normal_matching_cost(m: int) -> float:
    if m <= 2 * _SINGLE:
        return 2 / m * float(_variance(np.arange(1.0, m + 1), m).sum())
    tail = _variance(np.arange(1.0, _SINGLE + 1), m).sum()
    edges = np.linspace(np.log(_SINGLE + 0.5), np.log((m + 1) / 2), int(np.log(m)) + 2)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges) / 2
    log_rank = (edges[:-1] + half)[:, None] + half[:, None] * nodes
    rank = np.exp(log_rank).ravel()
    bulk = (_variance(rank, m) * rank) @ (half[:, None] * weights).ravel()
    ends = _variance(np.array([_SINGLE, _SINGLE + 1.0]), m)
    correction = (ends[1] - ends[0]) / 24  # -(1/24) [f'(middle) - f'(128.5)], f'(middle) = 0
    return 4 / m * float(tail + bulk + correction)


def normal_partial_sums(
    counts: Float[np.ndarray, " n"], size: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Sums of the expected order statistics: sum_{j <= J} E Z_(j:b), elementwise.

    = -b E phi(Phi^{-1}(B)), B ~ Beta(J, b - J), because the J smallest lie below the (J+1)-th and
    the mean of a normal below x is -phi(x)/Phi(x). Constant cost per value, at any size; right to
    1e-9, relative.

    Args:
        counts: J, between 0 and b.
        size: b, the sample sizes.

    Reference:
        theory key R7.
    """
    J, b = np.broadcast_arrays(np.asarray(counts, np.float64), np.asarray(size, np.float64))
    result = np.zeros(J.shape)
    inner = (J > 0) & (b > J)
    J, b = np.minimum(J, b - J)[inner], b[inner]  # by symmetry
    small = J <= _LARGE
    mean_density = np.empty_like(J)
    x, weight = _beta_nodes(J[small], b[small] - J[small])
    mean_density[small] = (_density(x) * weight).sum(axis=1)
    p = J[~small] / b[~small]
    # second-order delta method: the second derivative of phi(Phi^{-1}(u)) is -1/phi
    x0 = ndtri(p)
    mean_density[~small] = _density(x0) - p * (1 - p) / (2 * (b[~small] + 1) * _density(x0))
    result[inner] = -b * mean_density
    return result
