r"""Small balls in a box (R9): the nearest-neighbour cost of uniform laws, boundary included.

For X uniform in a box with sides l_1..l_d, u a uniform point of the unit ball, and a at the
distances t_k and l_k - t_k from the faces of the direction k,

    mu(B(a, r)) = (v_d r^d / prod l_k) P(-t_k <= r u_k <= l_k - t_k for every k)
               <= (v_d r^d / prod l_k) prod_k H_k,
    H_k = 1 - P(|u_1| > t_k/r)/2 - P(|u_1| > (l_k - t_k)/r)/2.

*Proof.* The signs of u are independent of |u_1|..|u_d| and of each other: given the latter, the
event has the probability prod_k (1 - 1{r|u_k| > t_k}/2 - 1{r|u_k| > l_k - t_k}/2). Each factor
decreases in |u_k|. The squares (u_1^2, .., u_d^2) are coordinates of a Dirichlet law, and so
negatively associated (Joag-Dev and Proschan 1983): the mean of the product is at most the product
of the means. P(|u_1| > t) = I_{1 - t^2}((d+1)/2, 1/2), I the regularised incomplete beta function.

ln H_k is a function of one coordinate of a: the law of the sum is a convolution, every term rounded
up to a grid. The bound is exact for d = 1, within 2 % of the nearest-neighbour cost at d = 2 and 3
and 5 % at d = 20, for m = 1000. With d R7 in every coordinate (E W_2^2 = l^2 / (3 (m + 1)) on an
interval, as Var U_(i:m) = i (m + 1 - i) / ((m + 1)^2 (m + 2))) it enters the sum over blocks.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import betainc

from lmctheory.measures.arguments import log_ball_volume
from lmctheory.rates.lower.nearest_neighbour import power, survival_integral

__all__ = ["box_bound", "interval_matching_cost"]

Array = NDArray[np.float64]

_NODES = 400
_FEW = 8
"""Different sides that are worth fine grids; more are rounded down to powers of `_RATIO`."""
_RATIO = 1.1


def interval_matching_cost(m: int) -> float:
    """R7 for the uniform law on an interval of length 1: E W_2^2 = 1 / (3 (m + 1)).

    Reference:
        theory key R7.

    Example:
        >>> interval_matching_cost(1) == 1 / 6
        True
    """
    return 1 / (3 * (m + 1))


@lru_cache(maxsize=1024)
def box_bound(sides: tuple[float, ...], m: int, p: float, *, copies: int = 1) -> float:
    """The nearest-neighbour cost of the uniform law on a box, rounded down (module docstring).

    Args:
        sides: l_1..l_d > 0.
        m: number of neurons >= 1.
        p: exponent > 0.
        copies: 2 modulo signs, for a box around the origin (S1).

    Returns:
        A lower bound of E W_p^p, in units of the sides to the power p.

    Reference:
        theory keys R9 (its first form), S1; derived here.

    Example:
        >>> round(box_bound((1.0,) * 3, 1000, 2.0), 4)
        0.0037
    """
    lengths, counts = np.unique(_rounded_down(np.array(sides)), return_counts=True)
    log_box = float(counts @ np.log(lengths)) - float(np.log(copies))

    def survival(x: Array) -> Array:
        return np.array([_missed(lengths, counts, log_box, float(r), m) for r in np.sqrt(x)])

    return survival_integral(survival, float(np.square(sides).sum()), p, nodes=_NODES)


def _rounded_down(sides: Array) -> Array:
    """Many different sides onto a geometric grid: contracting the box lowers the cost."""
    if len(np.unique(sides)) <= _FEW:
        return sides
    ratio = np.log(_RATIO)
    return np.exp(ratio * np.floor(np.log(sides) / ratio))


def _missed(lengths: Array, counts: NDArray[np.intp], log_box: float, r: float, m: int) -> float:
    """A lower bound of E (1 - q_r(a))^m."""
    d, few = int(counts.sum()), len(lengths) <= _FEW
    log_volume = log_ball_volume(d) + d * np.log(r) - log_box
    if log_volume < -np.log(m) - 10:  # no neighbours: the boundary does not matter
        return float(power(np.array(log_volume), m))
    cells = 256 if few else 64  # of one half of a side; the other half is its mirror
    t = np.outer(lengths, np.arange(1, cells + 1) / (2 * cells)) / r  # right ends
    beyond = _beyond(d, t) + _beyond(d, lengths[:, None] / r - t)
    logs = np.log(np.maximum(1 - beyond / 2, 1e-300))
    step = max(float(-logs.min()) / (128 if few else 32), 1e-12)
    law = _law_of_sum(np.floor(-logs / step).astype(int), counts)
    return float(law @ power(log_volume - step * np.arange(len(law)), m))


def _beyond(d: int, t: Array) -> Array:
    """P(|u_1| > t) for a uniform point u of the unit ball, to about 1e-11 for t >= 1e-4."""
    t = np.minimum(t, 1.0)
    return np.asarray(betainc((d + 1) / 2, 0.5, (1 - t) * (1 + t)))


def _law_of_sum(cells: NDArray[np.intp], counts: NDArray[np.intp]) -> Array:
    """The law of a sum of independent integers, counts[k] of them uniform on the row cells[k]."""
    length = int(counts @ cells.max(axis=1)) + 1
    padded = next_fast_len(length, real=True)
    transform = np.ones(padded // 2 + 1, np.complex128)
    for row, count in zip(cells, counts, strict=True):
        transform *= rfft(np.bincount(row) / len(row), padded) ** count
    # 1e-15 exceeds the rounding of a transform of modulus at most 1
    return np.maximum(irfft(transform, padded)[:length] - 1e-15, 0.0)
