"""Steps of the proofs of the complete certificate and of the certified barrier (C5, C6)."""

from collections.abc import Iterator
from math import comb, factorial
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, leaky, link
from lmctheory.theorems.trial import Trial

# s^(K+1) by the polynomial of lower degree that is nearest, lowest power first
_LOWER = {1: (0.5, 0.0), 2: (0.0, 0.75, 0.0), 3: (-0.125, 0.0, 1.0, 0.0)}


def _place(rng: np.random.Generator) -> float:
    """A place on the piece; every second time an end or the middle."""
    return float(rng.choice([rng.uniform(-1, 1), rng.uniform(-1, 1), -1.0, 1.0, 1.0, 0.0]))


def _value(coefficients: Any, s: float) -> Any:
    """The polynomial there, of coefficients along the first axis."""
    return sum(c * s**k for k, c in enumerate(coefficients))


@identity("C5", 1, "powers by Chebyshev's polynomials")
def _powers() -> Pairs:
    s = sp.symbols("s")
    for K, lower in _LOWER.items():
        rest = sp.Rational(1, 2**K) * sp.chebyshevt(K + 1, s)
        yield s ** (K + 1), sum(sp.nsimplify(c) * s**k for k, c in enumerate(lower)) + rest


@inequality("C5", 1, "the cost of a power")
def _cost(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        K, s, c = int(rng.integers(1, 4)), _place(rng), float(rng.standard_normal())
        yield Trial(abs(c * (s ** (K + 1) - _value(_LOWER[K], s))), 2.0**-K * abs(c), 1e-15)


@identity("C5", 2, "a layer's polynomial and symbols")
def _layer() -> Pairs:
    """With K = 2 and one symbol, of which s^2 is 1/2 and half of Chebyshev's T_2."""
    s, e = sp.symbols("s e")
    W, D = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "WD")
    c = [sp.Matrix(sp.symbols(f"c{k}_1:3")) for k in range(3)]
    g, h, r = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "ghr")
    nothing = sp.zeros(2, 1)
    before = sum((s**k * each for k, each in enumerate(c)), nothing) + (g + s * h) * e + r
    raised = (
        s**k * (W * here + D * below)
        for k, (here, below) in enumerate(zip([*c, nothing], [nothing, *c], strict=True))
    )
    symbols = (W * g + D * h / 2 + s * (W * h + D * g)) * e
    beside = D * h * e * sp.chebyshevt(2, s) / 2 + (W + s * D) * r
    yield from zip((W + s * D) * before, sum(raised, nothing) + symbols + beside, strict=True)


@inequality("C5", 2, "what a layer leaves beside its symbols")
def _layer_rest(rng: np.random.Generator) -> Iterator[Trial]:
    """Line 4 for two symbols; every second time of signs that add up at the end of the piece."""
    while True:
        K, s, n = int(rng.integers(2, 4)), _place(rng), 2
        W, D, top, rho, g = *rng.standard_normal((3, n)), *rng.standard_normal((2, n))
        e, g = rng.uniform(-1, 1, 2), np.stack([g, rng.standard_normal(n)])
        if rng.random() < 0.5:
            s, e = 1.0, np.ones(2)
            W, D, top, rho, g = (np.abs(of) for of in (W, D, top, rho, g))
        r = np.abs(rho)
        left = (W + s * D) @ rho + (s**2 - 0.5) * float(D @ g.T @ e)
        left = left + (s ** (K + 1) - _value(_LOWER[K], s)) * float(D @ top)
        bound = (np.abs(W) + np.abs(D)) @ r + 0.5 * float(np.abs(D @ g.T).sum())
        yield Trial(abs(float(left)), float(bound + 2.0**-K * abs(float(D @ top))), 1e-13)


@inequality("C5", 3, "a fixed map of the remainder")
def _fixed(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        row, r = rng.standard_normal(3), rng.exponential(size=3)
        rho = r * (np.sign(row) if rng.random() < 0.5 else rng.uniform(-1, 1, 3))
        yield Trial(abs(float(row @ rho)), float(np.abs(row) @ r))


@identity("C5", 4, "lambda makes both ends alike; epsilon")
def _kink() -> Pairs:
    low, high = sp.symbols("ell u", positive=True)  # -ell < 0 < u
    slope = high / (high + low)
    yield slope * low, (1 - slope) * high
    yield 2 * (slope * low / 2), slope * low


@inequality("C5", 4, "the relu by a line")
def _chord(rng: np.random.Generator) -> Iterator[Trial]:
    """Any slope; every second time at 0 or an end."""
    while True:
        low, high = -float(rng.exponential()), float(rng.exponential())
        slope = float(rng.choice([rng.uniform(), high / (high - low)]))
        z = float(rng.choice([rng.uniform(low, high), low, 0.0, high]))
        most = max(-slope * low, (1 - slope) * high)
        yield Trial(abs(max(z, 0.0) - slope * z - most / 2), most / 2, 1e-14)


@inequality("C5", 5, "a cubic by its line")
def _near_line(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        c, s = rng.standard_normal(4), _place(rng)
        if rng.random() < 0.5:
            c = np.abs(c)
        line = c[0] + c[2] / 2 + (c[1] + 0.75 * c[3]) * s
        yield Trial(abs(float(_value(c, s) - line)), float(abs(c[2]) / 2 + abs(c[3]) / 4), 1e-14)


@inequality("C5", 5, "|z| by the chord less an arch")
def _arched(rng: np.random.Generator) -> Iterator[Trial]:
    """U_+ and U_- from the points that the step names; half of the time where these are."""
    while True:
        b, V, A = float(rng.standard_normal()), float(rng.exponential()), float(rng.exponential())
        a = b * float(rng.uniform(-1, 1))  # q = a + b s has its zero inside
        zero, start, end = -a / b, abs(a - b), abs(a + b)

        def p(s: float, start: float = start, end: float = end, A: float = A) -> float:
            return (start + end) / 2 + (end - start) / 2 * s - A * (1 - s**2)

        above = []
        for side, rise in (((-1.0, zero), -abs(b)), ((zero, 1.0), abs(b))):
            vertex = (rise - (end - start) / 2) / (2 * A)
            above.append(float(np.clip(vertex, *side)))
        near = V / abs(b)
        below = np.clip([-1.0, zero - near, zero + near, 1.0], -1, 1).tolist()
        up = max(abs(a + b * s) - p(s) for s in above) + V
        down = max(p(s) - max(0.0, abs(a + b * s) - V) for s in below)
        s, sign = float(rng.choice([*above, *below, *rng.uniform(-1, 1, 3)])), rng.choice([-1, 1])
        q = a + b * s
        # the largest and the least |z| that are within V of |q|
        z = abs(q) + V if sign > 0 else max(0.0, abs(q) - V)
        if rng.random() < 0.2:
            z = abs(q + V * float(rng.uniform(-1, 1)))
        yield Trial(abs(z - p(s) - (up - down) / 2), (up + down) / 2, 1e-14)


@equality("C5", 5, "relus, other kinks and maxima by |z|")
def _by_size(rng: np.random.Generator) -> Pairs:
    while True:
        (z, y), a = rng.standard_normal(2), float(rng.uniform(-2, 2))
        yield 9 + float(leaky(z, a)), 9 + a * z + (1 - a) * (z + abs(z)) / 2
        yield 9 + float(max(z, y)), 9 + y + (z - y + abs(z - y)) / 2


@inequality("C5", 6, "the remainder of Taylor's formula")
def _taylor(rng: np.random.Generator) -> Iterator[Trial]:
    """Of tanh, |tanh''| <= M_2, and of a square."""
    while True:
        P, w, bent = *rng.standard_normal(2), rng.random() < 0.5
        t, u = np.tanh(P), np.tanh(P + w)
        left = u - t - (1 - t**2) * w if bent else (P + w) ** 2 - P**2 - 2 * P * w
        M_2 = 4 / 3**1.5 if bent else 2.0
        yield Trial(abs(float(left)), M_2 / 2 * float(w**2), 1e-14)


@inequality("C5", 6, "interpolation at Chebyshev's zeros")
def _interpolated(rng: np.random.Generator) -> Iterator[Trial]:
    """A polynomial of degree n, whose n-th derivative is a number; and a sine."""
    while True:
        n, s = int(rng.integers(1, 5)), _place(rng)
        zeros = np.cos((2 * np.arange(n) + 1) * np.pi / (2 * n))
        c, phase = rng.standard_normal(n + 1), float(rng.uniform(0, 6))
        if rng.random() < 0.7:
            values, here = np.polyval(c, zeros), np.polyval(c, s)
            most = factorial(n) * abs(c[0])
        else:
            values, here, most = np.sin(zeros + phase), np.sin(s + phase), 1.0
        off = here - np.polyval(np.polyfit(zeros, values, n - 1), s)
        yield Trial(abs(float(off)), float(most / (factorial(n) * 2 ** (n - 1))), 1e-13)


@identity("C5", 6, "Faa di Bruno's formula")
def _composed() -> Pairs:
    """For polynomials with symbols for coefficients, at 0."""
    s, t = sp.symbols("s t")
    P = sum(c * s**k for k, c in enumerate(sp.symbols("p0:4")))
    sigma = sum(c * (t - P.subs(s, 0)) ** k for k, c in enumerate(sp.symbols("a0:5")))
    m = [sp.diff(sigma, t, k).subs(t, P.subs(s, 0)) for k in range(5)]
    p = [sp.diff(P, s, k).subs(s, 0) for k in range(4)]
    whole = sigma.subs(t, P)
    yield sp.diff(whole, s, 2).subs(s, 0), m[2] * p[1] ** 2 + m[1] * p[2]
    third = m[3] * p[1] ** 3 + 3 * m[2] * p[1] * p[2] + m[1] * p[3]
    yield sp.diff(whole, s, 3).subs(s, 0), third
    fourth = m[4] * p[1] ** 4 + 6 * m[3] * p[1] ** 2 * p[2]
    fourth += m[2] * (3 * p[2] ** 2 + 4 * p[1] * p[3])
    yield sp.diff(whole, s, 4).subs(s, 0), fourth
    slope = sp.diff(sigma, t).subs(t, P)
    yield sp.diff(slope, s, 2).subs(s, 0), m[3] * p[1] ** 2 + m[2] * p[2]


@inequality("C5", 6, "a constant slope")
def _flat(rng: np.random.Generator) -> Iterator[Trial]:
    """Of tanh, and of a square."""
    while True:
        c, s, bent = rng.standard_normal(4), _place(rng), rng.random() < 0.5
        if rng.random() < 0.5:
            c[2:] = 0
        away = max(abs(float(_value(c, r) - c[0])) for r in np.linspace(-1, 1, 201))
        P = float(_value(c, s))
        left = np.tanh(c[0]) ** 2 - np.tanh(P) ** 2 if bent else 2 * (P - c[0])
        yield Trial(abs(float(left)), (4 / 3**1.5 if bent else 2.0) * away, 1e-14)


@inequality("C5", 6, "all three errors")
def _smooth(rng: np.random.Generator) -> Iterator[Trial]:
    """sigma(z) less p + lambda (z - P), of a cubic; every second time P is a line."""
    while True:
        (c, d), s = rng.standard_normal((2, 4)), _place(rng)
        if rng.random() < 0.5:  # a square of a line: all that is left is attained
            c[2:], d[0] = 0, 0
        R = float(rng.exponential())
        w = R * float(rng.choice([-1.0, 1.0, 0.0, rng.uniform(-1, 1)]))

        def of(z: Any, order: int, d: Any = d) -> Any:
            return np.polyval(np.polyder(d, order), z)

        reach = float(np.abs(c).sum()) + R
        M = [np.polyval(np.abs(np.polyder(d, k)), reach) if k < 4 else 0.0 for k in range(5)]
        derivatives = [np.polynomial.polynomial.polyder(c, k) for k in (1, 2, 3)]
        p = [float(np.abs(each).sum()) for each in derivatives]
        n = int(rng.integers(2, 5))
        most = {
            2: M[2] * p[0] ** 2 + M[1] * p[1],
            3: M[3] * p[0] ** 3 + 3 * M[2] * p[0] * p[1] + M[1] * p[2],
            4: M[4] * p[0] ** 4
            + 6 * M[3] * p[0] ** 2 * p[1]
            + M[2] * (3 * p[1] ** 2 + 4 * p[0] * p[2]),
        }[n]

        def through(order: int, count: int, c: Any = c, of: Any = of) -> Any:
            zeros = np.cos((2 * np.arange(count) + 1) * np.pi / (2 * count))
            values = np.array([of(_value(c, each), order) for each in zeros])
            return np.polyfit(zeros, values, count - 1)

        P = _value(c, s)
        left = of(P + w, 0) - np.polyval(through(0, n), s) - np.polyval(through(1, 2), s) * w
        E_p = most / (factorial(n) * 2 ** (n - 1))
        E_slope = (M[3] * p[0] ** 2 + M[2] * p[1]) / 4
        bound = float(E_p + E_slope * R + M[2] * R**2 / 2)
        yield Trial(abs(float(left)), bound, 1e-11 * (1 + bound))


@inequality("C5", 7, "one slope, in the middle of all")
def _one_slope(rng: np.random.Generator) -> Iterator[Trial]:
    """A leaky relu, whose slopes between c_0 and z are all that there are."""
    while True:
        a, (c, z) = float(rng.uniform(-2, 2)), rng.standard_normal(2)
        if rng.random() < 0.5:
            c = 0.0
        alpha, beta = min(a, 1.0), max(a, 1.0)
        left = leaky(z, a) - leaky(c, a) - (alpha + beta) / 2 * (z - c)
        yield Trial(abs(float(left)), (beta - alpha) / 2 * abs(z - c), 1e-14)


@inequality("C5", 7, "the middle of a range")
def _middle(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        low, high = np.sort(rng.standard_normal(2))
        z = float(rng.choice([low, high, rng.uniform(low, high)]))
        ends = np.tanh([low, high])
        half = float(ends[1] - ends[0]) / 2
        yield Trial(abs(float(np.tanh(z) - ends.mean())), half, 1e-15)


@identity("C5", 7, "a slope times symbols")
def _slope_times() -> Pairs:
    s, a, b, g, h = sp.symbols("s lambda0 lambda1 g h")
    kept = a * g + b * h / 2 + s * (a * h + b * g)
    yield (a + b * s) * (g + s * h), kept + b * h * sp.chebyshevt(2, s) / 2


@inequality("C5", 7, "a slope times the remainder")
def _slope_rest(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (a, b), r, s = rng.standard_normal(2), float(rng.exponential()), _place(rng)
        rho = r * float(rng.choice([-1.0, 1.0, rng.uniform(-1, 1)]))
        yield Trial(abs(float((a + b * s) * rho)), float(abs(a) + abs(b)) * r)


@identity("C5", 8, "a product in four")
def _product() -> Pairs:
    P, Q, v, w = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "PQvw")
    B = sp.Matrix(2, 2, sp.symbols("B1:5"))

    def of(x: Any, y: Any) -> Any:
        return (x.T * B * y)[0]

    yield of(P + v, Q + w), of(P, Q) + of(P, w) + of(v, Q) + of(v, w)


def _products(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial, Trial]]:
    """The scalar product; what is left of its second part, and of its last, once as squares."""
    while True:
        c, s, n = rng.standard_normal((4, 2)), _place(rng), 2
        g, h, r = rng.standard_normal(n), rng.standard_normal(n), rng.exponential(size=n)
        e, rho = float(rng.uniform(-1, 1)), r * rng.uniform(-1, 1, n)
        if rng.random() < 0.5:
            s, e, rho = 1.0, 1.0, r
            c, g, h = np.abs(c), np.abs(g), np.abs(h)
        line = (c[0] + c[2] / 2, c[1] + 0.75 * c[3])
        P = _value(c, s)
        kept = line[0] @ g + line[1] @ h / 2 + s * (line[0] @ h + line[1] @ g)
        left = P @ ((g + s * h) * e + rho) - kept * e
        bound = np.abs(c[2]) / 2 + np.abs(c[3]) / 4
        bound = bound @ (np.abs(g) + np.abs(h)) + np.abs(line[1]) @ np.abs(h) / 2
        bound = bound + np.abs(c).sum(axis=0) @ r
        R = np.abs(g) + np.abs(h) + r
        v, w = (g + s * h) * e + rho, R * rng.choice([-1, 1], n)
        if rng.random() < 0.5:
            w = R
        square = float(R @ R)
        yield (
            Trial(abs(float(left)), float(bound), 1e-12),
            Trial(abs(float(v @ w)), square, 1e-13),
            Trial(abs(float(v @ v) - square / 2), square / 2, 1e-13),
        )


inequality("C5", 8, "a polynomial times what is beside one")(link(_products, 0))
inequality("C5", 8, "what is beside both")(link(_products, 1))
inequality("C5", 8, "and its middle, for a square")(link(_products, 2))


@equality("C5", 9, "norms and softmax by sums and products")
def _by_others(rng: np.random.Generator) -> Pairs:
    while True:
        x, eps, shift = (
            rng.standard_normal(3),
            float(rng.exponential()),
            float(rng.standard_normal()),
        )
        apart = x - x.mean()
        tau = eps + float((apart**2).mean())
        yield 9 + float(apart[0] / (eps + x.var()) ** 0.5), 9 + float(apart[0]) * tau**-0.5
        share = np.exp(x - shift)
        yield float(np.exp(x[0] - np.logaddexp.reduce(x))), float(share[0] * (1 / share.sum()))


@inequality("C5", 9, "the terms of a root from the fourth on")
def _tail(rng: np.random.Generator) -> Iterator[Trial]:
    """Summed as they are; every second time so small that the first is nearly all."""
    while True:
        rate = float(rng.uniform(0, 0.8)) * (1e-3 if rng.random() < 0.5 else 1)
        s = _place(rng)
        coefficients = [(-1) ** k * comb(2 * k, k) / 4**k for k in range(200)]
        tail = sum(c * (rate * s) ** k for k, c in enumerate(coefficients) if k >= 4)
        yield Trial(abs(tail), coefficients[4] * rate**4 / (1 - rate))


@equality("C5", 9, "the factor of BatchNorm by a series")
def _series(rng: np.random.Generator) -> Pairs:
    while True:
        v, rate, s = float(rng.exponential()), float(rng.uniform(-0.7, 0.7)), _place(rng)
        a, b = 1 + float(rng.exponential()), float(rng.exponential())
        terms = sum((-1) ** k * comb(2 * k, k) / 4**k * (rate * s) ** k for k in range(120))
        yield 9 + (a + b * s) / (v * (1 + rate * s)) ** 0.5, 9 + (a + b * s) * v**-0.5 * terms


def _balls(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """A product of entries, a matrix on a ball, and a norm of a group."""
    while True:
        k = int(rng.integers(2, 4))
        (x, y), (v, w) = rng.standard_normal((2, 2, k))
        if rng.random() < 0.5:  # both errors where both factors are largest
            x, y, v, w = (np.eye(k)[0] * abs(of[0]) for of in (x, y, v, w))
        b, c = float(np.linalg.norm(v)), float(np.linalg.norm(w))
        ball = b * float(np.abs(y).max()) + c * float(np.abs(x).max()) + b * c
        (W, V), eta = rng.standard_normal((2, 2, k)), rng.standard_normal(k)
        if rng.random() < 0.5:
            V, eta = float(rng.exponential()) * W, np.linalg.svd(W)[2][0]
        share, other = rng.standard_normal(2)
        if rng.random() < 0.5:
            share, other = abs(share), abs(other)
        norm = abs(share) * float(np.linalg.norm(W, 2)) + abs(other) * float(np.linalg.norm(V, 2))
        mean = np.full((k, k), 1 / k) if rng.random() < 0.5 else np.zeros((k, k))
        eps, z = float(rng.exponential()), (np.eye(k) - mean) @ rng.standard_normal(k)
        tau = eps + float((z**2).mean())
        slope = (np.eye(k) - mean - np.outer(z, z) / (tau * k)) / tau**0.5
        moved = -z * float(rng.uniform())
        if rng.random() < 0.5:
            moved = (np.eye(k) - mean) @ rng.standard_normal(k)
        root, after = (float((each**2).mean()) ** 0.5 for each in (z, z + moved))
        yield (
            Trial(float(np.linalg.norm((x + v) * (y + w) - x * y)), ball, 1e-13),
            Trial(
                float(np.linalg.norm((share * W + other * V) @ eta)),
                norm * float(np.linalg.norm(eta)),
            ),
            Trial(float(np.linalg.norm(slope, 2)), tau**-0.5),
            Trial(root - after, float(np.linalg.norm(moved)) / k**0.5, 1e-14),
        )


inequality("C5", 10, "the ball of a product of entries")(link(_balls, 0))
inequality("C5", 10, "a ball by the norms of both networks")(link(_balls, 1))
inequality("C5", 10, "the derivative of a norm")(link(_balls, 2))
inequality("C5", 10, "by how much the root falls")(link(_balls, 3))


@inequality("C5", 11, "a margin by the models of both logits")
def _margin(rng: np.random.Generator) -> Iterator[Trial]:
    """With r and b before the last layer, two symbols; every second time of signs that add up."""
    while True:
        s, n = _place(rng), 2
        c, (g, h) = rng.standard_normal((4, 2)), rng.standard_normal((2, 2, 2))
        (W, D), r, b = (
            rng.standard_normal((2, 2, n)),
            rng.exponential(size=n),
            float(rng.exponential()),
        )
        e, rho = rng.uniform(-1, 1, 2), r * rng.uniform(-1, 1, n)
        eta = rng.standard_normal(n)
        w, d = W[0] - W[1], D[0] - D[1]
        if rng.random() < 0.5:
            s, b = float(rng.choice([-1.0, 1.0])), b * float(rng.integers(2))
            d = s * np.sign(w) * np.abs(d)
            D[0] = D[1] + d
            h[0] = h[1] + s * np.sign(g[0] - g[1]) * np.abs(h[0] - h[1])
            e, rho = np.sign(g[0] - g[1]), r * np.sign(w)
            eta = w + s * d
        eta = eta * b / float(np.linalg.norm(eta))
        logits = _value(c, s) + (g + s * h) @ e + (W + s * D) @ (rho + eta)
        known = float((c[:, 0] - c[:, 1]) @ s ** np.arange(4))
        symbols = float(np.abs(g[0] - g[1]).sum() + np.abs(h[0] - h[1]).sum())
        norms = max(float(np.linalg.norm(w + t * d)) for t in (-1, 1))
        slack = float((np.abs(w) + np.abs(d)) @ r) + norms * b
        size = 1 + float(np.abs(c).sum())
        yield Trial(size + float(logits[0] - logits[1]), size + known + symbols + slack, 1e-12)


unchecked("C5", 12, "argument", "every error tends to 0 with the piece")


def _worst(rng: np.random.Generator, terms: int) -> tuple[float, float]:
    """Of many sums of products in float32, as BLAS might take them: the largest relative error.

    Factors are rounded before, so that they are given in double precision; mantissas are near 1,
    where a rounding counts most.
    """
    w, x = 1 + 2.0**-9 * rng.uniform(size=(2, 4000, terms))
    total = np.zeros(len(w), dtype=np.float32)
    for k in range(terms):
        product = w[:, k].astype(np.float32) * x[:, k].astype(np.float32)
        total = product if k == 0 else total + product
    off = np.abs(total.astype(float) - (w * x).sum(axis=1)) / (w * x).sum(axis=1)
    return float(off.max()), float(np.finfo(np.float32).eps)


# of one product three roundings are met of the four that are counted
@inequality("C5", 13, "a sum of n products, factors rounded", slack=0.45, count=20)
def _sum_of_products(rng: np.random.Generator) -> Iterator[Trial]:
    for n in (1, 1, 2, 3, 1, 2, 8, 50) * 3:
        worst, eps = _worst(rng, n)
        yield Trial(worst, (n + 3) * eps / 2 * (1 + (n + 3) * eps))


@inequality("C5", 13, "interpolated weights", slack=0.45, count=20)
def _lerp(rng: np.random.Generator) -> Iterator[Trial]:
    """In float32, as b + t (a - b) or a - (1 - t)(a - b)."""
    eps = float(np.finfo(np.float32).eps)
    while True:
        a, b, t = rng.uniform(1, 1.1, 4000), rng.uniform(-1, 1, 4000) / 256, rng.uniform(size=4000)
        if rng.random() < 0.5:
            b, t = b * 256, rng.uniform(0.4, 0.5, 4000)
        p, q, r = (of.astype(np.float32) for of in (a, b, t))
        found = np.where(r < 0.5, q + r * (p - q), p - (1 - r) * (p - q)).astype(float)
        a, b, t = (of.astype(float) for of in (p, q, r))
        off = np.abs(found - t * a - (1 - t) * b) / (np.abs(a) + np.abs(b))
        yield Trial(float(off.max()), eps)


unchecked("C6", 1, "argument", "nodes are points of the segment")


@inequality("C6", 2, "a polynomial by its chord on a part")
def _part(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time a square in the middle of the part."""
    while True:
        c, J = rng.standard_normal(4), int(rng.integers(1, 17))
        start = -1 + 2 * int(rng.integers(J)) / J
        share = float(rng.uniform())
        if rng.random() < 0.5:
            c[3], share = 0, 0.5
        s = start + 2 * share / J
        chord = (1 - share) * _value(c, start) + share * _value(c, start + 2 / J)
        delta = sum(k * (k - 1) * abs(each) for k, each in enumerate(c)) / (2 * J**2)
        yield Trial(abs(float(_value(c, s) - chord)), float(delta), 1e-14)


def _cross_entropy(margins: Any) -> Any:
    return np.log1p(np.exp(margins).sum(axis=-1))


@inequality("C6", 3, "suprema over v, in the mean, are convex in s")
def _suprema(rng: np.random.Generator) -> Iterator[Trial]:
    """Squared errors of two outputs in a ball, or cross-entropies in a box; on a chord."""
    while True:
        p, q = rng.standard_normal((2, int(rng.integers(1, 4)), 2))
        share, radius = float(rng.uniform()), float(rng.exponential())
        if rng.random() < 0.3:
            q = p
        squared = rng.random() < 0.5

        def mean(outputs: np.ndarray, radius: float = radius, squared: bool = squared) -> float:
            if squared:
                return float(((np.linalg.norm(outputs, axis=1) + radius) ** 2).mean())
            return float(_cross_entropy(outputs + radius).mean())

        ends = (1 - share) * mean(p) + share * mean(q)
        yield Trial(mean((1 - share) * p + share * q), ends, 1e-14)


@inequality("C6", 4, "the barrier on a part by both ends")
def _on_part(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        (p, q), (a, b), share = (
            rng.standard_normal((2, 1, 2)),
            rng.standard_normal(2),
            float(rng.uniform()),
        )
        if rng.random() < 0.3:
            p, a = q, b

        def excess(at: float, p: Any = p, q: Any = q, a: float = a, b: float = b) -> float:
            loss = float(_cross_entropy((1 - at) * p + at * q).mean())
            return 9 + loss - (1 - at) * a - at * b

        yield Trial(excess(share), max(excess(0.0), excess(1.0)), 1e-14)


def _evaluated(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial, Trial]]:
    """Cross-entropy with bounds of margins, squared error in a ball, binary on an interval."""
    while True:
        P, v, y = rng.standard_normal((3, 3))
        radius, z = float(np.linalg.norm(v)), float(P[0])
        d = np.maximum(v[1:] - v[0], rng.standard_normal(2) * (rng.random() < 0.5))
        if rng.random() < 0.5:
            v = (P - y) * float(rng.exponential())
            radius, d = float(np.linalg.norm(v)), v[1:] - v[0]
        margins = P[1:] - P[0]
        label, moved = float(rng.uniform()), float(rng.choice([-1.0, 1.0, rng.uniform(-1, 1)]))

        def binary(z: float, label: float = label) -> float:
            return float(np.logaddexp(0, z) - label * z)

        yield (
            Trial(
                float(_cross_entropy(margins + v[1:] - v[0])), float(_cross_entropy(margins + d))
            ),
            Trial(
                float(((P + v - y) ** 2).sum()), (float(np.linalg.norm(P - y)) + radius) ** 2, 1e-13
            ),
            Trial(binary(z + moved * radius), max(binary(z + radius), binary(z - radius)), 1e-13),
        )


inequality("C6", 5, "the cross-entropy by bounds of margins")(link(_evaluated, 0))
inequality("C6", 5, "the squared error in a ball")(link(_evaluated, 1))
inequality("C6", 5, "the binary cross-entropy at both ends")(link(_evaluated, 2))


@inequality("C6", 6, "a loss from below, by convexity")
def _from_below(rng: np.random.Generator) -> Iterator[Trial]:
    """The supremum over -v is at least the loss there; every second time a loss that is linear."""
    while True:
        (P, v), K = rng.standard_normal((2, 2)), float(rng.choice([1.0, 30.0]))
        P = P + (K if K > 1 else 0)
        below = 2 * float(_cross_entropy(P)) - float(_cross_entropy(P - v))
        if rng.random() < 0.5:
            P, v = np.array([P[0] + 30, P[0] - 30]), np.array([v[0], v[0]])
            below = 2 * float(_cross_entropy(P)) - float(_cross_entropy(P - v))
        yield Trial(below, float(_cross_entropy(P + v)), 1e-13)


@inequality("C6", 6, "what a mean loses", slack=0.45, count=20)
def _mean_lost(rng: np.random.Generator) -> Iterator[Trial]:
    """In float32, one number after another."""
    eps = float(np.finfo(np.float32).eps)
    for n in (2, 3, 3, 5, 9, 3, 17, 64) * 3:
        x = rng.uniform(0, 2.0 ** rng.integers(-12, 1, n), (4000, n)).astype(np.float32)
        total = np.zeros(len(x), dtype=np.float32)
        for each in x.T:
            total = total + each
        found, exact = (total / np.float32(n)).astype(float), x.astype(float).mean(axis=1)
        yield Trial(float((np.abs(found - exact) / exact).max()), (n + 1) * eps / 2)


@inequality("C6", 6, "what a chord loses", slack=0.45, count=20)
def _chord_lost(rng: np.random.Generator) -> Iterator[Trial]:
    """In float32; 1 - t is rounded as well."""
    eps = float(np.finfo(np.float32).eps)
    while True:
        a, b = rng.uniform(0, 1, (2, 4000)).astype(np.float32)
        t = (rng.uniform(size=4000) * 10 ** rng.uniform(-3, 0, 4000)).astype(np.float32)
        found = (t * a + (np.float32(1) - t) * b).astype(float)
        a, b, t = (of.astype(float) for of in (a, b, t))
        exact = t * a + (1 - t) * b
        yield Trial(float((np.abs(found - exact) / exact).max()), 1.5 * eps)
