r"""How a Taylor model passes the operations of a network, on a piece of the segment.

The piece is t = c + h s, s in [-1, 1].

*Layers*: see `lmctheory.paths.taylor_layers`.

*BatchNorm in evaluation mode*, a(s)(z - mu(s)) + beta(s). With var(s) + eps = v (1 + r s),

    a(s) = gamma(s) v^{-1/2} sum_k binom(-1/2, k) r^k s^k,

and the terms from k = 4 on are at most |binom(-1/2, 4)| |r|^4 / (1 - |r|). The product with z is
economised; of the products with symbols the powers from s^2 on are +- their size, but for a_1 g_1,
of which half is kept.

*A maximum over windows* is folded one entry after another. *Sums*: symbols of the same name add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lmctheory.networks import Activation
from lmctheory.paths.blends import Blend
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.complete_operations import Followed
from lmctheory.paths.layer_operations import Affine, Normalisation
from lmctheory.paths.regions import Effort, Piece, Region
from lmctheory.paths.smooth_functions import smooth
from lmctheory.paths.taylor_activations import Fresh, activated, larger
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_layers import AffineOnPiece
from lmctheory.paths.taylor_models import TaylorModel, added, economised, padded

__all__ = ["Effort", "NormalisationOnPiece", "Passage", "Piece", "passage"]

_EPS = torch.finfo(torch.float64).eps
_BINOMIAL = (1.0, -0.5, 0.375, -0.3125, 0.2734375)
"""binom(-1/2, k)."""

Passage = Callable[[Sequence[TaylorModel]], TaylorModel]


def passage(
    op: Operation | Blend | Followed, number: int, piece: Region, effort: Effort
) -> Passage:
    """How models pass the operation that gives a node of that number."""
    match op:
        case Affine() | Blend():
            return AffineOnPiece(op, piece, effort)
        case Normalisation():
            return NormalisationOnPiece(op, piece, effort)
        case Fixed():
            return lambda x: _moved(op, x[0])
        case Pointwise():
            return _activation_on_piece(
                op.sigma, effort.degree, Fresh(number << 16, effort.symbols)
            )
        case MaxPool():
            return lambda x: _largest(op, x[0], number, effort)
    return _summed if isinstance(op, Sum) else op.on_piece(number, piece, effort)


def _activation_on_piece(sigma: Activation, degree: int, fresh: Fresh) -> Passage:
    if sigma.curvature == torch.inf:
        return lambda x: activated(sigma, x[0], fresh)
    function = smooth(sigma)
    return lambda x: curved(function, x[0], degree, fresh)


class NormalisationOnPiece:
    """BatchNorm on a piece, its factor as a polynomial.

    Attributes:
        size: a bound of |factor|, channel by channel.
    """

    def __init__(self, op: Normalisation, piece: Region, effort: Effort) -> None:
        assert isinstance(piece, Piece)
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
