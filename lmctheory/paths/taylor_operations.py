r"""How a Taylor model passes the operations of a network, on a piece of the segment.

The piece is t = c + h s, s in [-1, 1].

*Layers.* W(s) = W_c + s D, W_c = W at c, D = h (W^A - W^B). The coefficients of z = W(s) x + b(s)
are W_c c_k + D c_{k-1}, the power K + 1 economised; of symbols W_c g_0 + D g_1 / 2 and
W_c g_1 + D g_0, with |D g_1| / 2 for what is left of s^2. The radius is taken on by the largest
|W(s)|, entry by entry: |W_c| + |D|, which is less than that of the whole path.

*Rounding.* A sum of k products, each factor rounded once before, errs by (k + 3) eps/2 sum |w| |x|
at most. So the enclosure errs in its own precision in the symbols, and in double precision in
the polynomial; so does the network at any t of the piece, as it is computed in float64. Weights are
interpolated with an error of at most 16 eps (|W^A| + |W^B|). With

    reach = max(|W_c| + |D|, (|W^A| + |W^B|)/64, smallest)

all of it is at most `reach` times (k + 40)/2 units of the own precision of the symbols and k + 1100
of double precision of everything: this joins the radius before it is multiplied. What underflows is
at most one smallest number each.

*BatchNorm in evaluation mode*, a(s)(z - mu(s)) + beta(s). With var(s) + eps = v (1 + r s),

    a(s) = gamma(s) v^{-1/2} sum_k binom(-1/2, k) r^k s^k,

and the terms from k = 4 on are at most |binom(-1/2, 4)| |r|^4 / (1 - |r|). The product with z is
economised; of the products with symbols the powers from s^2 on are +- their size, but for a_1 g_1,
of which half is kept.

*A maximum over windows* is folded one entry after another. *Sums*: symbols of the same name add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise
from lmctheory.paths.layer_operations import Affine, Normalisation
from lmctheory.paths.taylor_activations import Fresh, activated, larger
from lmctheory.paths.taylor_models import TaylorModel, added, batched, economised, padded

__all__ = ["AffineOnPiece", "Effort", "Passage", "Piece", "passage"]

_EPS = torch.finfo(torch.float64).eps
_BINOMIAL = (1.0, -0.5, 0.375, -0.3125, 0.2734375)
"""binom(-1/2, k)."""

Passage = Callable[[Sequence[TaylorModel]], TaylorModel]


@dataclass(frozen=True)
class Piece:
    """A piece of the segment, both ends exact."""

    start: float
    end: float

    @property
    def centre(self) -> float:
        """Its middle."""
        return (self.start + self.end) / 2

    @property
    def half(self) -> float:
        """Half its length."""
        return (self.end - self.start) / 2

    def at(self, s: float) -> float:
        """The t of an s in [-1, 1]."""
        return self.centre + self.half * s

    def cut(self, parts: int) -> list[Piece]:
        """As many equal parts, a power of two: their ends are exact."""
        ends = [self.start + (self.end - self.start) * i / parts for i in range(parts + 1)]
        return [Piece(*each) for each in pairwise(ends)]


@dataclass(frozen=True)
class Effort:
    """How closely a network is enclosed.

    Attributes:
        degree: K, 2 or 3.
        symbols: how many one operation may introduce for an example; 0 keeps boxes only.
        dtype: of the symbols and the radius; the polynomial is float64.
    """

    degree: int
    symbols: int
    dtype: torch.dtype

    def on(self, device: torch.device) -> Effort:
        """In double precision where float32 products are not summed as they stand.

        Graphics processors may take TF32 or Winograd's algorithm for convolutions, and processors
        bfloat16 for matrices if they are told so: no bound by sum |w| |x| holds.
        """
        plain = device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
        return self if plain else replace(self, dtype=torch.float64)

    def __str__(self) -> str:
        return f"degree {self.degree}, {'symbols' if self.symbols else 'boxes'}"


def passage(op: Operation, number: int, piece: Piece, effort: Effort) -> Passage:
    """How models pass the operation that gives a node of that number."""
    match op:
        case Affine():
            return AffineOnPiece(op, piece, effort)
        case Normalisation():
            return _NormalisationOnPiece(op, piece, effort)
        case Fixed():
            return lambda x: _moved(op, x[0])
        case Pointwise():
            return lambda x: activated(op.sigma, x[0], Fresh(number << 16, effort.symbols))
        case MaxPool():
            return lambda x: _largest(op, x[0], number, effort)
        case _:
            return _summed


class AffineOnPiece:
    """A layer on a piece, and what depends on its weights only."""

    def __init__(self, op: Affine, piece: Piece, effort: Effort) -> None:
        self.op, self.operator, self.degree = op, op.operator, effort.degree
        self.half = 0.0 if op.fixed else piece.half
        self.terms = op.W_a[0].numel()
        limits = torch.finfo(effort.dtype)
        self.eps, self.tiny = float(limits.eps), float(limits.tiny)
        self.W = torch.lerp(op.W_b, op.W_a, piece.centre)
        self.low = self.W.to(effort.dtype)
        change, self.change_low, sides = op.at_precision(effort.dtype)
        self.reach = self.low.abs().add_(change, alpha=self.half)
        torch.maximum(self.reach, sides, out=self.reach).clamp_(min=16 * self.tiny / self.eps)
        self.b = self.operator.bias(torch.lerp(op.b_b, op.b_a, piece.centre))
        self.db = self.operator.bias(piece.half * (op.b_a - op.b_b))
        offset = 64 * _EPS * (op.b_a.abs() + op.b_b.abs())
        self.lost = self.rounded_up(self.operator.bias(offset).to(effort.dtype))
        self.lost = self.lost + 4 * (self.terms + 64) * self.tiny

    def rounded_up(self, value: Tensor) -> Tensor:
        """Larger by what a sum of as many terms can lose."""
        return value * (1 + 4 * (self.terms + 64) * self.eps)

    def settled(self, x: TaylorModel) -> Tensor:
        """The radius before the layer, with all that is rounded in it."""
        return self.rounded_up(self.rounded_up(x.radius + self._noise(x)))

    def _noise(self, x: TaylorModel) -> Tensor:
        return x.noise(self.terms // 2 + 21, self.terms + 1100)

    def __call__(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        """The model after it."""
        [x] = inputs
        radius = self.operator(self.reach, self.settled(x)) + self.lost
        polynomial = batched(partial(self.operator, self.W), x.polynomial, 1)
        symbols = batched(partial(self.operator, self.low), x.symbols, 2)
        polynomial[0] += self.b
        if self.half:
            raised = self.half * batched(partial(self.operator, self.op.change), x.polynomial, 1)
            raised[0] += self.db
            polynomial = padded(polynomial, len(polynomial) + 1)
            polynomial[1:] += raised
            polynomial, error = economised(polynomial, self.degree)
            radius = radius + self.rounded_up(error.to(radius))
            if m := symbols.shape[1]:
                moved = batched(partial(self.operator, self.change_low), x.symbols, 2)
                d_0, d_1 = self.half * moved
                symbols[0] += d_1 / 2
                symbols[1] += d_0
                radius = radius + d_1.abs().sum(0) * ((1 + 4 * m * self.eps) / 2)
        return TaylorModel(polynomial, symbols, x.blocks, radius)

    def between(self, x: TaylorModel, outputs: TaylorModel, labels: Tensor) -> Tensor:
        """What the radius of the outputs makes of f_j - f_y, float64, ``[n, outputs]``.

        The radius before a dense layer is multiplied by differences of its rows.
        """
        rounding = self.operator(self.reach, self.rounded_up(self._noise(x)))
        taken = self.operator(self.reach, self.settled(x))
        own = (outputs.radius - taken).clamp(min=0) + rounding + 8 * self.eps * outputs.radius
        found = (own + own.gather(1, labels[:, None])).double()
        for label in torch.unique(labels).tolist():
            rows = labels == label
            apart = (self.W - self.W[label]).abs()
            apart += self.half * (self.op.change - self.op.change[label]).abs()
            apart = torch.maximum(apart, 1e-6 * (self.reach + self.reach[label]))
            apart = self.rounded_up(apart.to(self.reach))
            found[rows] += self.operator(apart, self.rounded_up(x.radius[rows])).double()
        return found


class _NormalisationOnPiece:
    """BatchNorm on a piece, its factor as a polynomial."""

    def __init__(self, op: Normalisation, piece: Piece, effort: Effort) -> None:
        self.degree, self.dtype = effort.degree, effort.dtype
        self.eps = float(torch.finfo(effort.dtype).eps)
        (g_0, g_1), (b_0, b_1), (m_0, m_1), (v_0, v_1) = (
            (torch.lerp(b, a, piece.centre), piece.half * (a - b))
            for a, b in (op.gamma, op.beta, op.mean, op.variance)
        )
        r, scale = v_1 / v_0, v_0.rsqrt()
        series = [c * r**k * scale for k, c in enumerate(_BINOMIAL)]
        tail = series.pop().abs() / (1 - r.abs())
        tail = torch.where(r.abs() < 1, tail, torch.inf)
        self.factor = [g_0 * series[0]]
        self.factor += [g_0 * series[k] + g_1 * series[k - 1] for k in (1, 2, 3)]
        self.factor_error = (g_0.abs() + g_1.abs()) * tail + (g_1 * series[3]).abs()
        size = torch.maximum(*(g.abs() for g in op.gamma)) / torch.minimum(*op.variance).sqrt()
        self.factor_error = self.factor_error + 128 * _EPS * size
        self.size = sum(a.abs() for a in self.factor) + self.factor_error
        self.mean, self.beta = (m_0, m_1), (b_0, b_1)
        self.lost = 64 * _EPS * (self.size * sum(m.abs() for m in op.mean))
        self.lost = self.lost + 64 * _EPS * sum(b.abs() for b in op.beta)

    def __call__(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        """The model after it."""
        [z] = inputs
        u = list(padded(z.polynomial, 2))
        u[0] = u[0] - self.mean[0]
        u[1] = u[1] - self.mean[1]
        product = [torch.zeros_like(u[0]) for _ in range(len(u) + 3)]
        for j, a in enumerate(self.factor):
            for k, part in enumerate(u):
                product[j + k] += a * part
        polynomial, error = economised(torch.stack(product), self.degree)
        polynomial[0] += self.beta[0]
        polynomial[1] += self.beta[1]
        reach = sum(part.abs() for part in u)
        error = error + self.factor_error * reach + self.lost
        radius = self.size * z.radius.double() + error
        symbols = z.symbols
        if symbols.shape[1]:
            a_0, a_1, a_2, a_3 = (a.to(self.dtype) for a in self.factor)
            g_0, g_1 = z.symbols
            symbols = torch.stack([a_0 * g_0 + (a_1 * g_1) / 2, a_0 * g_1 + a_1 * g_0])
            later = (a_2.abs() + a_3.abs() + self.factor_error.to(self.dtype)) * z.spread
            halves = g_1.abs().sum(0) * ((1 + 4 * symbols.shape[1] * self.eps) / 2)
            radius = radius + later + a_1.abs() * halves
        radius = (radius * (1 + 1e-6)).to(self.dtype)
        noise = self.size.to(self.dtype) * z.noise(64, 128)
        radius = (radius + noise).clamp_(min=torch.finfo(self.dtype).tiny)
        return TaylorModel(polynomial, symbols, z.blocks, radius)


def _moved(op: Fixed, x: TaylorModel) -> TaylorModel:
    if op.moves:
        return x.mapped(op.apply, op.apply(x.radius))
    units = torch.Size(op.in_shape).numel() + 64
    radius = op.apply(x.radius + x.noise(units // 2 + 1, units)) * (1 + 2 * units * x.eps)
    return x.mapped(op.apply, radius)


def _summed(inputs: Sequence[TaylorModel]) -> TaylorModel:
    first, *others = inputs
    for other in others:
        first = added(first, other)
    return first


def _largest(op: MaxPool, x: TaylorModel, number: int, effort: Effort) -> TaylorModel:
    size = op.windows.shape[1]
    found = _entry(op, x, 0)
    for i in range(1, size):
        found = larger(_entry(op, x, i), found, Fresh((number << 16) + i, effort.symbols))
    return found.mapped(op.fold, op.fold(found.radius))


def _entry(op: MaxPool, x: TaylorModel, i: int) -> TaylorModel:
    """The i-th entry of every window."""
    places = op.windows[:, i]

    def picked(values: Tensor) -> Tensor:
        return values.flatten(-op.axes)[..., places]

    return x.mapped(picked, picked(x.radius))
