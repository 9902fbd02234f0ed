"""Steps of the proof on deep networks with high probability (D8)."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.stats import chi2

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, link, printed
from lmctheory.theorems.trial import Trial


def _above(k: float, q: float) -> float:
    """``E (Y - q)^+`` of a chi-square number with k degrees of freedom."""
    return float(k * chi2.sf(q, k + 2) - q * chi2.sf(q, k))


@inequality("D8", 1, "weighted chi-squares in convex order")
def _convex_order(rng: np.random.Generator) -> Iterator[Trial]:
    """Up to three with 2 degrees of freedom: sums of exponential numbers, whose law is known."""
    while True:
        lam = np.sort(rng.exponential(size=int(rng.integers(1, 4))))
        if min(np.diff(lam), default=1.0) < 0.05:
            continue  # close weights cancel in the formula
        total = float(lam.sum()) * (1.0 if rng.random() < 0.7 else 1.2)
        n, q = 2, 2 * total * float(rng.exponential())
        k = n * total / float(lam[-1])
        others = [[each / (each - low) for low in lam if low != each] for each in lam]
        left = sum(
            float(np.prod(rest)) * 2 * each * np.exp(-q / (2 * each))
            for each, rest in zip(lam, others, strict=True)
        )
        scale = n * total / k
        yield Trial(float(left), scale * _above(k, q / scale), 1e-12)


@equality("D8", 2, "means beyond a level, of chi-square")
def _beyond(rng: np.random.Generator) -> Pairs:
    while True:
        k, delta = float(rng.uniform(1, 9)), float(10 ** rng.uniform(-3, 0))
        q = float(chi2.isf(delta, k))

        def density(root: float, k: float = k, q: float = q) -> float:
            y = q + root**2
            return float(chi2.pdf(y, k) * y) * 2 * root

        whole, _ = quad(density, 0, 14, epsabs=1e-14, epsrel=1e-12, limit=200)
        z = k * float(chi2.sf(q, k + 2)) / delta
        yield whole, delta * z


@inequality("D8", 2, "a level by the mean beyond another")
def _level(rng: np.random.Generator) -> Iterator[Trial]:
    """Two values, one of them just beyond z: Markov's inequality is attained."""
    while True:
        k, delta = float(rng.uniform(1, 9)), float(10 ** rng.uniform(-3, -0.1))
        q = float(chi2.isf(delta, k))
        z = k * float(chi2.sf(q, k + 2)) / delta
        reach = z + (z - q) * (1e-6 if rng.random() < 0.5 else float(rng.exponential()))
        # the chance of the larger value that is allowed by E (S - q)^+ <= E (Y - q)^+
        chance = _above(k, q) / (reach - q)
        yield Trial(chance, delta)


unchecked("D8", 3, "definition", "the error given hidden layers, by eigenvalues")


@identity("D8", 4, "a pre-activation of a matched pair")
def _matched() -> Pairs:
    """With the second moments I, I and I - N of a pair of rows."""
    t = sp.symbols("t")
    y, own = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "ya")
    n1, n2, n3 = sp.symbols("n1:4")
    N = sp.Matrix([[n1, n2], [n2, n3]])
    unit = sp.eye(2)
    mixed = (t**2 + (1 - t) ** 2) * unit + 2 * t * (1 - t) * (unit - N)
    cross = t * unit + (1 - t) * (unit - N)
    square = (y.T * mixed * y - 2 * y.T * cross * own + own.T * own)[0]
    yield square, (y - own).dot(y - own) + 2 * (1 - t) * y.dot(N * (own - t * y))


@identity("D8", 4, "the terms with N of both networks")
def _both() -> Pairs:
    t = sp.symbols("t")
    y, a, b = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "yab")
    n1, n2, n3 = sp.symbols("n1:4")
    N, c, tau = sp.Matrix([[n1, n2], [n2, n3]]), t**2 + (1 - t) ** 2, t * (1 - t)
    own = t**2 * 2 * (1 - t) * y.dot(N * (a - t * y))
    other = (1 - t) ** 2 * 2 * t * y.dot(N * (b - (1 - t) * y))
    middle = t * a + (1 - t) * b
    yield own + other, 2 * tau * y.dot(N * (middle - c * y))


@inequality("D8", 4, "these terms from above")
def _completed(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        tau, p = float(rng.uniform(0, 0.25)), int(rng.integers(1, 4))
        c, root = 1 - 2 * tau, rng.standard_normal((p, p))
        N, middle, y = root @ root.T, *rng.standard_normal((2, p))
        if rng.random() < 0.5:
            y = middle / (2 * c)
        left = 2 * tau * float(y @ N @ (middle - c * y))
        yield Trial(left, tau / (2 * c) * float(middle @ N @ middle))


@identity("D8", 5, "the chain of means, and its start")
def _chain() -> Pairs:
    """For l = 4 and i = 2; then the recursion of D1 from it."""
    theta, kappa, tau, c, T = sp.symbols("theta kappa tau c T", positive=True)
    phi = sp.symbols("Phi1:5", positive=True)
    last, i = 4, 2

    def V(i: int, here: Any) -> Any:
        rest = (
            kappa * tau / (4 * c) * theta ** (last - j) * phi[j - 1] for j in range(i + 1, last + 1)
        )
        return theta ** (last - i) * here + sum(rest)

    yield V(i, theta * T + kappa * tau / (4 * c) * phi[i - 1]), V(i - 1, T)
    x, s = sp.symbols("x s_w", positive=True)
    for layer in (2, 3, 4):
        given = {"kappa": kappa, "s_w": s, "X": x, "M": phi[layer - 1], "tau": tau}
        x = printed("D8", 4, **given)
    start = sp.symbols("x", positive=True)
    chain = V(1, tau * start).subs({c: 1 - 2 * tau, theta: kappa * s**2})
    yield chain, tau * x


def _slopes(t: float, a: float, b: float, d: float) -> np.ndarray:
    """The two-by-two matrix of the statement."""
    tau = t * (1 - t)
    return np.array([[t * (t * a - b), tau * a], [tau * a, (1 - t) * ((1 - t) * a - d)]])


def _movements(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        t, p = float(rng.uniform()), int(rng.integers(1, 3))
        low, high = sorted(rng.uniform(-1, 1, 2))
        h = max(
            float(np.linalg.norm(_slopes(t, *corner), 2))
            for corner in product((low, high), repeat=3)
        )
        a, b, d = rng.uniform(low, high, 3)
        if rng.random() < 0.5:
            a, b, d = rng.choice([low, high], 3)
        own, other, gamma, prime = rng.standard_normal((4, p))
        if rng.random() < 0.5:
            gamma, prime = t * own, (1 - t) * other
        moved = abs(a) * t * float(gamma @ own) + abs(a) * (1 - t) * float(prime @ other)
        c = t**2 + (1 - t) ** 2
        size = (t**2 * own @ own + (1 - t) ** 2 * other @ other) ** 0.5
        whole = float(np.linalg.norm(np.r_[gamma, prime]))
        yield (
            Trial(float(np.linalg.norm(_slopes(t, a, b, d), 2)), h),
            Trial(abs(moved) * c**0.5, abs(a) * c**0.5 * float(size) * whole),
        )


inequality("D8", 6, "the matrix at slopes between, by corners")(link(_movements, 0))
inequality("D8", 6, "what pre-activations of the middle add")(link(_movements, 1))


@identity("D8", 6, "the matrix, from movements of activations")
def _matrix() -> Pairs:
    """y^t replaced by y^A beside gamma and by y^B beside gamma'."""
    t, a, b, d, own, other = sp.symbols("t a b d u v")
    middle, tau = t * own + (1 - t) * other, t * (1 - t)
    yield t * (a * middle - b * own), t * (t * a - b) * own + tau * a * other
    yield (1 - t) * (a * middle - d * other), tau * a * own + (1 - t) * ((1 - t) * a - d) * other


@identity("D8", 6, "the Lipschitz constant, as it is printed")
def _constant() -> Pairs:
    h, nu, tau, ell, s, T = sp.symbols("h nu tau ell s_w T", positive=True)
    c = 1 - 2 * tau
    given = {"h": h, "nu": nu, "tau": tau, "ell": ell, "s_w": s, "T": T}
    yield h * nu + sp.sqrt(c) * ell * s * sp.sqrt(T), printed("D8", 2, **given)


def _costs(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Square roots of costs 2 <y, N y> with N <= I; movements of both networks."""
    while True:
        p = int(rng.integers(1, 4))
        basis = np.linalg.qr(rng.standard_normal((p, p)))[0]
        N = basis @ np.diag(rng.uniform(0, 1, p)) @ basis.T
        y, z = rng.standard_normal((2, p))
        if rng.random() < 0.5:
            N, z = np.eye(p), y * float(rng.uniform())
        t, (a, b) = float(rng.uniform()), rng.exponential(size=2)
        if rng.random() < 0.5:
            a, b = t, 1 - t
        roots = [float(2 * side @ N @ side) ** 0.5 for side in (y, z)]
        c = 1 - 2 * t * (1 - t)
        yield (
            Trial(abs(roots[0] - roots[1]), 2**0.5 * float(np.linalg.norm(y - z))),
            Trial(float(t * a + (1 - t) * b), c**0.5 * float(np.hypot(a, b))),
        )


inequality("D8", 7, "roots of costs, with N <= I")(link(_costs, 0))
inequality("D8", 7, "movements of both networks")(link(_costs, 1))


@identity("D8", 8, "what later layers add, and a_i as printed")
def _added() -> Pairs:
    kappa, tau, s, ell, nu, J = sp.symbols("kappa tau s_w ell nu J", positive=True)
    layer, i, j = sp.symbols("l i j", positive=True)
    theta, c = kappa * s**2, 1 - 2 * tau
    weight = kappa * tau / (4 * c) * theta ** (layer - j)
    each = weight * (sp.sqrt(2 * c) * s * theta ** ((j - 1 - i) / 2) * ell * nu) ** 2
    yield each, tau / 2 * theta ** (layer - i) * ell**2 * nu**2
    given = {"theta": theta, "l": layer, "i": i, "J": J, "tau": tau, "ell": ell, "nu": nu}
    later = (layer - i) * tau / 2 * theta ** (layer - i) * ell**2 * nu**2
    yield theta ** (layer - i) * J**2 + later, printed("D8", 1, **given)


@identity("D8", 9, "Chernoff's level, and the number of events")
def _level_of_chain() -> Pairs:
    s, v, x, log, L = sp.symbols("s v x log L", positive=True)
    exponent = s**2 * v / 2 - s * x
    [best] = sp.solve(sp.diff(exponent, s), s)
    [level] = sp.solve(exponent.subs(s, best) + log, x)  # log is ln(1/epsilon)
    yield level, sp.sqrt(2 * log * v)
    layers = sp.symbols("k", integer=True)
    yield sp.summation(1, (layers, 1, L)) + 2 * sp.summation(1, (layers, 2, L)), 3 * L - 2
