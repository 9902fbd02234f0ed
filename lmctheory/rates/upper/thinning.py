r"""Expected order statistics of a marginal, and what is left of them when neurons are taken away.

The j-th smallest of b values is T(Z_(j:b)), T the transport map from the normal law. Take s of the
b at random: the k-th smallest of those is the j-th of all with the negative hypergeometric
probability

    H(k, j) = C(j-1, k-1) C(b-j, s-k) / C(b, s),

so the expected order statistics of the s are H e, e those of the b. Order does not matter to other
coordinates: a cut of theirs takes away neurons at random.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.special import gammaln, log_ndtr, ndtri

from lmctheory.measures.marginal import Marginal

__all__ = [
    "WIDEST",
    "densities",
    "expected_order_statistics",
    "marginal_matching_cost",
    "thinning",
    "window",
]

WIDEST = 8192
"""Most neurons whose order statistics are tabulated: thinning takes matrices of that size."""


@lru_cache(maxsize=64)
def expected_order_statistics(marginal: Marginal | None, m: int) -> Float[np.ndarray, " m"]:
    """E X_(j:m), j = 1..m, for a symmetric law of variance 1, to about 1e-13.

    Gauss and Legendre's rule in z = Phi^{-1}(u) over 12 standard deviations, 36 for the extremes,
    whose tail on one side is only exponential; around 0, where T may kink or be as steep as a
    logarithm, in two pieces whose nodes crowd there.

    Args:
        marginal: the law; None for the standard normal.
        m: number of neurons, >= 1.
    """
    j = np.arange(1.0, (m + 1) // 2 + 1)
    low, high, _ = window(j, m)
    hard = (j <= 36) | (high >= 0)
    lower = np.empty_like(j)
    easy = ~hard
    lower[easy] = _means(marginal, m, j[easy], low[easy], [high[easy]], *_gauss(64, 1))
    middle = high.clip(max=0)[hard]
    lower[hard] = _means(marginal, m, j[hard], middle, [low[hard], high[hard]], *_gauss(320, 3))
    if m % 2:
        lower[-1] = 0.0
    result = np.r_[lower, -lower[: m // 2][::-1]]
    result.setflags(write=False)
    return result


def marginal_matching_cost(marginal: Marginal | None, m: int) -> float:
    """R7 for any symmetric law on the line of variance 1: M(m) = 2 - (2/m) sum_j (E X_(j:m))^2.

    Args:
        marginal: the law; None for the standard normal.
        m: number of neurons, 1 <= m <= `WIDEST`; the relative error grows to 1e-9.
    """
    return 2 - 2 * float(np.mean(expected_order_statistics(marginal, m) ** 2))


def window(
    j: Float[np.ndarray, " n"], m: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Where the j-th smallest of m normals lies, of the lower half: both ends, and its deviation.

    Twelve deviations on either side, 36 for the extremes, whose tail on one side is only
    exponential.

    Args:
        j: ranks ``[n]``, at most (m + 1) / 2.
        m: number of neurons.
    """
    p = j / (m + 1)
    centre = ndtri(p)
    spread = np.sqrt(2 * np.pi * p * (1 - p) / (m + 2)) * np.exp(centre**2 / 2)
    deviation = np.minimum(spread, 1.5)
    reach = deviation * 12 * np.maximum(1, 3 / np.sqrt(j))
    return centre - reach, centre + reach, deviation


def densities(
    j: Float[np.ndarray, " n"], m: int, z: Float[np.ndarray, "#n k"]
) -> Float[np.ndarray, "n k"]:
    """Of the j-th smallest of m normals at z, each over its largest value there.

    Args:
        j: ranks ``[n]``.
        m: number of neurons.
        z: places, the same for all ranks ``[1, k]`` or not ``[n, k]``.
    """
    log_law = (j[:, None] - 1) * log_ndtr(z) + (m - j[:, None]) * log_ndtr(-z) - z**2 / 2
    return np.asarray(np.exp(log_law - log_law.max(axis=1, keepdims=True)))


def _gauss(nodes: int, power: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Gauss and Legendre's rule on [0, 1] in t^power: graded towards 0."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    t = (1 + x) / 2
    return t**power, power * t ** (power - 1) * w / 2


def _means(
    marginal: Marginal | None,
    m: int,
    j: Float[np.ndarray, " n"],
    start: Float[np.ndarray, " n"],
    ends: list[np.ndarray],
    t: Float[np.ndarray, " k"],
    w: Float[np.ndarray, " k"],
) -> Float[np.ndarray, " n"]:
    """E T(Z_(j:m)), by a rule between the start and every end."""
    width = np.stack(ends, axis=1)[..., None] - start[:, None, None]
    z = (start[:, None, None] + width * t).reshape(len(j), len(ends) * len(t))
    law = densities(j, m, z) * (abs(width) * w).reshape(z.shape)
    values = z if marginal is None else marginal.transport(z.ravel()).reshape(z.shape)
    return np.asarray((law * values).sum(axis=1) / law.sum(axis=1))


@lru_cache(maxsize=256)
def thinning(b: int, s: int) -> csr_array:
    """H ``[s, b]`` for s neurons taken at random from b, without entries below about 1e-16.

    Kept are 9 standard deviations on either side, and as many again as a geometric tail needs.
    """
    k = np.arange(1.0, s + 1)
    mean = k * (b + 1) / (s + 1)
    deviation = np.sqrt(k * (s + 1 - k) * (b + 1) * (b - s) / (s + 2.0)) / (s + 1)
    reach = 9 * deviation + 40 * b / s
    first = np.clip(np.floor(mean - reach), k, b - s + k)
    last = np.clip(np.ceil(mean + reach), k, b - s + k)
    counts = (last - first + 1).astype(np.int64)
    starts = np.r_[0, np.cumsum(counts)]
    below = np.repeat(np.arange(s), counts)  # k - 1
    column = np.repeat(first.astype(np.int64) - 1 - starts[:-1], counts) + np.arange(starts[-1])
    log_factorial = gammaln(np.arange(1.0, b + 1))
    log_h = (
        log_factorial[column] - log_factorial[below] - log_factorial[column - below]
        + log_factorial[b - 1 - column] - log_factorial[s - 1 - below]
        - log_factorial[b - s - column + below]
    )  # fmt: skip
    h = np.exp(log_h - np.repeat(np.maximum.reduceat(log_h, starts[:-1]), counts))
    h /= np.repeat(np.add.reduceat(h, starts[:-1]), counts)
    return csr_array((h, column.astype(np.int32), starts.astype(np.int32)), shape=(s, b))
