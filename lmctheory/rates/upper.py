"""The upper side of the sandwich (R11): M(m) <= U(m)."""

from functools import lru_cache

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates.bound import Bound, gaussian_bound
from lmctheory.rates.order_statistics import normal_matching_cost
from lmctheory.rates.rank_block import rank_block_tree
from lmctheory.rates.semigroup import truncated_gaussian_bound

__all__ = ["upper_bound"]

_FEW = 4
"""Positive eigenvalues up to which R6c can beat R13: in few dimensions, at large widths."""
_NEGLIGIBLE = 1e-100
"""Relative to the largest: below it the semigroup's heat trace overflows."""


def upper_bound(mu: Gaussian, m: int) -> Bound:
    """U(m) >= M(m) = E W_2^2 between two samples of m neurons.

    The least of R13 (the rank-block tree), R6c (a semigroup bound, in at most 4 dimensions), R8
    (match the first coordinate alone) and 2 tr Lambda (any permutation). Eigenvalues may be zero
    and spread over many orders of magnitude.

    Args:
        mu: the Gaussian law of a neuron.
        m: number of neurons in each sample, 1 <= m <= 10^12.

    Returns:
        The bound, in squared units of the weights, per neuron.

    Raises:
        ValueError: if m is out of range.

    Reference:
        theory keys R2, R6c, R7, R8, R11, R13.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(upper_bound(mu, 1000).value, 2)
        4.75
    """
    return gaussian_bound(min, _upper_terms, mu, m)


@lru_cache(maxsize=1024)
def _upper_terms(spectrum: tuple[float, ...], m: int) -> dict[str, float]:
    lam = np.array(spectrum)
    trivial = 2 * float(lam.sum())
    terms = {
        "R13": min(rank_block_tree(lam, m), trivial),
        "R8": float(lam[0]) * normal_matching_cost(m) + 2 * float(lam[1:].sum()),
        "2 tr": trivial,
    }
    few = lam[lam > _NEGLIGIBLE]  # the rest is left unmatched (R8)
    if len(few) <= _FEW:
        matched = truncated_gaussian_bound(Gaussian(spectrum=few), m).value
        terms["R6c"] = matched + trivial - 2 * float(few.sum())
    return terms
