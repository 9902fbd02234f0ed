"""How fast the law of neurons moves with the width, and how it goes on.

A drift is by how much, in logarithms, twice the width changes what pairs of networks have beyond
what unions of two have, whose neurons follow the narrower law. With x = log2 of a width over the
widest that is given, drifts from x to x + 1 are modelled as a + b x + an error of spread tau.
Nothing is expected of a and b beforehand but their size: barriers drift up and down, by up to .3
per doubling, as parametrisation and optimiser have it, and what a few noisy drifts say of their
growth is believed only in part. Function errors drift more, and steadily. The spreads are the
likeliest for twelve settings (docs/predictions.md).
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["BARRIER", "FUNCTION_ERROR", "Drift", "Prior", "extrapolated_drift"]

_SPREAD = 0.03
"""tau."""


@dataclass(frozen=True)
class Prior:
    """What is known of drifts beforehand: normal laws of mean zero.

    Attributes:
        level: standard deviation of a.
        growth: of b.
    """

    level: float
    growth: float


BARRIER = Prior(level=0.10, growth=0.04)
FUNCTION_ERROR = Prior(level=0.5, growth=0.06)


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


def extrapolated_drift(
    observed: list[Drift], doublings: float, prior: Prior
) -> tuple[float, float]:
    """The total drift over so many doublings from the widest on, and its variance.

    Regression with a normal prior: the sum over d doublings from x on is d a + (d x + d (d - 1) /
    2) b, with an error of spread d tau, as if it were the same for all d.

    Example:
        >>> total, variance = extrapolated_drift([Drift(-1.0, 1.0, 0.2, 1e-6)], 1.0, BARRIER)
        >>> 0 < total < 0.2
        True
    """
    precision, pull = np.diag([prior.level**-2.0, prior.growth**-2.0]), np.zeros(2)
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
