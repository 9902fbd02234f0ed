"""Steps of the proofs on signs and scales (S1, S1a, S2)."""

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
import sympy as sp

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, finite_law, link
from lmctheory.theorems.trial import Trial


@equality("S1", 1, "signs chosen one by one", count=20)
def _signs(rng: np.random.Generator) -> Pairs:
    while True:
        m, p = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        a, b = rng.standard_normal((2, m, 2))
        every = min(
            float((np.linalg.norm(a - np.array(s)[:, None] * b[list(order)], axis=1) ** p).mean())
            for order in permutations(range(m))
            for s in product((-1, 1), repeat=m)
        )
        apart = np.minimum(
            np.linalg.norm(a[:, None] - b, axis=2), np.linalg.norm(a[:, None] + b, axis=2)
        )
        modulo = min(float((apart[range(m), o] ** p).mean()) for o in permutations(range(m)))
        yield every, modulo


@equality("S1", 2, "none of the neurons is near, up to its sign", count=30)
def _none_near(rng: np.random.Generator) -> Pairs:
    """Over all samples of m neurons."""
    while True:
        x, chance, a = finite_law(rng)
        m, r = int(rng.integers(1, 4)), float(rng.exponential())
        near = np.minimum(np.linalg.norm(x - a, axis=1), np.linalg.norm(x + a, axis=1)) <= r
        none = sum(
            float(np.prod(chance[list(sample)]))
            for sample in product(range(3), repeat=m)
            if not near[list(sample)].any()
        )
        # 1 keeps both sides away from 0, where all are near
        yield 1 + none, 1 + float(1 - chance[near].sum()) ** m


@inequality("S1", 2, "two balls by the sum of their masses")
def _two_balls(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, chance, a = finite_law(rng)
        m, r = int(rng.integers(1, 4)), float(rng.exponential())
        own, other = (np.linalg.norm(x - side, axis=1) <= r for side in (a, -a))
        least = 1 - min(1.0, float(chance[own].sum() + chance[other].sum()))
        yield Trial(least**m, float(1 - chance[own | other].sum()) ** m, 1e-14)


@equality("S1", 2, "the mean of a power as an integral", count=30)
def _power(rng: np.random.Generator) -> Pairs:
    while True:
        values, p = rng.exponential(size=3), float(rng.uniform(0.5, 3))
        ends = np.r_[0.0, np.sort(values)]
        chances = (values[:, None] > ends[:-1]).mean(axis=0)
        yield float((values**p).mean()), float(chances @ np.diff(ends**p))


@equality("S1", 3, "signs that fold both neurons")
def _folded(rng: np.random.Generator) -> Pairs:
    while True:
        a, b = rng.standard_normal((2, 2))
        first, second = (1.0 if side[0] >= 0 else -1.0 for side in (a, b))
        left = np.linalg.norm(a - first * second * b)
        yield (
            float(left),
            float(np.linalg.norm(np.r_[abs(a[0]), first * a[1]] - np.r_[abs(b[0]), second * b[1]])),
        )


@inequality("S1", 3, "the cost by that of folded samples")
def _folded_cost(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 2))
        folded = [side * np.where(side[:, :1] >= 0, 1.0, -1.0) for side in (a, b)]
        apart = np.minimum(
            np.linalg.norm(a[:, None] - b, axis=2), np.linalg.norm(a[:, None] + b, axis=2)
        )
        least = min(
            float((apart[range(len(a)), o] ** 2).mean()) for o in permutations(range(len(a)))
        )
        yield Trial(least, float(wasserstein_pow(folded[0], folded[1], 2)))


@equality("S1a", 1, "the best signs cost c", count=20)
def _best_signs(rng: np.random.Generator) -> Pairs:
    yield from _signs(rng)


def _symmetrised(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """The transport of symmetrised samples, and the best signed permutation."""
    while True:
        m, p = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        a, b = rng.standard_normal((2, m, 2))
        apart = np.minimum(
            np.linalg.norm(a[:, None] - b, axis=2), np.linalg.norm(a[:, None] + b, axis=2)
        )
        signed = min(float((apart[range(m), o] ** p).mean()) for o in permutations(range(m)))
        whole = float(wasserstein_pow(np.r_[a, -a], np.r_[b, -b], p))
        yield Trial(whole, signed), Trial(signed, whole)


inequality("S1a", 2, "the right-hand side is not larger")(link(_symmetrised, 0))


inequality("S1a", 3, "the left-hand side is not larger")(link(_symmetrised, 1))


unchecked("S2", 1, "argument", "the least distance is attained inside")


@identity("S2", 2, "the derivative, and the quartic")
def _scale() -> Pairs:
    alpha = sp.symbols("alpha", positive=True)
    a, b, u, v = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "abuv")
    first, second = a - alpha * b, u - v / alpha
    slope = sp.diff(first.dot(first) + second.dot(second), alpha)
    yield (
        slope,
        2 * alpha * b.dot(b) - 2 * a.dot(b) + 2 * u.dot(v) / alpha**2 - 2 * v.dot(v) / alpha**3,
    )
    quartic = b.dot(b) * alpha**4 - a.dot(b) * alpha**3 + u.dot(v) * alpha - v.dot(v)
    yield alpha**3 / 2 * slope, quartic
