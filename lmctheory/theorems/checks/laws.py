"""Checks on laws of bounded support, on diffusions and on concentration (R4, R5, R6, R10)."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom

from lmctheory.measures import (
    Empirical,
    Gaussian,
    Measure,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import deviation, dyadic_bound, matching_cost, upper_bound
from lmctheory.theorems._registry import tries
from lmctheory.theorems.checks.simulation import FALSE_ALARM, simulated, slack
from lmctheory.theorems.trial import Trial


def _atoms(rng: np.random.Generator, d: int) -> Empirical:
    """Up to 6 corners of the unit cube, perhaps with repetitions: far apart, hence costly."""
    return Empirical(rng.integers(2, size=(int(rng.integers(2, 7)), d)).astype(np.float64))


@tries("R4")
def _dyadic(rng: np.random.Generator) -> Iterator[Trial]:
    """Simulated below the series, and the series below what is published."""
    while True:
        m, d, p = int(rng.integers(1, 40)), int(rng.integers(1, 4)), float(rng.choice([0.5, 1, 2]))
        law, bound = _atoms(rng, d), dyadic_bound(m, d, p)
        yield simulated(law, m, bound.terms["R4 series"], p=p, rng=rng)
        yield Trial(bound.terms["R4 series"], bound.terms["R4 published"])


@tries("R5")
def _covering(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        law, m, p = _atoms(rng, 2), int(rng.integers(1, 40)), float(rng.choice([0.5, 1, 2]))
        yield simulated(law, m, upper_bound(law, m, p).terms["R5"], p=p, rng=rng)


def _diffusive(rng: np.random.Generator) -> Measure:
    d = int(rng.integers(1, 5))
    kind = int(rng.integers(3))
    return (UniformCube(d), UniformBall(d), UniformSphere(d + 1))[kind]


def _by_semigroup(term: str) -> Callable[[np.random.Generator], Iterator[Trial]]:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, m = _diffusive(rng), int(rng.integers(2, 64))
            yield simulated(law, m, upper_bound(law, m).terms[term], rng=rng)

    return trials


tries("R6a")(_by_semigroup("R6a"))

tries("R6b")(_by_semigroup("R6b"))


@tries("R6c")
def _truncated(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        law, m = Gaussian(spectrum=rng.random(int(rng.integers(1, 5)))), int(rng.integers(2, 64))
        yield simulated(law, m, upper_bound(law, m).terms["R6c"], rng=rng)


@tries("R10")
def _concentration(rng: np.random.Generator) -> Iterator[Trial]:
    """Quantiles of 400 draws, from either end.

    As many of them lie beyond what has probability 0.2 as a binomial number exceeds with
    probability `FALSE_ALARM`: more with that probability only.
    """
    most = int(binom.isf(FALSE_ALARM, 400, 0.2))
    while True:
        m, d = int(rng.integers(1, 7)), int(rng.integers(4, 40))
        laws = (Gaussian(spectrum=np.ones(d)), UniformCube(d), UniformBall(d), UniformSphere(d))
        law = laws[int(rng.integers(len(laws)))]
        costs, beyond = matching_cost(law, m, repeats=400, rng=rng), deviation(law, m, 0.2)
        ordered, allowed = np.sort(costs.draws), slack(costs.draws)
        yield Trial(float(ordered[-1 - most]), beyond.above(costs.mean + allowed))
        yield Trial(beyond.below(costs.mean - allowed), float(ordered[most]))
