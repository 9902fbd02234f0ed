"""Checks on walks among atoms (R23)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial.distance import cdist

from lmctheory.rates import wasserstein_pow
from lmctheory.rates.atom_walk import AtomWalk, atom_walk, doublings
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.finite_laws import FiniteLaw
from lmctheory.theorems.trial import Trial


def _law(rng: np.random.Generator) -> tuple[FiniteLaw, int]:
    """Two atoms, one of them rare, where variances are attained, or up to four of any masses."""
    if rng.random() < 0.5:
        return FiniteLaw(np.array([[0.0], [1.0]]), np.array([int(rng.integers(30, 400)), 1])), 1
    n, m = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    return FiniteLaw(rng.standard_normal((n, 2)), rng.integers(1, 6, size=n)), m


def _sums(
    law: FiniteLaw, m: int, p: float, kappa: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of pairs of samples, what they cost, and G."""
    samples = list(law.samples(m))
    pairs = [
        (
            of_a * of_b,
            wasserstein_pow(law.points[a], law.points[b], p),
            (kappa[a].sum() + kappa[b].sum()) / m,
        )
        for of_a, a in samples
        for of_b, b in samples
    ]
    weights, costs, added = np.array(pairs).T
    return weights, costs, costs + added


def _walks(
    changed: Callable[[AtomWalk], AtomWalk] = lambda walk: walk,
    phi: Callable[[float], float] = doublings,
) -> Trials:
    """Exponential moments of G and of its root, as finite sums."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            (law, m), p = _law(rng), float(rng.choice([1.0, 2.0]))
            costs = cdist(law.points, law.points) ** p
            plain, of_pairs, _ = _sums(law, m, p, np.zeros(len(costs)))
            walk = atom_walk(costs, law.masses, float(plain @ of_pairs))
            if walk is None:
                continue
            weights, _, sums = _sums(law, m, p, walk.added)
            walk = changed(walk)
            y, b, mean = 10 ** rng.uniform(-5, -0.1), walk.strength / (4 * m), float(weights @ sums)
            theta = (y / (b * mean)) ** 0.5
            yield Trial(float(np.log(weights @ np.exp(theta * (mean - sums)))), phi(y))
            inside = y * walk.raised(y)
            if inside < 1:
                roots, theta = np.sqrt(sums), 2 * (y / b) ** 0.5
                rise = theta * (roots - float(weights @ roots))
                yield Trial(float(np.log(weights @ np.exp(rise))), phi(inside))

    return trials


tries("R23", counts=(40, 600))(_walks())

breaks("R23", "half of A")(_walks(lambda walk: replace(walk, strength=walk.strength / 2)))

breaks("R23", "only the first term of phi")(_walks(phi=lambda y: float(-np.log1p(-y))))
