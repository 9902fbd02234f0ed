"""What a solver hands back."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmctheory.matching.alignment import Alignment

__all__ = ["TOLERANCE", "Solution"]

TOLERANCE = 1e-12
"""Least improvement that counts, relative to |theta_A| |theta_B|.

Far above the rounding of gains and far below any exchange that matters: without it two optimal
assignments that differ by rounding alone could alternate for ever."""


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes:
        alignment: B in its final order.
        trace: the objective, which is to be as large as possible, at the start and after each pass.
    """

    alignment: Alignment
    trace: tuple[float, ...]

    @classmethod
    def after(cls, alignment: Alignment, rises: Sequence[float]) -> "Solution":
        """What was found by passes of which it is known by how much each raised the objective."""
        trace = [alignment.objective]
        for rise in reversed(rises):
            trace.append(trace[-1] - rise)
        return cls(alignment, tuple(reversed(trace)))
