"""How tables print what studies measured."""

from collections.abc import Callable

from lmctheory.sweeps.mean import Mean

__all__ = ["rounded"]


def rounded(least: float) -> Callable[[Mean], str]:
    """A form of columns: means with an error of at least so much, so that columns stay narrow.

    Example:
        >>> rounded(1e-3)(Mean(0.123456, 0.000012))
        '0.123(1)'
    """
    return lambda mean: str(mean.coarse(least))
