"""Means over pairs of networks, products and powers of means, with their errors."""

import numpy as np
from jaxtyping import Float

from lmctheory.sweeps.mean import Mean

__all__ = ["pair_mean", "power", "product"]


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


def product(*factors: tuple[Mean, float]) -> Mean:
    """The product of independent means to given powers: relative errors add in squares."""
    value = float(np.prod([mean.value**exponent for mean, exponent in factors]))
    relative = [exponent * mean.error / mean.value for mean, exponent in factors]
    return Mean(value, abs(value) * float(np.linalg.norm(relative)))


def power(mean: Mean, exponent: float) -> Mean:
    """A power of a mean, its error to first order."""
    return product((mean, exponent))
