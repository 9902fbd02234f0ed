"""Steps of the proofs on deep networks (D2, D4)."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.linalg import sqrtm

from lmctheory.theorems._registry import equality, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs
from lmctheory.theorems.trial import Trial

unchecked("D2", 1, "argument", "columns in another order, rows of the same law")


@equality("D2", 2, "mean squares by the second moment")
def _second_moment(rng: np.random.Generator) -> Pairs:
    while True:
        phi, w = rng.standard_normal((4, 3)), rng.standard_normal(3)
        root = np.real(sqrtm(phi.T @ phi / 4))
        yield float(((phi @ w) ** 2).mean()), float(((root @ w) ** 2).sum())


unchecked("D2", 3, "cited", "R11 for two samples given what lies below")


@inequality("D4", 1, "the mean square of matched neurons")
def _follow(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m = int(rng.integers(1, 4))
        y, xi = rng.standard_normal((2, 2, m, 1))
        if rng.random() < 0.5:  # xi along the difference, the same in both up to its sign
            size = float(rng.exponential())
            y[0] = y[1] + 1
            xi = np.stack([np.full((m, 1), size), np.full((m, 1), -size)])
        eta = float(max((side**2).mean() for side in xi)) ** 0.5
        apart = float(((y[0] - y[1] + xi[0] - xi[1]) ** 2).mean())
        yield Trial(apart, (float(((y[0] - y[1]) ** 2).mean()) ** 0.5 + 2 * eta) ** 2)


@equality("D4", 2, "the mean square if xi is independent")
def _independent_rest(rng: np.random.Generator) -> Pairs:
    """Over all draws of xi from a centred law on a few points, for one pair."""
    while True:
        gap, law = float(rng.standard_normal()), rng.standard_normal(3)
        law -= law.mean()
        draws = [(gap + first - second) ** 2 for first, second in product(law, repeat=2)]
        yield float(np.mean(draws)), gap**2 + 2 * float((law**2).mean())
