"""Student's law, of means of few draws."""

from scipy import stats

__all__ = ["coverage", "quantile"]

_LEVEL = 0.95


def quantile(freedom: float) -> float:
    """Half the length of an interval of 95 %, in standard errors of so many degrees of freedom."""
    return float(stats.t.ppf((1 + _LEVEL) / 2, freedom))


def coverage(draws: int) -> float:
    """Probability that a mean of so many draws lies within 4 of its standard errors.

    Example:
        >>> print(f"{coverage(4):.0%}")
        97%
    """
    return float(2 * stats.t.cdf(4.0, draws - 1) - 1)
