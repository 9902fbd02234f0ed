"""Superadditivity (R9): for p = 2 lower bounds of orthogonal parts add up.

|a - b|^2 is the sum of the squared distances in orthogonal subspaces, and in each of them every
matching costs at least its own minimum.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

__all__ = ["best_block_sum", "block_edges"]


def block_edges(spectrum: Float[np.ndarray, " d"]) -> list[int]:
    """Where splitting may pay: after the first coordinate and at the widest gap.

    Args:
        spectrum: positive variances ``[d]``, decreasing.
    """
    d = len(spectrum)
    inner = {1, int(np.argmax(-np.diff(np.log(spectrum), append=np.inf))) + 1} if d > 1 else set()
    return [0, *sorted(edge for edge in inner if edge < d), d]


def best_block_sum(edges: Sequence[int], bound: Callable[[int, int], float]) -> float:
    """The largest sum of bounds over contiguous blocks, by dynamic programming.

    Args:
        edges: increasing; blocks begin and end at edges.
        bound: of the block of coordinates start..stop-1.
    """
    best = [0.0]
    for j, stop in enumerate(edges[1:], start=1):
        best.append(max(best[i] + bound(edges[i], stop) for i in range(j)))
    return best[-1]
