"""Steps of the proofs of certificates (C1, C1')."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import leaky
from lmctheory.theorems.trial import Trial

Pairs = Iterator[tuple[Any, Any]]


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
