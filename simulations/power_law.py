"""Power laws through means with errors: the slope of every study that shows one.

Where the points scatter more than their errors say, the squared residuals per degree of freedom
exceed one, and the squares of all errors are multiplied by it: the law is rough, or the errors are
too small.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmctheory.rates.empirical.power_law import PowerLaw, fit_power_law
from lmctheory.sweeps.mean import Mean

__all__ = ["Trend", "power_law"]


@dataclass(frozen=True)
class Trend:
    """A fitted power law, with errors that cover its misfit."""

    law: PowerLaw

    @property
    def misfit(self) -> float:
        """Weighted squared residuals per degree of freedom; one if there is no freedom."""
        return 1.0 if np.isnan(self.law.misfit) else self.law.misfit

    @property
    def slope(self) -> Mean:
        """The exponent of the width."""
        return Mean(self.law.slope, self.law.standard_error * self._inflation)

    def at(self, width: float) -> Mean:
        """The value at a width; that the law may bend beyond the widths fitted is not in its error.

        Args:
            width: m, > 0.
        """
        value, error = self.law.at(width)
        return Mean(value, error * self._inflation)

    @property
    def _inflation(self) -> float:
        return max(1.0, self.misfit) ** 0.5


def power_law(means: Mapping[int, Mean]) -> Trend:
    """Weighted least squares on the logarithms of means, see `lmctheory.rates.empirical.power_law`.

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
    return Trend(fit_power_law(list(means), values, errors))
