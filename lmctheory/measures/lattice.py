"""Dyadic cells of a box, and how many cells of a cube meet a ball or a sphere."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from lmctheory.measures.arguments import at_least

__all__ = ["box_partition", "dyadic_cells"]

_FINEST = 9
"""Levels up to this one are counted; below, every cell is split into 2^d."""
_MANY = 1e18
"""More cells than that need not be told apart: no sample is so large."""

_EXACT = 2.0**53
"""Sums of integers up to here are exact; larger ones have a relative error below 1e-12."""


def dyadic_cells(
    d: int, levels: int, *, shell: bool
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Cells of side 2^{1-j} of [-1, 1]^d that meet the unit ball, or only the sphere (shell).

    In units of the side, a cell of the positive orthant with lower corner i in N^d lies outside the
    ball of radius R = 2^{j-1} if sum i^2 >= R^2, and inside if sum (i+1)^2 <= R^2, up to sets of
    mass zero. Both are counted by adding one coordinate at a time, exactly or rounded up.

    Args:
        d: dimension >= 1.
        levels: number of levels >= 1.
        shell: whether the cells inside the ball are left out.

    Returns:
        Numbers of cells, infinite where they overflow, and sides, at levels j = 1..levels.

    Raises:
        TypeError: if levels is no integer.
        ValueError: if levels < 1.

    Reference:
        theory key R5.
    """
    levels = at_least("levels", levels, 1)
    cells: list[float] = []
    with np.errstate(over="ignore"):
        for j in range(levels):
            countable = j < _FINEST and (j == 0 or cells[-1] < _MANY)
            cells.append(_meeting(d, 2**j, shell) if countable else cells[-1] * np.exp2(d))
    return np.array(cells), 0.5 ** np.arange(levels)


@lru_cache(maxsize=4096)
def _meeting(d: int, radius: int, shell: bool) -> float:
    """Unit cells that meet the ball or sphere of an integral radius."""
    outer = _lattice_points(d, radius**2 - 1, start=0)
    inner = _lattice_points(d, radius**2, start=1) if shell else 0.0
    rounding = 1e-12 * outer if outer > _EXACT else 0.0
    return float((outer - inner + rounding) * np.exp2(d))  # every orthant alike


def _lattice_points(d: int, bound: int, *, start: int) -> float:
    """Points i of {start, start + 1, ...}^d with sum i^2 <= bound."""
    squares = np.arange(start, int(np.sqrt(bound)) + 1) ** 2
    number = np.zeros(bound + 1)  # of points by sum of squares
    number[0] = 1.0
    for _ in range(d):
        longer = np.zeros(bound + 1)
        for n in squares:
            longer[n:] += number[: bound + 1 - n]
        number = longer
    return float(np.sum(number))


def box_partition(
    sides: Float[np.ndarray, " d"], levels: int
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """2^j congruent boxes at levels j = 1..levels: the longest side of all is halved at each.

    Args:
        sides: of the box ``[d]``, >= 0.
        levels: number of levels >= 1.

    Returns:
        Numbers and diameters of the cells.

    Raises:
        TypeError: if levels is no integer.
        ValueError: if levels < 1.

    Reference:
        theory key R5.

    Example:
        >>> cells, diameters = box_partition(np.array([2.0, 1.0]), 2)
        >>> cells.tolist(), np.round(diameters, 2).tolist()
        ([2.0, 4.0], [1.41, 1.12])
    """
    levels = at_least("levels", levels, 1)
    halved, squares = np.array(sides), []
    for _ in range(levels):
        halved[np.argmax(halved)] /= 2
        squares.append(halved @ halved)
    return np.exp2(np.arange(1.0, levels + 1)), np.sqrt(squares)
