"""Steps of the proof on singular vectors (M1)."""

import sympy as sp

from lmctheory.theorems._registry import identity
from lmctheory.theorems.checks.steps.draws import Pairs


@identity("M1", 1, "the inner product of outer products")
def _outer() -> Pairs:
    u, v, p, q = (sp.Matrix(sp.symbols(f"{name}1:3")) for name in "uvpq")
    yield sum((u * v.T).multiply_elementwise(p * q.T)), u.dot(p) * v.dot(q)
    P, Q = (sp.Matrix(2, 2, sp.symbols(f"{name}1:5")) for name in "PQ")
    yield from zip(P * (p * q.T) * Q.T, (P * p) * (Q * q).T, strict=True)
