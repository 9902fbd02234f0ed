r"""Proofs of the convexity statements L1 and L2, derived anew by computer algebra.

A proof is a list of steps, identities that must hold for all values of their symbols. What algebra
cannot express is said here: L1 rests on `f_t` being affine in t, after which convexity of the loss
is all that is left.

*L1.* Let every activation after layer k be the identity. With h the input of layer k and
U z + u what the network makes of its pre-activation z,
`f_t = U ((t W^A + (1-t) W^B) h + t b^A + (1-t) b^B) + u` is affine in t, so
`loss(f_t) <= t loss(f_A) + (1-t) loss(f_B)` for every loss that is convex in f. The last layer of
*any* network is the case U = 1.

*L2.* Two layers at once, squared loss: `f_t = f-bar_t - t(1-t) c`. With tau = t - 1/2 and
m = f_{1/2} - y the residual is the quadratic `m + tau v + tau^2 c`, which gives

    loss''(t) = 12 |c|^2 tau^2 + 12 <v,c> tau + 2 |v|^2 + 4 <m,c>,
    barrier(t) = t(1-t) { -|v|^2 - 2 <f-bar_t - y, c> + t(1-t) |c|^2 }
               = -t(1-t) { |v + tau c|^2 + 2 <m,c> + |c|^2 / 4 }.

Both parabolas in tau are least at the point of [-1/2, 1/2] nearest to their vertex. So the path is
not convex iff loss'' < 0 at clip(-<v,c> / (2 |c|^2)), and the second form says when there is a
barrier: iff its brace is negative at clip(-<v,c> / |c|^2), which asks for more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp

from lmctheory.choices import require_choice

__all__ = ["PROOFS", "Proof", "Step", "proof"]

_TAU, _T = sp.symbols("tau t", real=True)
_CLASSES = 4
"""For how many classes the Hessian of the cross-entropy is written out."""


@dataclass(frozen=True)
class Step:
    """One line of a proof: two expressions that are the same.

    Attributes:
        claim: what it says, in words.
        left: an expression.
        right: what it equals identically; where `non_negative`, a form whose sign is obvious.
        non_negative: whether the step is there to show that the expression is >= 0.
    """

    claim: str
    left: sp.Expr | sp.MatrixExpr
    right: sp.Expr | sp.MatrixExpr
    non_negative: bool = False

    def verify(self) -> bool:
        """Whether left - right simplifies to zero and the sign is what is claimed."""
        if isinstance(self.left, sp.MatrixExpr):
            return bool((self.left - self.right).expand().doit().is_ZeroMatrix)
        same = sp.simplify(sp.expand(self.left - self.right)) == 0
        return same and (not self.non_negative or self.right.is_nonnegative is True)

    def latex(self) -> str:
        """The step as an equation, without dollar signs."""
        sign = r" \ge 0" if self.non_negative else ""
        return f"{sp.latex(self.left)} = {sp.latex(self.right)}{sign}"


@dataclass(frozen=True)
class Proof:
    """A statement and the algebra that proves it.

    Attributes:
        key: the theorem's key.
        statement: in LaTeX, without dollar signs.
        derive: derives the steps.
    """

    key: str
    statement: str
    derive: Callable[[], tuple[Step, ...]] = field(repr=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, derived anew."""
        return self.derive()

    def verify(self) -> bool:
        """Whether every step holds identically.

        Example:
            >>> from lmctheory.layerwise import proof
            >>> proof("L2").verify()
            True
        """
        return all(step.verify() for step in self.steps)

    def latex(self) -> str:
        """Statement and steps as a list of displayed formulas."""
        lines = [f"\\[ {self.statement} \\]"]
        for step in self.steps:
            lines += [f"{step.claim}:", f"\\[ {step.latex()} \\]"]
        return "\n".join(lines)


def proof(key: str) -> Proof:
    """The proof of "L1" or "L2".

    Raises:
        ValueError: for any other key.
    """
    require_choice("key", key, sorted(PROOFS))
    return PROOFS[key]


def _single_layer() -> tuple[Step, ...]:
    return (_affine(), _squared_loss(), _cross_entropy(), *_swapped_ends())


def _affine() -> Step:
    k, m, n = sp.symbols("k m n", integer=True, positive=True)
    after, shift = sp.MatrixSymbol("U", n, m), sp.MatrixSymbol("u", n, 1)
    h = sp.MatrixSymbol("h", k, 1)
    W_a, W_b = (sp.MatrixSymbol(f"W^{end}", m, k) for end in "AB")
    b_a, b_b = (sp.MatrixSymbol(f"b^{end}", m, 1) for end in "AB")
    f_t = after * ((_T * W_a + (1 - _T) * W_b) * h + _T * b_a + (1 - _T) * b_b) + shift
    f_a, f_b = (after * (W * h + b) + shift for W, b in ((W_a, b_a), (W_b, b_b)))
    return Step("the output is affine in t", f_t, _T * f_a + (1 - _T) * f_b)


def _squared_loss() -> Step:
    a, b = sp.symbols("a b", real=True)
    gap = _T * a**2 + (1 - _T) * b**2 - (_T * a + (1 - _T) * b) ** 2
    claim = "the squared loss is convex, coordinate by coordinate"
    return Step(claim, gap, _T * (1 - _T) * (a - b) ** 2)


def _cross_entropy() -> Step:
    v = sp.symbols(f"v1:{_CLASSES + 1}", real=True)
    weights = sp.symbols(f"e1:{_CLASSES + 1}", positive=True)  # exponentials of the logits
    p = [weight / sum(weights) for weight in weights]
    mean = sum(q * x for q, x in zip(p, v, strict=True))
    pairs = [(i, j) for j in range(_CLASSES) for i in range(j)]
    return Step(
        f"the Hessian of the cross-entropy is non-negative, written out for {_CLASSES} classes",
        sum(q * x**2 for q, x in zip(p, v, strict=True)) - mean**2,
        sum(p[i] * p[j] * (v[i] - v[j]) ** 2 for i, j in pairs),
        non_negative=True,
    )


def _swapped_ends() -> tuple[Step, ...]:
    """The scalar example A = (1, 1), B = (-1, -1), x = y = 1."""

    def loss(w_1: sp.Expr, w_2: sp.Expr) -> sp.Expr:
        return (w_1 * w_2 - 1) ** 2

    one, averaged = sp.Integer(1), loss(sp.Integer(0), sp.Integer(1))
    swapped = averaged - (loss(one, one) + loss(-one, one)) / 2
    full = averaged - (loss(one, one) + loss(-one, -one)) / 2
    return (
        Step("example: midpoint barrier against the swapped ends", swapped, -one),
        Step("example: midpoint barrier against the full models", full, one),
    )


def _inner(x: str, y: str) -> sp.Symbol:
    """The inner product of two vectors."""
    x, y = sorted((x, y))
    if x == y:
        return sp.Symbol(rf"\|{x}\|^2", positive=True)
    return sp.Symbol(rf"\langle {x}, {y} \rangle", real=True)


def _square(vector: dict[str, sp.Expr]) -> sp.Expr:
    """|sum_i vector_i e_i|^2 by the inner products of the e_i."""
    return sum(vector[x] * vector[y] * _inner(x, y) for x in vector for y in vector)


def _two_layers() -> tuple[Step, ...]:
    mc, vc, cc, vv = (_inner(*pair) for pair in ("mc", "vc", "cc", "vv"))
    half = sp.Rational(1, 2)
    loss = _square({"m": sp.Integer(1), "v": _TAU, "c": _TAU**2})
    at_a, at_b = (loss.subs(_TAU, end) for end in (half, -half))
    barrier = loss - (half + _TAU) * at_a - (half - _TAU) * at_b
    room = sp.Rational(1, 4) - _TAU**2  # t(1-t)
    chord_c = mc + cc / 4 + _TAU * vc  # <f-bar_t - y, c>, as f-bar_{1/2} = f_{1/2} + c/4
    curvature = 12 * cc * _TAU**2 + 12 * vc * _TAU + 2 * vv + 4 * mc
    brace = _square({"v": sp.Integer(1), "c": _TAU}) + 2 * mc + cc / 4
    return (
        _bilinear(),
        Step("the second derivative", sp.diff(loss, _TAU, 2), curvature),
        Step("it is least nearest to its vertex", curvature, _at_vertex(curvature)),
        Step("the barrier", barrier, room * (-vv - 2 * chord_c + room * cc)),
        Step("its second form", barrier, -room * brace),
        Step("whose brace is least nearest to its vertex", brace, _at_vertex(brace)),
        _example(loss),
    )


def _at_vertex(parabola: sp.Expr) -> sp.Expr:
    """A parabola in tau with its square completed."""
    steep, slope, _ = sp.Poly(parabola, _TAU).all_coeffs()
    vertex = -slope / (2 * steep)
    return steep * (_TAU - vertex) ** 2 + parabola.subs(_TAU, vertex)


def _example(loss: sp.Expr) -> Step:
    """The scalar example of L1 with both layers interpolated: c = 4, v = 0, m = -1."""
    scalars = {"c": 4, "v": 0, "m": -1}
    values = {_inner(x, y): scalars[x] * scalars[y] for x in scalars for y in scalars}
    value = loss.subs(values).subs(_TAU, _T - sp.Rational(1, 2))
    return Step("the smallest example, c = 4, v = 0, m = -1", value, ((2 * _T - 1) ** 2 - 1) ** 2)


def _bilinear() -> Step:
    """Matrices do not commute: the order of the factors is kept. Biases of layer 2 drop out."""
    W = {end: sp.Symbol(f"W_2^{end}", commutative=False) for end in "AB"}
    z = {end: sp.Symbol(f"z_1^{end}", commutative=False) for end in "AB"}  # W_1 x + b_1
    f_t = (_T * W["A"] + (1 - _T) * W["B"]) * (_T * z["A"] + (1 - _T) * z["B"])
    chord = _T * W["A"] * z["A"] + (1 - _T) * W["B"] * z["B"]
    c = (W["A"] - W["B"]) * (z["A"] - z["B"])
    return Step("the path is the chord less t(1-t) c", f_t, chord - _T * (1 - _T) * c)


PROOFS = {
    "L1": Proof(
        "L1",
        r"f_t = t f_A + (1-t) f_{A_k} \ \Rightarrow\ \mathcal{L}(f_t) \le t \mathcal{L}(f_A)"
        r" + (1-t) \mathcal{L}(f_{A_k})",
        _single_layer,
    ),
    "L2": Proof(
        "L2",
        r"\mathcal{L}''(t) = 12 \|c\|^2 \tau^2 + 12 \langle v, c \rangle \tau + 2 \|v\|^2"
        r" + 4 \langle m, c \rangle, \quad \tau = t - \tfrac12",
        _two_layers,
    ),
}
"""By key."""
