"""Steps of the proofs of certificates (C1 to C3, C7, B1)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, leaky
from lmctheory.theorems.trial import Trial


def _product() -> Pairs:
    """Two neurons on two others, with biases; the interpolated layer on the chord."""
    t = sp.symbols("t")
    W, V = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "WV")
    a, b, p, q, h = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "abpqh")
    c = -t * (1 - t) * (W - V) * (p - q)
    layer, chord = t * W + (1 - t) * V, t * p + (1 - t) * q
    yield from zip(layer * chord, t * W * p + (1 - t) * V * q + c, strict=True)
    z = layer * h + t * a + (1 - t) * b
    ends = t * (W * p + a) + (1 - t) * (V * q + b)
    yield from zip(z - ends, layer * (h - chord) + c, strict=True)


def _lipschitz(rng: np.random.Generator) -> Iterator[Trial]:
    """The bracket, as what the deviation of activations has besides j, for a leaky relu."""
    while True:
        t, a, n = float(rng.uniform()), float(rng.uniform(-1, 1)), int(rng.integers(1, 4))
        z, own, other = rng.standard_normal((3, n))
        if rng.random() < 0.5:
            z, own, other = np.abs(z), np.abs(own), np.abs(other)
        middle = t * own + (1 - t) * other
        deviation = leaky(z, a) - t * leaky(own, a) - (1 - t) * leaky(other, a)
        j = leaky(middle, a) - t * leaky(own, a) - (1 - t) * leaky(other, a)
        yield Trial(float(np.linalg.norm(deviation - j)), float(np.linalg.norm(z - middle)), 1e-14)


for _key in ("C1", "C1'"):
    identity(_key, 1, "the interpolated layer on the chord")(_product)
    inequality(_key, 2, "the bracket by pre-activations")(_lipschitz)


@inequality("C1", 3, "the deviation of a layer")
def _deviation(rng: np.random.Generator) -> Iterator[Trial]:
    """One layer of a leaky relu with a given deviation; every second time one positive neuron."""
    while True:
        t, n = float(rng.uniform()), int(rng.integers(1, 4))
        alone = rng.random() < 0.5
        a, n = float(rng.uniform(-1, 1)), 1 if alone else n
        (W, V), (p, q, moved) = rng.standard_normal((2, n, n)), rng.standard_normal((3, n))
        shift = 30.0 if alone else 0.0
        layer, chord = t * W + (1 - t) * V, t * p + (1 - t) * q
        z, y = W @ p + shift, V @ q + shift
        after = leaky(layer @ (chord + moved) + shift, a)
        middle = t * z + (1 - t) * y
        ends = t * leaky(z, a) + (1 - t) * leaky(y, a)
        D = float(np.linalg.norm((W - V) @ (p - q)))
        J = float(np.linalg.norm(leaky(middle, a) - ends))
        s = float(np.linalg.norm(moved))
        bound = float(np.linalg.norm(layer, 2)) * s + t * (1 - t) * D + J
        yield Trial(float(np.linalg.norm(after - ends)), bound, 1e-13)


@equality("C1'", 3, "pre-activations by j, c and r")
def _pre_activations(rng: np.random.Generator) -> Pairs:
    """Two layers: the second's pre-activations against their chord."""
    while True:
        t, a, n = float(rng.uniform()), float(rng.uniform(-1, 1)), 2
        (first, own), (second, other) = rng.standard_normal((2, 2, n, n))
        x = rng.standard_normal(n)
        z, y = first @ x, own @ x
        hidden = leaky((t * first + (1 - t) * own) @ x, a)
        p, q = leaky(z, a), leaky(y, a)
        there = (t * second + (1 - t) * other) @ hidden
        chord = t * second @ p + (1 - t) * other @ q
        j = leaky(t * z + (1 - t) * y, a) - t * p - (1 - t) * q
        c = -t * (1 - t) * (second - other) @ (p - q)
        # r is 0, as the inputs are the same
        size = 1 + float(np.abs(chord).max() + np.abs(there).max())
        layer = t * second + (1 - t) * other
        yield float((there - chord)[0]) + size, float((layer @ j + c)[0]) + size


@identity("C2", 1, "pre-activations against those of A")
def _against_one() -> Pairs:
    W, V = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "WV")
    h, p, b, a = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "hpba")
    left = W * h + b - (V * p + a)
    yield from zip(left, W * (h - p) + (W - V) * p + b - a, strict=True)


@inequality("C2", 2, "the deviation of a layer from that of A")
def _transport(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        n = int(rng.integers(1, 3))
        (W, V), (moved, p, b, a) = rng.standard_normal((2, n, n)), rng.standard_normal((4, n))
        if rng.random() < 0.5:  # where the relu is the identity
            b, a = b + 30, a + 30
        after, before = leaky(W @ (p + moved) + b, 0), leaky(V @ p + a, 0)
        given = float(np.linalg.norm((W - V) @ p + b - a))
        u = float(np.linalg.norm(W, 2) * np.linalg.norm(moved)) + given
        yield Trial(float(np.linalg.norm(after - before)), u)


@identity("C2", 3, "the deviation from the chord")
def _from_chord() -> Pairs:
    t, here, f, g = sp.symbols("t f_t f_A f_B")
    yield here - (t * f + (1 - t) * g), t * (here - f) + (1 - t) * (here - g)


@inequality("C3", 1, "a difference of logits by g and r")
def _logits(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        W, v, (first, second) = (
            rng.standard_normal((2, 3)),
            rng.standard_normal(3),
            30 + rng.standard_normal(2) * 10,
        )
        row = W[0] - W[1]
        if rng.random() < 0.5:
            v, first, second = row * float(rng.exponential()), 0.0, 0.0
        r = float(np.linalg.norm(v))
        f, g = first + float(W[0] @ v), second + float(W[1] @ v)
        yield Trial(f - g, first - second + float(np.linalg.norm(row)) * r, 1e-13)


@inequality("C3", 2, "the loss rises in differences of logits")
def _rises(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        f = rng.standard_normal(3)
        more = rng.exponential(size=2) * (rng.random() < 0.7)
        loss = float(np.logaddexp.reduce(f) - f[0])
        yield Trial(loss, float(np.log1p(np.exp(f[1:] - f[0] + more).sum())))


@equality("C7", 1, "the outputs of a permuted network")
def _permuted(rng: np.random.Generator) -> Pairs:
    """The interpolated network itself, against entries of the permutation's matrix."""
    while True:
        m, t = int(rng.integers(1, 4)), float(rng.uniform())
        (w, v), (a, b), x = (
            rng.standard_normal((2, m, 2)),
            rng.exponential(size=(2, m)),
            rng.standard_normal(2),
        )
        order = rng.permutation(m)
        network = (t * a + (1 - t) * b[order]) @ leaky((t * w + (1 - t) * v[order]) @ x, 0.1)
        pairs = (t * a[:, None] + (1 - t) * b) * leaky(
            t * (w @ x)[:, None] + (1 - t) * (v @ x), 0.1
        )
        yield 10 + float(network), 10 + float((np.eye(m)[order] * pairs).sum())


@inequality("C7", 2, "F by its tangent at P")
def _tangent(rng: np.random.Generator) -> Iterator[Trial]:
    """Squared error of a mixture of matchings; every third time P is the permutation."""
    while True:
        m, n = 2, int(rng.integers(1, 4))
        g, y, mixed = rng.standard_normal((m, m, n)), rng.standard_normal(n), float(rng.uniform())
        P = np.array([[mixed, 1 - mixed], [1 - mixed, mixed]])
        other = np.eye(m)[rng.permutation(m)]
        if rng.random() < 0.3:
            P = other
        outputs, there = (np.tensordot(of, g, 2) for of in (P, other))
        gradient = 2 * ((outputs - y) * g).mean(axis=2)
        tangent = float(((outputs - y) ** 2).mean() + (gradient * (other - P)).sum())
        yield Trial(tangent, float(((there - y) ** 2).mean()))


@identity("B1", 1, "the loss less the chord of losses")
def _parts() -> Pairs:
    t = sp.symbols("t")
    f, g, h = (sp.symbols(f"{name}1:4") for name in "fgh")

    def lse(logits: Any) -> Any:
        return sp.log(sum(map(sp.exp, logits)))

    chord = [t * a + (1 - t) * b for a, b in zip(f, g, strict=True)]
    left = lse(h) - h[0] - t * (lse(f) - f[0]) - (1 - t) * (lse(g) - g[0])
    J = t * lse(f) + (1 - t) * lse(g) - lse(chord)
    yield left, (lse(h) - lse(chord)) - J - (h[0] - chord[0])


@inequality("B1", 2, "log-sum-exp is convex")
def _convex(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        t, (f, g) = float(rng.uniform()), rng.standard_normal((2, 3))
        if rng.random() < 0.3:
            g = f + float(rng.exponential())
        chord = float(np.logaddexp.reduce(t * f + (1 - t) * g))
        ends = t * np.logaddexp.reduce(f) + (1 - t) * np.logaddexp.reduce(g)
        yield Trial(chord, float(ends), 1e-14)
