"""The sandwich (R11): L(m) <= M(m) <= U(m) for Gaussian neurons, and the widths it gives."""

import operator
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates.bound import Bound
from lmctheory.rates.order_statistics import normal_matching_cost
from lmctheory.rates.rank_block import rank_block_tree
from lmctheory.rates.semigroup import truncated_gaussian_bound
from lmctheory.rates.small_ball import small_ball_bound

__all__ = ["MAX_WIDTH", "lower_bound", "required_width", "upper_bound", "width_lower_bound"]

MAX_WIDTH = 10**12
"""The largest width for which bounds are computed; by R2 an upper bound holds beyond it too."""

_FEW = 4
"""Positive eigenvalues up to which R6c can beat R13: in few dimensions, at large widths."""
_NEGLIGIBLE = 1e-100
"""Relative to the largest: below it the semigroup's heat trace overflows."""

_ASSUMPTIONS = (
    "the m neurons of A and the m neurons of B are independent draws from one Gaussian",
    "cost per neuron (1/m) sum |a_i - b_pi(i)|^2, at the best permutation pi, in expectation",
)


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
    return _bound(min, _upper_terms, mu, m)


def lower_bound(mu: Gaussian, m: int) -> Bound:
    """L(m) <= M(m) = E W_2^2 between two samples of m neurons.

    The largest of the small-ball arguments of R9 (isotropic, tilted, exponential moment), R7 in
    every coordinate, and their best sum over blocks of eigenspaces (superadditivity).

    Args:
        mu: the Gaussian law of a neuron.
        m: number of neurons in each sample, 1 <= m <= 10^12.

    Returns:
        The bound, in squared units of the weights, per neuron.

    Raises:
        ValueError: if m is out of range.

    Reference:
        theory keys R7, R9, R11.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(lower_bound(mu, 1000).value, 2)
        3.07
    """
    return _bound(max, _lower_terms, mu, m)


def required_width(mu: Gaussian, eps: float) -> int:
    """A width m with U(m) <= eps^2 < U(m - 1): two such layers match within eps (root mean square).

    Args:
        mu: the Gaussian law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.

    Raises:
        ValueError: if eps <= 0, or no width up to 10^12 is known to suffice.

    Reference:
        theory key R11.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> required_width(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    return _first_width(lambda m: upper_bound(mu, m).value, _checked_tolerance(eps))


def width_lower_bound(mu: Gaussian, eps: float) -> int:
    """A width m with L(m) <= eps^2 < L(m - 1): no smaller width matches within eps on average.

    Args:
        mu: the Gaussian law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.

    Raises:
        ValueError: if eps <= 0, or even 10^12 neurons are too few.

    Reference:
        theory key R11; compare the rate of Ferbach et al. (2024), Theorem 5.3.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> width_lower_bound(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    return _first_width(lambda m: lower_bound(mu, m).value, _checked_tolerance(eps))


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


@lru_cache(maxsize=1024)
def _lower_terms(spectrum: tuple[float, ...], m: int) -> dict[str, float]:
    lam = np.array(spectrum)
    if m == 1:
        return {"2 tr": 2 * float(lam.sum())}
    return small_ball_bound(lam[lam > 0], m)


def _bound(
    best: Callable[..., str],
    terms: Callable[[tuple[float, ...], int], dict[str, float]],
    mu: Gaussian,
    m: int,
) -> Bound:
    """The best term; every term is homogeneous, so it is computed at unit largest eigenvalue."""
    m = operator.index(m)
    if not 1 <= m <= MAX_WIDTH:
        raise ValueError(f"m must lie between 1 and 10^12, got {m}")
    scale = float(mu.spectrum[0])
    if scale == 0:
        return Bound(0.0, "2 tr", {"2 tr": 0.0}, _ASSUMPTIONS)
    unit = tuple((mu.spectrum / scale).tolist())
    values = {key: scale * value for key, value in terms(unit, m).items()}
    key = best(values, key=lambda name: values[name])
    return Bound(values[key], key, values, _ASSUMPTIONS)


def _checked_tolerance(eps: float) -> float:
    if not eps > 0:
        raise ValueError(f"eps must be > 0, got {eps}")
    return eps**2


def _first_width(bound: Callable[[int], float], tolerance: float) -> int:
    """The end of a bisection for a bound that (by R2) may be taken as non-increasing."""
    if bound(1) <= tolerance:
        return 1
    low, high = 1, 2
    while bound(high) > tolerance:
        if high == MAX_WIDTH:
            raise ValueError("eps is too small: no width up to 10^12 brings the bound below it")
        low, high = high, min(64 * high, MAX_WIDTH)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle) <= tolerance else (middle, high)
    return high
