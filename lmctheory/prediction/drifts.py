"""How fast the law of neurons moves with the width, and how it goes on.

A drift is by how much, in logarithms, twice the width changes what pairs of networks have beyond
what unions of two have, whose neurons follow the narrower law. With x = log2 of a width over the
widest that is given, drifts from x to x + 1 are modelled as a + b x + an error of spread tau.
Their priors are fitted to networks of standard parametrisation on digits (docs/predictions.md),
whose drifts grow from about 0 between 16 and 32 neurons to .1 or .2 between 128 and 256. Maximal
updates have others, of falling size; what three widths say of a and b does not outweigh the priors.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Drift", "extrapolated_drift"]

_PRIOR = np.array([0.12, 0.04])
_PRIOR_SPREAD = np.array([0.10, 0.06])
_SPREAD = 0.03


@dataclass(frozen=True)
class Drift:
    """A drift that was observed.

    Attributes:
        start: x where it begins, log2 of a width over the widest.
        doublings: over which it was observed, log2 of the ratio of widths.
        total: over all of these.
        variance: of the error of `total`.
    """

    start: float
    doublings: float
    total: float
    variance: float


def extrapolated_drift(observed: list[Drift], doublings: float) -> tuple[float, float]:
    """The total drift over so many doublings from the widest on, and its variance.

    Regression with a normal prior: the sum over d doublings from x on is d a + (d x + d (d - 1) /
    2) b, with an error of spread d tau, as if it were the same for all d.

    Example:
        >>> total, variance = extrapolated_drift([Drift(-1.0, 1.0, 0.0, 1e-6)], 1.0)
        >>> 0 < total < 0.12
        True
    """
    precision = np.diag(_PRIOR_SPREAD**-2.0)
    pull = precision @ _PRIOR
    for one in observed:
        row = _row(one.start, one.doublings)
        variance = one.variance + (one.doublings * _SPREAD) ** 2
        precision = precision + np.outer(row, row) / variance
        pull = pull + row * one.total / variance
    covariance, row = np.linalg.inv(precision), _row(0.0, doublings)
    error = float(row @ covariance @ row) + (doublings * _SPREAD) ** 2
    return float(row @ covariance @ pull), error


def _row(start: float, doublings: float) -> np.ndarray:
    return np.array([doublings, doublings * start + doublings * (doublings - 1) / 2])
