r"""Costs between samples of given points: a transport between counts (R1).

Two samples of m neurons of the uniform law on n points are how often each point was drawn: integer
masses, between which the optimal transport is that of an optimal permutation (Birkhoff). So a cost
takes the time of a transport between n points, whatever the width: an assignment takes m^3.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from lmctheory.measures import Empirical, Modulo
from lmctheory.measures.quotient import distances
from lmctheory.rates.empirical.exact import require_memory, wasserstein_pow

__all__ = ["PointCost", "drawn_points", "point_cost"]

PointCost = Callable[[Int[np.ndarray, " m"], Int[np.ndarray, " m"]], float]
"""W_p^p between two samples, each given as the places of its m neurons in the list of points."""
_STEPS = 10**7
"""Of the network simplex, more than any transport here takes; one that is left unfinished is not
used."""
_NEGLIGIBLE = 1e-9
"""Share of a cost by which a transport may miss the least, as its potentials show."""
_EPS = float(np.finfo(np.float64).eps)
_LEAST = 1e-10
"""Largest distances whose powers are floats."""


def drawn_points(
    mu: Empirical, m: int, repeats: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both samples' places in the list of points, `repeats` times: what `mu.sample` draws."""
    n = len(mu.points)
    for _ in range(repeats):
        yield rng.integers(n, size=m), rng.integers(n, size=m)


def point_cost(mu: Empirical, m: int, p: float, *, signs: bool, memory_limit: int) -> PointCost:
    """How costs between samples of m neurons are found: by counts unless points are many.

    Args:
        mu: the uniform law on given points.
        m: number of neurons in each sample, >= 1.
        p: exponent > 0.
        signs: whether costs are modulo signs.
        memory_limit: bytes that an array of all pairs may take.

    Raises:
        ValueError: if an array of all pairs of points takes more than memory_limit.
    """
    points = np.asarray(mu.points)
    modulo: Modulo = "signs" if signs else None

    def by_assignment(a: np.ndarray, b: np.ndarray) -> float:
        return wasserstein_pow(points[a], points[b], p, modulo=modulo, memory_limit=memory_limit)

    n, d = points.shape
    if m < n or (d == 1 and p >= 1):
        return by_assignment
    import ot  # here because it imports PyTorch

    require_memory(8 * n * n * (1 + signs), memory_limit)
    costs = distances(points, points, signs=signs)
    unit = float(costs.max())
    if not _LEAST < unit < 1 / _LEAST:
        return by_assignment
    costs = (costs / unit) ** p

    def by_counts(a: np.ndarray, b: np.ndarray) -> float:
        left, right = (np.bincount(places, minlength=n).astype(float) for places in (a, b))
        if np.array_equal(left, right):
            return 0.0
        rows, columns = np.flatnonzero(left), np.flatnonzero(right)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # asked for below, as what it returns
            between = np.ascontiguousarray(costs[np.ix_(rows, columns)])
            given = left[rows], right[columns]
            total, log = ot.emd2(*given, between, numItermax=_STEPS, log=True)
        u, v = log["u"], log["v"]
        # what every slack, and every neuron's share of the potentials, may be off by
        lost = 4 * _EPS * (1 + np.abs(u).max() + np.abs(v).max())
        slack = min((between - u[:, None] - v).min(), 0.0) - 2 * lost
        least = u @ given[0] + v @ given[1] + m * slack
        if log["warning"] is None and total - least <= _NEGLIGIBLE * total:
            return float(total) / m * unit**p
        return by_assignment(a, b)

    return by_counts
