"""Steps of the proofs on deep Gaussian networks (D1, D1s, D5, D6).

Laws are finite here: expectations are sums over all draws, with ties of matchings at random.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import ndtr, ndtri
from sympy.core.function import AppliedUndef

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, link, printed
from lmctheory.theorems.trial import Trial


def _matrix(name: str) -> Any:
    a, b, c = sp.symbols(f"{name}1:4")
    return sp.Matrix([[a, b], [b, c]])


def _vectors(names: str) -> Any:
    return (sp.Matrix(sp.symbols(f"{name}1:3")) for name in names)


def _form(matrix: Any, x: Any, y: Any = None) -> Any:
    """<x, matrix y>, y = x if it is not given."""
    return (x.T * matrix * (x if y is None else y))[0]


@cache
def _samples(atoms: int, m: int) -> np.ndarray:
    """All samples of m neurons from so many atoms: their numbers."""
    return np.array(list(product(range(atoms), repeat=m)))


def _pairs_of(
    values: np.ndarray, m: int, metric: np.ndarray
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Chances of matched samples, and both; optimal in the metric, ties at random."""
    samples = _samples(len(values), m)
    orders = [list(order) for order in permutations(range(m))]
    chance = 1 / len(samples) ** 2
    for one in samples:
        for other in samples:
            a, b = values[one], values[other]
            costs = np.array([np.einsum("ij,jk,ik->", a - b[o], metric, a - b[o]) for o in orders])
            best = np.flatnonzero(costs <= costs.min() + 1e-12)
            for o in best:
                yield chance / len(best), a, b[orders[o]]


def _second_moments(
    values: np.ndarray, m: int, metric: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E alpha beta^T and E (alpha - beta)(alpha - beta)^T of a pair."""
    p = values.shape[1]
    mixed, apart = np.zeros((p, p)), np.zeros((p, p))
    for chance, a, b in _pairs_of(values, m, metric):
        mixed += chance * a.T @ b / m
        apart += chance * (a - b).T @ (a - b) / m
    return mixed, apart


unchecked("D1", 1, "definition", "rows of a matched pair, given the layers below")


@equality("D1", 2, "moments of a matched pair", count=12)
def _exchanged(rng: np.random.Generator) -> Pairs:
    """Three atoms of any law, so that rows are neither centred nor symmetric."""
    while True:
        m, values, root = int(rng.integers(1, 3)), *rng.standard_normal((2, 3, 2))
        mixed, apart = _second_moments(values, m, root.T @ root)
        N = values.T @ values / 3 - mixed
        size = 9 + float(np.abs(apart).max())
        yield size + float(N[0, 1]), size + float(N[1, 0])
        yield (
            float((apart * [[1, 2], [3, 4]]).sum()) + size,
            size + float((2 * N * [[1, 2], [3, 4]]).sum()),
        )


@identity("D1", 2, "the cost by N")
def _cost() -> Pairs:
    N = _matrix("N")
    [phi, chi] = _vectors("xy")
    Y = (phi * phi.T + chi * chi.T) / 2
    yield (2 * N * Y).trace(), _form(N, phi) + _form(N, chi)


def _axes(rng: np.random.Generator) -> tuple[np.ndarray, int, float]:
    """Neurons of two independent symmetric coordinates, their number, and a weight."""
    m, mu = int(rng.choice([1, 2, 2])), float(10 ** rng.uniform(-1, 1))
    first, second = ([-1.0, 1.0], [-1.0, 1.0])
    if rng.random() < 0.3:
        second = [-(1.5**0.5), 0.0, 1.5**0.5]
    return np.array(list(product(first, second))), m, mu


@equality("D1", 3, "different coordinates of a pair", count=12)
def _signs(rng: np.random.Generator) -> Pairs:
    while True:
        values, m, mu = _axes(rng)
        mixed, _ = _second_moments(values, m, np.diag([1.0, mu]))
        yield 9 + float(mixed[0, 1]), 9 + float(mixed[1, 0])
        yield 9 + float(mixed[0, 1]), 9.0
        flat, _ = _second_moments(values, m, np.diag([1.0, 0.0]))
        yield 9 + float(flat[1, 1]), 9.0


def _weights(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """The least mean cost with mu and with 0; of one neuron everything is attained."""
    while True:
        values, m, mu = _axes(rng)
        metric = np.diag([1.0, mu])
        mixed, apart = _second_moments(values, m, metric)
        _, flat = _second_moments(values, m, np.diag([1.0, 0.0]))
        here, there = float((metric * apart).sum()), float(flat[0, 0])
        N = np.eye(2) - mixed
        yield (
            Trial(here, there + 2 * mu),
            Trial(there, here - mu * float(apart[1, 1])),
            Trial(float(apart[1, 1]), 2.0),
            Trial(float(np.linalg.eigvalsh((N + N.T) / 2)[-1]), 1.0),
        )


inequality("D1", 3, "the matching without a coordinate", count=20)(link(_weights, 0))
inequality("D1", 3, "the matching with it", count=20)(link(_weights, 1))
inequality("D1", 3, "a coordinate's mean square", count=20)(link(_weights, 2))
inequality("D1", 3, "N is at most C", count=20)(link(_weights, 3))


@identity("D1", 4, "pre-activations of A and B apart")
def _apart() -> Pairs:
    """With the second moments C, C and C - N of a pair of rows."""
    C, N = _matrix("C"), _matrix("N")
    a, b = _vectors("ab")
    square = _form(C, a) + _form(C, b) - 2 * _form(C - N, a, b)
    yield square, _form(C, a - b) + 2 * _form(N, a, b)
    yield _form(N, a, b), _form(N, (a + b) / 2) - _form(N, a - b) / 4


def _forms(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """C and N, 0 <= N <= C; every second time they are equal."""
    root, share = rng.standard_normal((2, 2)), rng.uniform(size=2)
    if rng.random() < 0.5:
        share = np.ones(2)
    return root @ root.T, root @ np.diag(share) @ root.T


def _distances(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    while True:
        C, N = _forms(rng)
        a, b, p, t = *rng.standard_normal((3, 2)), float(rng.uniform())
        if rng.random() < 0.5:
            b = a
        middle, theta, moved = t * a + (1 - t) * b, t**2 + (1 - t) ** 2, a - b
        if rng.random() < 0.5:
            p = middle / (2 * theta)
        inner = 2 * float((middle - theta * p) @ N @ p)
        yield (
            Trial(
                float(moved @ C @ moved + 2 * a @ N @ b),
                float(moved @ C @ moved + (a + b) @ N @ (a + b) / 2),
            ),
            Trial(inner, float(middle @ N @ middle) / (2 * theta), 1e-13),
            Trial(float(moved @ N @ moved), float(moved @ C @ moved)),
        )


inequality("D1", 4, "the product by the mean of both")(link(_distances, 0))
inequality("D1", 5, "the most over all p")(link(_distances, 1))
inequality("D1", 5, "the difference of both by step 3")(link(_distances, 2))


@identity("D1", 5, "distances on the segment")
def _segment() -> Pairs:
    t, C, N = sp.symbols("t"), _matrix("C"), _matrix("N")
    a, b, p = _vectors("abp")

    def square(x: Any, y: Any) -> Any:
        """E (alpha x + beta y)^2."""
        return _form(C, x) + _form(C, y) + 2 * _form(C - N, x, y)

    own, other = square(t * p - a, (1 - t) * p), square(t * p, (1 - t) * p - b)
    yield own, _form(C, p - a) + 2 * (1 - t) * _form(N, a - t * p, p)
    yield other, _form(C, p - b) + 2 * t * _form(N, b - (1 - t) * p, p)
    theta, middle = t**2 + (1 - t) ** 2, t * a + (1 - t) * b
    inner = 2 * t * _form(N, a - t * p, p) + 2 * (1 - t) * _form(N, b - (1 - t) * p, p)
    yield inner, 2 * _form(N, middle - theta * p, p)
    yield from zip(middle, (a + b) / 2 + (t - sp.Rational(1, 2)) * (a - b), strict=True)
    mixed = _form(N, a + b, a - b)
    half = sp.Rational(1, 2)
    exchanged = (_form(N, middle) + _form(N, t * b + (1 - t) * a)) / 2
    yield exchanged, _form(N, (a + b) / 2) + (t - half) ** 2 * _form(N, a - b)
    yield mixed, -mixed.subs(dict(zip([*a, *b], [*b, *a], strict=True)), simultaneous=True)


def _argument(key: str, line: int, **values: Any) -> Any:
    """What S is taken of in a formula."""
    [of] = printed(key, line, **values).atoms(AppliedUndef)
    return of.args[0]


@identity("D1", 5, "x_l, as it is printed")
def _printed_distance() -> Pairs:
    t, X, G, M, s, w = sp.symbols("t X G M s w", positive=True)
    half, theta = sp.Rational(1, 2), t**2 + (1 - t) ** 2
    x = s**2 * X + (half * M + (t - half) ** 2 * s**2 * G) / (2 * theta)
    yield w * _argument("D1", 2, X=X, G=G, M=M, s_w=s, t=t, w=w), x


def _softplus(z: Any) -> Any:
    return np.logaddexp(0, z)


def _gelu(z: Any) -> Any:
    return z * ndtr(z)


def _both_signs(sigma: Callable[[Any], Any], u: Any, v: Any) -> Any:
    """|varsigma(u) - varsigma(v)|^2."""
    return ((sigma(u) - sigma(v)) ** 2 + (sigma(-u) - sigma(-v)) ** 2) / 2


_SIGMAS: tuple[tuple[Callable[[Any], Any], float], ...] = (
    (lambda z: leaky(z, 0.0), 0.5),
    (lambda z: leaky(z, 0.2), 0.52),
    (np.tanh, 1.0),
    (_softplus, 0.5),
)
"""Activations and sup |varsigma'|^2; of the last it is met far from 0."""


@equality("D1", 6, "distances over both signs of a layer")
def _over_signs(rng: np.random.Generator) -> Pairs:
    """Symmetric laws of pairs."""
    while True:
        sigma, _ = _SIGMAS[rng.integers(len(_SIGMAS))]
        pairs = rng.standard_normal((3, 2))
        u, v = np.concatenate([pairs, -pairs]).T
        yield (
            1 + float(((sigma(u) - sigma(v)) ** 2).mean()),
            1 + float(_both_signs(sigma, u, v).mean()),
        )


def _lines(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Any slopes and a few values of u; v is met, or is where the supremum is."""
    grid = np.linspace(-6, 6, 481)
    while True:
        sigma, kappa = _SIGMAS[rng.integers(len(_SIGMAS))]
        lam, gamma = float(rng.uniform(0.01, 1)), float(rng.choice([0.0, rng.exponential() / 10]))
        u = rng.standard_normal(3)
        v = rng.choice(grid, 3)
        left = _both_signs(sigma, u[:, None], grid)
        rests = left - lam * (u[:, None] - grid) ** 2 - gamma * grid**4
        if rng.random() < 0.5:
            v = grid[rests.argmax(axis=1)]
        distance, fourth = float(((u - v) ** 2).mean()), float((v**4).mean())
        bound = lam * distance + gamma * fourth + float(rests.max(axis=1).mean())
        z, y = float(abs(u[0])), float(abs(u[1]))
        if rng.random() < 0.5:
            z, y = 30 + z, 30 + y
            if sigma is np.tanh:
                z, y = 1e-3 * z, 0.0
        a, b, t = *(2 * rng.standard_normal(2)), float(rng.uniform())
        if rng.random() < 0.3:
            b = a
        yield (
            Trial(float(_both_signs(sigma, u, v).mean()), bound),
            Trial(float(_both_signs(sigma, z, y)), kappa * (z - y) ** 2, 1e-13),
            Trial(float(t * a + (1 - t) * b) ** 4, float(t * a**4 + (1 - t) * b**4)),
        )


inequality("D1", 6, "a line above all distances")(link(_lines, 0))
inequality("D1", 6, "the line of slope kappa")(link(_lines, 1))
inequality("D1", 6, "fourth powers on the segment")(link(_lines, 2))


@equality("D1", 6, "the fourth moment of a Gaussian variable", count=20)
def _fourth(rng: np.random.Generator) -> Pairs:
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    while True:
        q = float(rng.exponential())
        yield float(weights @ (q**0.5 * nodes) ** 4) / float(weights.sum()), 3 * q**2


@inequality("D1", 7, "|varsigma|^2 is convex for some activations")
def _convex(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (z, y), t = 3 * rng.standard_normal(2), float(rng.uniform())
        sigma = (_SIGMAS[0][0], _softplus, _gelu)[rng.integers(3)]
        if rng.random() < 0.3:
            y = z * (1 + 1e-3)
        chord = t * _both_signs(sigma, z, 0) + (1 - t) * _both_signs(sigma, y, 0)
        # varsigma less its value at 0 is not varsigma
        size = [(sigma(x) ** 2 + sigma(-x) ** 2) / 2 for x in (t * z + (1 - t) * y, z, y)]
        assert chord >= 0
        yield Trial(float(size[0]), float(t * size[1] + (1 - t) * size[2]), 1e-14)


@identity("D1", 8, "the first layer, w, and G as printed")
def _recursion() -> Pairs:
    t, z, y, M, G, s = sp.symbols("t z y M G s", positive=True)
    middle = t * z + (1 - t) * y
    yield middle - z, (1 - t) * (y - z)
    yield middle - y, t * (z - y)
    yield t / (1 - t) + (1 - t) / t, printed("D1", 3, t=t)
    S = sp.Function("S")
    first = t / (1 - t) * S((1 - t) ** 2 * M) + (1 - t) / t * S(t**2 * M)
    yield first, printed("D1", 1, t=t, M=M)
    yield s**2 * G + M, _argument("D1", 4, s_w=s, G=G, M=M)


def _concave(rng: np.random.Generator) -> Callable[[float], float]:
    """A minimum of two lines that rise and are at least 0 at 0."""
    slopes, heights = rng.exponential(size=2), np.array([0.0, rng.exponential()])
    return lambda x: float((slopes * x + heights).min())


@inequality("D1", 8, "both distances by their weighted mean")
def _jensen(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        S, t, (a, b) = _concave(rng), float(rng.uniform(0.05, 0.95)), rng.exponential(size=2)
        weights = t / (1 - t), (1 - t) / t
        w = sum(weights)
        mean = float(weights[0] * a + weights[1] * b) / w
        yield Trial(weights[0] * S(float(a)) + weights[1] * S(float(b)), w * S(mean))


@identity("D1", 9, "the function error by output weights")
def _outputs() -> Pairs:
    t, u, v, b, c, X, n, s, m = sp.symbols("t u v b c X n s m")
    p, f, g = sp.symbols("p f g")
    here = (t * u + (1 - t) * v) * p + t * b + (1 - t) * c
    yield here - t * (u * f + b) - (1 - t) * (v * g + c), t * u * (p - f) + (1 - t) * v * (p - g)
    squares = t**2 * (p - f) ** 2 + (1 - t) ** 2 * (p - g) ** 2
    yield squares, t * (1 - t) * (t / (1 - t) * (p - f) ** 2 + (1 - t) / t * (p - g) ** 2)
    # the sum over m neurons of the bracket is at most m X
    yield n * s**2 / m * t * (1 - t) * m * X, printed("D1", 0, t=t, X=X, n_out=n, s_out=s)


@equality("D1", 9, "the mean square over output weights")
def _mean_square(rng: np.random.Generator) -> Pairs:
    """All signs of the output weights of both networks, and of two outputs."""
    while True:
        m, t, s = 2, float(rng.uniform()), float(rng.exponential())
        p, f, g = rng.standard_normal((3, m))
        draws = np.array(list(product((-1, 1), repeat=4 * m))).reshape(-1, 2, 2, m) * s / m**0.5
        moved = t * draws[:, 0] @ (p - f) + (1 - t) * draws[:, 1] @ (p - g)
        squares = t**2 * float((p - f) @ (p - f)) + (1 - t) ** 2 * float((p - g) @ (p - g))
        yield float((moved**2).sum(axis=1).mean()), 2 * s**2 / m * squares


@identity("D1", 10, "the Gram matrix of the mean of both")
def _grams() -> Pairs:
    (f, g), (p, q) = sp.symbols("f1:3"), sp.symbols("g1:3")
    mean = (f + p) / 2 * (g + q) / 2
    yield mean, (f * g + p * q) / 2 - (f - p) * (g - q) / 4


def _least_cost(a: np.ndarray, b: np.ndarray, metric: np.ndarray) -> float:
    apart = a[:, None] - b
    costs = np.einsum("ijk,kl,ijl->ij", apart, metric, apart)
    m = len(a)
    return min(float(costs[range(m), o].mean()) for o in permutations(range(m)))


def _metrics(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Costs of given rows in two metrics, their mean, and a larger one."""
    while True:
        m, share = int(rng.integers(1, 4)), float(rng.uniform())
        a, b = rng.standard_normal((2, m, 2))
        roots = rng.standard_normal((2, 2, 2))
        one, other = (root @ root.T for root in roots)
        if rng.random() < 0.3:
            other = one * float(rng.exponential())
        mean = share * one + (1 - share) * other
        costs = [_least_cost(a, b, metric) for metric in (one, other, mean)]
        more = one + other * (rng.random() < 0.7)
        yield (
            Trial(share * costs[0] + (1 - share) * costs[1], costs[2]),
            Trial(costs[0], _least_cost(a, b, more)),
        )


inequality("D1", 10, "costs are concave in the metric")(link(_metrics, 0))
inequality("D1", 10, "costs rise with the metric")(link(_metrics, 1))


@equality("D1s", 1, "the mean of the random metric")
def _mean_metric(rng: np.random.Generator) -> Pairs:
    """Over a few draws of both networks' activations on n inputs; entries of the matrices."""
    while True:
        n, m, s, b = 2, 3, *rng.exponential(size=2)
        f, g = rng.standard_normal((2, 4, n, m))  # draws, inputs, neurons
        f, g = np.concatenate([f, g]), np.concatenate([g, f])  # one law of both

        def gram(of: np.ndarray) -> np.ndarray:
            return np.einsum("dim,djm->ij", of, of) / len(of)

        metric = (s**2 * gram((f + g) / 2) / m + b**2) / n
        Lambda = (s**2 * gram(f) / m + b**2) / n
        Gamma = gram(f - g) / (n * m)
        weights = np.array([[1, 2], [2, 5]])
        size = 9 + float(np.abs(Lambda).sum())
        yield (
            size + float((weights * metric).sum()),
            size + float((weights * (Lambda - s**2 / 4 * Gamma)).sum()),
        )


@inequality("D1s", 2, "the optimal matching by that for the mean")
def _by_mean_metric(rng: np.random.Generator) -> Iterator[Trial]:
    """Two metrics alike, given neurons; every second time the metric is not random."""
    while True:
        m = int(rng.integers(1, 4))
        a, b = rng.standard_normal((2, m, 2))
        metrics = [root @ root.T for root in rng.standard_normal((2, 2, 2))]
        if rng.random() < 0.5:
            metrics = metrics[:1]
        known = np.mean(metrics, axis=0) + (np.eye(2) if len(metrics) > 1 else 0)
        apart = a[:, None] - b
        costs = np.einsum("ijk,kl,ijl->ij", apart, known, apart)
        order = min(permutations(range(m)), key=lambda o: costs[range(m), o].sum())
        C = np.einsum("ik,il->kl", a - b[list(order)], a - b[list(order)]) / m
        left = float(np.mean([_least_cost(a, b, each) for each in metrics]))
        yield Trial(left, float((C * np.mean(metrics, axis=0)).sum()))


@identity("D1s", 2, "M_l by U_l and C_l, as it is printed")
def _printed_cost() -> Pairs:
    U, C, s = sp.symbols("U C s")
    yield U - s**2 / 4 * C, printed("D1s", 1, U=U, C=C, s_w=s)


@equality("D1s", 2, "C is diagonal in the eigenbasis", count=12)
def _diagonal(rng: np.random.Generator) -> Pairs:
    while True:
        values, m, mu = _axes(rng)
        _, apart = _second_moments(values, m, np.diag([1.0, mu]))
        yield 9 + float(apart[0, 1]), 9.0


@equality("D1s", 3, "<C, Gamma> as a mean over neurons")
def _gamma(rng: np.random.Generator) -> Pairs:
    while True:
        n, m = 2, int(rng.integers(1, 4))
        f, g, root = *rng.standard_normal((2, n, m)), rng.standard_normal((n, n))
        C, apart = root @ root.T, f - g
        Gamma = apart @ apart.T / (n * m)
        each = [float(d @ C @ d) / n for d in apart.T]
        yield float((C * Gamma).sum()), float(np.mean(each))


@inequality("D1s", 3, "any matching by the least")
def _any_matching(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m = int(rng.integers(1, 4))
        (a, b), root = rng.standard_normal((2, m, 2)), rng.standard_normal((2, 2))
        C, order = root @ root.T, rng.permutation(m)
        apart = a - b[order]
        yield Trial(_least_cost(a, b, C), float(np.einsum("ik,kl,il->", apart, C, apart)) / m)


@inequality("D1s", 4, "the mean over drawn metrics, by Jensen")
def _drawn_metrics(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m, c = int(rng.integers(1, 4)), rng.exponential(size=(int(rng.integers(1, 4)), 2))
        a, b = rng.standard_normal((2, m, 2))
        left = np.mean([_least_cost(a, b, np.diag(each)) for each in c])
        yield Trial(float(left), _least_cost(a, b, np.diag(c.mean(axis=0))))


@identity("D1s", 5, "G_1 as printed")
def _printed_G() -> Pairs:
    V, M, S = sp.symbols("V M S")
    yield S - V, printed("D1s", 2, V=V, M=M).subs(sp.Function("S")(M), S)


@inequality("D1s", 5, "Omega is at least 0")
def _above(rng: np.random.Generator) -> Iterator[Trial]:
    yield from link(_lines, 0)(rng)


@equality("D1s", 5, "the mean of the line", count=30)
def _mean_of_line(rng: np.random.Generator) -> Pairs:
    """Two Gaussian variables of variance q that are correlated, and f = cos."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    while True:
        q, rho = float(rng.exponential()), float(rng.uniform(-1, 1))
        lam, gamma = (float(each) for each in rng.exponential(size=2))
        u = q**0.5 * nodes[:, None]
        v = q**0.5 * (rho * nodes[:, None] + (1 - rho**2) ** 0.5 * nodes)
        mean = weights @ (lam * (u - v) ** 2 + np.cos(u) + gamma * v**4) @ weights
        M = 2 * q * (1 - rho)
        yield float(mean), lam * M + 3 * gamma * q**2 + float(np.exp(-q / 2))


@identity("D1s", 6, "X_1 as printed")
def _first_layer() -> Pairs:
    t, M, V = sp.symbols("t M V", positive=True)
    yield printed("D1", 1, t=t, M=M) - V, printed("D1s", 3, t=t, M=M, V=V)


@equality("D1s", 6, "weighted distances by lines less Omega")
def _weighted(rng: np.random.Generator) -> Pairs:
    """On a few draws of both networks' pre-activations and any lines."""
    grid = np.linspace(-6, 6, 481)
    while True:
        t, (z, y) = float(rng.uniform(0.1, 0.9)), rng.choice(grid, (2, 3))
        sigma, _ = _SIGMAS[rng.integers(len(_SIGMAS))]
        middle, left, right = t * z + (1 - t) * y, 0.0, 0.0
        for own, weight, share in ((z, t / (1 - t), 1 - t), (y, (1 - t) / t, t)):
            lam = float(rng.uniform(0.01, 1))
            square = share**2 * (z - y) ** 2
            f = (_both_signs(sigma, own[:, None], grid) - lam * (own[:, None] - grid) ** 2).max(1)
            here = _both_signs(sigma, own, middle)
            Omega = lam * (own - middle) ** 2 + f - here
            left += weight * float(here.mean())
            right += weight * float((lam * square + f - Omega).mean())
        yield left, right


@inequality("D1s", 7, "the mean of a bounded part")
def _bounded(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        X, xi = rng.exponential(size=int(rng.integers(1, 5))), float(3 * rng.exponential())
        yield Trial(float(np.minimum(X, xi).mean()), float(X.mean()))


def _coupled(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Values of zeta given g, rows g = -1, 0, 1 times a number: of mean g, of variance 1; v."""
    size = float(rng.uniform(0.2, 0.9))
    g = size * np.array([-1.0, 0.0, 1.0])
    v = float((g**2).mean())
    spread = rng.exponential(size=3)
    spread[2] = spread[0]  # symmetric
    spread *= ((1 - v) / float((spread**2).mean())) ** 0.5
    return g, g[:, None] + spread[:, None] * np.array([-1.0, 1.0]), v


@equality("D5", 1, "moments of the rest")
def _moments_of_rest(rng: np.random.Generator) -> Pairs:
    while True:
        g, zeta, v = _coupled(rng)
        r = zeta - g[:, None]
        yield float((zeta**2).mean()), 1.0
        yield 9 + float((r * g[:, None]).mean()), 9.0
        yield float((zeta * g[:, None]).mean()), v
        yield float((r**2).mean()), 1 - v


@equality("D5", 2, "squared distances given all g", count=20)
def _given_g(rng: np.random.Generator) -> Pairs:
    """Of one pair of two coordinates each, over all rests; rows of g are drawn."""
    while True:
        g, zeta, _ = _coupled(rng)
        root, places = rng.standard_normal((2, 2)), rng.integers(3, size=4)
        Y = root.T @ root
        rows = np.array([zeta[places, signs] for signs in product((0, 1), repeat=4)])
        known = g[places]

        def square(of: np.ndarray, Y: np.ndarray = Y) -> float:
            return float(np.einsum("...i,ij,...j->...", of, Y, of).mean())

        rest = rows - known
        apart = square(known[:2] - known[2:])
        yield square(rows[:, :2] - rows[:, 2:]), apart + square(rest[:, :2]) + square(rest[:, 2:])


@equality("D5", 3, "the mean square of the rest in the metric")
def _rest_in_metric(rng: np.random.Generator) -> Pairs:
    """Over all draws of two coordinates."""
    while True:
        g, zeta, v = _coupled(rng)
        root = rng.standard_normal((2, 2))
        Y, r = root.T @ root, (zeta - g[:, None]).ravel()
        draws = np.array(list(product(r, repeat=2)))
        mean = float(np.einsum("ni,ij,nj->n", draws, Y, draws).mean())
        yield mean, (1 - v) * float(np.trace(Y))


@inequality("D5", 4, "the image of a Gaussian variable is 1-Lipschitz")
def _caffarelli(rng: np.random.Generator) -> Iterator[Trial]:
    """One coordinate, V = 0 on an interval and infinite beyond, or a line on half of it."""
    while True:
        end, drift = float(3 * rng.exponential()), float(rng.exponential())
        x, y = rng.standard_normal(2)
        if rng.random() < 0.5:  # a drift moves all
            end, drift = 9.0, drift if rng.random() < 0.5 else 0.0
        low, high = ndtr(-end + drift), ndtr(end + drift)

        def image(z: float, low: float = low, high: float = high, drift: float = drift) -> float:
            return float(ndtri(low + (high - low) * ndtr(z)) - drift)

        yield Trial(abs(image(x) - image(y)), abs(float(x - y)), 1e-7)


@inequality("D5", 5, "the cost of 1-Lipschitz images")
def _images(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b = rng.standard_normal((2, int(rng.integers(1, 4)), 2))
        bend, unit = 10 ** rng.uniform(-4, 1), np.eye(2)
        image = _least_cost(np.sin(bend * a) / bend, np.sin(bend * b) / bend, unit)
        yield Trial(image, _least_cost(a, b, unit))


@equality("D5", 5, "the scale s leaves the cost")
def _scaled(rng: np.random.Generator) -> Pairs:
    while True:
        m, s, root = int(rng.integers(1, 4)), float(rng.exponential()), rng.standard_normal((2, 2))
        a, b = rng.standard_normal((2, m, 2))
        metric = root @ root.T
        yield _least_cost(s * a, s * b, metric), s**2 * _least_cost(a, b, metric)


@identity("D5", 5, "both terms, as they are printed")
def _printed_terms() -> Pairs:
    s, v, trace, F = sp.symbols("s v trace F", positive=True)
    right = printed("D5", 0, s=s, v=v, trace=trace)
    [of] = right.atoms(AppliedUndef)
    yield s**2 * F + (1 - v) * trace + (1 - v) * trace, right.subs(of, F)


@inequality("D5", 6, "N is at most twice C")
def _twice(rng: np.random.Generator) -> Iterator[Trial]:
    """Rows of any finite law that are coupled in any way; every second time opposite ones."""
    while True:
        a, direction = rng.standard_normal((4, 2)), rng.standard_normal(2)
        b = a[rng.permutation(4)]
        if rng.random() < 0.5:
            a = np.concatenate([a, -a])
            b = -a
        C, mixed = a.T @ a / len(a), a.T @ b / len(a)
        N = C - (mixed + mixed.T) / 2
        yield Trial(float(direction @ N @ direction), 2 * float(direction @ C @ direction))


@equality("D6", 1, "the thinned network's outputs")
def _thinned(rng: np.random.Generator) -> Pairs:
    """Two layers of tanh; a kept neuron takes over its partner's outgoing weights."""
    while True:
        m, x = 2, rng.standard_normal(2)
        first, W, V = (
            rng.standard_normal(shape) for shape in ((2 * m, 2), (2 * m, 2 * m), (1, 2 * m))
        )
        partners = rng.permutation(m), rng.permutation(m)  # of dropped neurons, in both layers
        kept = [np.arange(m), np.arange(m)]
        own = np.tanh(first[:m] @ x)
        merged = W[:, :m].copy()
        np.add.at(merged.T, partners[0], W[:, m:].T)
        second = np.tanh(merged[kept[1]] @ own)
        out = V[:, :m].copy()
        np.add.at(out.T, partners[1], V[:, m:].T)
        shown = np.concatenate([own, own[partners[0]]])
        above = np.tanh(W[:m] @ shown)
        yield 9 + float((out @ second)[0]), 9 + float((V @ np.r_[above, above[partners[1]]])[0])


@identity("D6", 2, "a kept neuron")
def _kept() -> Pairs:
    C = _matrix("C")
    a, b = _vectors("ab")
    yield _form(C, b) - 2 * _form(C, a, b) + _form(C, a), _form(C, b - a)


@identity("D6", 3, "a dropped neuron and its partner")
def _dropped() -> Pairs:
    C, N = _matrix("C"), _matrix("N")
    a, b = _vectors("ab")
    square = _form(C, a) + _form(C, b) - 2 * _form(C - N, a, b)
    yield square, _form(C, a - b) + 2 * _form(N, a, b)


@inequality("D6", 3, "the product by the mean of both")
def _by_mean(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        _, N = _forms(rng)
        a, b = rng.standard_normal((2, 2))
        if rng.random() < 0.5:
            b = a
        yield Trial(2 * float(a @ N @ b), float((a + b) @ N @ (a + b)) / 2)


@inequality("D6", 4, "both kinds of neurons by their mean")
def _halves(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        S, (Y, M) = _concave(rng), rng.exponential(size=2)
        s = float(rng.exponential())
        left = S(s**2 * float(Y)) / 2 + S(s**2 * float(Y) + float(M)) / 2
        yield Trial(left, S(s**2 * float(Y) + float(M) / 2))


@inequality("D6", 5, "S by twice its half")
def _half(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        S, x = _concave(rng), float(rng.exponential())
        yield Trial(S(x), 2 * S(x / 2))


@identity("D6", 5, "Y_l, as it is printed")
def _printed_bound() -> Pairs:
    Y, M, s = sp.symbols("Y M s", positive=True)
    yield 2 * _argument("D6", 1, Y=Y, M=M, s_w=s), s**2 * Y + M / 2
    S = sp.Function("S")
    yield printed("D6", 1, Y=Y, M=M, s_w=s), 2 * S((s**2 * Y + M / 2) / 2)


@equality("D6", 6, "the mean square over output weights")
def _thinned_outputs(rng: np.random.Generator) -> Pairs:
    """All signs of the output weights, of two outputs; the right-hand side is printed."""
    while True:
        m, s, moved = 3, float(rng.exponential()), rng.standard_normal(3)
        draws = np.array(list(product((-1, 1), repeat=2 * m))).reshape(-1, 2, m) * s / m**0.5
        left = float(((draws @ moved) ** 2).sum(axis=1).mean())
        yield left, float(printed("D6", 0, Y=float(moved @ moved) / m, s_out=s, n_out=2))


@equality("D6", 7, "Gram matrices of the thinned first layer", count=12)
def _thinned_grams(rng: np.random.Generator) -> Pairs:
    """Over all draws of two kept and two dropped neurons from three atoms, however matched."""
    while True:
        values = rng.standard_normal(3)
        samples = values[_samples(3, 4)]
        mean = float((samples**2).sum(axis=1).mean())
        yield float((2 * samples[:, :2] ** 2).sum(axis=1).mean()), mean


@inequality("D6", 7, "the Gram matrix of the mean")
def _mean_gram(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (f, g), x = rng.standard_normal((2, 3, 2)), rng.standard_normal(2)
        if rng.random() < 0.5:
            g = f
        both = (float(((of @ x) ** 2).sum()) for of in (f, g))
        yield Trial(float((((f + g) / 2 @ x) ** 2).sum()), sum(both) / 2)
