"""Power laws through means with errors: the slope of every study that shows one.

With independent means y_i of standard errors s_i at widths m_i, ln y_i has the standard error
e_i = s_i / y_i to first order, and the coefficients b of ln y = b_1 + b_0 ln m that minimise
sum_i ((ln y_i - b_1 - b_0 ln m_i) / e_i)^2 have the covariance C = (X^T diag(e^-2) X)^-1, with the
rows (ln m_i, 1) of X. Where the points scatter more than their errors say, the sum per degree of
freedom exceeds one, and C is multiplied by it: the law is rough, or the errors are too small.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simulations.report import Mean

__all__ = ["PowerLaw", "power_law"]


@dataclass(frozen=True)
class PowerLaw:
    """ln y = b_1 + b_0 ln m, fitted.

    Attributes:
        coefficients: ``[2]``, b_0 and b_1.
        covariance: of the coefficients ``[2, 2]``, as the errors of the means say.
        misfit: weighted squared residuals per degree of freedom; one if there is no freedom.
    """

    coefficients: Float[np.ndarray, " 2"]
    covariance: Float[np.ndarray, "2 2"]
    misfit: float

    @property
    def slope(self) -> Mean:
        """The exponent b_0 of the width."""
        return Mean(float(self.coefficients[0]), self._error(np.array([1.0, 0.0])))

    def at(self, width: float) -> Mean:
        """The value at a width; that the law may bend beyond the widths fitted is not in its error.

        Args:
            width: m, > 0.
        """
        x = np.array([np.log(width), 1.0])
        value = float(np.exp(x @ self.coefficients))
        return Mean(value, value * self._error(x))

    def _error(self, x: Float[np.ndarray, " 2"]) -> float:
        """Standard error of x . b."""
        return float(np.sqrt(max(1.0, self.misfit) * x @ self.covariance @ x))


def power_law(means: Mapping[int, Mean]) -> PowerLaw:
    """Weighted least squares on the logarithms of means, see the module.

    Args:
        means: by width, two or more, each positive and with its error.

    Raises:
        ValueError: for fewer than two widths, a mean that is not positive, or one without error.

    Example:
        >>> law = power_law({m: Mean(3 / m, 0.01 / m) for m in (64, 256, 1024)})
        >>> str(law.slope), str(law.at(3000))
        ('-1.000(2)', '0.001000(5)')
    """
    values, errors = (
        np.array([(mean.value, mean.error) for mean in means.values()]).reshape(-1, 2).T
    )
    if len(means) < 2 or not ((values > 0) & (errors >= 0)).all():
        shown = ", ".join(f"{mean} at {width}" for width, mean in means.items())
        raise ValueError(
            f"means must be two or more, positive and with errors, for a power law, got {shown}"
        )
    x, y = np.log(list(means)), np.log(values)
    weights = 1 / np.maximum(errors / values, 1e-9)  # without spread, there is rounding
    coefficients, covariance = np.polyfit(x, y, 1, w=weights, cov="unscaled")
    freedom = len(x) - 2
    residuals = (y - np.polyval(coefficients, x)) * weights
    misfit = float(np.square(residuals).sum() / freedom) if freedom else 1.0
    return PowerLaw(coefficients, covariance, misfit)
