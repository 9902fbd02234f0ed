"""Trials that hold a bound against a simulated matching cost.

A simulated trial is a test of the hypothesis that the theorem holds, on draws that are fixed in
number beforehand. It allows as many standard errors as Student's t, with draws - 1 degrees of
freedom, exceeds with probability `FALSE_ALARM` = 1e-11: all simulated trials of a run together, at
most some 10^4, then give a false alarm with probability 1e-7. This takes means of draws to be
normal. They are so to first order only, and at seven standard errors their skewness g is felt:
costs, which are no less than 0 and skewed upwards, would be too small too often. The quantile is
therefore that of Cornish and Fisher for a studentised mean, to second order, which is larger by
|g| (2 z^2 + 1) / (6 sqrt(draws)), with the normal quantile z and the draws' own g.
"""

from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from lmctheory.measures import Measure, Modulo
from lmctheory.rates import matching_cost
from lmctheory.theorems.trial import Trial

__all__ = ["DRAWS", "FALSE_ALARM", "simulated", "slack"]

FALSE_ALARM = 1e-11
"""The probability, or less, that one simulated trial of a true statement does not hold."""
DRAWS = 256
"""Of a cost, in a simulated trial."""


def slack(draws: Any) -> float:
    """What a trial allows that has the mean of draws on one side.

    Args:
        draws: independent ``[n]``, at least 2.
    """
    values = np.asarray(draws, dtype=np.float64)
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    # all draws equal but for rounding have no skewness
    skewness = abs(float(stats.skew(values))) if error > 1e-12 * abs(values.mean()) else 0.0
    student, second = _quantiles(len(values))
    return error * (student + skewness * second)


@cache
def _quantiles(draws: int) -> tuple[float, float]:
    """Standard errors of normal draws, and what skewness adds to them."""
    z = float(stats.norm.isf(FALSE_ALARM))
    return float(stats.t.isf(FALSE_ALARM, draws - 1)), (2 * z**2 + 1) / (6 * draws**0.5)


def simulated(
    law: Measure,
    m: int,
    bound: float,
    *,
    p: float = 2.0,
    upper: bool = True,
    modulo: Modulo = None,
    rng: np.random.Generator,
) -> Trial:
    """A simulated cost below an upper bound, or above a lower one."""
    measured = matching_cost(law, m, repeats=DRAWS, p=p, modulo=modulo, rng=rng)
    ends = (measured.mean, bound) if upper else (bound, measured.mean)
    return Trial(*ends, slack(measured.draws))
