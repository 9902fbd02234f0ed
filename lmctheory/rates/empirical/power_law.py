"""Power laws through means with errors.

With independent means y_i of standard errors s_i at widths m_i, ln y_i has the standard error
e_i = s_i / y_i to first order. The coefficients b of ln y = b_1 + b_0 ln m that minimise

    sum_i ((ln y_i - b_1 - b_0 ln m_i) / w_i)^2

are b = C ln y, C = (X^T W X)^-1 X^T W, W = diag(w^-2), with the rows (ln m_i, 1) of X; their
covariance is C diag(e^2) C^T, for any scales w. With w = e it is (X^T W X)^-1, the least of all.
But errors that a few draws say are random themselves: those that happen to be small weigh most, and
intervals hold less often than they say. `smoothed` errors, a power law with two parameters, do no
such harm.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmctheory.measures.arguments import ArrayLike, array, positive
from lmctheory.measures.display import Readable

__all__ = ["PowerLaw", "fit_power_law", "least_squares", "smoothed"]

_ROUNDING = 1e-9
"""Relative error that draws without spread have, too."""


@dataclass(frozen=True, repr=False)
class PowerLaw(Readable):
    """ln y = intercept + slope ln m + log_power ln ln m, fitted.

    Attributes:
        slope: the exponent of the width.
        intercept: ln of the constant.
        covariance: of slope and intercept ``[2, 2]``, as the errors of the means say.
        interval: of the slope, at the level asked for.
        misfit: weighted squared residuals per degree of freedom; well above 1, it is no power law.
            NaN for two widths.
        log_power: of ln m, given.
    """

    slope: float
    intercept: float
    covariance: Float[np.ndarray, "2 2"]
    interval: tuple[float, float]
    misfit: float
    log_power: float = 0.0

    @property
    def standard_error(self) -> float:
        """Of the slope."""
        return float(np.sqrt(self.covariance[0, 0]))

    def at(self, width: float | int) -> tuple[float, float]:
        """The value at a width, and its standard error.

        That the law may bend beyond the widths fitted is not in its error.

        Args:
            width: m, > 0.
        """
        x = np.array([np.log(positive("width", width)), 1.0])
        value = float(np.exp(x @ [self.slope, self.intercept]))
        if self.log_power:
            value *= float(x[0] ** self.log_power)
        return value, value * float(np.sqrt(x @ self.covariance @ x))

    def __str__(self) -> str:
        return f"slope {self.slope:.4f} [{self.interval[0]:.4f}, {self.interval[1]:.4f}]"


def fit_power_law(
    widths: ArrayLike,
    means: ArrayLike,
    errors: ArrayLike,
    *,
    log_power: float = 0.0,
    quantile: float = 2.0,
    smooth: bool = False,
) -> PowerLaw:
    """Weighted least squares on the logarithms of means (module docstring).

    Args:
        widths: ``[n]``, two or more.
        means: ``[n]``, > 0.
        errors: their standard errors ``[n]``, >= 0.
        log_power: known power of ln m, for widths > 1.
        quantile: standard errors from the slope to either end of its interval.
        smooth: whether means weigh by `smoothed` errors: for errors from few draws.

    Raises:
        TypeError: unless all hold real numbers.
        ValueError: for fewer than two widths, a mean that is not positive, a negative error, or a
            width of 1 with log_power.

    Example:
        >>> print(fit_power_law([10, 100, 1000], [0.3, 0.03, 0.003], [0.01, 0.001, 0.0001]))
        slope -1.0000 [-1.0205, -0.9795]
    """
    x = np.log(array("widths", widths, "n", least=1.0 if log_power else 0.0))
    y, error = array("means", means, "n", least=0.0), array("errors", errors, "n", least=0.0)
    if len(x) < 2 or not len(x) == len(y) == len(error):
        sizes = f"{len(x)}, {len(y)} and {len(error)}"
        raise ValueError(f"widths, means and errors must be two or more and as many, got {sizes}")
    if not (y > 0).all():
        raise ValueError("means must be > 0 for a power law, got 0")
    error, y = np.maximum(error / y, _ROUNDING), np.log(y)
    if log_power:
        if (x == 0).any():
            raise ValueError("widths must be > 1 for a fit with a logarithm, got 1")
        y = y - log_power * np.log(x)
    scales = smoothed(x, error) if smooth else error
    (slope, intercept), covariance, residual = least_squares(
        np.stack([x, np.ones_like(x)], axis=1), y, error, scales
    )
    misfit = residual / (len(x) - 2) if len(x) > 2 else float("nan")
    reach = quantile * float(np.sqrt(covariance[0, 0]))
    return PowerLaw(slope, intercept, covariance, (slope - reach, slope + reach), misfit, log_power)


def smoothed(x: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Errors as a power law of the width says, fitted to their logarithms, as large in mean square.

    Args:
        x: logarithms of widths ``[n]``, two or more.
        error: standard errors ``[n]``, > 0.
    """
    found = np.exp(np.polyval(np.polyfit(x, np.log(error), 1), x))
    return np.asarray(found * np.sqrt(np.mean((error / found) ** 2)))


def least_squares(
    design: Float[np.ndarray, "n k"],
    y: Float[np.ndarray, " n"],
    error: Float[np.ndarray, " n"],
    scales: Float[np.ndarray, " n"],
) -> tuple[tuple[float, ...], Float[np.ndarray, "k k"], float]:
    """Coefficients, their covariance, and the sum of squared residuals in units of scales.

    Args:
        design: a row for each value ``[n, k]``.
        y: values ``[n]``.
        error: their standard errors ``[n]``.
        scales: what residuals are measured in ``[n]``, > 0.
    """
    inverse = np.linalg.pinv(design / scales[:, None])
    found = inverse @ (y / scales)
    spread = inverse * (error / scales)
    residual = float(np.square((design @ found - y) / scales).sum())
    return tuple(float(b) for b in found), spread @ spread.T, residual
