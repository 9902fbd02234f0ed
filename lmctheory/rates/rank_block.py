r"""The rank-block tree (R13): the cost of a matching that goes coordinate by coordinate.

Cut both samples of b neurons, in the rank order of coordinate i, into blocks of sizes s_1..s_n and
match only inside equal blocks. With S_k the sum of the expected order statistics of block k, the
cost in that coordinate is lambda_i c(b, s), c(b, s) = 2 - (2/b) sum_k S_k^2 / s_k, because the
pairing inside a block is chosen by later coordinates, hence independent of coordinate i given the
block. Later coordinates are independent of the ranks, so recursion gives their cost:

    T_i(b) = min over s of  lambda_i c(b, s) + sum_k (s_k / b) T_{i+1}(s_k),     M(m) <= T_1(m).

Two neurons are better paired by all coordinates that are left (`pairs`): T_i(2) is exact.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from lmctheory.rates.order_statistics import normal_matching_cost, normal_partial_sums
from lmctheory.rates.pairs import normal_pair_cost

__all__ = ["rank_block_tree"]

_EDGES = 96
"""Candidate inner edges per block size.

More would tighten the bound by at most 0.2 % up to m = 1000, but by tens of per cent where the best
tree cuts a coordinate into more blocks than this: in few dimensions d, for m beyond about 50^d.
"""
_EVERY_SIZE = 64
"""Up to this size the table holds every block size."""


class _Cuts(NamedTuple):
    """For every block size b of the memo grid: where it may be cut, and what each block brings.

    Row b has edges e_0 = 0 < ... < e_n = b, padded by repeating b: a block of size zero is never
    used (its gain is minus infinity).
    """

    sizes: Float[np.ndarray, " b"]
    share: Float[np.ndarray, "b e e"]  # s_k / b for the block between two edges
    gain: Float[np.ndarray, "b e e"]  # (2/b) S_k^2 / s_k
    memo: np.ndarray  # [b, e, e] index of the largest memo size <= s_k


@lru_cache(maxsize=4)
def _cuts(m: int) -> _Cuts:
    sizes = _memo_sizes(m)
    edges, sums = (np.stack(rows) for rows in zip(*map(_edges, sizes.tolist()), strict=True))
    block = edges[:, None, :] - edges[:, :, None]
    used = block > 0
    S = sums[:, None, :] - sums[:, :, None]
    b = sizes[:, None, None]
    gain = np.where(used, 2 / b * S**2 / np.where(used, block, 1.0), -np.inf)
    memo = np.searchsorted(sizes, np.where(used, block, 1.0), side="right") - 1
    return _Cuts(sizes, np.where(used, block / b, 0.0), gain, memo)


def _memo_sizes(m: int) -> Float[np.ndarray, " b"]:
    """All small sizes, then steps of 8 per cent, and m and 2m/3 halved again and again."""
    steps = _EVERY_SIZE * 1.08 ** np.arange(np.log(max(m / _EVERY_SIZE, 1)) / np.log(1.08))
    halves = m / np.array([[1.0], [1.5]]) / 2.0 ** np.arange(int(np.log2(m)))
    sizes = np.r_[np.arange(1, min(m, _EVERY_SIZE) + 1), steps[steps < m], halves.ravel(), m]
    return np.unique(np.floor(sizes))


@lru_cache(maxsize=4096)
def _edges(b: float) -> tuple[Float[np.ndarray, " e"], Float[np.ndarray, " e"]]:
    """Candidate edges of a block of b ranks, and the sums of expected order statistics below them.

    Every rank where there are few; else half of them at equal steps of the rank and half where
    the quantiser of Panter and Dite has them (the quantiles of a normal of variance 3).
    """
    if b < _EDGES:
        edges = np.minimum(np.arange(_EDGES + 2.0), b)
    else:
        parts = _EDGES // 2 - 1
        u = np.arange(1, parts) / parts
        inner = np.r_[u, ndtr(np.sqrt(3) * ndtri(u)), 1 / b, 2 / b, 1 - 1 / b, 1 - 2 / b]
        ranks = np.unique(np.clip(np.rint(inner * b), 1, b - 1))
        edges = np.r_[0.0, ranks, np.full(_EDGES + 1 - len(ranks), b)]
    return edges, normal_partial_sums(edges, np.full_like(edges, b))


def rank_block_tree(spectrum: Float[np.ndarray, " d"], m: int) -> float:
    """R13 for a Gaussian: M(m) <= T_1(m), minimised over unequal blocks by dynamic programming.

    Every value is a bound; from one m to the next it may rise by up to 0.1 %, as candidates change.
    """
    spectrum = spectrum[spectrum > 0]
    if spectrum.size == 0:
        return 0.0
    cuts = _cuts(m)
    # every useful cut at least halves some block: deeper coordinates are left unmatched
    depth = min(len(spectrum), int(np.log2(m)) + 2)
    rest = 2 * np.r_[np.cumsum(spectrum[::-1])[::-1], 0.0]
    if depth == len(spectrum):  # T_d is the exact one-dimensional cost
        depth -= 1
        table = spectrum[-1] * np.array([normal_matching_cost(int(b)) for b in cuts.sizes])
    else:
        table = np.full(len(cuts.sizes), rest[depth])
    for i in reversed(range(depth)):
        table = np.minimum(2 * spectrum[i] + _best_cut(spectrum[i], table, cuts), rest[i])
        table[1:2] = normal_pair_cost(spectrum[i:])  # sizes are 1, 2, ...
        table = np.minimum.accumulate(table)  # R2
    return float(table[-1])


def _best_cut(
    eigenvalue: float, table: Float[np.ndarray, " b"], cuts: _Cuts
) -> Float[np.ndarray, " b"]:
    """Shortest path over the edges, for all block sizes at once."""
    cost = cuts.share * table[cuts.memo] - eigenvalue * cuts.gain
    best = np.full(cost.shape[:2], np.inf)
    best[:, 0] = 0.0
    for k in range(1, cost.shape[2]):
        best[:, k] = (best[:, :k] + cost[:, :k, k]).min(axis=1)
        # padding: an edge equal to the one before is the same edge
        repeated = np.isposinf(cost[:, k - 1, k])
        best[repeated, k] = best[repeated, k - 1]
    return best[:, -1]
