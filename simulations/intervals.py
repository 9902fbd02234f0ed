"""Predictions beside measurements, each with its interval."""

from collections.abc import Sequence

import numpy as np

__all__ = ["agree"]


def agree(ratio: float, *intervals: Sequence[float]) -> bool:
    """Whether two positive numbers differ by no more than both their intervals allow.

    Half the widths of both, in logarithms, are added in quadrature: a 90 % interval of their
    difference, which is what chance would leave in a tenth of the cases.

    Args:
        ratio: the logarithm of theirs.
        intervals: of 90 %; one that is empty or not positive allows nothing.

    Example:
        >>> agree(0.1, (0.9, 1.1), (0.9, 1.1)), agree(0.2, (0.9, 1.1), (0.9, 1.1))
        (True, False)
    """
    if any(len(ends) < 2 or min(ends) <= 0 for ends in intervals):
        return False
    return abs(ratio) <= float(np.hypot(*(np.diff(np.log(ends))[0] / 2 for ends in intervals)))
