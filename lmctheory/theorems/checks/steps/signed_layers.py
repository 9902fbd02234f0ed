"""Steps of the proof on deep odd networks modulo signs (S1b)."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, link
from lmctheory.theorems.trial import Trial


class _Matched(NamedTuple):
    """Pairs of the best signed permutations of two neurons each, over all draws of a finite law.

    Rows of A and their partners, negated where that is cheaper, ``[draws, 2, 2]``; the chances of
    the draws.
    """

    own: np.ndarray
    partner: np.ndarray
    chance: np.ndarray

    def mean(self, of: np.ndarray) -> np.ndarray:
        """Over draws and both pairs, of something ``[draws, 2, ...]``."""
        return np.tensordot(self.chance, of.mean(axis=1), 1)

    def moment(self, own: np.ndarray, other: np.ndarray) -> np.ndarray:
        """The mean of the products of entries."""
        return self.mean(own[..., :, None] * other[..., None, :])


def _matched(drawn: np.ndarray, chance: np.ndarray, metric: np.ndarray) -> _Matched:
    """Ties are left as they come, by what the metric sees alone.

    Args:
        drawn: two rows of A and two of B, ``[draws, 4, 2]``.
        chance: of the draws.
        metric: ``[2, 2]``, positive semidefinite.
    """
    a, ways = drawn[:, :2], (drawn[:, 2:], drawn[:, :1:-1])
    inner = [np.einsum("nki,ij,nkj->nk", a, metric, b) for b in ways]
    # what a pair saves by its better sign, squares being the same for both orders
    best = np.abs(inner[1]).sum(axis=1) > np.abs(inner[0]).sum(axis=1)
    partner = [
        np.where(each < 0, -1.0, 1.0)[..., None] * b for each, b in zip(inner, ways, strict=True)
    ]
    return _Matched(a, np.where(best[:, None, None], partner[1], partner[0]), chance)


def _four(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All choices of four atoms, and their chances."""
    every = np.array(list(product(range(len(chances)), repeat=4)))
    return every, chances[every].prod(axis=1)


def _any_law(rng: np.random.Generator) -> tuple[np.ndarray, _Matched]:
    """A law of rows that is even and on four points, or on two; its second moment."""
    x, share = rng.standard_normal((2, 2)), float(rng.uniform(0.2, 0.8))
    if rng.random() < 0.3:
        share = 1.0
    root = rng.standard_normal((2, 2))
    rows, chances = np.r_[x, -x], np.array([share, 1 - share] * 2) / 2
    every, chance = _four(chances)
    return (rows.T * chances) @ rows, _matched(rows[every], chance, root @ root.T)


unchecked("S1b", 1, "argument", "rows against signs and orders below")


@equality("S1b", 2, "an even function of pairs that are exchanged", count=50)
def _exchanged(rng: np.random.Generator) -> Pairs:
    while True:
        _, pairs = _any_law(rng)
        p, q = rng.standard_normal((2, 2))
        one, other = (
            pairs.mean((u @ p) ** 3 * (v @ q))
            for u, v in ((pairs.own, pairs.partner), (pairs.partner, pairs.own))
        )
        size = 1 + abs(float(other))
        yield size + one, size + other


@equality("S1b", 2, "second moments of pairs are symmetric", count=50)
def _symmetric(rng: np.random.Generator) -> Pairs:
    while True:
        _, pairs = _any_law(rng)
        moment = pairs.moment(pairs.own, pairs.partner)
        size = 1 + float(np.abs(moment).max())
        yield size + moment[0, 1], size + moment[1, 0]


@equality("S1b", 2, "second moments of partners are those of rows", count=50)
def _partners(rng: np.random.Generator) -> Pairs:
    while True:
        C, pairs = _any_law(rng)
        i, j = rng.integers(0, 2, 2)
        size = 1 + float(np.abs(C).max())
        yield size + pairs.moment(pairs.partner, pairs.partner)[i, j], size + C[i, j]


def _two_coordinates(rng: np.random.Generator, weight: float) -> _Matched:
    """The first coordinates are given, the others have an even law of variance 1 and a weight."""
    x, share = rng.exponential(size=2), float(rng.uniform(0.2, 0.8))
    atoms = np.r_[x, -x] / (share * x[0] ** 2 + (1 - share) * x[1] ** 2) ** 0.5
    every, chance = _four(np.array([share, 1 - share] * 2) / 2)
    first = np.broadcast_to(rng.standard_normal(4), every.shape)
    drawn = np.stack([first, atoms[every]], axis=-1)
    return _matched(drawn, chance, np.diag([1.0, weight]))


@equality("S1b", 3, "a sign that is changed in both samples")
def _changed_sign(rng: np.random.Generator) -> Pairs:
    """Of one coordinate; the least cost and that of any signed permutation."""
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 3))
        signs, order = rng.choice([-1.0, 1.0], len(a)), rng.permutation(len(a))
        change = np.ones(3)
        change[rng.integers(3)] = -1.0
        yield (
            wasserstein_pow(a, b, 2, modulo="signs"),
            wasserstein_pow(a * change, b * change, 2, modulo="signs"),
        )
        one, other = (
            ((u - signs[:, None] * v[order]) ** 2).sum()
            for u, v in ((a, b), (a * change, b * change))
        )
        yield one, other


@equality("S1b", 3, "products of different coordinates", count=20)
def _different_coordinates(rng: np.random.Generator) -> Pairs:
    while True:
        pairs = _two_coordinates(rng, float(rng.exponential()))
        yield 1 + pairs.moment(pairs.own, pairs.partner)[0, 1], 1.0


@equality("S1b", 3, "the distance in a coordinate of weight 0", count=20)
def _no_weight(rng: np.random.Generator) -> Pairs:
    while True:
        pairs = _two_coordinates(rng, 0.0)
        yield pairs.mean((pairs.own - pairs.partner)[..., 1] ** 2), 2.0


@inequality("S1b", 3, "the distance in a coordinate that has a weight", count=40)
def _some_weight(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        pairs = _two_coordinates(rng, float(10 ** rng.uniform(-6, 1)))
        yield Trial(float(pairs.mean((pairs.own - pairs.partner)[..., 1] ** 2)), 2.0)


@equality("S1b", 4, "distances of pre-activations, as in D1", count=50)
def _pre_activations(rng: np.random.Generator) -> Pairs:
    while True:
        C, pairs = _any_law(rng)
        N = C - pairs.moment(pairs.own, pairs.partner)
        own, other = rng.standard_normal((2, 2))
        left = pairs.mean((pairs.own @ own - pairs.partner @ other) ** 2)
        right = (own - other) @ C @ (own - other) + 2 * own @ N @ other
        yield 1 + left, 1 + right


@equality("S1b", 4, "distances on the segment, as in D1", count=50)
def _on_the_segment(rng: np.random.Generator) -> Pairs:
    """From A, and from B with t and 1 - t exchanged."""
    while True:
        C, pairs = _any_law(rng)
        N, t = C - pairs.moment(pairs.own, pairs.partner), float(rng.uniform())
        own, p = rng.standard_normal((2, 2))
        for first, second, part in (
            (pairs.own, pairs.partner, t),
            (pairs.partner, pairs.own, 1 - t),
        ):
            there = part * first @ p + (1 - part) * second @ p
            left = pairs.mean((there - first @ own) ** 2)
            right = (p - own) @ C @ (p - own) + 2 * (1 - part) * (own - part * p) @ N @ p
            yield 1 + left, 1 + right


@equality("S1b", 5, "differences of the activation over both signs")
def _both_signs(rng: np.random.Generator) -> Pairs:
    """Of tanh or a leaky relu; then the supremum over many values."""
    grid = np.linspace(-5, 5, 401)
    while True:
        u, v, a = (float(part) for part in rng.standard_normal(3))
        lam, gamma = rng.exponential(size=2)
        odd = rng.random() < 0.5

        def both(z: float | np.ndarray, a: float = a, odd: bool = odd) -> np.ndarray:
            values = [np.tanh(z), np.tanh(-z)] if odd else [leaky(z, a), leaky(-z, a)]
            return np.array(values) / 2**0.5

        def apart(u: float, v: float | np.ndarray) -> np.ndarray:
            moved = both(np.full_like(v, u)) - both(v)
            return np.asarray((moved**2).sum(axis=0))

        yield 1 + apart(u, np.array(v)), 1 + apart(-u, np.array(-v))
        most = [
            (apart(side, grid) - lam * (side - grid) ** 2 - gamma * grid**4).max()
            for side in (u, -u)
        ]
        size = 1 + abs(most[0])
        yield size + most[0], size + most[1]


@inequality("S1b", 5, "fourth moments on the segment", count=100)
def _fourth(rng: np.random.Generator) -> Iterator[Trial]:
    """Of rows of two opposite values all partners are equal."""
    while True:
        _, pairs = _any_law(rng)
        t, p = float(rng.uniform()), rng.standard_normal(2)
        ends = [side @ p for side in (pairs.own, pairs.partner)]
        there = pairs.mean((t * ends[0] + (1 - t) * ends[1]) ** 4)
        own, other = (float(pairs.mean(end**4)) for end in ends)
        yield Trial(float(there), t * own + (1 - t) * other)


unchecked("S1b", 6, "cited", "D1, steps 8 and 9")


def _by_metric(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """The least cost of rows in metrics that are mixed, or near each other."""
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 2))
        roots, t = rng.standard_normal((2, 2, 2)), float(rng.uniform())
        first, second = (root @ root.T for root in roots)
        if rng.random() < 0.5:
            second = first + 1e-3 * second

        def cost(metric: np.ndarray, a: np.ndarray = a, b: np.ndarray = b) -> float:
            root = np.linalg.cholesky(metric)
            return float(wasserstein_pow(a @ root, b @ root, 2, modulo="signs"))

        mixed = t * cost(first) + (1 - t) * cost(second)
        yield (
            Trial(mixed, cost(t * first + (1 - t) * second)),
            Trial(cost(first), cost(first + 1e-3 * second)),
        )


inequality("S1b", 6, "the cost modulo signs is concave in the metric")(link(_by_metric, 0))
inequality("S1b", 6, "it rises in the metric")(link(_by_metric, 1))
