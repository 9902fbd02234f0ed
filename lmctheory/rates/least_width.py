r"""The least width that brings a falling bound down to a tolerance, for every bound of the package.

A few small widths are tried, then the largest of all, 10^12: if that is not enough, nothing is, and
what it reaches is said at once. Between two widths the crossing is guessed on doubly logarithmic
axes, or halfway in turn, and growing steps from the guess close in on it. So the width is exact:
the bound is on one side of the tolerance there and on the other one neuron earlier.
"""

from collections.abc import Callable
from itertools import cycle

import numpy as np

from lmctheory.rates.bound import MAX_WIDTH

__all__ = ["OutOfReach", "first_width", "last_width_above", "rounded_up"]

_SMALL = (1, 2, 16, 128, 1024, 8192, 65536)
_DESCENT = 0.7
"""Ratio of the widths that are tried downwards."""

Bound = Callable[[int], float]


class OutOfReach(ValueError):  # noqa: N818  a state of the tolerance
    """No width up to 10^12 brings a bound down to the tolerance.

    Attributes:
        reached: the bound there, or what a caller has made of it: the tolerance within reach.
    """

    def __init__(self, reached: float, reason: str = "") -> None:
        super().__init__(reason or f"no width up to 10^12 suffices, which reaches {reached:.6g}")
        self.reached = reached


def first_width(bound: Bound, tolerance: float, most: int = MAX_WIDTH) -> int:
    """A width m with bound(m) <= tolerance < bound(m - 1), or 1 if bound(1) <= tolerance.

    Args:
        bound: of a width; it need not fall everywhere, but the width found is one of several then.
        tolerance: what it must not exceed.
        most: the largest width that is considered.

    Raises:
        OutOfReach: if bound(most) exceeds the tolerance.

    Example:
        >>> first_width(lambda m: 1 / m, 0.001)
        1000
    """
    low, above = 0, np.inf
    for high in (*(m for m in _SMALL if m < most), most):
        below = bound(high)
        if below <= tolerance:
            return _narrowed(bound, tolerance, (low, above), (high, below))
        low, above = high, below
    raise OutOfReach(above)


def last_width_above(bound: Bound, tolerance: float, first: int) -> int:
    """A width m <= first with bound(m) <= tolerance < bound(m - 1), or 1 if none is found.

    Looked for downwards, for bounds that need not fall.
    """
    high, below = first, -np.inf
    low = first - 1
    while low >= 1:
        above = bound(low)
        if above > tolerance:
            return _narrowed(bound, tolerance, (low, above), (high, below))
        high, below, low = low, above, int(_DESCENT * low)
    return 1


def rounded_up(value: float) -> str:
    """A positive number to four digits, not below it."""
    if not 0 < value < np.inf:
        return f"{value:g}"
    unit = 10.0 ** (np.floor(np.log10(value)) - 3)
    return f"{np.ceil(value / unit) * unit:.4g}"


def _narrowed(
    bound: Bound, tolerance: float, start: tuple[int, float], stop: tuple[int, float]
) -> int:
    """A width m with bound(m) <= tolerance < bound(m - 1) between two widths with their bounds."""
    (low, above), (high, below) = start, stop
    for interpolate in cycle((True, False)):
        if high - low <= 1:
            break
        share = _crossing(above, below, tolerance) if interpolate else 0.5
        guess = min(max(round(low * (high / low) ** share), low + 1), high - 1)
        step = max(guess // 1000, 1)
        while low < guess < high:
            value = bound(guess)
            if value <= tolerance:
                high, below, guess = guess, value, guess - step
            else:
                low, above, guess = guess, value, guess + step
            step *= 4
    return high


def _crossing(above: float, below: float, tolerance: float) -> float:
    """At which share of the way a power law falls from above to the tolerance."""
    if not (tolerance > 0 and below > 0 and above < np.inf):
        return 0.5
    return float(np.log(above / tolerance) / np.log(above / below))
