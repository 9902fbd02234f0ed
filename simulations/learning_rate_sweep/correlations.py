"""Rank correlations of pairs of networks, given what they have in common, with intervals."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata

__all__ = ["Correlation", "power"]

_RANKS = 1.06
"""Variance of Fisher's z of ranks times degrees of freedom (Fieller et al. 1957)."""
_LEAST = 4
"""Degrees of freedom below which z is not normal enough."""
_REACH = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Correlation:
    """A partial rank correlation.

    Attributes:
        value: of ranks about their means over cells.
        low: lower end of its interval of 95 %, by Fisher's z.
        high: upper end.
        freedom: degrees of freedom of z.
    """

    value: float
    low: float
    high: float
    freedom: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]".replace("0.", ".")

    @classmethod
    def of(
        cls,
        x: Sequence[float],
        y: Sequence[float],
        cells: Sequence[Hashable],
        *,
        copies: int = 1,
    ) -> "Correlation | None":
        """The correlation of x and y within cells; None where there is none, or no interval.

        Args:
            x: one value of each observation.
            y: another.
            cells: to which cell each belongs: what observations of one cell have in common is
                partialled out. All in one is no cell.
            copies: so many observations are of the same networks, which count as one.
        """
        known = np.isfinite(x) & np.isfinite(y)
        kept = [cell for cell, is_known in zip(cells, known, strict=True) if is_known]
        freedom = (len(kept) - len(set(kept))) / copies - 2
        if freedom < _LEAST:
            return None
        u, v = (_within(np.asarray(values)[known], kept) for values in (x, y))
        size = float(np.linalg.norm(u) * np.linalg.norm(v))
        if size == 0:
            return None
        value = float(np.clip(u @ v / size, -1, 1))
        z, reach = atanh(np.clip(value, -0.9999, 0.9999)), _REACH * sqrt(_RANKS / freedom)
        return cls(value, tanh(z - reach), tanh(z + reach), freedom)


def _within(values: Float[np.ndarray, " n"], cells: Sequence[Hashable]) -> np.ndarray:
    """Ranks about their mean over each cell."""
    ranks = rankdata(values)
    places = {cell: k for k, cell in enumerate(dict.fromkeys(cells))}
    which = np.array([places[cell] for cell in cells])
    means = np.bincount(which, ranks) / np.bincount(which)
    return ranks - means[which]


def power(effect: float, freedom: float) -> float:
    """The probability that the interval of a true correlation does not hold 0."""
    return float(norm.cdf(atanh(abs(effect)) * sqrt(freedom / _RANKS) - _REACH))
