r"""Adaptive quadrature on many intervals at once, and the barrier's kernel.

*Quadrature.* Gauss's rule with 7 nodes inside Kronrod's with 15 (exact to degree 22): their
difference bounds the error of the better rule with much room. Intervals whose share of it is too
large are halved until the sum of the differences is below the tolerance, or until halving many of
them hardly lowers it: then the differences are rounding, and the error reported stays above the
tolerance. A peak that lies between all nodes of an interval is not seen.

*Kernel.* The Green's function of the second derivative on [0, 1] is G(t,s) = min(t,s)(1 - max(t,s))
= G(1-t,1-s): for g with g(0) = g(1) = 0 and continuous first derivative,
`g(t) = - int_0^1 G(t,s) g''(s) ds`. On either side of t this is linear in s: all that is needed of
g'' on a cell that t does not divide are two moments, `M_0 = int g''` and `M_1 = int s g''`:

    g(t) = -(1-t) sum_{cells below t} M_1 - t sum_{cells above t} (M_0 - M_1).

Reference: Kronrod 1965; Piessens et al. 1983, QUADPACK.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from scipy.special import roots_legendre

__all__ = ["NODES", "Integrals", "green", "integrals", "solution"]

NODES = 15
"""Evaluations in each interval."""

_SIDE = (
    0.991455371120812639,
    0.949107912342758525,
    0.864864423359769073,
    0.741531185599394440,
    0.586087235467691130,
    0.405845151377397167,
    0.207784955007898468,
)
_PLACES = np.array([*(-x for x in _SIDE), 0.0, *_SIDE[::-1]])
_KRONROD_SIDE = (
    0.022935322010529225,
    0.063092092629978553,
    0.104790010322250184,
    0.140653259715525919,
    0.169004726639267903,
    0.190350578064785410,
    0.204432940075298892,
)
_KRONROD = np.array([*_KRONROD_SIDE, 0.209482141084727828, *_KRONROD_SIDE[::-1]])
_GAUSS = np.zeros(15)
_GAUSS[1::2] = roots_legendre(7)[1]
_ROUNDS = 30

Integrand: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the intervals' indices and places in them, ``[k]`` each, to values ``[k, ...]``."""


class Integrals(NamedTuple):
    """Sums of integrals.

    Attributes:
        value: ``[cells, ...]``.
        error: ``[cells, ...]`` estimated, rather too large.
    """

    value: Float[np.ndarray, "cells ..."]
    error: Float[np.ndarray, "cells ..."]


def integrals(
    f: Integrand,
    start: Float[np.ndarray, " intervals"],
    end: Float[np.ndarray, " intervals"],
    tolerance: float,
    cell: Int[np.ndarray, " intervals"] | None = None,
    *,
    evaluations: int | None = None,
) -> Integrals:
    """The integrals of f_i from start_i to end_i, summed over the intervals of each cell.

    Args:
        f: smooth in every interval; another function in each of them if it wants.
        start: ``[intervals]``.
        end: ``[intervals]``.
        tolerance: of the largest entry of the error, relative to that of the result.
        cell: which sum an interval belongs to, from 0; all to one if None.
        evaluations: of f at most, the first in every interval excepted; None sets no bound.

    Example:
        >>> import numpy as np
        >>> found = integrals(lambda i, x: x[:, None] ** 2, np.zeros(1), np.ones(1), 1e-12)
        >>> found.value.round(12)
        array([[0.33333333]])
    """
    which = np.arange(len(start))
    cell = np.zeros_like(which) if cell is None else cell
    cells, many, before = int(cell.max()) + 1, 256 + 8 * len(which), np.inf
    used = 0
    settled: float | np.ndarray = 0.0  # both sums over the intervals that are not halved any more
    for last in [False] * (_ROUNDS - 1) + [True]:
        found = _both_rules(f, which, start, end)
        value, error = settled + _summed(found, cell[which], cells)
        allowed = tolerance * np.abs(value).max()
        largest = found[1].reshape(len(which), -1).max(1)
        halve = largest > allowed / (4 * len(which))
        rounding = 2 * halve.sum() > many and error.max() > before / 2
        used += NODES * len(which)
        spent = evaluations is not None and used + 2 * NODES * halve.sum() > evaluations
        if last or error.max() <= allowed or rounding or spent or not halve.any():
            break
        before = error.max()
        settled = settled + _summed(found[:, ~halve], cell[which[~halve]], cells)
        middle = (start + end)[halve] / 2
        start = np.concatenate([start[halve], middle])
        end = np.concatenate([middle, end[halve]])
        which = np.tile(which[halve], 2)
    return Integrals(value, error)


def _both_rules(f: Integrand, which: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Kronrod's rule, and how far Gauss's is from it, ``[2, intervals, ...]``."""
    half = (end - start) / 2
    places = (start + half)[:, None] + half[:, None] * _PLACES
    values = f(np.repeat(which, NODES), places.reshape(-1))
    values = values.reshape(*places.shape, *values.shape[1:])
    values *= half.reshape(-1, *[1] * (values.ndim - 1))
    fine, coarse = (np.tensordot(values, rule, ([1], [0])) for rule in (_KRONROD, _GAUSS))
    return np.stack([fine, np.abs(fine - coarse)])


def _summed(values: np.ndarray, cell: np.ndarray, cells: int) -> np.ndarray:
    total = np.zeros((2, cells, *values.shape[2:]))
    for part, entries in zip(total, values, strict=True):
        np.add.at(part, cell, entries)
    return total


def green(
    t: Float[np.ndarray, " points"], s: Float[np.ndarray, " places"]
) -> Float[np.ndarray, "points places"]:
    """G(t,s) = min(t,s) (1 - max(t,s))."""
    return np.minimum.outer(t, s) * (1 - np.maximum.outer(t, s))


def solution(
    t: Float[np.ndarray, " points"], moments: Float[np.ndarray, "cells 2"]
) -> Float[np.ndarray, " points"]:
    """- int G(t,s) f(s) ds at the cells' ends t, from f's moments on them, M_0 and M_1."""
    zeroth, first = moments.T
    below = np.append(0.0, np.cumsum(first))
    above = np.append(np.cumsum((zeroth - first)[::-1])[::-1], 0.0)
    return -(1 - t) * below - t * above
