"""Steps of the proofs on trees of cells and clusters of given points (R5, R16 to R19, R22)."""

import math
from collections.abc import Iterator
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import sympy as sp
from scipy.special import beta, betainc, gammaln

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, link, printed
from lmctheory.theorems.trial import Trial


class _Cell(NamedTuple):
    """Points of a cell, by number, and the cells that it is split into."""

    points: tuple[int, ...]
    children: tuple["_Cell", ...]


def _tree(rng: np.random.Generator, points: tuple[int, ...], depth: int = 99) -> _Cell:
    """Cells that are cut at random, down to single points or to a depth."""
    if len(points) == 1 or depth == 0:
        return _Cell(points, ())
    labels = rng.integers(0, 3, len(points))
    if len(set(labels)) == 1:
        labels[0] += 1
    parts = [tuple(np.array(points)[labels == label].tolist()) for label in sorted(set(labels))]
    return _Cell(points, tuple(_tree(rng, part, depth - 1) for part in parts))


def _cells(cell: _Cell) -> Iterator[_Cell]:
    yield cell
    for child in cell.children:
        yield from _cells(child)


def _diameter(x: np.ndarray, cell: _Cell) -> float:
    inside = x[list(cell.points)]
    return float(np.linalg.norm(inside[:, None] - inside, axis=2).max())


def _edges(x: np.ndarray, root: _Cell, p: float) -> list[tuple[_Cell, float]]:
    """Every cell but the root, with g(Q)."""
    return [
        (child, (_diameter(x, cell) ** p - _diameter(x, child) ** p) / 2)
        for cell in _cells(root)
        for child in cell.children
    ]


def _meeting(root: _Cell, i: int, j: int) -> _Cell:
    """The smallest cell that holds both points."""
    holding = [cell for cell in _cells(root) if i in cell.points and j in cell.points]
    return min(holding, key=lambda cell: len(cell.points))


def _drawn_tree(rng: np.random.Generator) -> tuple[np.ndarray, _Cell, float]:
    n = int(rng.integers(2, 6))
    x = rng.standard_normal((n, 2))
    return x, _tree(rng, tuple(range(n))), float(rng.uniform(0.5, 3))


@inequality("R5", 1, "d is at least the cost")
def _ultrametric(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, root, p = _drawn_tree(rng)
        i, j = (int(k) for k in rng.choice(len(x), 2, replace=False))
        cost = float(np.linalg.norm(x[i] - x[j])) ** p
        yield Trial(cost, _diameter(x, _meeting(root, i, j)) ** p)


@equality("R5", 2, "d is the length of a path in the tree")
def _path(rng: np.random.Generator) -> Pairs:
    while True:
        x, root, p = _drawn_tree(rng)
        i, j = (int(k) for k in rng.choice(len(x), 2, replace=False))
        length = sum(
            g for cell, g in _edges(x, root, p) if (i in cell.points) != (j in cell.points)
        )
        yield length, _diameter(x, _meeting(root, i, j)) ** p


def _paired(
    cell: _Cell, a: list[int], b: list[int]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Points paired inside of each cell, from the leaves upwards, and those left over."""
    a, b = ([k for k in side if k in cell.points] for side in (a, b))
    pairs: list[tuple[int, int]] = []
    if cell.children:
        below = [_paired(child, a, b) for child in cell.children]
        pairs = [pair for found in below for pair in found[0]]
        a = [k for found in below for k in found[1]]
        b = [k for found in below for k in found[2]]
    count = min(len(a), len(b))
    return pairs + list(zip(a, b, strict=False)), a[count:], b[count:]


@equality("R5", 3, "the cost of pairs inside of cells")
def _pairing(rng: np.random.Generator) -> Pairs:
    while True:
        x, root, p = _drawn_tree(rng)
        a, b = (side.tolist() for side in rng.integers(0, len(x), (2, 4)))
        pairs, _, _ = _paired(root, a, b)
        cost = sum(_diameter(x, _meeting(root, i, j)) ** p for i, j in pairs if i != j)
        left = sum(
            g * abs(sum(k in cell.points for k in a) - sum(k in cell.points for k in b))
            for cell, g in _edges(x, root, p)
        )
        yield cost / 4, left / 4


@inequality("R5", 4, "a tree that is cut at a level")
def _cut(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        n, p = int(rng.integers(2, 6)), float(rng.uniform(0.5, 3))
        x = rng.standard_normal((n, 2))
        root = _tree(rng, tuple(range(n)), int(rng.integers(0, 2)))
        a, b = rng.integers(0, n, (2, 4 if rng.random() < 0.5 else 1))
        left = sum(
            g * abs(np.isin(a, cell.points).sum() - np.isin(b, cell.points).sum())
            for cell, g in _edges(x, root, p)
        )
        most = max(_diameter(x, cell) for cell in _cells(root) if not cell.children) ** p
        cost = wasserstein_pow(x[a], x[b], p)
        yield Trial(float(cost), float(left) / len(a) + most)


@equality("R16", 1, "pairs that are matched at a cell")
def _matched_at(rng: np.random.Generator) -> Pairs:
    while True:
        left = rng.integers(-4, 5, int(rng.integers(2, 6)))
        matched = min(left[left > 0].sum(), -left[left < 0].sum())
        yield float(matched), float(np.abs(left).sum() - abs(left.sum())) / 2


def _equal_cells(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The mean cost of matching in two cells of two points, then across: pairs at random."""
    left = np.array([[(a == k).sum() - (b == k).sum() for k in cell] for cell in ((0, 1), (2, 3))])
    cost = 0.0
    for cell, k in ((x[:2], 0), (x[2:], 1)):
        if left[k].prod() < 0:
            count = int(np.abs(left[k]).min())
            cost += count * float(((cell[0] - cell[1]) ** 2).sum())
            left[k] -= np.sign(left[k]) * count
    sums = left.sum(axis=1)
    if sums[0] * sums[1] < 0:
        apart = ((x[:2, None] - x[None, 2:]) ** 2).sum(axis=2)
        shares = [np.abs(here) / np.abs(here).sum() for here in left]
        cost += float(np.abs(sums).min() * (shares[0] @ apart @ shares[1]))
    return cost / len(a)


@equality("R16", 2, "the mean cost by mean distances", count=10)
def _mean_distances(rng: np.random.Generator) -> Pairs:
    """Over all samples of two or three neurons."""
    while True:
        m, x = int(rng.integers(2, 4)), rng.standard_normal((4, 2))
        samples = [np.array(sample) for sample in product(range(4), repeat=m)]
        counts = np.array([[(sample == k).sum() for k in range(4)] for sample in samples])
        costs = [_equal_cells(x, a, b) for a in samples for b in samples]

        def left(points: list[int], counts: np.ndarray = counts, m: int = m) -> float:
            inside = counts[:, points].sum(axis=1)
            return float(np.abs(inside[:, None] - inside).mean()) / m

        def apart(pairs: list[tuple[int, int]], x: np.ndarray = x) -> float:
            return float(np.mean([((x[i] - x[j]) ** 2).sum() for i, j in pairs]))

        halves = sum(
            (left([i]) + left([j]) - left([i, j])) * apart([(i, j)]) for i, j in ((0, 1), (2, 3))
        )
        across = (left([0, 1]) + left([2, 3])) * apart(list(product((0, 1), (2, 3))))
        yield float(np.mean(costs)), (halves + across) / 2


@equality("R16", 3, "the mean over different points")
def _different_points(rng: np.random.Generator) -> Pairs:
    while True:
        n = int(rng.integers(2, 6))
        x = rng.standard_normal((n, 2))
        pairs = [((x[i] - x[j]) ** 2).sum() for i, j in permutations(range(n), 2)]
        yield float(np.mean(pairs)), 2 * float(np.trace(np.cov(x.T, bias=True))) * n / (n - 1)


@identity("R16", 3, "one cell, as it is printed")
def _one_cell() -> Pairs:
    n, left, tr = sp.symbols("n l tr", positive=True)
    yield (n * left - 0) * (2 * tr * n / (n - 1)) / 2, printed("R16", 0, n=n, l=left, tr=tr)


@equality("R17", 1, "the density of polar angles", count=40)
def _directions(rng: np.random.Generator) -> Pairs:
    """The mean of a monomial of a direction, by Gamma functions and as a product over angles."""
    while True:
        d = int(rng.integers(2, 7))
        half = rng.integers(0, 3, d)  # exponents are even, others give 0
        by_gamma = gammaln(half + 0.5).sum() - gammaln(half.sum() + d / 2)
        by_gamma -= d * gammaln(0.5) - gammaln(d / 2)
        product = 1.0
        for i in range(d - 1):
            # E cos^{2 a} sin^{2 b} for the density sin^{d - 2 - i}
            a, b, power = half[i], half[i + 1 :].sum(), d - 2 - i
            product *= beta(a + 0.5, b + (power + 1) / 2) / beta(0.5, (power + 1) / 2)
        yield float(np.exp(by_gamma)), float(product)


@equality("R17", 2, "the mean of a neuron of a leaf", count=40)
def _polar_mean(rng: np.random.Generator) -> Pairs:
    """Three coordinates with three values each: over all of them, and as a product of means."""
    while True:
        radius, first, second = rng.random((3, 3)) * np.array([[1], [np.pi], [2 * np.pi]])
        r, u, v = np.meshgrid(radius, first, second, indexing="ij")
        x = r * np.array([np.cos(u), np.sin(u) * np.cos(v), np.sin(u) * np.sin(v)])
        c, s = np.cos(first).mean(), np.sin(first).mean()
        h = np.array([c, s * np.cos(second).mean(), s * np.sin(second).mean()]) * radius.mean()
        k = int(rng.integers(3))
        yield float(x[k].mean()), float(h[k])


unchecked("R17", 3, "cited", "R18, step 2")


@identity("R17", 4, "what the better pairing saves")
def _two_pairings() -> Iterator[tuple[sp.Expr, sp.Expr]]:
    x, x2, y, y2 = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in ("x", "u", "y", "v"))

    def apart(a: sp.Matrix, b: sp.Matrix) -> sp.Expr:
        return (a - b).dot(a - b)

    straight, crossed = apart(x, y) + apart(x2, y2), apart(x, y2) + apart(x2, y)
    yield sp.expand(crossed - straight), sp.expand(2 * (x - x2).dot(y - y2))


@inequality("R17", 5, "signs tell no more than there is")
def _signs_heard(rng: np.random.Generator) -> Iterator[Trial]:
    """Every rank of two coordinates has one or two places; with one, signs tell all there is."""
    while True:
        places = rng.standard_normal((2, 2, int(rng.integers(1, 3))))  # coordinate, rank, place
        told = _differences(places.mean(axis=2, keepdims=True))
        every = _differences(places)
        yield Trial(float(np.abs(told @ told.T).mean()), float(np.abs(every @ every.T).mean()))


def _differences(places: np.ndarray) -> np.ndarray:
    """Of the two neurons of a leaf, for all ranks and places, which are equally likely."""
    of_one = [
        [places[i, e, p] - places[i, 1 - e, q] for e in (0, 1) for p, q in _all_places(places)]
        for i in (0, 1)
    ]
    return np.array(list(product(*of_one)))


def _all_places(places: np.ndarray) -> Iterator[tuple[int, ...]]:
    return product(range(places.shape[2]), repeat=2)


@identity("R17", 6, "powers of order statistics")
def _powers() -> Iterator[tuple[sp.Expr, sp.Expr]]:
    a, j = sp.symbols("a j", positive=True)
    for count in range(4):
        m = j + count
        gammas = sp.gamma(j + a) * sp.gamma(m + 1) / sp.gamma(j) / sp.gamma(m + 1 + a)
        yield (
            sp.gammasimp(gammas),
            sp.prod([(j + k) / (j + k + a) for k in range(count + 1)]),
        )


@equality("R18", 1, "coordinates of a neuron of a leaf", count=40)
def _independent(rng: np.random.Generator) -> Pairs:
    """Two cuts at ranks of one coordinate each: joint chances of ranks, over all samples of 4."""
    while True:
        cuts = [(int(rng.integers(2)), bool(rng.integers(2))) for _ in range(2)]
        joint = np.zeros((4, 4))
        for second in permutations(range(4)):
            ranks = np.array([range(4), second])
            members = np.arange(4)
            for axis, upper in cuts:
                ordered = members[np.argsort(ranks[axis, members])]
                members = ordered[len(ordered) // 2 :] if upper else ordered[: len(ordered) // 2]
            for member in members:
                joint[tuple(ranks[:, member])] += 1 / 24 / len(members)
        i, j = rng.integers(0, 4, 2)
        yield float(joint[i, j]), float(joint.sum(axis=1)[i] * joint.sum(axis=0)[j])


@equality("R18", 1, "the law of an order statistic")
def _order_statistic(rng: np.random.Generator) -> Pairs:
    """Beta, as the incomplete beta function computes it."""
    while True:
        m = int(rng.integers(1, 6))
        j, t = int(rng.integers(1, m + 1)), float(rng.uniform())
        law = sum(float(sp.binomial(m, k)) * t**k * (1 - t) ** (m - k) for k in range(j, m + 1))
        yield float(betainc(j, m - j + 1, t)), law


@equality("R18", 2, "the mean cost of a pair in a leaf")
def _leaf(rng: np.random.Generator) -> Pairs:
    """Two coordinates with three places each, and a point for every box."""
    while True:
        chances = [part / part.sum() for part in rng.exponential(size=(2, 3))]
        x, chance = rng.standard_normal((9, 2)), np.outer(*chances).ravel()
        apart = ((x[:, None] - x) ** 2).sum(axis=2)
        h = chance @ x
        yield float(chance @ apart @ chance), 2 * float(chance @ (x**2).sum(axis=1) - h @ h)


unchecked("R18", 3, "argument", "every neuron is in one leaf")


class _Counts(NamedTuple):
    """Neurons of A and B at atoms, and a flow whose sum out of each is their difference."""

    x: np.ndarray
    there: np.ndarray
    after: np.ndarray
    edges: np.ndarray
    flow: np.ndarray


def _counts(rng: np.random.Generator) -> _Counts:
    """On a path through the atoms and some more edges; now and then from end to end."""
    n, m = int(rng.integers(2, 5)), int(rng.integers(1, 6))
    x = np.cumsum(rng.exponential(size=(n, 1)), axis=0) * [1.0, 0.0]
    if rng.random() < 0.5:
        x = rng.standard_normal((n, 2))
    there, after = (np.bincount(rng.integers(0, n, m), minlength=n) for _ in range(2))
    if rng.random() < 0.2:
        there, after = m * np.eye(n, dtype=int)[[0, -1]]
    edges = np.array(
        [(i, j) for j in range(n) for i in range(j) if j == i + 1 or rng.random() < 0.5]
    )
    out = np.zeros((n, len(edges)))
    out[edges[:, 0], np.arange(len(edges))] = 1.0
    out[edges[:, 1], np.arange(len(edges))] = -1.0
    flow = np.linalg.lstsq(out, (there - after).astype(float), rcond=None)[0]
    return _Counts(x, there, after, edges, flow)


def _through(counts: _Counts) -> tuple[np.ndarray, np.ndarray]:
    """What flows out of every atom, and into it."""
    (i, j), flow, n = counts.edges.T, counts.flow, len(counts.x)
    ahead, back = np.maximum(flow, 0.0), np.maximum(-flow, 0.0)
    out = np.bincount(i, ahead, n) + np.bincount(j, back, n)
    into = np.bincount(j, ahead, n) + np.bincount(i, back, n)
    return out, into


class _Atom(NamedTuple):
    """Neurons of A and B at one atom, and what flows out of it and into it."""

    there: int
    after: int
    out: float
    into: float


def _atoms(rng: np.random.Generator) -> Iterator[_Atom]:
    while True:
        counts = _counts(rng)
        out, into = _through(counts)
        v = int(rng.integers(len(out)))
        yield _Atom(int(counts.there[v]), int(counts.after[v]), float(out[v]), float(into[v]))


@equality("R19", 1, "what arrives at an atom")
def _arrives(rng: np.random.Generator) -> Pairs:
    for there, after, out, into in _atoms(rng):
        yield 1 + there - out + into, 1.0 + after


@equality("R19", 2, "what lacks at an atom")
def _lacks(rng: np.random.Generator) -> Pairs:
    for there, after, out, into in _atoms(rng):
        yield 1 + max(out - there, 0.0), 1 + max(out + into - there - after, 0.0) / 2


def _joined(counts: _Counts) -> np.ndarray:
    """The plan whose flows go straight on where atoms are short."""
    n = len(counts.x)
    plan = np.zeros((n, n))
    for (i, j), flow in zip(counts.edges, counts.flow, strict=True):
        plan[(i, j) if flow > 0 else (j, i)] += abs(flow)
    out, _ = _through(counts)
    short = np.maximum(out - counts.there, 0.0)
    plan[np.diag_indices(n)] = np.maximum(counts.there - out, 0.0)
    for v in np.flatnonzero(short > 1e-12):  # less is rounding
        others = np.arange(n) != v
        into, on = plan[others, v], plan[v, others]
        share = short[v] / np.array([into.sum(), on.sum()])
        plan[np.ix_(others, others)] += np.outer(into, on) * share[0] / on.sum()
        plan[others, v] *= 1 - share[0]
        plan[v, others] *= 1 - share[1]
    return plan


@equality("R19", 3, "what a plan of chains sends and receives")
def _chained(rng: np.random.Generator) -> Pairs:
    while True:
        counts = _counts(rng)
        plan, axis = np.maximum(_joined(counts), 0.0), int(rng.integers(2))
        v = int(rng.integers(len(plan)))
        yield 1 + float(plan.sum(axis=axis)[v]), 1.0 + (counts.after, counts.there)[axis][v]


@inequality("R19", 4, "what is joined at both ends")
def _both_ends(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b = rng.random(2) if rng.random() < 0.9 else (1.0, rng.random())
        yield Trial(max(a + b - 1, 0.0), max(a - 0.5, 0.0) + max(b - 0.5, 0.0))


@equality("R19", 4, "more than half of what goes out, or comes in")
def _middle(rng: np.random.Generator) -> Pairs:
    for there, after, out, into in _atoms(rng):
        lacks, S = max(out - there, 0.0), out + into
        beyond = max(lacks - out / 2, 0.0) + max(lacks - into / 2, 0.0)
        yield (
            1 + beyond,
            1 + (max(S - 3 * there - after, 0.0) + max(S - there - 3 * after, 0.0)) / 4,
        )


@inequality("R19", 5, "the cost of a plan of chains")
def _chains(rng: np.random.Generator) -> Iterator[Trial]:
    """Of few neurons on graphs: the bound before means are taken."""
    while True:
        counts, p = _counts(rng), float(rng.uniform(0.5, 4))
        x, m = counts.x, int(counts.there.sum())
        out, into = _through(counts)
        lacks = np.maximum(out - counts.there, 0.0)
        again = np.maximum(lacks - out / 2, 0.0) + np.maximum(lacks - into / 2, 0.0)
        costs = np.linalg.norm(x[:, None] - x, axis=2) ** p
        once, more = _prices(costs, counts.edges, p)
        moved = float(costs[tuple(counts.edges.T)] @ np.abs(counts.flow))
        a, b = (np.repeat(x, number, axis=0) for number in (counts.there, counts.after))
        yield Trial(m * wasserstein_pow(a, b, p), moved + float(once @ lacks + more @ again))


def _prices(costs: np.ndarray, edges: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """R_v and G_v, by all walks of two and three edges."""
    linked = np.zeros(costs.shape, dtype=bool)
    linked[tuple(edges.T)] = linked[tuple(edges.T[::-1])] = True
    near = [np.flatnonzero(row).tolist() for row in linked]
    once, more = np.zeros((2, len(costs)))
    for v, around in enumerate(near):
        for u, w in product(around, around):
            once[v] = max(once[v], costs[u, w] - costs[u, v] - costs[v, w])
    far = float(costs.max())
    g = (far ** (1 - 1 / p) * costs ** (1 / p) - costs) * linked
    for v, around in enumerate(near):
        for w in around if p > 1 and len(around) > 1 else ():
            long = min(far, g[v, w] + max(g[v].max(), g[w].max())) - (once[v] + once[w]) / 2
            three = max(
                costs[u, z] - costs[u, v] - costs[v, w] - costs[w, z] - once[v] - once[w]
                for u, z in product(around, near[w])
            )
            more[v] = max(more[v], long, three)
    return once, more


@equality("R19", 6, "the parabola and its waves", count=40)
def _waves(rng: np.random.Generator) -> Pairs:
    """Up to the remainder of the series, which lies within 1/K of its mean."""
    k = np.arange(1, 2_000_001)
    while True:
        x = float(rng.uniform(0.5, 2 * np.pi - 0.5))
        series = float(((1 - np.cos(k * x)) / k**2).sum()) + 1 / (k[-1] + 0.5)
        yield series, np.pi * x / 2 - x**2 / 4


@inequality("R19", 6, "a number by a parabola and waves")
def _majorant(rng: np.random.Generator) -> Iterator[Trial]:
    """The series by its closed form in one period."""
    while True:
        h, s = float(rng.uniform(0.1, 2)), float(rng.exponential() * 4)
        x = (h * s) % (2 * np.pi)
        series = np.pi * x / 2 - x**2 / 4
        yield Trial(s, float(2 / np.pi * (h * s**2 / 4 + series / h)))


def _linear(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """A law on three atoms, coefficients of a flow, and one or two neurons."""
    return rng.dirichlet(np.ones(3)), rng.standard_normal(3), int(rng.integers(1, 3))


def _samples(q: np.ndarray, m: int) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """All pairs of samples, with their chances."""
    for a in product(range(3), repeat=m):
        for b in product(range(3), repeat=m):
            yield float(q[list(a)].prod() * q[list(b)].prod()), np.array(a), np.array(b)


@equality("R19", 6, "the mean of a wave")
def _wave(rng: np.random.Generator) -> Pairs:
    while True:
        q, C, m = _linear(rng)
        t = float(rng.exponential())
        mean = sum(
            chance * np.cos(t * (C[a].sum() - C[b].sum())) for chance, a, b in _samples(q, m)
        )
        yield 1 + mean, 1 + abs(q @ np.exp(1j * t * C)) ** (2 * m)


@inequality("R19", 7, "what is there, shared among edges")
def _shared(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        sizes, n = rng.exponential(size=3), float(rng.exponential())
        w = sizes / sizes.sum() if rng.random() < 0.5 else rng.dirichlet(np.ones(3))
        parts = float(np.maximum(sizes - w * n, 0.0).sum())
        yield Trial(max(float(sizes.sum()) - n, 0.0), parts)


@inequality("R19", 7, "a positive part by an exponential")
def _positive_part(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        theta, s = rng.exponential(size=2)
        s = 1 / theta if rng.random() < 0.3 else s
        yield Trial(float(s), float(np.exp(theta * s - 1) / theta))


@equality("R19", 7, "the exponential moment")
def _moment(rng: np.random.Generator) -> Pairs:
    while True:
        q, C, m = _linear(rng)
        theta, w, (x, y) = float(rng.exponential()), float(rng.uniform()), rng.choice((1, 3), 2)
        mean = sum(
            chance
            * np.exp(
                theta * (C[a].sum() - C[b].sum() - w * (x * (a == 0).sum() + y * (b == 0).sum()))
            )
            for chance, a, b in _samples(q, m)
        )
        at = np.array([1.0, 0.0, 0.0])
        up, down = (
            float(q @ np.exp(theta * (sign * C - left * w * at)))
            for sign, left in ((1, x), (-1, y))
        )
        yield float(mean) / (math.e * theta), (up * down) ** m / (math.e * theta)


def _linkage(x: np.ndarray) -> np.ndarray:
    """Single-linkage distances: the least largest step of all chains."""
    u = np.linalg.norm(x[:, None] - x, axis=2)
    for k in range(len(x)):
        u = np.minimum(u, np.maximum(u[:, k : k + 1], u[k : k + 1]))
    return u


@inequality("R22", 1, "the cost in two parts")
def _two_parts(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, p, g = rng.standard_normal((4, 2)), float(rng.uniform(0.5, 3)), float(rng.exponential())
        i, j = rng.choice(4, 2, replace=False)
        cost, u = float(np.linalg.norm(x[i] - x[j])) ** p, float(_linkage(x)[i, j]) ** p
        yield Trial(min(cost, g**p) + max(u - g**p, 0.0), cost)


unchecked("R22", 2, "cited", "R9, cut at g")


def _clusters(x: np.ndarray) -> list[tuple[np.ndarray, float, float]]:
    """All but the whole, with the distances at which they were and are joined."""
    u = _linkage(x)
    heights = np.unique(np.r_[0.0, u.ravel()])
    found: dict[tuple[int, ...], list[float]] = {}
    for height in heights:
        for i in range(len(x)):
            members = tuple(np.flatnonzero(u[i] <= height).tolist())
            found.setdefault(members, []).append(float(height))
    return [
        (np.array(members), min(at), float(heights[heights > max(at)].min()))
        for members, at in found.items()
        if len(members) < len(x)
    ]


@equality("R22", 3, "increments over clusters that hold one point")
def _increments(rng: np.random.Generator) -> Pairs:
    while True:
        x, p, g = rng.standard_normal((4, 2)), float(rng.uniform(0.5, 3)), float(rng.exponential())
        i, j = rng.choice(4, 2, replace=False)
        u = float(_linkage(x)[i, j])
        total = sum(
            max(high, g) ** p - max(low, g) ** p
            for members, low, high in _clusters(x)
            if (i in members) != (j in members)
        )
        # g^p keeps both sides away from 0
        yield g**p + total / 2, g**p + max(u**p - g**p, 0.0)


@inequality("R22", 3, "pairs with one neuron in a cluster")
def _crossing(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m = int(rng.integers(1, 5))
        a, b = rng.random((2, m)) < rng.uniform(0, 1, (2, 1))
        yield Trial(
            float(abs(int(a.sum()) - int(b.sum()))), float((a != b[rng.permutation(m)]).sum())
        )


def _mixture(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Two neurons of two clusters on the plane; s and s' point towards the other centre."""
    while True:
        c, d, off, off_too = rng.standard_normal((4, 2))
        if rng.random() < 0.5:
            off, off_too = ((d - c) * float(k) for k in rng.uniform(-0.5, 0.5, 2))
        gap = float(np.linalg.norm(d - c))
        toward = (d - c) / gap
        s, s_too = float(off @ toward), float(-off_too @ toward)
        z, t = gap - s - s_too, gap * float(rng.uniform())
        if rng.random() < 0.3:
            t = max(z, 0.0)
        apart = float(np.linalg.norm(c + off - d - off_too))
        half = (gap - t) / 2
        taken = max(s - half, 0.0) + max(s_too - half, 0.0)
        yield (
            Trial(z, apart),
            Trial(t**2 + 2 * t * (z - t), max(z, 0.0) ** 2),
            Trial(t, z + taken, 1e-14),
        )


inequality("R22", 4, "the distance of two neurons of a mixture")(link(_mixture, 0))


inequality("R22", 4, "its square by a tangent")(link(_mixture, 1))


inequality("R22", 4, "what sticks out of both clusters")(link(_mixture, 2))
