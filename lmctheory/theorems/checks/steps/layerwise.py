"""Steps of the proofs on layers (L1 to L8)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, convex_loss, leaky, printed
from lmctheory.theorems.trial import Trial


@identity("L2", 1, "the output by the interaction")
def _two_layers() -> Pairs:
    """Two linear layers with biases, one output; the corners of the square are four networks."""
    t = sp.symbols("t")
    x, p, q = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "xpq")
    (W, V), (a, b) = (sp.Matrix(2, 2, sp.symbols(f"{n}1:5")) for n in "WV"), sp.symbols("a b")
    c, d = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "cd")

    def output(s: Any, r: Any) -> Any:
        hidden = (s * W + (1 - s) * V) * x + s * c + (1 - s) * d
        return (r * p + (1 - r) * q).dot(hidden) + r * a + (1 - r) * b

    f, g, first, second = output(1, 1), output(0, 0), output(0, 1), output(1, 0)
    yield output(t, t), t**2 * f + t * (1 - t) * (first + second) + (1 - t) ** 2 * g
    yield output(t, t), t * f + (1 - t) * g - t * (1 - t) * (f - first - second + g)


def _risk() -> tuple[Any, Any, dict[str, Any]]:
    """The squared loss at tau, its symbol, and the products that statements name."""
    tau = sp.symbols("tau")
    f, g, c, y = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "fgcy")
    t = tau + sp.Rational(1, 2)
    residual = t * f + (1 - t) * g - t * (1 - t) * c - y
    m, v = residual.subs(tau, 0), f - g
    named = {"cc": c.dot(c), "vc": v.dot(c), "vv": v.dot(v), "mc": m.dot(c), "mv": m.dot(v)}
    return residual.dot(residual), tau, {**named, "mm": m.dot(m)}


@identity("L2", 2, "the loss in powers of tau")
def _powers() -> Pairs:
    loss, tau, by = _risk()
    middle = by["mm"] + 2 * tau * by["mv"] + tau**2 * (by["vv"] + 2 * by["mc"])
    yield loss, middle + 2 * tau**3 * by["vc"] + tau**4 * by["cc"]


@identity("L2", 3, "curvature and barrier, as they are printed")
def _curvature() -> Pairs:
    loss, tau, by = _risk()
    given = {name: by[name] for name in ("cc", "vc", "vv", "mc")}
    yield sp.diff(loss, tau, 2), printed("L2", 0, tau=tau, **given)
    t, half = tau + sp.Rational(1, 2), sp.Rational(1, 2)
    barrier = loss - t * loss.subs(tau, half) - (1 - t) * loss.subs(tau, -half)
    norm = by["vv"] + 2 * tau * by["vc"] + tau**2 * by["cc"]
    yield barrier, printed("L2", 1, t=t, N=norm, mc=by["mc"], cc=by["cc"])


@identity("L4", 1, "the kernel on both sides of its kink")
def _kernel() -> Pairs:
    """As printed, a gap below t and above it: linear, 0 at both ends, its slope falling by 1."""
    t, gap = sp.symbols("t gap", positive=True)
    below, above = printed("L4", 0, t=t, s=t - gap), printed("L4", 0, t=t, s=t + gap)
    yield below, (1 - t) * (t - gap)
    yield above, t * (1 - t - gap)
    yield -sp.diff(below, gap) - sp.diff(above, gap), sp.Integer(1)


@equality("L4", 2, "the integral by parts, with kinks")
def _green(rng: np.random.Generator) -> Pairs:
    """A cubic and three kinks; G from the statement. Integrals by Gauss, exact between kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    while True:
        cubic, jumps = rng.standard_normal(4), rng.standard_normal(3)
        places, t = np.sort(rng.uniform(size=3)), float(rng.uniform())

        def loss(s: float, c: Any = cubic, j: Any = jumps, at: Any = places) -> float:
            return float(np.polyval(c, s) + j @ np.maximum(s - at, 0))

        def kernel(s: Any, t: float = t) -> Any:
            return np.minimum(t, s) * (1 - np.maximum(t, s))

        whole = 0.0
        for low, high in ((0.0, t), (t, 1.0)):
            s = low + (high - low) * (nodes + 1) / 2
            bent = np.polyval(np.polyder(cubic, 2), s)
            whole += (high - low) / 2 * float(weights @ (kernel(s) * bent))
        barrier = loss(t) - t * loss(1) - (1 - t) * loss(0)
        # 10 keeps both sides away from 0
        yield 10 + barrier, 10 - whole - float(kernel(places) @ jumps)


@identity("L8", 1, "the first layer")
def _first_layer() -> Pairs:
    t = sp.symbols("t")
    W, V = (sp.Matrix(2, 2, sp.symbols(f"{n}1:5")) for n in "WV")
    x = sp.Matrix(sp.symbols("x1:3"))
    yield from zip((t * W + (1 - t) * V) * x, t * (W * x) + (1 - t) * (V * x), strict=True)


@equality("L8", 2, "a layer on the law of the one before")
def _next_layer(rng: np.random.Generator) -> Pairs:
    """Weights of A that are 0 on B's activations, and the other way round; then a relu."""
    while True:
        power, t = int(rng.integers(2, 5)), float(rng.uniform())
        p, q = np.abs(rng.standard_normal((2, 3)))
        W, V = (np.abs(rng.standard_normal((2, 3))) for _ in range(2))
        off, off_too = (np.eye(3) - np.outer(one, one) / (one @ one) for one in (q, p))
        # signs of both agree in every neuron, after the projections
        W, V = W @ off, V @ off_too
        W *= np.sign(W @ p)[:, None]
        V *= np.sign(V @ q)[:, None]
        before = t ** (power - 1) * p + (1 - t) ** (power - 1) * q
        after = leaky((t * W + (1 - t) * V) @ before, 0)
        law = t**power * leaky(W @ p, 0) + (1 - t) ** power * leaky(V @ q, 0)
        yield float(after.sum()), float(law.sum())


@identity("L1", 1, "the output on the segment")
def _affine() -> Pairs:
    t, last = sp.symbols("t u")
    W, V, U = (sp.Matrix(2, 2, sp.symbols(f"{n}1:5")) for n in "WVU")
    h, a, b = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "hab")
    shift = sp.Matrix([last, -last])
    left = U * ((t * W + (1 - t) * V) * h + t * a + (1 - t) * b) + shift
    right = t * (U * (W * h + a) + shift) + (1 - t) * (U * (V * h + b) + shift)
    yield from zip(left, right, strict=True)


@inequality("L1", 2, "a convex loss of it")
def _convex(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        c, t = int(rng.integers(1, 4)), float(rng.uniform())
        loss, (f, g) = convex_loss(rng, c), rng.standard_normal((2, c))
        if rng.random() < 0.3:
            g = f + 1e-3 * g
        chord = t * loss.value(f) + (1 - t) * loss.value(g)
        yield Trial(loss.value(t * f + (1 - t) * g), chord, 1e-12)


unchecked("L3", 1, "cited", "C1, of which residuals vanish")


@equality("L3", 2, "the recursion solved", count=50)
def _solved(rng: np.random.Generator) -> Pairs:
    """Taken from layer k to the output, against the sum of products."""
    while True:
        L = int(rng.integers(1, 5))
        k = int(rng.integers(1, L + 1))
        J, factor = rng.exponential(size=(2, L + 2))
        s = 0.0
        for layer in range(k, L + 2):
            s = factor[layer] * s + (J[layer] if layer <= L else 0.0)
        yield s, sum(J[j] * float(np.prod(factor[j + 1 : L + 2])) for j in range(k, L + 1))


@identity("L6", 1, "the difference of both barriers")
def _ends() -> Pairs:
    t, here, own, swapped, other = sp.symbols("t L_t L_A L_S L_B")
    edge = here - t * own - (1 - t) * swapped
    yield here - t * own - (1 - t) * other, edge + (1 - t) * (swapped - other)


@equality("L7", 1, "pre-activations where both conditions hold")
def _linear_features(rng: np.random.Generator) -> Pairs:
    """Weights whose difference is 0 on the difference of activations."""
    while True:
        t, (p, q) = float(rng.uniform()), rng.standard_normal((2, 3))
        W, apart = rng.standard_normal((2, 2, 3))
        V = W + apart @ (np.eye(3) - np.outer(p - q, p - q) / ((p - q) @ (p - q)))
        there = (t * W + (1 - t) * V) @ (t * p + (1 - t) * q)
        chord = t * W @ p + (1 - t) * V @ q
        yield 10 + float(there[0]), 10 + float(chord[0])


unchecked("L7", 2, "definition", "weak additivity")
