"""Steps of the proofs on matching costs (R1 to R22, D2, D4, M1, P1a, P2a, S1 to S2)."""

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.linalg import sqrtm
from scipy.special import betainc

from lmctheory.rates import optimal_permutation, wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import link, printed
from lmctheory.theorems.trial import Trial

Pairs = Iterator[tuple[Any, Any]]


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


@inequality("R10", 1, "what one neuron changes")
def _one_changed(rng: np.random.Generator) -> Iterator[Trial]:
    """Corners of a square of diameter D."""
    while True:
        m, p, D = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3)), float(rng.exponential())
        a, b = D / 2**0.5 * rng.integers(0, 2, (2, m, 2)).astype(float)
        other = a.copy()
        other[0] = D / 2**0.5 * rng.integers(0, 2, 2)
        changed = abs(wasserstein_pow(a, b, p) - wasserstein_pow(other, b, p))
        yield Trial(float(changed), D**p / m)


@identity("R10", 2, "McDiarmid's exponent")
def _mcdiarmid() -> Pairs:
    s, m, D, p = sp.symbols("s m D p", positive=True)
    exponent = -2 * s**2 / (2 * m * (D**p / m) ** 2)
    yield exponent, sp.log(printed("R10", 0, m=m, s=s, D=D, p=p))


def _lipschitz_links(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Every second time all neurons of A move away from those of B in one direction."""
    while True:
        m, p = int(rng.integers(1, 4)), float(rng.uniform(1, 2))
        a, b, c, d = rng.standard_normal((4, m, 2))
        if rng.random() < 0.5:
            push = rng.standard_normal(2)
            b, c, d = a + push, a - push, a + 2 * push
        far, near, own, other = (
            wasserstein_pow(u, v, p) ** (1 / p) for u, v in ((c, d), (a, b), (a, c), (b, d))
        )
        whole = float(np.linalg.norm(np.r_[a - c, b - d]))
        yield (
            Trial(abs(far - near), own + other),
            Trial(own, wasserstein_pow(a, c, 2) ** 0.5),
            Trial(wasserstein_pow(a, c, 2) ** 0.5, float(np.linalg.norm(a - c)) / m**0.5),
            Trial(abs(far - near), (2 / m) ** 0.5 * whole),
        )


inequality("R10", 3, "the triangle inequality")(link(_lipschitz_links, 0))
inequality("R10", 3, "W_p by W_2")(link(_lipschitz_links, 1))
inequality("R10", 3, "W_2 of a sample that moves")(link(_lipschitz_links, 2))
inequality("R10", 3, "the Lipschitz constant")(link(_lipschitz_links, 3))


@identity("R10", 4, "Herbst's exponent")
def _herbst() -> Pairs:
    s, m, C = sp.symbols("s m C", positive=True)
    yield -(s**2) / (2 * C * sp.sqrt(2 / m) ** 2), sp.log(printed("R10", 1, m=m, s=s, C=C))


@identity("R10", 5, "Poincare's variance")
def _poincare() -> Pairs:
    m, C = sp.symbols("m C", positive=True)
    yield C * sp.sqrt(2 / m) ** 2, printed("R10", 2, m=m, C=C)


unchecked("R11", 1, "cited", "each of the bounds")


@equality("R11", 2, "the mean cost of a fixed permutation")
def _fixed(rng: np.random.Generator) -> Pairs:
    """For a law on a few points: over all pairs of neurons."""
    while True:
        x = rng.standard_normal((int(rng.integers(2, 5)), 2))
        costs = [float(((y - z) ** 2).sum()) for y, z in product(x, repeat=2)]
        yield float(np.mean(costs)), 2 * float(np.trace(np.cov(x.T, bias=True)))


@inequality("R11", 3, "costs of blocks of coordinates")
def _blocks(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 3))
        whole = float(wasserstein_pow(a, b, 2))
        blocks = wasserstein_pow(a[:, :1], b[:, :1], 2) + wasserstein_pow(a[:, 1:], b[:, 1:], 2)
        yield Trial(float(blocks), whole)


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


@equality("R20", 1, "the gradient of a cost")
def _gradient(rng: np.random.Generator) -> Pairs:
    """By central differences, exact as the cost is a square where one matching is optimal."""
    while True:
        m, step = int(rng.integers(1, 4)), 1e-2
        neurons = rng.standard_normal((2, m, 2))
        gradient = np.zeros_like(neurons)
        best = [_optimal(neurons)]
        for place in np.ndindex(neurons.shape):
            ends = []
            for sign in (-1, 1):
                moved = neurons.copy()
                moved[place] += sign * step
                best.append(_optimal(moved))
                ends.append(_square_cost(moved))
            gradient[place] = (ends[1] - ends[0]) / (2 * step)
        if len(set(best)) == 1:
            size = float((gradient**2).sum())
            yield size, 8 * _square_cost(neurons) / m


def _square_cost(neurons: np.ndarray) -> float:
    a, b = neurons
    return float(wasserstein_pow(a, b, 2))


def _optimal(neurons: np.ndarray) -> tuple[int, ...]:
    a, b = neurons
    return min(
        permutations(range(len(a))), key=lambda order: float(((a - b[list(order)]) ** 2).sum())
    )


@identity("R20", 2, "the log-Sobolev inequality for exp(tW/2)")
def _entropy() -> Pairs:
    t, C, m, W = sp.symbols("t C m W", positive=True)
    k = 4 * C / m
    gradient_square = (t / 2) ** 2 * (8 * W / m) * sp.exp(t * W)
    yield 2 * C * gradient_square, k * t**2 * W * sp.exp(t * W)
    # Z = E e^{tW}, whose slope is E W e^{tW}
    Z = sp.Function("Z", positive=True)(t)
    psi = sp.log(Z)
    entropy = t * sp.diff(Z, t) - Z * sp.log(Z)
    yield entropy / Z, t * sp.diff(psi, t) - psi
    yield k * t**2 * sp.diff(Z, t) / Z, k * t**2 * sp.diff(psi, t)


@identity("R20", 3, "the slope of psi (1 - kt) / t")
def _falls() -> Pairs:
    t, k = sp.symbols("t k", positive=True)
    psi = sp.Function("psi")(t)
    room = k * t**2 * sp.diff(psi, t) - (t * sp.diff(psi, t) - psi)
    yield sp.diff(psi * (1 - k * t) / t, t), -room / t**2


@inequality("R20", 3, "psi of a law that obeys step 2")
def _psi(rng: np.random.Generator) -> Iterator[Trial]:
    """W = Z^2 with Z normal: C = 1, m = 1/4 of |grad W|^2 = 4 W, so k = 2, and psi is known."""
    while True:
        t = float(rng.uniform(0, 0.49)) * float(10 ** rng.uniform(-3, 0))
        yield Trial(-np.log(1 - 2 * t) / 2, t / (1 - 2 * t))


@identity("R20", 4, "Chernoff's exponent, on both sides")
def _chernoff() -> Pairs:
    x, M, k, n, C, m = sp.symbols("x M k n C m", positive=True)
    for sign in (1, -1):
        t = sign * (1 - sp.sqrt(M / x)) / k
        exponent = n * (sign * t * M / (1 - sign * k * t) - sign * t * x)
        yield exponent, -n * (sp.sqrt(x) - sp.sqrt(M)) ** 2 / k
    s = sp.symbols("s", positive=True)
    yield sp.log(printed("R20", 0, m=m, n=n, C=C, s=s)), -n * s**2 / (4 * C / m)


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


unchecked("D2", 1, "argument", "columns in another order, rows of the same law")


@equality("D2", 2, "mean squares by the second moment")
def _second_moment(rng: np.random.Generator) -> Pairs:
    while True:
        phi, w = rng.standard_normal((4, 3)), rng.standard_normal(3)
        root = np.real(sqrtm(phi.T @ phi / 4))
        yield float(((phi @ w) ** 2).mean()), float(((root @ w) ** 2).sum())


unchecked("D2", 3, "cited", "R11 for two samples given what lies below")


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


def _finite_law(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms, their chances, and a neuron."""
    chance = rng.exponential(size=3)
    return rng.standard_normal((3, 2)), chance / chance.sum(), rng.standard_normal(2)


@equality("S1", 2, "none of the neurons is near, up to its sign", count=30)
def _none_near(rng: np.random.Generator) -> Pairs:
    """Over all samples of m neurons."""
    while True:
        x, chance, a = _finite_law(rng)
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
        x, chance, a = _finite_law(rng)
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


@inequality("R3", 1, "the mean over one sample is convex", count=60)
def _one_sample(rng: np.random.Generator) -> Iterator[Trial]:
    """The second sample's mean is a law on a few points, of which every one is drawn m times."""
    while True:
        m, p = int(rng.integers(1, 3)), float(rng.uniform(0.5, 3))
        atoms = rng.standard_normal((2, 1))
        a = atoms if rng.random() < 0.3 else rng.standard_normal((m, 1))
        m = len(a)
        costs = [wasserstein_pow(a, atoms[list(s)], p) for s in product(range(2), repeat=m)]
        # against the law itself, by a sample in which both of its points come m times
        whole = wasserstein_pow(np.repeat(a, 2, axis=0), np.repeat(atoms, m, axis=0), p)
        yield Trial(float(whole), float(np.mean(costs)), 1e-14)


@inequality("R3", 2, "both samples coupled with one neuron")
def _through_one(rng: np.random.Generator) -> Iterator[Trial]:
    """By the plans of both samples to the law, which is uniform on a few points."""
    while True:
        m, k, p = int(rng.integers(1, 4)), int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        z, a, b = rng.standard_normal((k, 2)), *rng.standard_normal((2, m, 2))
        plans = []
        for side in (a, b):
            order = optimal_permutation(np.repeat(side, k, axis=0), np.repeat(z, m, axis=0), p)
            plan = np.zeros((m, k))
            np.add.at(plan, (np.arange(m * k) // k, np.asarray(order) // m), 1 / (m * k))
            plans.append(plan)
        coupling = k * plans[0] @ plans[1].T
        cost = float((coupling * np.linalg.norm(a[:, None] - b, axis=2) ** p).sum())
        yield Trial(float(wasserstein_pow(a, b, p)), cost)


def _both_differ(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A law on a few points of the line, often on two opposite ones, and a power."""
    x = rng.standard_normal(int(rng.integers(1, 4)))
    p = float(rng.uniform(0.3, 4))
    if rng.random() < 0.3:
        x = np.array([-1.0, 1.0])
    elif rng.random() < 0.3:  # nearly all at 0
        x = np.r_[np.zeros(300), 1.0]
    return x, p


def _norms(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Of f(x) - f(y) for x and y of one law."""
    while True:
        f, _ = _both_differ(rng)
        apart = np.abs(f[:, None] - f)
        yield (
            Trial(float(apart.mean()), 2 * float(np.abs(f).mean())),
            Trial(float(apart.max()), 2 * float(np.abs(f).max())),
        )


inequality("R3", 3, "the norm from L1 to L1")(link(_norms, 0))
inequality("R3", 3, "the norm from L_infinity to L_infinity")(link(_norms, 1))


@equality("R3", 3, "the mean square of a difference")
def _square_difference(rng: np.random.Generator) -> Pairs:
    while True:
        f = rng.standard_normal(int(rng.integers(2, 5)))
        yield (
            float(((f[:, None] - f) ** 2).mean()),
            2 * float((f**2).mean()) - 2 * float(f.mean()) ** 2,
        )


@inequality("R3", 4, "the mean power of a difference")
def _power_of_difference(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, p = _both_differ(rng)
        left = float((np.abs(x[:, None] - x) ** p).mean())
        yield Trial(left, max(2.0, 2 ** (p - 1)) * float((np.abs(x) ** p).mean()))


@equality("R9", 1, "the mean power to the nearest, by balls", count=30)
def _nearest(rng: np.random.Generator) -> Pairs:
    """Over all samples of m neurons from a law on a few points."""
    while True:
        x, chance, a = _finite_law(rng)
        m, p = int(rng.integers(1, 4)), float(rng.uniform(0.5, 3))
        far = np.linalg.norm(x - a, axis=1)
        mean = sum(
            float(np.prod(chance[list(s)])) * float(far[list(s)].min()) ** p
            for s in product(range(3), repeat=m)
        )
        ends = np.r_[0.0, np.sort(far)] ** p
        masses = [float(chance[far**p <= r].sum()) for r in ends[:-1]]
        yield mean, float((1 - np.array(masses)) ** m @ np.diff(ends))


@inequality("R9", 2, "Jensen over neurons of A")
def _balls(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        masses, m = rng.uniform(size=int(rng.integers(1, 4))), int(rng.integers(1, 6))
        yield Trial(float(1 - masses.mean()) ** m, float(((1 - masses) ** m).mean()))


def _slices(d: int) -> float:
    """Volume of the unit ball, a slice after the other."""
    volume = 1.0
    for k in range(1, d + 1):
        volume *= quad(lambda angle, k=k: np.cos(angle) ** k, -np.pi / 2, np.pi / 2)[0]
    return volume


@equality("R9", 3, "the volume of the ball", count=10)
def _volume(rng: np.random.Generator) -> Pairs:
    while True:
        d = int(rng.integers(1, 9))
        yield _slices(d), float(printed("R9", 2, d=d))


@equality("R9", 3, "the Beta integral, as it is printed", count=20)
def _beta(rng: np.random.Generator) -> Pairs:
    while True:
        d, m, p = (int(rng.integers(1, 5)) for _ in range(3))
        F = float(10 ** rng.uniform(-1, 1))
        ball = _slices(d)
        end = (F * ball) ** (-p / d)

        def power(part: float, d: int = d, m: int = m, p: int = p, end: float = end) -> float:
            # r = end part^p, where masses are polynomials
            return (1 - part**d) ** m * end * p * part ** (p - 1)

        whole, _ = quad(power, 0, 1, epsabs=0, epsrel=1e-12)
        yield whole, float(printed("R9", 1, F=F, v=ball, d=d, m=m, p=p))


@identity("R9", 4, "the tilted density")
def _tilted() -> Pairs:
    """One coordinate: the exponent, and the constant before the density of Y."""
    x, a = sp.symbols("x a", real=True)
    s, lam = sp.symbols("s lambda", positive=True)
    v = lam / (1 + 2 * s * lam)
    gap, mean = x - a, -a / (1 + 2 * s * lam)
    left = -(x**2) / (2 * lam) - s * gap**2
    yield left, -((gap - mean) ** 2) / (2 * v) - s * a**2 / (1 + 2 * s * lam)
    yield sp.sqrt(v / lam) ** 2, 1 / (1 + 2 * s * lam)


@equality("R9", 5, "the characteristic function's modulus", count=30)
def _modulus(rng: np.random.Generator) -> Pairs:
    """Of the square of a centred normal number, by quadrature."""
    while True:
        v, w = float(10 ** rng.uniform(-0.5, 0.5)), float(rng.uniform(-2, 2))
        grid = np.linspace(-12, 12, 20_001) * v**0.5
        density = np.exp(-(grid**2) / (2 * v)) / (2 * np.pi * v) ** 0.5
        value = (np.exp(1j * w * grid**2) * density).sum() * (grid[1] - grid[0])
        yield abs(value), (1 + 4 * w**2 * v**2) ** -0.25


def _ranks(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    while True:
        q = rng.exponential(size=int(rng.integers(1, 6)))
        if rng.random() < 0.3:
            q[:] = 1.0
        q = q / q.sum()
        square, entropy = float((q**2).sum()), -float(q @ np.log(q))
        k = int(rng.integers(1, len(q) + 1))
        largest = float(np.sort(q)[-k:].sum())
        yield (
            Trial(square, float(q.max())),
            Trial(float(q.max()) ** 2, square),
            Trial(1 / square, float(np.exp(entropy))),
            Trial(float(np.exp(entropy)), float(len(q))),
            Trial(largest, k * float(q.max())),
            Trial(min(1.0, k / len(q)), largest),
        )


@identity("R12", 1, "ranks as they are printed, by shares")
def _shares() -> Pairs:
    lam = sp.symbols("lambda1:4", positive=True)
    q = [each / sum(lam) for each in lam]
    spectrum = {sp.Function("lam")(k + 1): each for k, each in enumerate(lam)}
    largest, square = (printed("R12", line, d=3).doit().subs(spectrum) for line in (0, 1))
    yield largest, 1 / q[0]
    yield square, 1 / sum(each**2 for each in q)


inequality("R12", 2, "the sum of squares by the largest share")(link(_ranks, 0))
inequality("R12", 2, "the square of the largest share")(link(_ranks, 1))
inequality("R12", 2, "r_2 by r_1")(link(_ranks, 2))
inequality("R12", 2, "r_1 by r_0")(link(_ranks, 3))
inequality("R12", 3, "the k largest shares from above")(link(_ranks, 4))
inequality("R12", 3, "the k largest shares from below")(link(_ranks, 5))


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


@inequality("R1", 1, "couplings by permutations")
def _couplings(rng: np.random.Generator) -> Iterator[Trial]:
    """Mixtures of a few permutation matrices, often of one."""
    while True:
        m, count = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        costs = rng.exponential(size=(m, m))
        weights = rng.dirichlet(np.ones(count))
        orders = [rng.permutation(m) for _ in range(count)]
        S = sum(w * np.eye(m)[order] for w, order in zip(weights, orders, strict=True))
        least = min(costs[range(m), order].mean() for order in permutations(range(m)))
        yield Trial(float(least), float((costs * S).sum()) / m)


unchecked("R2", 1, "definition", "samples without one neuron")


@inequality("R2", 2, "all neurons by all but one")
def _leave_one_out(rng: np.random.Generator) -> Iterator[Trial]:
    """Often neurons are near those of the other network, and all matchings are one."""
    while True:
        m, p = int(rng.integers(2, 5)), float(rng.uniform(0.5, 3))
        a, b = rng.standard_normal((2, m, 2))
        if rng.random() < 0.3:
            b = a + 1e-2 * b
        parts = [wasserstein_pow(np.delete(a, j, 0), np.delete(b, j, 0), p) for j in range(m)]
        yield Trial(float(wasserstein_pow(a, b, p)), float(np.mean(parts)))


unchecked("R2", 3, "argument", "neurons of one law")


@equality("R7", 1, "sorted neurons against every permutation")
def _sorted(rng: np.random.Generator) -> Pairs:
    while True:
        a, b = np.sort(rng.standard_normal((2, int(rng.integers(1, 5)))))
        p = float(rng.uniform(1, 3))
        every = (np.abs(a - b[list(o)]) ** p for o in permutations(range(len(a))))
        yield float(min(each.mean() for each in every)), float((np.abs(a - b) ** p).mean())


def _order_statistics(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """All sorted samples of a few neurons from a law on three points."""
    m, x = int(rng.integers(1, 4)), rng.standard_normal(3)
    return np.sort([x[list(sample)] for sample in product(range(3), repeat=m)], axis=1), m


@equality("R7", 2, "the mean cost by variances", count=30)
def _variances(rng: np.random.Generator) -> Pairs:
    while True:
        samples, m = _order_statistics(rng)
        apart = (samples[:, None] - samples) ** 2
        variances = samples.var(axis=0)
        given = {sp.Function("v")(i + 1): value for i, value in enumerate(variances)}
        yield float(apart.mean()), float(printed("R7", 0, m=m).doit().subs(given))


@equality("R7", 3, "mean squares of order statistics", count=30)
def _mean_squares(rng: np.random.Generator) -> Pairs:
    while True:
        samples, m = _order_statistics(rng)
        yield float((samples**2).mean(axis=0).sum()), m * float((np.unique(samples) ** 2).mean())


@identity("R8", 1, "variances of the first coordinate leave its cost")
def _first_axis() -> Pairs:
    """A matched pair of first coordinates, in units of its deviation."""
    lam = sp.symbols("lambda", positive=True)
    x, y = sp.symbols("x y", real=True)
    yield (sp.sqrt(lam) * x - sp.sqrt(lam) * y) ** 2, lam * (x - y) ** 2


@equality("R8", 2, "the mean cost matched by one coordinate", count=10)
def _by_one_coordinate(rng: np.random.Generator) -> Pairs:
    """Two neurons of each network; two independent coordinates with a law on two points."""
    while True:
        first, second = rng.standard_normal((2, 2))
        atoms = list(product(first, second))
        draws = [np.array(sample) for sample in product(atoms, repeat=2)]
        whole, one = [], []
        for pair in product(draws, repeat=2):
            # ties are left as they come, by the first coordinate alone
            a, b = (side[np.argsort(side[:, 0], kind="stable")] for side in pair)
            whole.append(((a - b) ** 2).sum(axis=1).mean())
            one.append(((a - b)[:, 0] ** 2).mean())
        yield float(np.mean(whole)), float(np.mean(one)) + 2 * float(second.var())


@identity("M1", 1, "the inner product of outer products")
def _outer() -> Pairs:
    u, v, p, q = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "uvpq")
    yield sum((u * v.T).multiply_elementwise(p * q.T)), u.dot(p) * v.dot(q)
    P, Q = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "PQ")
    yield from zip(P * (p * q.T) * Q.T, (P * p) * (Q * q).T, strict=True)


@identity("P1a", 1, "what a neuron contributes")
def _contributes() -> Pairs:
    """With j written out; output biases of both networks beside it."""
    t, v, w, M, S, T, b, c = sp.symbols("t v w M S T b c")
    middle, j = t * v + (1 - t) * w, M - t * S - (1 - t) * T
    here = middle * M + t * b + (1 - t) * c
    error = here - t * (v * S + b) - (1 - t) * (w * T + c)
    yield error, middle * j + middle * (t * S + (1 - t) * T) - t * v * S - (1 - t) * w * T


@identity("P1a", 2, "all but the first term")
def _rest() -> Pairs:
    t, v, w, S, T = sp.symbols("t v w S T")
    left = (t * v + (1 - t) * w) * (t * S + (1 - t) * T) - t * v * S - (1 - t) * w * T
    yield left, -t * (1 - t) * (v - w) * (S - T)


@equality("P2a", 1, "the union of members against their mean")
def _union(rng: np.random.Generator) -> Pairs:
    """As one network, whose neurons are all of the members'."""
    while True:
        q, m, x = int(rng.integers(1, 4)), 2, rng.standard_normal(2)
        w, b, v, c = (rng.standard_normal(shape) for shape in ((q, m, 2), (q, m), (q, m), q))
        members = [float(v[k] @ np.tanh(w[k] @ x + b[k]) + c[k]) for k in range(q)]
        hidden = np.tanh(w.reshape(q * m, 2) @ x + b.ravel())
        yield 10 + float(v.ravel() / q @ hidden) + float(c.mean()), 10 + float(np.mean(members))
