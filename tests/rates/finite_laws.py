"""Small and degenerate laws on atoms, and their matching costs by enumeration."""

import math
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np

from lmctheory.measures import Empirical
from lmctheory.rates import lower_bound, matching_cost, upper_bound, wasserstein_pow


def enumerated_cost(points, copies, m, p=2.0):
    """E W_p^p over all pairs of samples; masses are rational, so that none is lost to rounding."""
    total = int(np.sum(copies))
    masses = [Fraction(int(c), total) for c in copies]
    samples = []
    for sample in combinations_with_replacement(range(len(masses)), m):
        counts = np.bincount(sample, minlength=len(masses)).tolist()
        orders = math.factorial(m) // math.prod(map(math.factorial, counts))
        chance = orders * math.prod(q**k for q, k in zip(masses, counts, strict=True))
        samples.append((chance, list(sample)))
    return sum(
        float(2 * chance * other) * wasserstein_pow(points[a], points[b], p)
        for i, (chance, a) in enumerate(samples)
        for other, b in samples[:i]
    )


def awkward_atoms(rng, most=5):
    """Up to so many different atoms in up to four dimensions, and how often each is counted.

    Corners of a cube, points of a line, far from 0, tiny, with an outlier, or of very unequal mass.
    """
    n, d, kind = int(rng.integers(1, most + 1)), int(rng.integers(1, 5)), int(rng.integers(7))
    points = rng.standard_normal((n, d))
    if kind == 0:
        points = np.round(rng.random((n, d)))
    elif kind == 1:
        points = np.outer(rng.standard_normal(n), rng.standard_normal(d))
    elif kind == 2:
        points = points * 1e-12 + rng.standard_normal(d)
    elif kind == 3:
        points = points + 1e8
    elif kind == 4:
        points[0] *= 1e4
    elif kind == 5:
        points = points * 1e-12
    points = np.unique(points, axis=0)
    copies = rng.integers(1, 6, size=len(points))
    if rng.random() < 0.4:
        copies = copies * np.where(rng.random(len(points)) < 0.5, 1, 10 ** rng.integers(0, 10))
    return points, copies


def awkward_cloud(rng):
    """Up to 60 points in up to 8 dimensions, as awkward."""
    n, d, kind = int(rng.integers(2, 61)), int(rng.integers(1, 9)), int(rng.integers(7))
    points = rng.standard_normal((n, d)) / np.arange(1, d + 1) ** rng.choice([0.0, 1.0])
    if kind == 0:
        points = np.round(points)
    elif kind == 1:
        points = np.outer(rng.standard_normal(n), rng.standard_normal(d))
    elif kind == 2:
        points = points * 1e-12 + 1e-3
    elif kind == 3:
        points = points + 1e8
    elif kind == 4:
        points[0] *= 1e4
    elif kind == 5:
        points = points[rng.integers(0, 6, size=n) % n] + 0.01 * points
    return points


def no_cloud_costs_more(term, part):
    """Simulated costs of a hundred awkward clouds beside a term of their upper bound.

    30 draws, 6 standard errors: t law, 29 degrees of freedom, false alarm 8e-7 each.
    """
    rng = np.random.default_rng(part)
    for _ in range(100):
        mu, m = Empirical(awkward_cloud(rng)), int(rng.integers(1, 80))
        measured = matching_cost(mu, m, repeats=30, rng=rng)
        bound = upper_bound(mu, m).terms[term]
        assert measured.mean - 6 * measured.standard_error <= bound * (1 + 1e-9)
        assert lower_bound(mu, m).value <= bound * (1 + 1e-9)
