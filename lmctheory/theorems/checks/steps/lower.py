"""Steps of the proofs of bounds from below (T7 to T11, D7)."""

from collections.abc import Callable, Iterator
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.stats import chi2, norm

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, printed, rms
from lmctheory.theorems.trial import Trial


def _pair_distance(p: float, q: float, a: float) -> float:
    """D of T7, step 1."""
    first, second = leaky(p, a) - leaky(q, a), leaky(-p, a) - leaky(-q, a)
    return float(first**2 + second**2) / 2


def _forms() -> Pairs:
    p, q, n = sp.symbols("p q n", positive=True)
    a = sp.symbols("a", real=True)

    def s(z: Any) -> Any:
        return sp.Max(z, 0) + a * sp.Min(z, 0)

    def distance(p: Any, q: Any) -> Any:
        return ((s(p) - s(q)) ** 2 + (s(-p) - s(-q)) ** 2) / 2

    yield distance(p, q), (1 + a**2) / 2 * (p - q) ** 2
    twice = 2 * distance(p, -n)
    yield twice, (1 - a) ** 2 * (p**2 + n**2) + 2 * a * (p + n) ** 2
    yield twice, (1 + a**2) * (p + n) ** 2 - 2 * (1 - a) ** 2 * p * n


def _distance_below(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (p, q), a = rng.standard_normal(2), float(rng.uniform(-1, 1))
        q = -p if rng.random() < 0.5 else q
        yield Trial((1 + a) ** 2 / 4 * (p - q) ** 2, _pair_distance(p, q, a))


def _distance_above(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (p, q), a = rng.standard_normal(2), float(rng.uniform(-1, 1))
        yield Trial(_pair_distance(p, q, a), (1 + a**2) / 2 * (p - q) ** 2)


for _key in ("T7", "T8"):
    identity(_key, 1, "D for equal and for different signs")(_forms)
    inequality(_key, 2, "D from below")(_distance_below)
    inequality(_key, 2, "D from above")(_distance_above)


def _symmetric(rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """Pre-activations of two networks ``[2, m, inputs]``; with every input its negative."""
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    z = rng.standard_normal((2, m, n))
    return np.concatenate([z, -z], axis=2), float(rng.uniform()), float(rng.uniform(-1, 1))


def _signed_errors(
    z: np.ndarray, u: np.ndarray, t: float, a: float
) -> Callable[[np.ndarray], float]:
    """The mean square of the error of two networks, output weights u with the signs given."""
    middle = leaky(t * z[0] + (1 - t) * z[1], a)
    moved = np.stack([t * (middle - leaky(z[0], a)), (1 - t) * (middle - leaky(z[1], a))])

    def error(signs: np.ndarray) -> float:
        weights = signs * u
        return float(((weights[:, :, None] * moved).sum(axis=(0, 1)) ** 2).mean()) / z.shape[1]

    return error


def _over_signs(error: Callable[[np.ndarray], float], m: int) -> float:
    every = (np.reshape(signs, (2, m)) for signs in product((-1.0, 1.0), repeat=2 * m))
    return float(np.mean([error(signs) for signs in every]))


@equality("T7", 3, "means over output weights leave squares", count=50)
def _squares_are_left(rng: np.random.Generator) -> Pairs:
    """Signs for output weights, all of them, against c_t of step 3."""
    while True:
        z, t, a = _symmetric(rng)
        m, middle = z.shape[1], leaky(t * z[0] + (1 - t) * z[1], a)
        own, other = (np.square(middle - leaky(each, a)).mean(axis=1) for each in z)
        terms = t**2 * own + (1 - t) ** 2 * other
        yield _over_signs(_signed_errors(z, np.ones((2, m)), t, a), m), float(terms.mean())


def _terms(z: np.ndarray, t: float, a: float) -> float:
    """c_t for the first neuron."""
    middle = leaky(t * z[0, 0] + (1 - t) * z[1, 0], a)
    own, other = (np.square(middle - leaky(each, a)).mean() for each in z[:, 0])
    return float(t**2 * own + (1 - t) ** 2 * other)


@inequality("T7", 4, "c_t from above")
def _term_above(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        z, t, a = _symmetric(rng)
        apart = float(np.square(z[0, 0] - z[1, 0]).mean())
        yield Trial(_terms(z, t, a), (1 + a**2) * t**2 * (1 - t) ** 2 * apart)


@inequality("T7", 5, "c_t from below")
def _term_below(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time z_t is the negative of one end, where it is attained."""
    while True:
        z, t, a = _symmetric(rng)
        if rng.random() < 0.5:
            z[0] = -(2 - t) / t * z[1]
        apart = float(np.square(z[0, 0] - z[1, 0]).mean())
        factor = (1 + a**2) / 2 + (1 + a) ** 2 / 4
        yield Trial(factor * t**2 * (1 - t) ** 2 * apart, _terms(z, t, a))


@equality("T7", 6, "the mean square of a network")
def _network_size(rng: np.random.Generator) -> Pairs:
    while True:
        z, _, a = _symmetric(rng)
        z = z[0]
        signs = np.array(list(product((-1.0, 1.0), repeat=len(z))))
        outputs = signs @ leaky(z, a) / len(z) ** 0.5
        yield float(np.square(outputs).mean()), (1 + a**2) / 2 * float(np.square(z).mean())


@inequality("T8", 3, "the mean over signs, by distances", count=50)
def _signs_and_sizes(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time one network alone counts, and its terms are at D's least."""
    while True:
        z, t, a = _symmetric(rng)
        m = z.shape[1]
        u = rng.exponential(size=(2, m))
        if rng.random() < 0.5:
            z[0], u[0] = -(2 - t) / t * z[1], 0.0
        apart = np.square(z[0] - z[1]).mean(axis=1)
        least = (
            (1 + a) ** 2 / 4 * t**2 * (1 - t) ** 2 * float((np.square(u).sum(axis=0) @ apart) / m)
        )
        yield Trial(least, _over_signs(_signed_errors(z, u, t, a), m))


@inequality("T8", 4, "every neuron pays for its nearest at least")
def _nearest(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m = int(rng.integers(1, 5))
        (w, v), u = rng.standard_normal((2, m, 2)), rng.exponential(size=(2, m)) ** 2
        apart = np.square(w[:, None] - v).sum(axis=2)
        nearest = u[0] @ apart.min(axis=1) + u[1] @ apart.min(axis=0)
        paid = min(
            u[0] @ apart[range(m), order] + u[1][list(order)] @ apart[range(m), order]
            for order in permutations(range(m))
        )
        yield Trial(float(nearest), float(paid))


@equality("T9", 1, "the mean of a sum of squares is n C", count=50)
def _mixture(rng: np.random.Generator) -> Pairs:
    """Eigenvalues of the covariance of one output's error, against its mean square over inputs."""
    while True:
        z, t, a = _symmetric(rng)
        middle = leaky(t * z[0] + (1 - t) * z[1], a)
        moved = np.concatenate([t * (middle - leaky(z[0], a)), (1 - t) * (middle - leaky(z[1], a))])
        moved /= (z.shape[1] * z.shape[2]) ** 0.5
        eigenvalues = np.linalg.eigvalsh(moved.T @ moved)
        yield float(eigenvalues.sum()), float(_all_terms(z, t, a))


def _all_terms(z: np.ndarray, t: float, a: float) -> float:
    return float(np.mean([_terms(z[:, k : k + 1], t, a) for k in range(z.shape[1])]))


@equality("T9", 2, "the Laplace transform of chi-square", count=20)
def _laplace(rng: np.random.Generator) -> Pairs:
    while True:
        n, s = int(rng.integers(1, 9)), float(rng.exponential())

        def density(root: float, n: int = n, s: float = s) -> float:
            # in the root, where it is smooth at 0
            return float(chi2.pdf(root**2, n) * np.exp(-s * root**2)) * 2 * root if root else 0.0

        value, _ = quad(density, 0, 12, epsabs=1e-13, epsrel=1e-13, limit=200)
        yield value, (1 + 2 * s) ** (-n / 2)


@inequality("T9", 2, "the product from below")
def _product(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        lam, s = rng.exponential(size=int(rng.integers(1, 4))), float(rng.exponential())
        yield Trial(1 + 2 * s * float(lam.sum()), float(np.prod(1 + 2 * s * lam)))


@identity("T9", 2, "the exponent at 1 + 2sC = 1/theta")
def _exponent() -> Pairs:
    s, C, n, theta = sp.symbols("s C n theta", positive=True)
    [best] = sp.solve(1 + 2 * s * C - 1 / theta, s)
    exponent = s * theta * n * C - n / 2 * sp.log(1 + 2 * s * C)
    yield exponent.subs(s, best), -n / 2 * (theta - 1 - sp.log(theta))


unchecked("T9", 3, "argument", "union bound over m! permutations")


@equality("T10", 1, "the mean error of a pair by three norms", count=30)
def _pair_error(rng: np.random.Generator) -> Pairs:
    """In the plane x = rho (cos, sin): the mean of rho is sqrt(pi/2), and angles have kinks."""
    while True:
        w, v = rng.standard_normal((2, 2))

        def error(angle: float, w: np.ndarray = w, v: np.ndarray = v) -> float:
            x = np.array([np.cos(angle), np.sin(angle)])
            z, y = w @ x, v @ x
            return abs(max((z + y) / 2, 0) - max(z, 0) / 2 - max(y, 0) / 2)

        kinks = sorted(
            (np.arctan2(side[1], side[0]) + turn) % (2 * np.pi)
            for side in (w, v, w + v)
            for turn in (np.pi / 2, -np.pi / 2)
        )
        ends = [0.0, *kinks, 2 * np.pi]
        around = sum(quad(error, *piece)[0] for piece in pairwise(ends)) / (2 * np.pi)
        norms = np.linalg.norm(w) + np.linalg.norm(v) - np.linalg.norm(w + v)
        yield around * (np.pi / 2) ** 0.5, float(norms) / (2 * (2 * np.pi) ** 0.5)


@equality("T10", 1, "|e| is the mean over pairs of their sizes")
def _no_cancellation(rng: np.random.Generator) -> Pairs:
    while True:
        z, y = rng.standard_normal((2, int(rng.integers(1, 5)), 6))
        gaps = leaky((z + y) / 2, 0) - leaky(z, 0) / 2 - leaky(y, 0) / 2
        yield float(np.abs(gaps.mean(axis=0)).mean()), float(np.abs(gaps).mean())


@inequality("T10", 1, "the mean error by its mean square")
def _mean_error(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        errors = rng.exponential(size=int(rng.integers(1, 5)))
        yield Trial(float(errors.mean()), rms(errors))


@identity("T10", 2, "what three norms leave, by the cosine")
def _cosine() -> Pairs:
    r, q, angle = sp.symbols("r q alpha", positive=True)
    w = sp.Matrix([r, 0])
    v = q * sp.Matrix([sp.cos(angle), sp.sin(angle)])
    c, sum_norm = sp.cos(angle), sp.sqrt(sp.simplify((w + v).dot(w + v)))
    yield (r + q - sum_norm) * (r + q + sum_norm), 2 * r * q * (1 - c)
    apart = w / r - v / q
    yield 2 * (1 - c), apart.dot(apart)


def _short_and_long(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The norms of two vectors and of their sum, and the cosine; often one line, or one size."""
    w, v = rng.standard_normal((2, 2))
    kind = rng.integers(3)
    if kind == 0:
        v = w + 10 ** rng.uniform(-3, 0) * v
    elif kind == 1:
        v = -w * float(rng.uniform(1, 3))
    r, q = sorted((float(np.linalg.norm(w)), float(np.linalg.norm(v))))
    return r, q, float(np.linalg.norm(w + v)), float(w @ v) / (r * q)


@inequality("T10", 2, "from below, by r (1 - c) / 2")
def _angle_below(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        r, q, both, c = _short_and_long(rng)
        yield Trial(r * (1 - c) / 2, r + q - both, 1e-13)


@inequality("T10", 2, "from above, by r (1 - c)")
def _angle_above(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        r, q, both, c = _short_and_long(rng)
        yield Trial(r + q - both, r * (1 - c), 1e-13)


@identity("T10", 3, "the factors of both bounds")
def _factors() -> Pairs:
    a, M = sp.symbols("a M", positive=True)
    front = a / (2 * sp.sqrt(2 * sp.pi))
    norm, R = sp.symbols("r R", positive=True)
    yield front * norm * M / 2, printed("T10", 0, a=a, M=M, r=norm, pi_0=sp.pi)
    yield front * R / 2 / 2, printed("T10", 1, a=a, R=R, pi_0=sp.pi)


@inequality("T10", 3, "neurons pay for their cheapest partners")
def _cheapest(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m = int(rng.integers(1, 5))
        w, v = rng.standard_normal((2, m, 2))
        r, s = np.linalg.norm(w, axis=1), np.linalg.norm(v, axis=1)
        pay = r[:, None] + s - np.linalg.norm(w[:, None] + v, axis=2)
        paid = min(pay[range(m), order].mean() for order in permutations(range(m)))
        yield Trial(float(pay.min(axis=1).mean()), float(paid))


@inequality("T11", 1, "the risk of f_1/2 beyond f*, by its mean")
def _risk_below(rng: np.random.Generator) -> Iterator[Trial]:
    """Risks with noisy labels of mean f*: noise of two values on every input."""
    while True:
        n = int(rng.integers(1, 4))
        best, f = rng.standard_normal((2, n))
        noise = rng.standard_normal(n)
        risks = [
            np.mean([np.square(of - best - sign * noise).mean() for sign in (-1, 1)])
            for of in (f, best)
        ]
        yield Trial(float((best - f).mean()) ** 2, float(risks[0] - risks[1]), 1e-13)


@inequality("T11", 2, "the mean over draws, by Jensen")
def _jensen(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        least = rng.exponential(size=int(rng.integers(1, 5)))
        X = rng.standard_normal(len(least)) * float(rng.exponential())
        X -= X.mean()
        yield Trial(float(least.mean()) ** 2, float(np.square(np.maximum(0, X + least)).mean()))


@equality("T11", 3, "the risk of A beyond that of f*: V / N", count=30)
def _variance(rng: np.random.Generator) -> Pairs:
    """A law of three neurons; every draw of N of them."""
    while True:
        N, act = int(rng.integers(1, 5)), leaky(rng.standard_normal((3, 4)), 0)
        mean = act.mean(axis=0)
        beyond = [
            np.square(act[list(draw)].mean(axis=0) - mean).mean()
            for draw in product(range(3), repeat=N)
        ]
        V = float(np.square(act).mean() - np.square(mean).mean())
        yield float(np.mean(beyond)), V / N


@equality("T11", 3, "the moments of the relu in V", count=10)
def _moments(rng: np.random.Generator) -> Pairs:
    """Given w the pre-activation is normal with |w| for its deviation; E |w|^2 = d."""
    while True:
        size = float(rng.exponential())

        def density(z: float, power: int, size: float = size) -> float:
            return float((size * z) ** power * norm.pdf(z))

        first, second = (quad(density, 0, 40, (power,), epsabs=1e-13)[0] for power in (1, 2))
        yield first, size / (2 * np.pi) ** 0.5
        yield second, size**2 / 2


@identity("T11", 3, "V as the statement prints it")
def _printed() -> Pairs:
    a, d = sp.symbols("a d", positive=True)
    r = sp.symbols("r", positive=True)
    density = r ** (d / 2 - 1) * sp.exp(-r / 2) / (2 ** (d / 2) * sp.gamma(d / 2))
    square = sp.integrate(r * density, (r, 0, sp.oo))
    N, T = sp.symbols("N T", positive=True)
    V = a**2 * square / 2 - a**2 * square / (2 * sp.pi)
    yield T**2 - V / N, printed("T11", 0, a=a, d=d, N=N, T=T, pi_0=sp.pi)


unchecked("D7", 1, "definition", "the error of an output, by output weights")


@equality("D7", 2, "means over output weights leave squares", count=50)
def _any_activations(rng: np.random.Generator) -> Pairs:
    while True:
        m, n, t = int(rng.integers(1, 4)), 3, float(rng.uniform())
        phi, middle = rng.standard_normal((2, m, n)), rng.standard_normal((m, n))
        moved = np.stack([t * (middle - phi[0]), (1 - t) * (middle - phi[1])])
        signs = np.array(list(product((-1.0, 1.0), repeat=2 * m))) / m**0.5
        errors = signs @ moved.reshape(2 * m, n)
        yield float(np.square(errors).mean(axis=0).sum()), float(np.square(moved).sum()) / m


@identity("D7", 3, "the least over the activation between")
def _between() -> Pairs:
    t, s, a, b = sp.symbols("t s a b", real=True)
    paid = t**2 * (s - a) ** 2 + (1 - t) ** 2 * (s - b) ** 2
    [best] = sp.solve(sp.diff(paid, s), s)
    size, outputs = sp.symbols("s_out n_out", positive=True)
    least = printed("D7", 0, t=t, M=(a - b) ** 2, s_out=size, n_out=outputs)
    yield outputs * size**2 * paid.subs(s, best), least


@inequality("D7", 3, "no activation between pays less")
def _no_less(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        t, (a, b, s) = float(rng.uniform()), rng.standard_normal(3)
        if rng.random() < 0.3:
            s = (t**2 * a + (1 - t) ** 2 * b) / (t**2 + (1 - t) ** 2)
        least = t**2 * (1 - t) ** 2 / (t**2 + (1 - t) ** 2) * (a - b) ** 2
        yield Trial(least, t**2 * (s - a) ** 2 + (1 - t) ** 2 * (s - b) ** 2)
