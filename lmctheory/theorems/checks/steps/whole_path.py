"""Steps of the proof of the certificate of the whole path (C4)."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, link
from lmctheory.theorems.trial import Trial

_CUBIC = 3**0.5 / 36
_TURN = 0.5 + 12**-0.5  # where s(1-s)|s - 1/2| is largest


def _place(rng: np.random.Generator) -> float:
    """A place on the piece; every third time in the middle or where the cubic is largest."""
    return float(rng.choice([rng.uniform(), rng.uniform(), 0.5, _TURN, 1 - _TURN]))


def _arch(s: float) -> float:
    return s * (1 - s)


@identity("C4", 1, "pre-activations by k, and what is beside")
def _layers() -> Pairs:
    s, half = sp.symbols("s"), sp.Rational(1, 2)
    W, V = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "WV")
    x, y, p, rest, a, b = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "xypeab")
    D, layer, chord = V - W, (1 - s) * W + s * V, (1 - s) * x + s * y
    k = (W + V) / 2 * p - D * (y - x)
    here = layer * (chord + s * (1 - s) * p + rest) + (1 - s) * a + s * b
    ends = (1 - s) * (W * x + a) + s * (V * y + b)
    cubic = s * (1 - s) * (s - half) * D * p
    yield from zip(here, ends + s * (1 - s) * k + cubic + layer * rest, strict=True)


@inequality("C4", 1, "the cubic on the piece")
def _cubic(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        s = _place(rng)
        yield Trial(_arch(s) * abs(s - 0.5), _CUBIC)


def _passed(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Two layers, and a rest of each kind; mostly one layer, and what it makes most of."""
    while True:
        (W, V), s = rng.standard_normal((2, 2, 2)), float(rng.uniform())
        rho, eta = rng.standard_normal((2, 2))
        if rng.random() < 0.7:
            V = W.copy()
            along = W[0] if rng.random() < 0.5 else np.linalg.svd(W)[2][0]
            rho, eta = along, along * float(rng.exponential())
        box = np.abs(rho)
        layer, most = (1 - s) * W + s * V, np.maximum(np.abs(W), np.abs(V))
        omega = max(float(np.linalg.norm(of[0])) for of in (W, V))
        norm = max(float(np.linalg.norm(of, 2)) for of in (W, V))
        size, ball = float(np.linalg.norm(box)), float(np.linalg.norm(eta))
        yield (
            Trial(abs(float(layer[0] @ rho)), float(most[0] @ box)),
            Trial(abs(float(layer[0] @ rho)), size * omega),
            Trial(abs(float(layer[0] @ eta)), ball * omega),
            Trial(float(np.linalg.norm(layer @ rho)), norm * size),
            Trial(float(np.linalg.norm(layer @ eta)), norm * ball),
        )


inequality("C4", 2, "a box by the sizes of weights")(link(_passed, 0))
inequality("C4", 2, "a box by its norm and that of a row")(link(_passed, 1))
inequality("C4", 2, "a ball by the norm of a row")(link(_passed, 2))
inequality("C4", 2, "a box by its norm and that of the weights")(link(_passed, 3))
inequality("C4", 2, "a ball by the norm of the weights")(link(_passed, 4))


@inequality("C4", 2, "all that is beside the parabola")
def _beside(rng: np.random.Generator) -> Iterator[Trial]:
    """One neuron; every second time of weights that hardly move, with a bend that makes up."""
    while True:
        W, V, s = rng.standard_normal(2), rng.standard_normal(2), _place(rng)
        p, rho, eta = rng.standard_normal((3, 2))
        if rng.random() < 0.5:
            s, V = _TURN, W * (1 + 1e-7)
            p, rho, eta = 1e7 * W, W.copy(), W * float(rng.exponential())
        layer, D, most = (1 - s) * W + s * V, V - W, np.maximum(np.abs(W), np.abs(V))
        delta = _arch(s) * (s - 0.5) * float(D @ p) + float(layer @ (rho + eta))
        omega = max(float(np.linalg.norm(W)), float(np.linalg.norm(V)))
        box, ball = np.abs(rho), float(np.linalg.norm(eta))
        a = min(float(most @ box), float(np.linalg.norm(box)) * omega)
        yield Trial(abs(delta), _CUBIC * abs(float(D @ p)) + a + ball * omega)


def _after(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Two neurons of a leaky relu that move by parts of two kinds, theta by a secant."""
    while True:
        a, g = float(rng.uniform(-2, 2)), 2 * rng.standard_normal(2)
        known, ball = rng.standard_normal((2, 2))
        fresh = float(rng.exponential()) * (1 if rng.random() < 0.5 else 0)
        if rng.random() < 0.5:
            g = np.full(2, 30.0 if abs(a) < 1 else -30.0)
            known = np.abs(known) * (1 if abs(a) < 1 else np.sign(a))
            ball = known * float(rng.exponential())
        delta, gain = known + ball, max(1.0, abs(a))
        theta = (leaky(g + delta, a) - leaky(g, a)) / delta
        moved = fresh + theta * delta
        yield (
            Trial(float(np.abs(moved).max()), float((fresh + gain * np.abs(delta)).max()), 1e-13),
            Trial(float(np.linalg.norm(theta * ball)), gain * float(np.linalg.norm(ball)), 1e-13),
        )


inequality("C4", 3, "after an activation, entry by entry")(link(_after, 0))
inequality("C4", 3, "after an activation, in norm")(link(_after, 1))


def _tent(u: float, s: float) -> float:
    return s / u if s < u else (1 - s) / (1 - u)


def _kappa(u: float) -> float:
    u = min(u, 1 - u)
    w, q = 1 / (1 - u), 1 + 4 * u * (1 - u)
    return float((w + 2 + ((w + 2) ** 2 - q * w**2) ** 0.5) / q)


@equality("C4", 4, "the relu of a chord by the tent")
def _by_tent(rng: np.random.Generator) -> Pairs:
    while True:
        z, y = float(rng.exponential()), -float(rng.exponential())
        if rng.random() < 0.5:
            z, y = y, z
        s, total = float(rng.uniform()), abs(z) + abs(y)
        chord = (1 - s) * max(z, 0) + s * max(y, 0)
        tent = abs(z * y) / total * _tent(abs(z) / total, s)
        yield 1 + max((1 - s) * z + s * y, 0.0), 1 + chord - tent


@inequality("C4", 4, "what the bend k makes of a relu")
def _bent(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (z, y), k, s = rng.standard_normal(2), 3 * float(rng.standard_normal()), _place(rng)
        chord = (1 - s) * z + s * y
        moved = max(chord + _arch(s) * k, 0.0) - max(chord, 0.0)
        yield Trial(abs(moved - _arch(s) * k / 2), abs(k) / 8)


@inequality("C4", 4, "the image of a piecewise linear activation")
def _image(rng: np.random.Generator) -> Iterator[Trial]:
    """The whole of step 4, as it is printed; every third time at the tip of the tent."""
    while True:
        a, (z, y) = float(rng.uniform(-2, 2)), 2 * rng.standard_normal(2)
        k, d = 3 * float(rng.standard_normal()), float(rng.exponential())
        s = _place(rng)
        if rng.random() < 0.3:
            k, d, s = 0.0, 0.0, abs(z) / (abs(z) + abs(y))
        delta = d * float(rng.choice([-1.0, 1.0, rng.uniform(-1, 1)]))
        g, chord = (1 - s) * z + s * y + _arch(s) * k, (1 - s) * leaky(z, a) + s * leaky(y, a)
        many = np.linspace(0, 1, 65)
        vertex = np.clip((y - z + k) / (2 * k), 0, 1) if k else 0.0
        path = [(1 - at) * z + at * y + at * (1 - at) * k for at in (*many, float(vertex))]
        if min(path) - d >= 0:
            bend, fresh, gain = k, 0.0, 1.0
        elif max(path) + d <= 0:
            bend, fresh, gain = 0.0, 0.0, abs(a)
        else:
            h, tip = 0.0, 0.5
            if z * y < 0:
                h, tip = abs(z * y) / (abs(z) + abs(y)), abs(z) / (abs(z) + abs(y))
            kappa, gain = _kappa(tip), max(1.0, abs(a))
            bend, fresh = k / 2 - kappa * h, abs(k) / 8 + (1 - kappa * tip * (1 - tip)) * h
        bend, fresh = a * k + (1 - a) * bend, abs(1 - a) * fresh
        off = abs(float(leaky(g + delta, a) - chord) - _arch(s) * bend)
        yield Trial(off, fresh + gain * abs(delta), 1e-13)


@identity("C4", 5, "kappa, and the error at the tip")
def _kappa_solves() -> Pairs:
    w = sp.symbols("w", positive=True)
    u = 1 - 1 / w
    q = 1 + 4 * u * (1 - u)
    root = sp.sqrt((w + 2) ** 2 - q * w**2)
    kappa = (w + 2 + root) / q
    yield sp.expand(q * kappa) ** 2, sp.expand(q * (2 * (w + 2) * kappa - w**2))
    k = sp.symbols("k", positive=True)
    quadratic = q * k**2 - 2 * (w + 2) * k + w**2
    tip = 1 - k * u * (1 - u)
    yield tip, k / 4 * (1 - w / k) ** 2 - quadratic / (4 * k)


def _tents(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    while True:
        u, s = float(rng.uniform(0, 0.5)), float(rng.uniform())
        if rng.random() < 0.2:
            u = 0.5
        w, kappa = 1 / (1 - u), _kappa(u)
        right = kappa / 4 * (1 - w / kappa) ** 2
        left = kappa / 4 * (1 - 1 / (u * kappa)) ** 2
        if (choice := rng.random()) < 0.3:
            s = u
        elif choice < 0.6:
            s = (1 + w / kappa) / 2
        elif choice < 0.8 and u * kappa > 1:
            s = (1 - 1 / (u * kappa)) / 2
        off = abs(_tent(u, s) - kappa * _arch(s))
        yield (
            Trial(off, 1 - kappa * u * (1 - u), 1e-14),
            Trial((1 - s) * (kappa * s - w), right, 1e-14),
            Trial(s * (kappa * (1 - s) - 1 / u), left, 1e-13),
            Trial(left if u * kappa > 1 else 0.0, right, 1e-14),
        )


inequality("C4", 5, "the tent by its parabola")(link(_tents, 0))
inequality("C4", 5, "the difference on the right of the tip")(link(_tents, 1))
inequality("C4", 5, "that on the left of it")(link(_tents, 2))
inequality("C4", 5, "that on the left is less")(link(_tents, 3))


@identity("C4", 6, "the error in the middle; its derivatives")
def _derivatives() -> Pairs:
    """For a polynomial with symbols for coefficients."""
    s, z, y, k, gamma = sp.symbols("s z y k gamma")
    t, half = sp.symbols("t"), sp.Rational(1, 2)
    sigma = sum(c * t**i for i, c in enumerate(sp.symbols("c0:5")))
    g = (1 - s) * z + s * y + s * (1 - s) * k

    def at(order: int, place: Any) -> Any:
        return sp.diff(sigma, t, order).subs(t, place)

    E = at(0, g) - (1 - s) * at(0, z) - s * at(0, y) - 4 * gamma * s * (1 - s)
    middle = at(0, g.subs(s, half)) - (at(0, z) + at(0, y)) / 2
    yield E.subs(s, half), middle - gamma
    slope = y - z + (1 - 2 * s) * k
    first = at(1, g) * slope - (at(0, y) - at(0, z)) - 4 * gamma * (1 - 2 * s)
    yield sp.diff(E, s), first
    yield sp.diff(E, s, 2), at(2, g) * slope**2 - 2 * k * at(1, g) + 8 * gamma
    yield sp.diff(E, s, 3), at(3, g) * slope**3 - 6 * k * at(2, g) * slope


def _sizes(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Derivatives of sigma within bounds, often at these, with signs that add up."""
    while True:
        z, y, k, s = *rng.standard_normal(3), _place(rng)
        M_3, M_2, lip, gamma = rng.exponential(size=4)
        third, second, first = rng.uniform(-1, 1, 3) * [M_3, M_2, lip]
        if rng.random() < 0.5:
            k, s = abs(k) * np.sign(y - z), float(rng.integers(2))
            k = k if s == 0 else -k
            slope = y - z + (1 - 2 * s) * k
            second = -np.sign(k * slope) * M_2
            third, gamma = np.sign(slope) * M_3, abs(gamma)
        if rng.random() < 0.5:
            second, first = M_2, -np.sign(k) * lip
        slope, v = y - z + (1 - 2 * s) * k, abs(y - z) + abs(k)
        yield (
            Trial(abs(float(slope)), float(v)),
            Trial(
                abs(float(third * slope**3 - 6 * k * second * slope)),
                float(M_3 * v**3 + 6 * M_2 * v * abs(k)),
            ),
            Trial(
                abs(float(second * slope**2 - 2 * k * first + 8 * gamma)),
                float(M_2 * v**2 + 2 * lip * abs(k) + 8 * abs(gamma)),
            ),
        )


inequality("C4", 6, "the slope of the parabola")(link(_sizes, 0))
inequality("C4", 6, "the third derivative")(link(_sizes, 1))
inequality("C4", 6, "the second derivative")(link(_sizes, 2))


def _error(sigma: Callable[[float], float], z: float, y: float, k: float, s: float) -> float:
    g = (1 - s) * z + s * y + _arch(s) * k
    gamma = sigma((z + y) / 2 + k / 4) - (sigma(z) + sigma(y)) / 2
    return abs(sigma(g) - (1 - s) * sigma(z) - s * sigma(y) - 4 * gamma * _arch(s))


@inequality("C4", 6, "(a) for a cubic")
def _by_third(rng: np.random.Generator) -> Iterator[Trial]:
    """M_3 is its third derivative, M_2 the largest second one on the range."""
    while True:
        (z, y), s, c = rng.standard_normal(2), _place(rng), rng.standard_normal(4)
        k = float(rng.standard_normal()) * (rng.random() < 0.5)
        v = abs(y - z) + abs(k)
        reach = max(abs(z), abs(y)) + abs(k) / 4
        M_3, M_2 = 6 * abs(c[0]), 6 * abs(c[0]) * reach + 2 * abs(c[1])

        def sigma(at: float, c: Any = c) -> float:
            return float(np.polyval(c, at))

        bound = _CUBIC / 6 * (M_3 * v**3 + 6 * M_2 * v * abs(k))
        yield Trial(_error(sigma, z, y, k, s), float(bound), 1e-13)


@inequality("C4", 6, "(a) for a square")
def _by_third_of_square(rng: np.random.Generator) -> Iterator[Trial]:
    """Nearly attained where k is small beside the move."""
    while True:
        (z, y), s = rng.standard_normal(2), _place(rng)
        k = float(rng.standard_normal()) * 10 ** float(rng.uniform(-4, 0))
        v = abs(y - z) + abs(k)
        yield Trial(
            _error(lambda at: at**2, z, y, k, s), _CUBIC / 6 * 12 * v * abs(k), 1e-14 * v**2
        )


@inequality("C4", 6, "(b), where the curvature changes its sign")
def _by_second(rng: np.random.Generator) -> Iterator[Trial]:
    """sign(z) z^2 / 2 + c z; every second time from -y to y, where gamma is 0."""
    while True:
        (z, y), s, c = rng.standard_normal(2), _place(rng), float(rng.standard_normal())
        k = float(rng.standard_normal())
        if rng.random() < 0.5:
            z, k, s = -y, 0.0, 0.25
        reach = max(abs(z), abs(y)) + abs(k) / 4

        def sigma(at: float, c: float = c) -> float:
            return at * abs(at) / 2 + c * at

        gamma = sigma((z + y) / 2 + k / 4) - (sigma(z) + sigma(y)) / 2
        v, lip = abs(y - z) + abs(k), reach + abs(c)
        bound = (v**2 + 2 * lip * abs(k) + 8 * abs(gamma)) / 32
        yield Trial(_error(sigma, z, y, k, s), float(bound), 1e-13)


@inequality("C4", 6, "(c), where slopes alternate")
def _by_range(rng: np.random.Generator) -> Iterator[Trial]:
    """Slope alpha but between -1 and 1, where it is beta; every second time from -2 to 2."""
    while True:
        (z, y), s = 2 * rng.standard_normal(2), _place(rng)
        (low, high), k = rng.standard_normal(2), float(rng.standard_normal())
        if rng.random() < 0.5:
            z, y, k, s = -2.0, 2.0, 0.0, 0.25

        def sigma(at: float, low: float = low, high: float = high) -> float:
            return float(low * at + (high - low) * np.clip(at, -1, 1))

        alpha, beta = min(low, high), max(low, high)
        gamma = sigma((z + y) / 2 + k / 4) - (sigma(z) + sigma(y)) / 2
        spread = (beta - alpha) * abs(y - z) + (max(beta, 0) - min(alpha, 0)) * abs(k)
        yield Trial(_error(sigma, z, y, k, s), float(spread + 4 * abs(gamma)) / 8, 1e-13)


@inequality("C4", 6, "the gain")
def _gain(rng: np.random.Generator) -> Iterator[Trial]:
    """Of a square, on an interval about g; every second time at its end."""
    while True:
        low, high = np.sort(rng.standard_normal(2))
        d = float(high - low) / 2 * (1e-6 if rng.random() < 0.5 else float(rng.uniform()))
        g = float(rng.choice([low + d, high - d]))
        delta = d * float(rng.choice([-1.0, 1.0]))
        gain = abs(low + high) / 2 + (high - low) / 2
        moved = delta * (g + delta / 2)  # half the square of g + delta less that of g
        yield Trial(abs(moved), float(gain) * abs(delta), 1e-14 * abs(delta))


@inequality("C4", 7, "a maximum by both changes")
def _maximum(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (x, y), (p, q) = rng.standard_normal((2, 2))
        if rng.random() < 0.5:
            x, p = y + 30, 2 * q
        yield Trial(abs(max(x + p, y + q) - max(x, y)), max(abs(p), abs(q)), 1e-14)


@inequality("C4", 7, "maxima over windows in norm")
def _windows(rng: np.random.Generator) -> Iterator[Trial]:
    """Windows of two neighbours of a few numbers; often only one that two windows see."""
    while True:
        x, moved = rng.standard_normal((2, 4))
        if rng.random() < 0.5:
            x = x + np.array([0, 30, 0, 0])
            moved = np.array([0, 1.0, 0, 0]) * moved

        def largest(of: np.ndarray) -> np.ndarray:
            return np.maximum(of[:-1], of[1:])

        change = float(np.linalg.norm(largest(x + moved) - largest(x)))
        yield Trial(change, 2**0.5 * float(np.linalg.norm(moved)), 1e-13)


@identity("C4", 7, "BatchNorm multiplied out; its third derivative")
def _normalised() -> Pairs:
    s, alpha, e, k, delta = sp.symbols("s alpha e k delta")
    a, b, u, v = sp.symbols("a b u v")
    half = sp.Rational(1, 2)
    chord, mean = (1 - s) * a + s * b, (1 - s) * u + s * v
    arch = s * (1 - s)
    factor = chord + arch * alpha + e
    bend = (a + b) / 2 * k - (b - a) * (v - u) + alpha * (u + v) / 2
    cubic = arch * (s - half) * (k * (b - a) + alpha * (v - u))
    beside = cubic + e * mean + (factor - chord) * arch * k + factor * delta
    ends = (1 - s) * a * u + s * b * v
    yield factor * (mean + arch * k + delta), ends + arch * bend + beside
    gamma, rise, w, dw = sp.symbols("gamma rise w dw", positive=True)
    whole = (gamma + s * rise) / sp.sqrt(w + s * dw)
    third = sp.diff(whole, s, 3).subs(s, 0)
    yield (
        third,
        -sp.Rational(15, 8) * gamma * dw**3 / w ** sp.Rational(7, 2)
        + sp.Rational(9, 4) * rise * dw**2 / w ** sp.Rational(5, 2),
    )


def _factors(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """The factor gamma / sqrt(w); every third time of a variance that hardly moves."""
    while True:
        (gamma, rise), s = rng.standard_normal(2), _place(rng)
        w, v = 10 ** rng.uniform(-2, 1, 2)
        if (choice := rng.random()) < 0.3:
            v = w * (1 + 1e-3 * float(rng.choice([-1, 1])))
            rise = 0.0
        elif choice < 0.6:  # steep at one end
            w, v, rise, s = 1.0, 1e-12, 0.0, 1 - 1e-6

        def a(s: float, g: float = gamma, r: float = rise, w: float = w, v: float = v) -> float:
            return float((g + s * r) / ((1 - s) * w + s * v) ** 0.5)

        alpha = 4 * (a(0.5) - (a(0.0) + a(1.0)) / 2)
        off = abs(a(s) - (1 - s) * a(0.0) - s * a(1.0) - _arch(s) * alpha)
        ratio, least = abs(v - w) / min(v, w), min(v, w) ** 0.5
        most = 15 / 8 * max(abs(gamma), abs(gamma + rise)) * ratio**3 + 9 / 4 * abs(rise) * ratio**2
        corners = [g / x**0.5 for g in (gamma, gamma + rise) for x in (w, v)]
        spread = max(corners) - min(corners)
        size = max(map(abs, corners))
        yield (
            Trial(off, float(_CUBIC / 6 * most / least), 1e-15 * size),
            Trial(off, spread + abs(alpha) / 4, 1e-15 * size),
        )


inequality("C4", 7, "the error of the factor by its third derivative")(link(_factors, 0))
# at the end, where the factor rises, the arch of alpha is 0: a third is not attained
inequality("C4", 7, "the error of the factor by its range", slack=1 / 3)(link(_factors, 1))


def _labels(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """Three logits on a piece, with bends and a rest; every second time with weights that rest."""
    while True:
        n, s = 2, _place(rng)
        W, V = rng.standard_normal((2, 3, n))
        x, y, p, rho, eta = rng.standard_normal((5, n))
        if rests := rng.random() < 0.5:
            V, s, eta = W.copy(), 0.5, np.zeros(n)
            y = x + 0.1 * (y - x)
            p, rho = 30 * (W[1] - W[0]), W[1] - W[0]
            W = V = np.stack([W[0], W[1], W[0] - 60 * (W[1] - W[0])])
        layer, D = (1 - s) * W + s * V, V - W
        f = layer @ ((1 - s) * x + s * y + _arch(s) * p + rho + eta)
        q = (W + V) / 2 @ p - D @ (y - x)
        margins, highest = [], []
        for j in (1, 2):
            w, v = W[j] - W[0], V[j] - V[0]
            omega = max(float(np.linalg.norm(w)), float(np.linalg.norm(v)))
            most, box = np.maximum(np.abs(w), np.abs(v)), np.abs(rho)
            slack = _CUBIC * abs(float((v - w) @ p))
            slack += min(float(most @ box), omega * float(np.linalg.norm(box)))
            slack += omega * float(np.linalg.norm(eta))
            start, end, bend = float(w @ x), float(v @ y), float(q[j] - q[0])
            vertex = (end - start + bend) / (2 * bend) if bend else 0.0
            places = (0.0, 1.0, min(max(vertex, 0.0), 1.0))
            highest.append(max((1 - r) * start + r * end + _arch(r) * bend for r in places) + slack)
            margins.append(float(f[j] - f[0]))
        if rests and margins[0] < 10:
            continue
        loss = np.logaddexp.reduce([0.0, *margins])
        yield (
            Trial(margins[0], highest[0], 1e-12),
            Trial(float(loss), float(np.logaddexp.reduce([0.0, *highest])), 1e-12),
        )


inequality("C4", 8, "a margin on the piece")(link(_labels, 0))
inequality("C4", 8, "the cross-entropy on the piece")(link(_labels, 1))


@inequality("C4", 9, "the arch of a bend")
def _lifted(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        q, s = float(rng.standard_normal()), _place(rng)
        yield Trial(_arch(s) * q, max(q, 0.0) / 4)


@inequality("C4", 9, "the mean of convex bounds by both ends")
def _at_ends(rng: np.random.Generator) -> Iterator[Trial]:
    """A few examples of two margins that are affine; every third time they rest."""
    while True:
        (m, n), s = 3 * rng.standard_normal((2, int(rng.integers(1, 4)), 2)), _place(rng)
        if rng.random() < 0.3:
            n = m

        def mean(margins: np.ndarray) -> float:
            return float(np.log1p(np.exp(margins).sum(axis=1)).mean())

        yield Trial(mean((1 - s) * m + s * n), max(mean(m), mean(n)))


@inequality("C4", 10, "what computed networks are off the chord")
def _computed(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        errors, s = rng.standard_normal((3, 2)), float(rng.uniform())
        if rng.random() < 0.5:
            errors = errors[0] * np.array([[1.0], [-1.0], [-1.0]])
        off = errors[0] - (1 - s) * errors[1] - s * errors[2]
        yield Trial(float(np.linalg.norm(off)), 2 * float(np.linalg.norm(errors, axis=1).max()))


# counted to first order, with halves rounded up: at k = 1 a part of the last number is left
@inequality("C4", 10, "what is lost on a piece, by all parts", slack=0.05, count=40)
def _lost(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        k = int(10 ** rng.uniform(0, 4))
        parts = k + 6, (4 * k + 26) / 4, _CUBIC * (4 * k + 20), k / 2 + 3
        yield Trial(sum(parts), 3 * k + 17)
