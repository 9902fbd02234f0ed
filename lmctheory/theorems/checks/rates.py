"""Checks on the matching cost of independent neurons (R)."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates import (
    box_tree,
    lower_bound,
    normal_matching_cost,
    product_tree,
    upper_bound,
    wasserstein_pow,
)
from lmctheory.theorems._registry import tries
from lmctheory.theorems.checks.simulation import simulated, slack
from lmctheory.theorems.trial import Trial


@tries("R1")
def _birkhoff(rng: np.random.Generator) -> Iterator[Trial]:
    """Both directions, against all permutations."""
    while True:
        m, d, p = int(rng.integers(1, 7)), int(rng.integers(1, 4)), float(rng.choice([0.5, 1, 2]))
        a, b = rng.standard_normal((2, m, d))
        distances = np.linalg.norm(a[:, None] - b, axis=2) ** p
        orders = itertools.permutations(range(m))
        brute = min(float(distances[range(m), list(order)].mean()) for order in orders)
        exact = wasserstein_pow(a, b, p)
        yield Trial(exact, brute)
        yield Trial(brute, exact)


@tries("R2")
def _monotone(rng: np.random.Generator) -> Iterator[Trial]:
    """Sample by sample: the cost is at most the mean over leave-one-out pairs."""
    while True:
        m, d, p = int(rng.integers(2, 12)), int(rng.integers(1, 5)), float(rng.choice([1, 2, 3]))
        a, b = rng.standard_normal((2, m, d))
        left_out = [
            wasserstein_pow(np.delete(a, i, axis=0), np.delete(b, i, axis=0), p) for i in range(m)
        ]
        yield Trial(wasserstein_pow(a, b, p), float(np.mean(left_out)))


@tries("R7")
def _one_dimension(rng: np.random.Generator) -> Iterator[Trial]:
    """Both directions, against sorted samples."""
    while True:
        m = int(rng.integers(1, 400))
        a, b = np.sort(rng.standard_normal((2, 400, m)), axis=2)
        costs = ((a - b) ** 2).mean(axis=1)
        yield Trial(float(costs.mean()), normal_matching_cost(m), slack(costs))
        yield Trial(normal_matching_cost(m), float(costs.mean()), slack(costs))


def _spectrum(rng: np.random.Generator) -> np.ndarray:
    """1 to 12 eigenvalues over up to 4 orders of magnitude, now and then with zeros."""
    decades = 4 * rng.random()
    spectrum = 10 ** (-decades * rng.random(int(rng.integers(1, 13))))
    return np.append(spectrum, np.zeros(int(rng.integers(0, 2))))


def _against_simulation(
    bound: Callable[[Gaussian, int], float], *, upper: bool
) -> Callable[[np.random.Generator], Iterator[Trial]]:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            mu, m = Gaussian(spectrum=_spectrum(rng)), int(rng.integers(2, 64))
            yield simulated(mu, m, bound(mu, m), upper=upper, rng=rng)

    return trials


tries("R8")(_against_simulation(lambda mu, m: upper_bound(mu, m).terms["R8"], upper=True))

tries("R9")(_against_simulation(lambda mu, m: lower_bound(mu, m).value, upper=False))

tries("R13")(_against_simulation(lambda mu, m: upper_bound(mu, m).terms["R13"], upper=True))


@tries("R14")
def _box(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m, sides = int(rng.integers(2, 64)), 10 ** -rng.random(int(rng.integers(1, 6)))
        a, b = sides * rng.random((2, 64, m, len(sides)))
        costs = np.array([wasserstein_pow(x, y) for x, y in zip(a, b, strict=True)])
        yield Trial(float(costs.mean()), box_tree(sides, m), slack(costs))


tries("R15")(_against_simulation(lambda mu, m: product_tree(np.sqrt(mu.spectrum), m), upper=True))


@tries("R11")
def _sandwich(rng: np.random.Generator) -> Iterator[Trial]:
    """Lower below upper, far beyond widths that can be simulated."""
    while True:
        mu, m = Gaussian(spectrum=_spectrum(rng)), int(10 ** (9 * rng.random()))
        yield Trial(lower_bound(mu, m).value, upper_bound(mu, m).value)
