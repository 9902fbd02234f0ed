"""Means over pairs of networks, and power laws through means: both with their errors."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from simulations.report import Mean

__all__ = ["extrapolated", "pair_mean", "power", "product"]


def pair_mean(values: Float[np.ndarray, "K K"]) -> Mean:
    """Mean over the pairs j < k of K independent networks, with the jackknife's standard error.

    Pairs that share a network are not independent. Leaving out one network at a time, with U_k the
    mean of the pairs left, se^2 = (K - 1)/K sum_k (U_k - mean U)^2, which errs on the safe side
    (Efron and Stein, 1981). NaN for two networks.

    Args:
        values: ``[K, K]``, of which the part above the diagonal is used.
    """
    K = len(values)
    upper = np.triu(values, 1)
    mean = upper.sum() / (K * (K - 1) / 2)
    if K < 3:
        return Mean(float(mean), float("nan"))
    left = upper.sum() - upper.sum(axis=0) - upper.sum(axis=1)
    left /= (K - 1) * (K - 2) / 2
    return Mean(float(mean), float(np.sqrt((K - 1) / K * np.square(left - left.mean()).sum())))


def extrapolated(widths: Sequence[int], means: Sequence[Mean], width: int) -> Mean:
    """A power law ln y = a + b ln m through means, by weighted least squares, at another width.

    Its error is the fit's, widened by the root of the squared residuals per degree of freedom where
    that exceeds one: the means are no power law then. That the law may bend beyond the widths
    fitted is not in it.

    Raises:
        ValueError: for fewer than three widths or a mean that is not positive.
    """
    values = np.array([mean.value for mean in means])
    if len(widths) < 3 or not (values > 0).all():
        raise ValueError(
            f"a power law needs three widths and positive means, got {list(widths)} and"
            f" {values.tolist()}"
        )
    errors = np.array([max(mean.error / mean.value, 1e-9) for mean in means])
    x = np.log(widths)
    (slope, intercept), covariance = np.polyfit(x, np.log(values), 1, w=1 / errors, cov="unscaled")
    residuals = (np.log(values) - intercept - slope * x) / errors
    spread = max(1.0, float(np.square(residuals).sum() / (len(x) - 2)))
    at = np.array([np.log(width), 1.0])
    value = float(np.exp(at @ [slope, intercept]))
    return Mean(value, value * float(np.sqrt(spread * at @ covariance @ at)))


def product(*factors: tuple[Mean, float]) -> Mean:
    """The product of independent means to given powers: relative errors add in squares."""
    value = float(np.prod([mean.value**exponent for mean, exponent in factors]))
    relative = [exponent * mean.error / mean.value for mean, exponent in factors]
    return Mean(value, abs(value) * float(np.linalg.norm(relative)))


def power(mean: Mean, exponent: float) -> Mean:
    """A power of a mean, its error to first order."""
    return product((mean, exponent))
