"""Steps of the proofs on coherent errors and unions (P1a, P2a)."""

import numpy as np
import sympy as sp

from lmctheory.theorems._registry import equality, identity
from lmctheory.theorems.checks.steps.draws import Pairs


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
