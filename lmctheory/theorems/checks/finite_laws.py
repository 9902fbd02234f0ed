"""Laws with few atoms, whose expected costs are finite sums: both sides of a trial are exact."""

import math
from collections.abc import Iterator
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.stats import binom

from lmctheory.rates import wasserstein_pow

__all__ = ["FiniteLaw", "few_atoms", "line_cost", "many_on_a_line"]


class FiniteLaw:
    """Atoms with masses.

    Args:
        points: the atoms ``[n, d]``.
        copies: how often each of them is counted ``[n]``; masses are proportional.
    """

    def __init__(self, points: Float[np.ndarray, "n d"], copies: np.ndarray) -> None:
        self.points, self.copies = points, copies
        self.masses = copies / copies.sum()

    @property
    def repeated(self) -> Float[np.ndarray, "k d"]:
        """Points of equal mass whose law it is."""
        return np.repeat(self.points, self.copies, axis=0)

    def two_samples(self, m: int, p: float) -> float:
        """E W_p^p(mu_m, nu_m), exactly."""
        if len(self.points) == 2 or (self.points.shape[1] == 1 and p >= 1):
            return line_cost(*self._on_a_line(p), m)
        samples = list(self.samples(m))
        cost = 0.0
        for k, (weight, a) in enumerate(samples):
            for other, b in samples[:k]:
                cost += 2 * weight * other * wasserstein_pow(self.points[a], self.points[b], p)
        return cost

    def one_sample(self, m: int, p: float) -> float:
        """E W_p^p(mu_m, mu), exactly."""
        import ot  # here because it imports PyTorch

        if len(self.points) == 2 or (self.points.shape[1] == 1 and p >= 1):
            return line_cost(*self._on_a_line(p), m, samples=1)
        distances, n = cdist(self.points, self.points) ** p, len(self.points)
        return sum(
            weight * float(ot.emd2(np.bincount(a, minlength=n) / m, self.masses, distances))
            for weight, a in self.samples(m)
        )

    def _on_a_line(self, p: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Atoms in their order, masses and exponent; two atoms are two of a line, for every p."""
        if len(self.points) == 2:
            cost = float(np.linalg.norm(self.points[1] - self.points[0]) ** p)
            return np.array([0.0, cost]), self.masses, 1.0
        order = np.argsort(self.points[:, 0])
        return self.points[order, 0], self.masses[order], p

    def samples(self, m: int) -> Iterator[tuple[float, list[int]]]:
        """All samples of m neurons up to order, with their probabilities."""
        for sample in combinations_with_replacement(range(len(self.masses)), m):
            counts = np.bincount(sample, minlength=len(self.masses))
            orders = math.factorial(m) / math.prod(map(math.factorial, counts.tolist()))
            yield orders * float(np.prod(self.masses**counts)), list(sample)


def line_cost(
    atoms: Float[np.ndarray, " n"],
    masses: Float[np.ndarray, " n"],
    p: float,
    m: int,
    *,
    samples: int = 2,
) -> float:
    """E W_p^p on the line, p >= 1: the i-th smallest is matched with the i-th smallest.

    The i-th of m lies at or below an atom if at least i of m do: a binomial probability.

    Args:
        atoms: rising ``[n]``.
        masses: of the atoms ``[n]``.
        p: exponent.
        m: number of neurons.
        samples: 2 for two samples, 1 for one against its law.
    """
    levels = np.minimum(np.cumsum(masses), 1.0)
    levels[-1] = 1.0
    ranks = np.arange(m)[:, None]
    law = np.diff(binom.sf(ranks, m, levels), axis=1, prepend=0.0)
    distances = np.abs(atoms[:, None] - atoms) ** p
    if samples == 2:
        return float(((law @ distances) * law).sum() / m)
    upper, lower = np.minimum((ranks + 1) / m, levels), np.maximum(ranks / m, np.r_[0, levels[:-1]])
    return float(((law @ distances) * np.maximum(upper - lower, 0.0)).sum())


def few_atoms(rng: np.random.Generator, d: int) -> tuple[FiniteLaw, int]:
    """Two or three atoms in the unit cube, often at corners, and a number of neurons."""
    n = int(rng.integers(2, 4))
    points = rng.random((n, d))
    if rng.random() < 0.7:
        points = np.round(points)
    return FiniteLaw(points, rng.integers(1, 6, size=n)), int(rng.integers(1, 4 if n > 2 else 41))


def many_on_a_line(rng: np.random.Generator) -> tuple[FiniteLaw, int]:
    """Up to 40 atoms on [0, 1], and up to as many neurons."""
    n = int(rng.integers(2, 41))
    return FiniteLaw(rng.random((n, 1)), rng.integers(1, 6, size=n)), int(rng.integers(1, 41))
