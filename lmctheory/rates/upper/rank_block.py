r"""The rank-block tree (R13): the cost of a matching that goes coordinate by coordinate.

Cut both samples of b neurons, in the rank order of coordinate i, into blocks of sizes s_1..s_n and
match only inside equal blocks. With S_k the sum of the expected order statistics of block k, the
cost in that coordinate is lambda_i c(b, s), c(b, s) = 2 - (2/b) sum_k S_k^2 / s_k, because the
pairing inside a block is chosen by later coordinates, hence independent of coordinate i given the
block. Later coordinates are independent of the ranks, so recursion gives their cost:

    T_i(b) = min over s of  lambda_i c(b, s) + sum_k (s_k / b) T_{i+1}(s_k),     M(m) <= T_1(m).

Two neurons are better paired by all coordinates that are left (`pairs`): T_i(2) is exact.

*Modulo signs* (S1) the first coordinate is folded, which leaves the others as they are: cuts of its
first level go by the order statistics of |Z_1|, and its mean square stays lambda_1.

By R2, T_{i+1}(s) may be taken at any smaller size. It is tabulated at the same sizes for every m:
all up to 64, then some per octave, closed under halving. One table per spectrum, growing octave by
octave, serves all widths, and each further width costs one cut of the first coordinate.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri

from lmctheory.rates.upper.half_normal import half_normal_matching_cost, half_normal_partial_sums
from lmctheory.rates.upper.order_statistics import normal_matching_cost, normal_partial_sums
from lmctheory.rates.upper.pairs import normal_pair_costs

__all__ = ["folded_rank_block_tree", "rank_block_tree"]

_EDGES = 96
"""Candidate inner edges per block size.

More would tighten the bound by at most 0.2 % up to m = 1000, but by tens of per cent where the best
tree cuts a coordinate into more blocks than this: in few dimensions d, for m beyond about 50^d.
"""
_EVERY_SIZE = 64
"""Up to this size the table holds every block size."""
_PER_OCTAVE = 16
"""Tabulated sizes between one power of two and the next, beyond."""
_HALVINGS = (12, 20, 30, 40)
"""Tables are for widths up to 2 to these powers: every useful cut at least halves some block, so
that later coordinates than that, and two more, are left unmatched."""


class _Cuts(NamedTuple):
    """For some block sizes b: where they may be cut, and what each block brings.

    Edges e_0 = 0 < ... < e_n = b, padded by repeating b: a block of size zero is never used (its
    gain is minus infinity). A row is a pair of edges j < k, in the order of k and then of j.
    """

    share: Float[np.ndarray, "pairs b"]  # s / b for the block between two edges
    gain: Float[np.ndarray, "pairs b"]  # (2/b) S^2 / s
    memo: Int[np.ndarray, "pairs b"]  # index of the largest tabulated size <= s


def _octave(m: int) -> int:
    """The octave of m: 0 up to 64, then one more at every doubling."""
    return max((m - 1).bit_length() - (_EVERY_SIZE - 1).bit_length(), 0)


def _sizes(octave: int) -> Float[np.ndarray, " b"]:
    """The tabulated sizes that belong to an octave."""
    if octave == 0:
        return np.arange(1.0, _EVERY_SIZE + 1)
    steps = 1 + np.arange(1, _PER_OCTAVE + 1) / _PER_OCTAVE
    return _EVERY_SIZE * 2.0 ** (octave - 1) * steps


@lru_cache(maxsize=64)
def _sizes_up_to(octave: int) -> Float[np.ndarray, " b"]:
    return np.concatenate([_sizes(k) for k in range(octave + 1)])


def _cuts(sizes: Float[np.ndarray, " b"], edges_of: "_Edges | None" = None) -> _Cuts:
    edges, sums = (
        np.stack(rows, axis=1)
        for rows in zip(*map(edges_of or _edges, sizes.tolist()), strict=True)
    )
    k, j = np.tril_indices(len(edges), -1)
    block, S = edges[k] - edges[j], sums[k] - sums[j]
    used = block > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(used, 2 / sizes * S**2 / block, -np.inf)
    tabulated = _sizes_up_to(_octave(int(sizes[-1])))
    memo = np.searchsorted(tabulated, np.where(used, block, 1.0), side="right") - 1
    return _Cuts(block / sizes, gain, memo)


@lru_cache(maxsize=64)
def _octave_cuts(octave: int) -> _Cuts:
    return _cuts(_sizes(octave))


_Edges = Callable[[float], tuple[Float[np.ndarray, " e"], Float[np.ndarray, " e"]]]


def _edges(b: float) -> tuple[Float[np.ndarray, " e"], Float[np.ndarray, " e"]]:
    """Candidate edges of a block of b ranks, and the sums of expected order statistics below them.

    Every rank where there are few; else half of them at equal steps of the rank and half where
    the quantiser of Panter and Dite has them (the quantiles of a normal of variance 3).
    """
    edges = _ranks(b, lambda u: np.r_[u, ndtr(np.sqrt(3) * ndtri(u))])
    below, both = np.unique(np.minimum(edges, b - edges), return_inverse=True)  # by symmetry
    return edges, normal_partial_sums(below, np.full_like(below, b))[both]


def _folded_edges(b: float) -> tuple[Float[np.ndarray, " e"], Float[np.ndarray, " e"]]:
    """The same for a folded coordinate, half-normal."""
    edges = _ranks(b, lambda u: np.r_[u, 1 - 2 * ndtr(np.sqrt(3) * ndtri((1 - u) / 2))])
    return edges, half_normal_partial_sums(edges, np.full_like(edges, b))


def _ranks(b: float, quantiles: Callable[[np.ndarray], np.ndarray]) -> Float[np.ndarray, " e"]:
    if b < _EDGES:
        return np.minimum(np.arange(_EDGES + 2.0), b)
    parts = _EDGES // 2 - 1
    inner = np.r_[quantiles(np.arange(1, parts) / parts), 1 / b, 2 / b, 1 - 1 / b, 1 - 2 / b]
    ranks = np.unique(np.clip(np.rint(inner * b), 1, b - 1))
    return np.r_[0.0, ranks, np.full(_EDGES + 1 - len(ranks), b)]


def rank_block_tree(spectrum: Float[np.ndarray, " d"], m: int) -> float:
    """R13 for a Gaussian: M(m) <= T_1(m), minimised over unequal blocks by dynamic programming.

    Every value is a bound; from one m to the next it may rise by a little, as candidates change,
    but never above that of a smaller tabulated size.

    Args:
        spectrum: eigenvalues >= 0 ``[d]``, decreasing.
        m: number of neurons >= 1.
    """
    spectrum = spectrum[spectrum > 0]
    if spectrum.size == 0:
        return 0.0
    if spectrum.size == 1:
        return float(spectrum[0]) * normal_matching_cost(m)
    halvings = next(h for h in _HALVINGS if m <= 2**h)
    return _tree(tuple(spectrum.tolist()), halvings + 2).cost(m)


def folded_rank_block_tree(spectrum: Float[np.ndarray, " d"], m: int) -> float:
    """R13 modulo signs, for a Gaussian folded along its first principal axis: M_s(m) at most.

    Args:
        spectrum: eigenvalues >= 0 ``[d]``, decreasing.
        m: number of neurons >= 1.

    Reference:
        theory keys R13, S1.

    Example:
        >>> round(folded_rank_block_tree(np.ones(1), 2), 4)  # one dimension: exact
        0.5083
    """
    spectrum = spectrum[spectrum > 0]
    if spectrum.size == 0:
        return 0.0
    first, others = float(spectrum[0]), tuple(spectrum[1:].tolist())
    if not others:
        return first * half_normal_matching_cost(m)
    halvings = next(h for h in _HALVINGS if m <= 2**h)
    table = _tree(others, halvings + 1).table(m)
    cuts = _cuts(np.array([float(m)]), _folded_edges)
    return 2 * first + float(_best_cut(first, table, cuts)[0])


@lru_cache(maxsize=32)
def _tree(spectrum: tuple[float, ...], depth: int) -> "_Tree":
    return _Tree(np.array(spectrum), depth)


class _Tree:
    """T_1, T_2, ... of one spectrum at the tabulated sizes, up to the octave needed so far.

    An octave rests on smaller sizes only: no value depends on how far the table has grown.
    """

    def __init__(self, spectrum: Float[np.ndarray, " d"], depth: int) -> None:
        self.spectrum = spectrum
        self.depth = min(len(spectrum) - 1, depth)
        self.rest = 2 * np.cumsum(spectrum[::-1])[::-1]
        self.octaves = 0
        self.levels = [np.empty(0) for _ in range(self.depth + 1)]

    def table(self, m: int) -> Float[np.ndarray, " b"]:
        """T_1 at the tabulated sizes, up to m at least."""
        while self.octaves <= _octave(m):
            self._grow()
        return self.levels[0]

    def cost(self, m: int) -> float:
        """T_1(m)."""
        self.table(m)
        sizes = _sizes_up_to(_octave(m))
        below = int(np.searchsorted(sizes, m, side="right")) - 1
        known = float(self.levels[0][below])
        if sizes[below] == m:
            return known
        cut = _best_cut(self.spectrum[0], self.levels[1], _cuts(np.array([float(m)])))[0]
        return min(known, 2 * float(self.spectrum[0]) + float(cut))

    def _grow(self) -> None:
        """Adds an octave to every level, the deepest first."""
        sizes = _sizes(self.octaves)
        new = self._deepest(sizes)
        self.levels[-1] = np.r_[self.levels[-1], new]
        for i in reversed(range(self.depth)):
            cut = _best_cut(self.spectrum[i], self.levels[i + 1], _octave_cuts(self.octaves))
            new = np.minimum(2 * self.spectrum[i] + cut, self.rest[i])
            if self.octaves == 0:
                new[1] = self._pairs[i]  # sizes are 1, 2, ...
            self.levels[i] = np.minimum.accumulate(np.r_[self.levels[i], new])  # R2
        self.octaves += 1

    def _deepest(self, sizes: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
        """The last coordinate's exact cost, or that of matching nothing any more."""
        if self.depth < len(self.spectrum) - 1:
            return np.full(len(sizes), self.rest[self.depth])
        return self.spectrum[-1] * np.array([normal_matching_cost(int(b)) for b in sizes])

    @cached_property
    def _pairs(self) -> Float[np.ndarray, " depth"]:
        return normal_pair_costs(self.spectrum, self.depth)


def _best_cut(
    eigenvalue: float, table: Float[np.ndarray, " b"], cuts: _Cuts
) -> Float[np.ndarray, " c"]:
    """Shortest path over the edges, for all block sizes at once."""
    cost = table[cuts.memo]
    cost *= cuts.share
    cost -= eigenvalue * cuts.gain
    best = np.zeros((_EDGES + 2, cost.shape[1]))
    start = 0
    for k in range(1, len(best)):
        stop = start + k
        best[k] = (cost[start:stop] + best[:k]).min(axis=0)
        start = stop
    return best[-1]
