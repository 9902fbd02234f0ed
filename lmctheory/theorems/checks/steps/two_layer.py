"""Steps of the proofs on networks with one hidden layer (T1 to T5)."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, huber, leaky, link, printed, rms
from lmctheory.theorems.trial import Trial


@identity("T1", 1, "the gap as a difference of slopes")
def _slopes() -> Pairs:
    """Of a polynomial, whose coefficients are symbols."""
    s, t, r = sp.symbols("s t r", positive=True)
    g = sum(c * s**k for k, c in enumerate(sp.symbols("c0:6")))
    gap = g.subs(s, t) - t * g.subs(s, 1) - (1 - t) * g.subs(s, 0)
    slope = sp.diff(g, s)
    early, late = sp.integrate(slope, (s, 0, t)), sp.integrate(slope, (s, t, 1))
    yield gap, (1 - t) * early - t * late
    between = slope.subs(s, t * r) - slope.subs(s, 1 - (1 - t) * r)
    yield gap, t * (1 - t) * sp.integrate(sp.expand(between), (r, 0, 1))


def _ramp(rng: np.random.Generator) -> tuple[Callable[[float], float], float, float]:
    """A slope that rises from -b to b at a rate of at most H somewhere in [0, 1]; b and H."""
    b, H, start = (
        float(rng.exponential()),
        float(10 ** rng.uniform(-1, 2)),
        float(rng.uniform(-1, 1)),
    )
    return lambda s: float(np.clip(-b + H * (s - start), -b, b)), b, H


@inequality("T1", 2, "how far apart two slopes are")
def _slopes_apart(rng: np.random.Generator) -> Iterator[Trial]:
    """Of a function on [0, 1] with d = 1, whose slopes are at most b and H-Lipschitz."""
    while True:
        slope, b, H = _ramp(rng)
        t, r = (float(part) for part in rng.uniform(size=2))
        apart = abs(slope(t * r) - slope(1 - (1 - t) * r))
        yield Trial(apart, min(2 * b, H * (1 - r)))


@equality("T1", 3, "the integral of the least is Huber's function")
def _huber_integral(rng: np.random.Generator) -> Pairs:
    while True:
        b, H, d = (float(part) for part in 10 ** rng.uniform(-1, 1, 3))
        ends = [0.0, min(b / (H * d), 1.0), 1.0]

        def least(r: float, b: float = b, H: float = H, d: float = d) -> float:
            return min(b * d, H * d**2 * r)

        whole = sum(quad(least, *piece)[0] for piece in pairwise(ends))
        yield whole, huber(d, b, H)


def _huber_bounds(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        b, H, d = (float(part) for part in 10 ** rng.uniform(-2, 2, 3))
        yield Trial(huber(d, b, H), b * d), Trial(huber(d, b, H), H * d**2 / 2)


inequality("T1", 3, "Huber's function by its line")(link(_huber_bounds, 0))
inequality("T1", 3, "Huber's function by its parabola")(link(_huber_bounds, 1))


@inequality("T1b", 1, "the gap of an activation")
def _activation_gap(rng: np.random.Generator) -> Iterator[Trial]:
    """Slopes from alpha to beta, rising at the rate h from z = 0 on; and tanh."""
    while True:
        t, (z, y) = float(rng.uniform()), 2 * rng.standard_normal(2)
        low, high = sorted(rng.standard_normal(2))
        h = float(10 ** rng.uniform(-1, 2))
        end = (high - low) / h
        if rng.random() < 0.3:  # where the slope rises, the parabola is attained
            z, y = rng.uniform(0, end, 2)

        def bent(z: float, low: float = low, high: float = high, end: float = end) -> float:
            part = min(max(z, 0.0), end)
            return low * z + (high - low) * (part**2 / (2 * end) + max(z - end, 0.0))

        act: Callable[[float], float] = bent
        if rng.random() < 0.3:
            act, low, high, h = np.tanh, 0.0, 1.0, 4 / 3**1.5
        gap = abs(act(t * z + (1 - t) * y) - t * act(z) - (1 - t) * act(y))
        yield Trial(float(gap), t * (1 - t) * huber(abs(z - y), high - low, h), 1e-14)


@equality("T1b", 2, "the largest gap of the relu")
def _relu_gap(rng: np.random.Generator) -> Pairs:
    while True:
        z, y = float(rng.exponential()), -float(rng.exponential())

        def gap(t: float, z: float = z, y: float = y) -> float:
            return -abs(max(t * z + (1 - t) * y, 0.0) - t * z)

        kink = -y / (z - y)
        found = minimize_scalar(gap, bounds=(0, kink), method="bounded", options={"xatol": 1e-14})
        ahead = minimize_scalar(gap, bounds=(kink, 1), method="bounded", options={"xatol": 1e-14})
        yield -min(found.fun, ahead.fun, gap(kink)), float(printed("T1b", 3, z=z, z_prime=y))


unchecked("T2", 1, "definition", "the error as a mean over pairs")


@inequality("T2", 2, "the gradient of a neuron by K", count=50)
def _gradient(rng: np.random.Generator) -> Iterator[Trial]:
    """Tanh or the identity; every second time at the largest sizes."""
    while True:
        R, wide, a_max = (float(part) for part in 10 ** rng.uniform(-1, 1, 3))
        small = np.ones(3) if rng.random() < 0.5 else rng.uniform(size=3)
        x, w = rng.standard_normal((2, 2))
        x *= small[0] * R / np.linalg.norm(x)
        w *= small[1] * wide / np.linalg.norm(w)
        if small.min() == 1:
            w = x * wide / R
        z, bent = float(w @ x), rng.random() < 0.5
        value, slope = (np.tanh(z), 1 - np.tanh(z) ** 2) if bent else (z, 1.0)
        S = np.tanh(R * wide) if bent else R * wide
        gradient = np.r_[value, small[2] * a_max * slope * x]
        K = float(printed("T2", 1, S=S, a=a_max, ell=1.0, R=R))
        yield Trial(float(np.linalg.norm(gradient)), K)


@identity("T2", 2, "the largest eigenvalue of the Hessian's form")
def _hessian_form() -> Pairs:
    a, h, R, ell = sp.symbols("a h R ell", positive=True)
    p, q = ell * R, a * h * R**2
    largest = printed("T2", 2, a=a, h=h, R=R, ell=ell)
    yield largest**2, q * largest + p**2
    least = q - largest
    yield largest * least, -(p**2)


@inequality("T2", 2, "the Hessian's form on unit vectors", count=50)
def _on_directions(rng: np.random.Generator) -> Iterator[Trial]:
    """In one dimension, at x = R, with the slope ell and the curvature h that are allowed."""
    while True:
        a, h, R, ell = (float(part) for part in 10 ** rng.uniform(-1, 1, 4))
        angle = float(rng.uniform(0, np.pi / 2))
        x = R if rng.random() < 0.7 else R * float(rng.uniform(-1, 1))
        form = np.array([[0.0, ell * x], [ell * x, a * h * x**2]])
        vector = np.linalg.eigh(form)[1][:, -1]
        if rng.random() < 0.5:
            vector = np.array([np.cos(angle), np.sin(angle)])
        H = float(printed("T2", 2, a=a, h=h, R=R, ell=ell))
        yield Trial(abs(float(vector @ form @ vector)), H)


@identity("T2", 3, "the gap of a neuron in two parts")
def _two_parts() -> Pairs:
    t, a, b, S, T, M = sp.symbols("t a b S T M")
    middle = t * a + (1 - t) * b
    gap = middle * M - t * a * S - (1 - t) * b * T
    yield gap, middle * (M - t * S - (1 - t) * T) - t * (1 - t) * (a - b) * (S - T)


@inequality("T2", 3, "the part of the activation")
def _activation_part(rng: np.random.Generator) -> Iterator[Trial]:
    """For the relu, whose B is a line; every second time between opposite ends, at t = 1/2."""
    while True:
        t, R = float(rng.uniform()), float(rng.exponential())
        (w, v), x = rng.standard_normal((2, 2)), rng.standard_normal(2)
        x *= R / np.linalg.norm(x)
        a, b = rng.uniform(-1, 1, 2)
        if rng.random() < 0.5:
            t, w, a, b = 0.5, x * float(rng.exponential()), 1.0, 1.0
            v = -w
        z, y = float(w @ x), float(v @ x)
        gap = leaky(t * z + (1 - t) * y, 0) - t * leaky(z, 0) - (1 - t) * leaky(y, 0)
        apart = float(np.linalg.norm(w - v))
        yield Trial(abs((t * a + (1 - t) * b) * float(gap)), R * apart / 4)


@inequality("T2", 3, "the part of the output weight")
def _output_part(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        t, (w, v), x = float(rng.uniform()), rng.standard_normal((2, 2)), rng.standard_normal(2)
        a, b = rng.standard_normal(2)
        if rng.random() < 0.5:
            t, w = 0.5, x * float(rng.exponential())
            v = w * float(rng.uniform())
            b = a - float(np.linalg.norm(w - v))
        part = t * (1 - t) * (a - b) * float(leaky(w @ x, 0) - leaky(v @ x, 0))
        squares = float((w - v) @ (w - v)) + (a - b) ** 2
        yield Trial(abs(part), float(np.linalg.norm(x)) * squares / 8)


@inequality("T2", 4, "the mean of Huber's function, by Jensen")
def _huber_mean(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        b, H = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        d = 10 ** rng.uniform(-1, 1, int(rng.integers(1, 5)))
        yield Trial(float(np.mean([huber(each, b, H) for each in d])), huber(rms(d), b, H))


@inequality("T2", 5, "the mean of Huber's function by W_1")
def _huber_line(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        K, H = (float(part) for part in 10 ** rng.uniform(-1, 2, 2))
        d = 10 ** rng.uniform(-1, 2, int(rng.integers(1, 5)))
        mean = float(np.mean([huber(each, 2 * K, H) for each in d]))
        yield Trial(mean / 4, K / 2 * float(d.mean()))


@equality("T2k", 1, "the largest gap by |z| and D")
def _kinked(rng: np.random.Generator) -> Pairs:
    while True:
        z = float(rng.standard_normal())
        y = -z * float(rng.exponential())
        t, D = np.linspace(0, 1, 5), abs(z - y)
        t = np.append(t, abs(y) / D)
        gaps = leaky(t * z + (1 - t) * y, 0) - t * leaky(z, 0) - (1 - t) * leaky(y, 0)
        yield float(np.abs(gaps).max()), abs(z) * (1 - abs(z) / D)


@inequality("T2k", 2, "the gap by lambda D^p and v")
def _split_gap(rng: np.random.Generator) -> Iterator[Trial]:
    """With v from its formula at the maximum; every second time D is there."""
    while True:
        p, lam, y = 1 + float(rng.exponential()), float(rng.exponential()), float(rng.exponential())
        best = (y**2 / (p * lam)) ** (1 / (p + 1))
        v = max(0.0, y - (p + 1) * lam * best**p)
        D = best if rng.random() < 0.5 and best >= y else y * (1 + float(rng.exponential()))
        yield Trial(y * (1 - y / D), lam * D**p + v)


@identity("T2k", 2, "where the maximum over D is, and its value")
def _best_distance() -> Pairs:
    y, lam, p, D = sp.symbols("y lambda p D", positive=True)
    gap = y - y**2 / D - lam * D**p
    yield D**2 * sp.diff(gap, D), y**2 - p * lam * D ** (p + 1)
    best = sp.sqrt(p * lam * D ** (p + 1))
    yield gap.subs(y, best), best - (p + 1) * lam * D**p


@equality("T2k", 2, "v is 0 from y_0 on")
def _end(rng: np.random.Generator) -> Pairs:
    while True:
        p, lam = 1.2 + float(rng.exponential()), float(rng.uniform(0.2, 2))
        end = ((p + 1) ** (p + 1) * p**-p * lam) ** (-1 / (p - 1))
        D = (end**2 / (p * lam)) ** (1 / (p + 1))
        yield end, (p + 1) * lam * D**p


@equality("T2k", 3, "the integral of v", count=30)
def _integral(rng: np.random.Generator) -> Pairs:
    while True:
        p, lam = 1.2 + float(rng.exponential()), float(rng.uniform(0.2, 2))
        end = ((p + 1) ** (p + 1) * p**-p * lam) ** (-1 / (p - 1))

        def v(part: float, end: float = end, p: float = p, lam: float = lam) -> float:
            # in the root, where its power of y is smoother
            y = end * part**2
            D = (y**2 / (p * lam)) ** (1 / (p + 1))
            return (y - (p + 1) * lam * D**p) * 2 * part * end

        whole, _ = quad(v, 0, 1, epsabs=0, epsrel=1e-12, limit=200)
        yield 2 * whole, end**2 * (p - 1) / (3 * p + 1)


@equality("T2k", 4, "the least over lambda, as it is printed", count=10)
def _least(rng: np.random.Generator) -> Pairs:
    while True:
        p = 1.2 + float(rng.exponential())
        A, rho = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))

        def bound(log: float, p: float = p, A: float = A, rho: float = rho) -> float:
            lam = np.exp(log)
            end = ((p + 1) ** (p + 1) * p**-p * lam) ** (-1 / (p - 1))
            return float(lam * A + rho * end**2 * (p - 1) / (3 * p + 1))

        found = minimize_scalar(bound, bracket=(-1, 1), tol=1e-12)
        yield float(found.fun), float(printed("T2k", 0, p=p, A=A, rho=rho))


unchecked("T2d", 1, "cited", "T1b for every pair")


def _data_metric(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Pairs that differ by given vectors on given data; then in the mean over networks."""
    while True:
        n, N = (int(k) for k in rng.integers(1, 4, 2))
        x, apart = rng.standard_normal((n, 2)), rng.standard_normal((N, 2))
        sigma = x.T @ x / n
        squares = np.einsum("ij,jk,ik->i", apart, sigma, apart)
        D = np.abs(apart @ x.T)
        slope = float(rng.exponential())
        signs = rng.choice([-1.0, 1.0], size=(N, n)) if rng.random() < 0.5 else np.ones((N, n))
        gaps = slope / 4 * D * signs
        if rng.random() < 0.3:
            gaps = slope / 4 * apart @ x.T
        norms = np.sqrt(np.square(D).mean(axis=1))
        yield (
            Trial(rms(gaps.mean(axis=0)), slope / 4 * float(norms.mean())),
            Trial(float(norms.mean()), float(squares.mean()) ** 0.5),
        )


inequality("T2d", 2, "Minkowski's inequality over neurons")(link(_data_metric, 0))
inequality("T2d", 2, "the mean distance by the matching cost")(link(_data_metric, 1))


@inequality("T2d", 3, "Jensen over inputs, neurons and networks")
def _over_all(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        slope, h, a = (float(part) for part in 10 ** rng.uniform(-1, 1, 3))
        n, N = (int(k) for k in rng.integers(1, 3, 2))
        x, apart = rng.standard_normal((n, 2)), rng.standard_normal((N, 2))
        M = float(np.einsum("ij,jk,ik->", apart, x.T @ x / n, apart)) / N
        D = np.abs(apart @ x.T)
        mean = float(np.mean([huber(each, slope, h) for each in D.ravel()]))
        yield Trial(a / 4 * mean, float(a / 4 * huber(M**0.5, slope, h)))


@identity("T2d", 4, "T2k with p = 2")
def _square_kink() -> Pairs:
    rho, A = sp.symbols("rho A", positive=True)
    C = sp.Integer(14) ** sp.Rational(2, 3) / 21
    yield printed("T2k", 0, p=2, rho=rho, A=A) ** 3, C**3 * rho * A**2


@identity("T2d", 5, "the third line, as it is printed")
def _third_line() -> Pairs:
    rho, M, a = sp.symbols("rho M a", positive=True)
    C = sp.Integer(14) ** sp.Rational(2, 3) / 21
    third = sp.nsimplify(printed("T2d", 2, a=a, rho=rho, M=M) ** 3)
    yield third, (a * C) ** 3 * rho * M**2


@inequality("T2d", 5, "Hoelder over inputs")
def _hoelder(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        rho, A = rng.exponential(size=(2, int(rng.integers(1, 4))))
        left = float((rho ** (1 / 3) * A ** (2 / 3)).mean())
        yield Trial(left, float(rho.mean() ** (1 / 3) * A.mean() ** (2 / 3)))


@identity("T3", 1, "the risk of f_t")
def _risk() -> Pairs:
    f, e, y = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "fey")
    yield (f + e - y).dot(f + e - y), (f - y).dot(f - y) + 2 * (f - y).dot(e) + e.dot(e)


@identity("T3", 2, "the risk of the chord")
def _chord() -> Pairs:
    t = sp.symbols("t")
    f, g, y = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "fgy")
    chord = t * f + (1 - t) * g - y
    ends = t * (f - y).dot(f - y) + (1 - t) * (g - y).dot(g - y)
    yield chord.dot(chord), ends - t * (1 - t) * (f - g).dot(f - g)


@identity("T3", 3, "the barrier")
def _barrier() -> Pairs:
    t = sp.symbols("t")
    f, g, y, e = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "fgye")
    chord = t * f + (1 - t) * g
    own, other, there = f - y, g - y, chord + e - y
    barrier = there.dot(there) - t * own.dot(own) - (1 - t) * other.dot(other)
    yield barrier, -t * (1 - t) * (f - g).dot(f - g) + 2 * (chord - y).dot(e) + e.dot(e)


@inequality("T3", 3, "Schwarz")
def _schwarz(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        residual, e = rng.standard_normal((2, int(rng.integers(1, 4))))
        yield Trial(float(residual @ e) / len(e), rms(residual) * rms(e))


@identity("T4", 1, "R10 at the level delta")
def _levels() -> Pairs:
    N, C, D, delta, p = sp.symbols("N C D delta p", positive=True)
    log = sp.log(1 / delta)
    yield printed("R10", 0, m=N, D=D, p=p, s=D**p * sp.sqrt(log / N)), delta
    yield printed("R10", 1, m=N, C=C, s=2 * sp.sqrt(C * log / N)), delta


@inequality("T4", 2, "E W_2 by the root of E W_2^2")
def _root_of_mean(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        squares = rng.exponential(size=int(rng.integers(1, 5)))
        yield Trial(float(np.sqrt(squares).mean()), float(squares.mean()) ** 0.5)


unchecked("T4", 3, "cited", "T2 on the event of step 2")


def _wave(x: np.ndarray, omega: float, theta: Any) -> tuple[np.ndarray, np.ndarray]:
    """A neuron of one parameter, x cos(omega theta), and its derivative; K = omega |x|, H too."""
    return x * np.cos(omega * theta), -omega * x * np.sin(omega * theta)


@inequality("T5", 1, "a step of the limit is Lipschitz")
def _flow(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time residuals are along the Hessian, near its largest value."""
    while True:
        x, omega, s = (
            rng.standard_normal(2),
            float(10 ** rng.uniform(-2, 0.5)),
            float(rng.exponential()),
        )
        residual, (y, z) = rng.standard_normal(2), rng.standard_normal(2)
        if rng.random() < 0.5:
            residual, (y, z) = -x * float(rng.exponential()), 0.01 * rng.standard_normal(2)

        def step(y: float, x: Any = x, omega: Any = omega, s: Any = s, r: Any = residual) -> float:
            return float(y + 2 * s * (r * _wave(x, omega, y)[1]).mean())

        H, R = omega**2 * rms(x), float(np.square(residual).mean())
        growth = 1 + 2 * s * H * R**0.5
        yield Trial(abs(step(y) - step(z)), growth * abs(y - z))


@identity("T5", 2, "what a step adds to X - Y")
def _added() -> Pairs:
    y, limit, f, gx, gy = sp.symbols("y f_inf f_X g_X g_Y")
    left = (y - f) * gx - (y - limit) * gy
    yield left, (y - limit) * (gx - gy) + (limit - f) * gx


@inequality("T5", 3, "the first term times X - Y")
def _first_term(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        N, n, omega = int(rng.integers(1, 4)), 2, float(10 ** rng.uniform(-2, 0.5))
        x, residual = rng.standard_normal((2, n))
        X, Y = rng.standard_normal((2, N))
        if rng.random() < 0.5:
            residual, X, Y = -float(rng.exponential()) * x, X / 100, Y / 100
        slopes = [_wave(x[:, None], omega, each)[1] for each in (X, Y)]
        first = (residual[:, None] * (slopes[0] - slopes[1])).mean(axis=0)
        r = omega**2 * rms(x) * rms(residual)
        yield Trial(float(((X - Y) * first).mean()), r * float(((X - Y) ** 2).mean()))


@inequality("T5", 4, "Taylor's remainder by Huber's function")
def _remainder(rng: np.random.Generator) -> Iterator[Trial]:
    """Slopes that rise at the rate H from -K to K: as in T1."""
    while True:
        K, H = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        X, Y = rng.standard_normal(2) * 3 * K / H

        def value(z: float, K: float = K, H: float = H) -> float:
            return huber(abs(z), K, H)

        slope = float(np.clip(H * X, -K, K))
        left = abs(slope * (X - Y) - value(X) + value(Y))
        yield Trial(left, huber(abs(X - Y), 2 * K, H), 1e-14)


@identity("T5", 4, "the remainder of a neuron with output weight")
def _neuron_remainder() -> Pairs:
    a, b, S, T, slope, z, y = sp.symbols("a b S T slope z y")
    left = S * (a - b) + a * slope * (z - y) - a * S + b * T
    yield left, a * (slope * (z - y) - (S - T)) + (a - b) * (S - T)


@inequality("T5", 4, "what output weights add to it")
def _outputs_too(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        R, ell = (float(part) for part in rng.exponential(size=2))
        apart, (w, v) = float(rng.standard_normal()), rng.standard_normal(2)
        if rng.random() < 0.5:
            apart = w - v
        steep = abs(ell * R * w - ell * R * v)
        yield Trial(abs(apart) * steep, ell * R * (apart**2 + (w - v) ** 2) / 2)


@inequality("T5", 5, "the second term times X - Y")
def _second_term(rng: np.random.Generator) -> Iterator[Trial]:
    """For functions on a few inputs; every second time all are along one of them."""
    while True:
        n = int(rng.integers(1, 4))
        noise, moved, rest = rng.standard_normal((3, n))
        if rng.random() < 0.5:
            noise, rest = float(rng.exponential()) * moved, -float(rng.exponential()) * moved
        if rng.random() < 0.3:
            rest = 0 * moved
        e, u, G = rms(noise), rms(moved), rms(rest)
        left = float(((noise - moved) * (moved + rest)).mean())
        yield Trial(left + u**2, e * u + (e + u) * G)


def _speed(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """For linear neurons theta x, with K = |x| and H = 0; and with a first term of given size."""
    while True:
        N, n = (int(k) for k in rng.integers(1, 3, 2))
        x, noise = rng.standard_normal((2, n))
        X, Y, first = rng.standard_normal((3, N))
        if rng.random() < 0.5:
            noise, first = x * float(rng.exponential()), np.full(N, float(rng.exponential()))
            X = Y - float(rng.exponential())
        moved = np.outer(X - Y, x).mean(axis=0)
        second = float(((noise - moved) * x).mean())
        K, u, D = rms(x), rms(moved), rms(X - Y)
        yield (
            Trial(rms(first + second), rms(first) + K * (rms(noise) + u)),
            Trial(u, K * D),
        )


inequality("T5", 6, "the root mean square of v")(link(_speed, 0))
inequality("T5", 6, "u by the distance of neurons")(link(_speed, 1))


@identity("T5", 7, "Delta(u)^2, as it is printed")
def _square_of_step() -> Pairs:
    D, s, r, e, u, G, K = sp.symbols("D s r err u G K", positive=True)
    inner = r * D**2 + e * u - u**2 + (e + u) * G
    given = {"D": D, "s": s, "r": r, "err": e, "u": u, "G": G, "K": K}
    yield D**2 + 4 * s * inner + 4 * s**2 * (r * D + K * (e + u)) ** 2, printed("T5", 1, **given)


@equality("T5", 7, "the square of a step multiplied out")
def _multiplied_out(rng: np.random.Generator) -> Pairs:
    while True:
        apart, v = rng.standard_normal((2, 3, 2))
        s = float(rng.exponential())
        inner = float((apart * v).sum()) / 3
        # 8 s |apart| |v| keeps both sides away from 0
        rest = 8 * s * rms(apart) * rms(v)
        yield (
            rms(apart + 2 * s * v) ** 2 + rest,
            (rms(apart) ** 2 + 4 * s * inner + 4 * s**2 * rms(v) ** 2 + rest),
        )


@inequality("T5", 7, "the step by the triangle inequality")
def _straight(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        apart, v = rng.standard_normal((2, int(rng.integers(1, 3)), 1))
        s = float(rng.exponential())
        yield Trial(rms(apart + 2 * s * v), rms(apart) + 2 * s * rms(v))


@inequality("T5", 8, "two networks through both limits")
def _three_parts(rng: np.random.Generator) -> Iterator[Trial]:
    """A linear flow with the constant L on the line."""
    while True:
        start, other = rng.standard_normal((2, int(rng.integers(1, 3))))
        off, off_too = rng.standard_normal((2, len(start)))
        if rng.random() < 0.5:
            off, off_too = (
                (start - other) * np.array([[1.0], [-1.0]]) * rng.exponential(size=(2, 1))
            )
        L = float(rng.exponential())
        ends = L * start + off, L * other + off_too
        yield Trial(rms(ends[0] - ends[1]), L * rms(start - other) + rms(off) + rms(off_too))
