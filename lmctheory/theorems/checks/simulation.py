"""Trials that hold a bound against a matching cost: simulated, or exact where it is known.

A simulated trial is a test of the hypothesis that the theorem holds, on draws that are fixed in
number beforehand. It allows as many standard errors as Student's t, with draws - 1 degrees of
freedom, exceeds with probability `FALSE_ALARM` = 1e-11: all simulated trials of a run together, at
most some 10^4, then give a false alarm with probability 1e-7. This takes means of draws to be
normal. They are so to first order only, and at seven standard errors their skewness is felt: costs,
which are skewed upwards, are too small too often, and too large too seldom. The quantile of Cornish
and Fisher for a studentised mean of draws with skewness g is larger by |g| (2 z^2 + 1) / (6
sqrt(draws)), z the normal quantile, on the side that skewness makes more likely. Twice as much is
allowed there: for squares of normal numbers, which are about as skewed as costs on a line, this
holds false alarms below what is stated down to 1e-5, where simulation can see them.
"""

from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from lmctheory.measures import Gaussian, HasSpectrum, Measure, Modulo, UniformBall, UniformCube
from lmctheory.rates import matching_cost, normal_matching_cost
from lmctheory.rates.bound import NotApplicable
from lmctheory.rates.one_neuron import one_neuron_cost
from lmctheory.rates.upper.half_normal import half_normal_matching_cost
from lmctheory.rates.upper.pairs import normal_pair_costs
from lmctheory.theorems.trial import Trial

__all__ = ["DRAWS", "FALSE_ALARM", "held", "slack"]

FALSE_ALARM = 1e-11
"""The probability, or less, that one simulated trial of a true statement does not hold."""
DRAWS = 256
"""Of a cost, in a simulated trial; twice as many where it is held above a bound."""


def slack(draws: Any, *, upper: bool | None = None) -> float:
    """What a trial allows that has the mean of draws on one side.

    Args:
        draws: independent ``[n]``, at least 2.
        upper: whether the mean is held below a bound, or above one; None serves both.
    """
    values = np.asarray(draws, dtype=np.float64)
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    # all draws equal but for rounding have no skewness
    skewness = float(stats.skew(values)) if error > 1e-12 * abs(values.mean()) else 0.0
    harmful = abs(skewness) if upper is None else max(-skewness if upper else skewness, 0.0)
    student, second = _quantiles(len(values))
    return error * (student + 2 * harmful * second)


@cache
def _quantiles(draws: int) -> tuple[float, float]:
    """Standard errors of normal draws, and what skewness adds to them."""
    z = float(stats.norm.isf(FALSE_ALARM))
    return float(stats.t.isf(FALSE_ALARM, draws - 1)), (2 * z**2 + 1) / (6 * draws**0.5)


def held(
    law: Measure,
    m: int,
    bound: float,
    *,
    p: float = 2.0,
    upper: bool = True,
    modulo: Modulo = None,
    rng: np.random.Generator,
) -> Trial:
    """The cost below an upper bound, or above a lower one: exact if it is known, else simulated."""
    known = _known_cost(law, m, modulo) if p == 2 else None
    if known is not None:
        return Trial(known, bound) if upper else Trial(bound, known)
    repeats = DRAWS if upper else 2 * DRAWS
    measured = matching_cost(law, m, repeats=repeats, p=p, modulo=modulo, rng=rng)
    ends = (measured.mean, bound) if upper else (bound, measured.mean)
    return Trial(*ends, slack(measured.draws, upper=upper))


def _known_cost(law: Measure, m: int, modulo: Modulo) -> float | None:
    """M(m), if it is known: of one neuron, on the line, of two Gaussian neurons."""
    if m == 1:
        with suppress(NotApplicable):
            return one_neuron_cost(law, signs=modulo is not None)
    elif isinstance(law, HasSpectrum):
        spectrum = law.spectrum[law.spectrum > 0]
        if len(spectrum) == 1 and isinstance(law, UniformCube | UniformBall):
            # an interval; modulo signs half of it
            return (4 if modulo is None else 1) * float(spectrum[0]) / (m + 1)
        if len(spectrum) == 1 and isinstance(law, Gaussian):
            one = normal_matching_cost if modulo is None else half_normal_matching_cost
            return float(spectrum[0]) * one(m)
        if modulo is None and m == 2 and isinstance(law, Gaussian) and spectrum.size:
            return float(normal_pair_costs(spectrum, 1)[0])
    return None
