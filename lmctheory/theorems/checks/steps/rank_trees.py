"""Steps of the proofs on samples that are cut at ranks (R13 to R15)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations, product
from math import factorial, perm
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import quad

from lmctheory.rates import optimal_permutation, wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, listed, printed, value
from lmctheory.theorems.trial import Trial


def _standard(rng: np.random.Generator, points: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A law on a few points of the line with mean 0 and variance 1, and their chances."""
    chance, x = rng.dirichlet(np.ones(points) * 3), rng.standard_normal(points)
    x = x - chance @ x
    return x / (chance @ x**2) ** 0.5, chance


def _draws(x: np.ndarray, chance: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """All samples of some numbers from a law on a few points, each in order, and their chances."""
    every = np.array(list(product(range(len(x)), repeat=count)))
    return np.sort(x[every], axis=1), chance[every].prod(axis=1)


def _blocks(rng: np.random.Generator, b: int) -> list[np.ndarray]:
    """Ranks in blocks of consecutive ones."""
    cuts = np.flatnonzero(rng.random(b - 1) < 0.5) + 1
    return np.split(np.arange(b), cuts)


unchecked("R13", 1, "definition", "costs in the last principal axes")


@equality("R13", 2, "the cost of two independent neurons", count=30)
def _one_neuron(rng: np.random.Generator) -> Pairs:
    while True:
        lam, i = rng.exponential(size=3), int(rng.integers(1, 4))
        cost = 0.0
        for each in lam[i - 1 :]:
            x, chance = _standard(rng)
            cost += each * float(chance @ (x[:, None] - x) ** 2 @ chance)
        yield cost, value("R13", 1, d=3, i=i, lam=listed(lam))


@identity("R13", 3, "the difference of both pairings, and T(2)")
def _two_pairings() -> Pairs:
    x, x_too, y, y_too = (sp.Matrix(sp.symbols(f"{name}1:4")) for name in ("x", "u", "y", "v"))

    def cost(a: Any, b: Any) -> Any:
        return (a - b).dot(a - b)

    one, other = cost(x, y) + cost(x_too, y_too), cost(x, y_too) + cost(x_too, y)
    yield other - one, 2 * (x - x_too).dot(y - y_too)
    lam, R = sp.Function("lam"), sp.symbols("R", positive=True)
    size = sp.sqrt(2 / sp.pi) * 2 * R
    line = printed("R13", 2, d=4, i=2, R=R).doit()
    yield 2 * sum(lam(j) for j in (2, 3, 4)) - size / 2, line


def _pair_of_two(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Two neurons of each network, and S = <x - x', y - y'>."""
    a, b = rng.standard_normal((2, 2, d))
    return a, b, float((a[0] - a[1]) @ (b[0] - b[1]))


@equality("R13", 3, "the cheaper of two pairings")
def _cheaper(rng: np.random.Generator) -> Pairs:
    while True:
        a, b, S = _pair_of_two(rng, int(rng.integers(1, 4)))
        mean = float(((a[:, None] - b) ** 2).sum()) / 2
        # per neuron; the mean of both keeps it away from 0
        yield mean + wasserstein_pow(a, b, 2), mean + (mean - abs(S)) / 2


@equality("R13", 3, "what the better pairing saves", count=20)
def _saved(rng: np.random.Generator) -> Pairs:
    """By the characteristic function of Sigma; R by the angle of two normal numbers."""
    angles = np.arange(4000) * np.pi / 4000
    while True:
        lam = 10 ** rng.uniform(-1, 0.5, 2)

        def less(s: float, lam: np.ndarray = lam) -> float:
            return -float(np.expm1(-np.log1p(4 * lam**2 * s**2).sum() / 2))

        near, _ = quad(lambda s: less(s) / s**2, 0, 1, epsrel=1e-12)
        far, _ = quad(lambda v: less(1 / v), 0, 1, epsrel=1e-12)
        R = (np.pi / 2) ** 0.5 * float(np.hypot(*(lam * _circle(angles)).T).mean())
        yield 2 / np.pi * (near + far), (2 / np.pi) ** 0.5 * 2 * R


def _circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@inequality("R13", 4, "the cost by blocks, matched by later coordinates")
def _by_blocks(rng: np.random.Generator) -> Iterator[Trial]:
    """Often neurons of one block are equal, or far from those of the others."""
    while True:
        b, d = int(rng.integers(1, 5)), 3
        a, c = (side[np.argsort(side[:, 0])] for side in rng.standard_normal((2, b, d)))
        if rng.random() < 0.5:
            c = a + 1e-2 * rng.standard_normal((b, d)) * [0, 1, 1]
        total = 0.0
        for ranks in _blocks(rng, b):
            own, other = a[ranks], c[ranks]
            best = optimal_permutation(own[:, 1:], other[:, 1:], 2)
            total += float(((own - other[best]) ** 2).sum())
        yield Trial(float(wasserstein_pow(a, c, 2)), total / b)


@equality("R13", 4, "the mean cost in later coordinates", count=4)
def _later(rng: np.random.Generator) -> Pairs:
    """One of them, on two points; all samples and all orders in the coordinate that is cut."""

    def mean_cost(x: np.ndarray, chance: np.ndarray, b: int) -> float:
        samples, weights = _draws(x, chance, b)
        return float(weights @ ((samples[:, None] - samples) ** 2).mean(axis=2) @ weights)

    while True:
        b = int(rng.integers(2, 4))
        (x, chance), blocks = _standard(rng, 2), _blocks(rng, b)
        samples, weights = _draws(x, chance, b)
        orders = np.array(list(permutations(range(b))))
        shuffled = samples[:, orders].reshape(-1, b)
        weights = np.repeat(weights, len(orders)) / len(orders)
        cost = np.zeros((len(shuffled), len(shuffled)))
        for ranks in blocks:
            inside = np.sort(shuffled[:, ranks], axis=1)
            cost += ((inside[:, None] - inside) ** 2).sum(axis=2) / b
        parts = [len(ranks) / b * mean_cost(x, chance, len(ranks)) for ranks in blocks]
        yield float(weights @ cost @ weights), sum(parts)


def _inside(ranks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All ways to pair ranks inside of blocks."""
    ways = product(*(permutations(block.tolist()) for block in ranks))
    return [np.concatenate(way) for way in ways]


@equality("R13", 5, "the mean cost of a cut, as it is printed", count=20)
def _cut_coordinate(rng: np.random.Generator) -> Pairs:
    while True:
        b, lam = int(rng.integers(1, 4)), float(rng.exponential())
        (x, chance), blocks = _standard(rng), _blocks(rng, b)
        samples, weights = _draws(x, chance, b)
        ways = _inside(blocks)
        apart = sum(((samples[:, None] - samples[:, way]) ** 2).mean(axis=2) for way in ways)
        left = lam * float(weights @ apart @ weights) / len(ways)
        e = weights @ samples
        S, sizes = [float(e[ranks].sum()) for ranks in blocks], [len(ranks) for ranks in blocks]
        T = rng.exponential(size=b)
        later = float(np.mean([T[len(ranks) - 1] for ranks in blocks for _ in ranks]))
        given = {"S": listed(S), "s": listed(sizes), "T": listed(T)}
        yield left + later, value("R13", 0, b=b, n=len(blocks), lam=lam, **given)


@equality("R13", 5, "mean squares of order statistics", count=30)
def _mean_squares(rng: np.random.Generator) -> Pairs:
    while True:
        b = int(rng.integers(1, 5))
        samples, weights = _draws(*_standard(rng), b)
        yield float(weights @ (samples**2).sum(axis=1)), b


unchecked("R13", 6, "cited", "R2")


@identity("R14", 1, "a box by the unit cube")
def _box() -> Pairs:
    a, u, v = (sp.symbols(f"{name}1:4") for name in "auv")
    line = printed("R14", 0, d=3).doit()
    K, side = sp.Function("K"), sp.Function("a")
    given = {K(i + 1): (u[i] - v[i]) ** 2 for i in range(3)}
    given |= {side(i + 1): a[i] for i in range(3)}
    yield sum((a[i] * u[i] - a[i] * v[i]) ** 2 for i in range(3)), line.subs(given)


def _mean_of_ordered(of: Any, u: Sequence[Any]) -> Any:
    """The mean of a polynomial in uniform numbers that are in order, by its integral."""
    for number, above in zip(u, [*u[1:], sp.Integer(1)], strict=True):
        of = sp.integrate(sp.expand(of), (number, 0, above))
    return factorial(len(u)) * of


@identity("R14", 2, "the lower numbers given the next")
def _below_next() -> Pairs:
    """Moments: powers of all lower ones, and of the next; uniform ones have the mean 1/(n+1)."""
    for b, s in ((2, 1), (3, 1), (3, 2), (4, 2)):
        u = sp.symbols(f"u1:{b + 1}", positive=True)
        for n, k in ((1, 0), (2, 1)):
            left = _mean_of_ordered(sum(low**n for low in u[:s]) * u[s] ** k, u)
            yield left, s * _mean_of_ordered(u[s] ** (n + k), u) / sp.Integer(n + 1)
        if s == 2:  # two lower ones are independent, too
            yield (
                _mean_of_ordered(u[0] * u[1], u),
                _mean_of_ordered(u[2] ** 2, u) / sp.Integer(4),
            )


@identity("R14", 2, "mean and variance of a side, as printed")
def _side() -> Pairs:
    """Of the lower child by the next number above, of the upper one by the next below."""
    for b, s in ((2, 1), (3, 1), (3, 2), (4, 3)):
        u = sp.symbols(f"u1:{b + 1}", positive=True)
        for length, size in ((u[s], s), (1 - u[s - 1], b - s)):
            mean = _mean_of_ordered(length, u)
            yield mean, printed("R14", 2, s=size, b=b)
            yield _mean_of_ordered(length**2, u) - mean**2, printed("R14", 3, s=size, b=b)


@identity("R14", 3, "a matched pair of a child")
def _pair_in_child() -> Pairs:
    mean, square, cross = sp.symbols("EX EXX Euv")
    third = sp.Rational(1, 3)
    K = 2 * third - 2 * cross
    left = square * third + square * third - 2 * mean**2 * cross
    yield left, 2 * third * square - 2 * mean**2 * cross
    yield left, 2 * third * (square - mean**2) + mean**2 * K


def _ordered_moments(b: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and mean squares of ordered uniform numbers."""
    j = np.arange(1, b + 1)
    return j / (b + 1), j * (j + 1) / ((b + 1) * (b + 2))


def _pair_cost(e: np.ndarray, q: np.ndarray, ranks: np.ndarray) -> float:
    """Mean squared difference of ranks of independent samples that are paired at random."""
    apart = q[ranks][:, None] + q[ranks] - 2 * np.outer(e[ranks], e[ranks])
    return float(apart.mean())


def _box_node(b: int, s: int, K: Sequence[float]) -> float:
    """K of a node by its children's, as it is printed."""
    sizes = (s, b - s)
    means, variances = ([value("R14", line, s=s, b=b) for s in sizes] for line in (2, 3))

    def below(size: float) -> float:
        return K[sizes.index(int(size))]

    given = {"s": listed(sizes), "X": listed(means), "V": listed(variances), "K": below}
    return value("R14", 1, b=b, **given)


@equality("R14", 3, "one cut, by order statistics", count=30)
def _one_cut(rng: np.random.Generator) -> Pairs:
    """Pairs at random in both children."""
    while True:
        b = int(rng.integers(2, 9))
        s = int(rng.integers(1, b))
        e, q = _ordered_moments(b)
        parts = [len(ranks) / b * _pair_cost(e, q, ranks) for ranks in np.split(np.arange(b), [s])]
        yield sum(parts), _box_node(b, s, (1 / 6, 1 / 6))


@equality("R14", 3, "cuts down to single neurons, by sorted samples", count=15)
def _all_cuts(rng: np.random.Generator) -> Pairs:
    """At any ranks; then ranks are matched with each other."""

    def node(b: int) -> float:
        if b == 1:
            return 1 / 6
        s = int(rng.integers(1, b))
        children = [node(s), node(b - s)]
        if 2 * s == b:  # one K of that size: both are the same mean, whatever their cuts
            children[1] = children[0]
        return _box_node(b, s, children)

    while True:
        b = int(rng.integers(2, 10))
        e, q = _ordered_moments(b)
        yield 2 * float((q - e**2).mean()), node(b)


@identity("R14", 4, "a leaf of one neuron")
def _leaf_of_one() -> Pairs:
    u, v = sp.symbols("u v")
    yield sp.integrate((u - v) ** 2, (u, 0, 1), (v, 0, 1)), sp.Rational(1, 6)


@equality("R14", 4, "another coordinate, of children cut in it", count=30)
def _other_coordinate(rng: np.random.Generator) -> Pairs:
    """Neurons of a child are any of the node's there; the child is cut down to single ones."""
    while True:
        b = int(rng.integers(2, 6))
        s = int(rng.integers(1, b))
        e, q = _ordered_moments(b)
        cost = 0.0
        for size in (s, b - s):
            subsets = [ranks for ranks in product(range(b), repeat=size) if _rises(ranks)]
            for j in range(size):
                ranks = np.array([subset[j] for subset in subsets])
                cost += _pair_cost(e, q, ranks) / b
        own = [(_ordered_moments(size)) for size in (s, b - s)]
        yield cost, sum(2 * float((square - mean**2).sum()) / b for mean, square in own)


def _rises(ranks: Sequence[int]) -> bool:
    return all(low < high for low, high in pairwise(ranks))


@equality("R14", 5, "what pairing by the sign of Sigma saves")
def _by_sign(rng: np.random.Generator) -> Pairs:
    """In one coordinate, per neuron, against both pairings' mean."""
    while True:
        u, v, w = rng.uniform(size=(2, 3)), rng.uniform(size=(2, 3)), rng.exponential(size=3)
        D = (u[0] - u[1]) * (v[0] - v[1])
        partner = v if w @ D > 0 else v[::-1]
        costs = ((u - partner) ** 2).mean(axis=0)
        both = ((u[:, None] - v) ** 2).mean(axis=(0, 1))
        yield 1 + costs[0], 1 + both[0] - np.sign(w @ D) * D[0] / 2


def _size_of_sum(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All D of two coordinates with uniform laws on a few points; weights."""
    points = rng.uniform(size=(2, int(rng.integers(2, 4))))
    differences = [(x[:, None] - x).ravel() for x in points]
    D = [np.outer(apart, apart).ravel() for apart in differences]
    return np.array(list(product(*D))), rng.exponential(size=2)


@equality("R14", 5, "that saving by the derivative of E|Sigma|", count=50)
def _derivative(rng: np.random.Generator) -> Pairs:
    """By differences, exact between the weights at which a value of Sigma is 0."""
    while True:
        D, w = _size_of_sum(rng)
        step = 1e-3 * w[0] * np.array([1, 0])
        sizes = [np.abs(D @ (w + side * step)) for side in (-1, 1)]
        signs = [np.sign(D @ (w + side * step)) for side in (-1, 0, 1)]
        if np.array_equal(signs[0], signs[2]):
            slope = float((sizes[1] - sizes[0]).mean()) / (2 * step[0])
            yield 1 + slope, 1 + float((signs[1] * D[:, 0]).mean())


@inequality("R14", 5, "E|Sigma| is least where a weight is 0")
def _least_at_zero(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        D, w = _size_of_sum(rng)
        w[0] *= 10 ** rng.uniform(-4, 0)
        yield Trial(float(np.abs(D[:, 1] * w[1]).mean()), float(np.abs(D @ w).mean()), 1e-15)


unchecked("R15", 1, "definition", "coordinates as images of normal ones; a tree")


@equality("R15", 2, "orders in a child of a child", count=10)
def _orders(rng: np.random.Generator) -> Pairs:
    """Two neurons of four are left by cuts in two of three coordinates.

    Listed by the second, each order in the first meets each choice of ranks in the third, in any
    order, equally often.
    """
    while True:
        b = 4
        upper, lower = bool(rng.integers(2)), bool(rng.integers(2))
        found: dict[tuple[bool, int, int], float] = {}
        for second, third in product(permutations(range(b)), repeat=2):
            members = range(1, b) if upper else range(b - 1)
            kept = sorted(members, key=second.__getitem__)
            kept = kept[:2] if lower else kept[1:]
            # the first coordinate's ranks are the neurons' numbers
            seen = (kept[0] < kept[1], third[kept[0]], third[kept[1]])
            found[seen] = found.get(seen, 0.0) + 1 / factorial(b) ** 2
        seen = list(found)[int(rng.integers(len(found)))]
        yield found[seen], 1 / (factorial(2) * perm(b, 2))


@equality("R15", 3, "a rank among those chosen, as it is printed", count=40)
def _thinned(rng: np.random.Generator) -> Pairs:
    while True:
        b = int(rng.integers(1, 7))
        s = int(rng.integers(1, b + 1))
        j, values = int(rng.integers(1, s + 1)), np.sort(rng.uniform(1, 2, b))
        chosen = [subset[j - 1] for subset in product(range(b), repeat=s) if _rises(subset)]
        yield float(values[chosen].mean()), value("R15", 1, j=j, s=s, b=b, e=listed(values))


def _products(rng: np.random.Generator, b: int) -> tuple[np.ndarray, ...]:
    """All samples [n, b, 2] of a product law on two points each, by the first coordinate's rank.

    Their chances; means of its coordinates in order [2, b]; the variance of a neuron.
    """
    laws = [_standard(rng, 2) for _ in range(2)]
    sizes = rng.exponential(size=2) ** 0.5
    (first, one), (second, other) = (
        _draws(size * x, chance, b) for size, (x, chance) in zip(sizes, laws, strict=True)
    )
    orders = np.array(list(permutations(range(b))))
    second_shuffled = second[:, orders].reshape(-1, b)
    weights = np.outer(one, np.repeat(other, len(orders)) / len(orders)).ravel()
    shape = (len(first), len(second_shuffled), b)
    pairs = [np.broadcast_to(first[:, None], shape), np.broadcast_to(second_shuffled, shape)]
    samples = np.stack(pairs, axis=-1).reshape(-1, b, 2)
    return samples, weights, np.array([one @ first, other @ second]), (sizes**2).sum()


def _leaves(b: int, s: int, e: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ranks of both leaves of a cut in the first coordinate, and h."""
    found = []
    for ranks in np.split(np.arange(b), [s]):
        size = len(ranks)
        given = {"s": size, "b": b, "e": listed(e[1])}
        thinned = [value("R15", 1, j=j, **given) for j in range(1, size + 1)]
        found.append((ranks, np.array([e[0, ranks].mean(), np.mean(thinned)])))
    return found


@equality("R15", 4, "the mean cost of pairs at random in leaves", count=10)
def _tree_cost(rng: np.random.Generator) -> Pairs:
    while True:
        b = int(rng.integers(2, 4))
        samples, weights, e, variance = _products(rng, b)
        leaves = _leaves(b, int(rng.integers(1, b)), e)
        cost = 0.0
        for ranks, _ in leaves:
            for i, j in product(ranks, repeat=2):
                apart = ((samples[:, None, i] - samples[:, j]) ** 2).sum(axis=-1)
                cost += float(weights @ apart @ weights) / len(ranks) / b
        sizes, gains = [len(ranks) for ranks, _ in leaves], [float(h @ h) for _, h in leaves]
        given = {"b": listed(sizes), "G": listed(gains)}
        yield cost, value("R15", 0, v=float(variance), m=b, n=2, **given)


@equality("R15", 5, "the cheaper of both pairings")
def _cheaper_again(rng: np.random.Generator) -> Pairs:
    yield from _cheaper(rng)


@equality("R15", 5, "the mean cost of a leaf of two", count=10)
def _leaf_of_two(rng: np.random.Generator) -> Pairs:
    """The upper one of three neurons, the others being the leaf."""
    while True:
        samples, weights, e, _ = _products(rng, 3)
        [(_, _), (ranks, h)] = _leaves(3, 1, e)
        leaf = samples[:, ranks]
        apart = ((leaf[:, None, :, None] - leaf[None, :, None]) ** 2).sum(axis=-1)
        straight = apart[:, :, 0, 0] + apart[:, :, 1, 1]
        crossed = apart[:, :, 0, 1] + apart[:, :, 1, 0]
        cost = float(weights @ np.minimum(straight, crossed) @ weights) / 2
        differences = leaf[:, 0] - leaf[:, 1]
        S = float(weights @ np.abs(differences @ differences.T) @ weights)
        square = float(weights @ (leaf**2).sum(axis=2).mean(axis=1))
        yield cost, 2 * square - 2 * (float(h @ h) + S / 4)
