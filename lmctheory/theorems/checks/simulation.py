"""Trials that hold a bound against a simulated matching cost."""

import numpy as np

from lmctheory.measures import Measure, Modulo
from lmctheory.rates import matching_cost
from lmctheory.theorems.trial import Trial

__all__ = ["ERRORS", "simulated"]

ERRORS = 5
"""Standard errors that a simulated trial allows; 64 draws each: false alarm 3e-6 (t law)."""


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
    measured = matching_cost(law, m, repeats=64, p=p, modulo=modulo, rng=rng)
    ends = (measured.mean, bound) if upper else (bound, measured.mean)
    return Trial(*ends, ERRORS * measured.standard_error)
