"""Means with their errors, as reports print them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Mean"]


@dataclass(frozen=True)
class Mean:
    """A mean over independent draws and its standard error (NaN for one draw)."""

    value: float
    error: float

    @classmethod
    def over(cls, draws: Sequence[float] | np.ndarray) -> "Mean":
        """The mean of the draws."""
        spread = np.std(draws, ddof=1) if len(draws) > 1 else np.nan
        return cls(float(np.mean(draws)), float(spread / np.sqrt(len(draws))))

    def coarse(self, least: float) -> "Mean":
        """With an error of no less than so much, so that columns of a table stay narrow."""
        return Mean(self.value, max(self.error, least))

    def __str__(self) -> str:
        """Scientists' short form: 0.0241(8) for 0.0241 with a standard error of 0.0008."""
        if not self.error > 1e-12 * abs(self.value):  # a single draw, or draws without spread
            return f"{self.value:.3g}"
        error = float(f"{self.error:.0e}")
        decimals = max(0, -math.floor(math.log10(error)))
        return f"{self.value:.{decimals}f}({round(error * 10**decimals)})"

    def short(self) -> str:
        """As `str`, or below 1e-3 and from 1e4 on 2.4e-05(8e-07), whose error has its own power."""
        if 1e-3 <= abs(self.value) < 1e4:
            return str(self)
        return f"{self.value:.1e}({self.error:.0e})"
