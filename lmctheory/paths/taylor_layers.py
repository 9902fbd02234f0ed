r"""How a Taylor model passes a layer whose weights move.

*Weights* are W(s, w) = W + s D + s^2 Q + sum_j w_j E_j with s and w_j in [-1, 1]: on a segment D
alone, on a Bezier curve Q as well, on a box of convex combinations E_j for every direction but the
one of s. The w_j are symbols, the same in all layers: the first block of every model.

*Polynomial*: W c_k + D c_{k-1} + Q c_{k-2}, powers beyond K economised.

*Symbols* (g_0 + s g_1) e: of what multiplies e, W g_0 + s (W g_1 + D g_0) stays, and of

    s^2 (D g_1 + Q g_0) + s^3 Q g_1

s^2 is 1/2 +- 1/2 and s^3 is 3/4 s +- 1/4. The same holds of what E_j makes of the polynomial, the
new part of the coefficient of w_j.

*Products of symbols*: w_j^2 is 1/2 +- 1/2, so that half of E_j (g_0 + s g_1) joins the polynomial,
if these are w_j's own coefficients, and as much the radius; w_j w_k takes E_j g_k + E_k g_j
together, w_j e_i anything else; they are within their size.

*The radius* is taken on by the largest |W(s, w)|, entry by entry: the sum of the sizes.

*Rounding.* A sum of k products, each factor rounded once before, errs by (k + 3) eps/2 sum |w| |x|
at most. So the enclosure errs in its own precision in the symbols, and in double precision in
the polynomial; so does the network anywhere on the piece, as it is computed in float64. Weights of
two networks are interpolated with an error of at most eps (|W_a| + |W_b|), of which 8 eps are
counted, those of n networks combined with one of at most 8 n eps sum |W^i|. With

    reach = max(|W| + |D| + ..., n/2 sum |W^i| / m, smallest)

all of it is at most `reach` times (k + 40)/2 units of the own precision of the symbols and
k + 76 + 16 m of double precision of everything, which joins the radius before it is multiplied.
m is 64, so that weights that cancel do not widen the radius, and 4 with balls, which are not
multiplied by it. What underflows is
at most one smallest number each. What E_j makes of the polynomial is rounded to the own precision,
and that is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from lmctheory.paths.blends import Blend
from lmctheory.paths.layer_operations import Affine
from lmctheory.paths.regions import SHARES, Direction, Effort, Region
from lmctheory.paths.rounding import NORM_INFLATION, length
from lmctheory.paths.taylor_models import TaylorModel, batched, economised, padded

__all__ = ["WEIGHTS", "AffineOnPiece", "weight_symbols", "without_weights"]

_EPS = torch.finfo(torch.float64).eps

WEIGHTS = 0
"""Name of the block of the w_j; operations give theirs names from 1 << 16 on."""


def weight_symbols(model: TaylorModel) -> int:
    """How many of a model's first symbols are parameters of the weights."""
    return model.blocks[0][1] if model.blocks and model.blocks[0][0] == WEIGHTS else 0


def without_weights(model: TaylorModel) -> TaylorModel:
    """The model less what the parameters of the weights make of it."""
    count = weight_symbols(model)
    if not count:
        return model
    return replace(model, symbols=model.symbols[:, count:], blocks=model.blocks[1:])


class AffineOnPiece:
    """A layer on a piece, and what depends on its weights only."""

    def __init__(self, op: Affine | Blend, piece: Region, effort: Effort) -> None:
        self.operator, self.degree, self.terms = op.operator, effort.degree, op.terms
        limits = torch.finfo(effort.dtype)
        self.eps, self.tiny = float(limits.eps), float(limits.tiny)
        self.shares = 4 if effort.balls else SHARES
        found = op.on(piece, effort.dtype)
        self.W, self.powers, self.weights = found.W, found.powers, found.weights
        self.low = self.W.to(effort.dtype)
        self.reach = self.low.abs()
        for each in self.moved:
            self.reach.add_(each.size, alpha=each.factor)
        sides = found.sides * (SHARES / self.shares)
        torch.maximum(self.reach, sides, out=self.reach).clamp_(min=16 * self.tiny / self.eps)
        self.b = self.operator.bias(found.b)
        offset = 64 * _EPS * found.offset
        self.lost = self.rounded_up(self.operator.bias(offset).to(effort.dtype))
        self.lost = self.lost + 4 * (self.terms + 64) * (1 + len(self.weights)) * self.tiny

    @property
    def moved(self) -> tuple[Direction, ...]:
        """All directions."""
        return (*self.powers, *self.weights)

    def rounded_up(self, value: Tensor) -> Tensor:
        """Larger by what a sum of as many terms can lose."""
        return value * (1 + 4 * (self.terms + 64) * self.eps)

    def settled(self, x: TaylorModel) -> Tensor:
        """The radius before the layer, with all that is rounded in it."""
        return self.rounded_up(self.rounded_up(x.radius + self._noise(x)))

    def _noise(self, x: TaylorModel) -> Tensor:
        return x.noise(self.terms // 2 + 21, self.terms + 76 + 16 * self.shares)

    def __call__(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        """The model after it."""
        [x] = inputs
        radius = self.operator(self.reach, self.settled(x)) + self.lost
        polynomial = batched(partial(self.operator, self.W), x.polynomial, 1)
        symbols = batched(partial(self.operator, self.low), x.symbols, 2)
        polynomial[0] += self.b
        if self.powers:
            raised = self._raised(x.polynomial, polynomial)
            polynomial, error = economised(raised, self.degree)
            radius = radius + self.rounded_up(error.to(radius))
            if symbols.shape[1]:
                radius = radius + self._turned(x.symbols, symbols)
        blocks = x.blocks
        if self.weights:
            polynomial, symbols, error = self._weighted(x, polynomial, symbols)
            radius = radius + error
            if not weight_symbols(x):
                blocks = ((WEIGHTS, len(self.weights)), *blocks)
        return TaylorModel(polynomial, symbols, blocks, radius)

    def _raised(self, coefficients: Tensor, polynomial: Tensor) -> Tensor:
        """With what the powers of s in the weights make of a polynomial."""
        for k, each in enumerate(self.powers, start=1):
            raised = each.factor * batched(partial(self.operator, each.W), coefficients, 1)
            raised[0] += self.operator.bias(each.b)
            polynomial = padded(polynomial, len(coefficients) + k)
            polynomial[k : k + len(raised)] += raised
        return polynomial

    def _turned(self, before: Tensor, symbols: Tensor) -> Tensor:
        """Adds what the powers of s make of symbols, and returns what is left of it."""
        first, *later = (
            each.factor * batched(partial(self.operator, each.low), before, 2)
            for each in self.powers
        )
        size = (1 + 4 * symbols.shape[1] * self.eps) / 2
        symbols[1] += first[0]
        square = first[1]
        for q_0, q_1 in later:
            square = square + q_0
            symbols[1] += 0.75 * q_1
        symbols[0] += square / 2
        left = square.abs().sum(0) * size
        for _, q_1 in later:
            left = left + q_1.abs().sum(0) * (size / 2)
        return left

    def _weighted(
        self, x: TaylorModel, polynomial: Tensor, symbols: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """With what the w_j in the weights make of a model; and what is left of it."""
        own = weight_symbols(x)
        count, others = len(self.weights), x.symbols.shape[1] - own
        if not own:
            fresh = symbols.new_zeros(2, count, *symbols.shape[2:])
            symbols = torch.cat([fresh, symbols], 1)
        left = torch.zeros_like(symbols[0, 0])
        products: dict[tuple[int, int], Tensor] = {}
        for j, each in enumerate(self.weights):
            c = each.factor * batched(partial(self.operator, each.W), x.polynomial, 1)
            c[0] += self.operator.bias(each.b)
            c = padded(c, 4)
            symbols[0, j] += (c[0] + c[2] / 2).to(symbols)
            symbols[1, j] += (c[1] + 0.75 * c[3]).to(symbols)
            left = left + (c[2].abs() / 2 + c[3].abs() / 4).to(left)
            left = left + 8 * self.eps * (c.abs().sum(0).to(left) + symbols[:, j].abs().sum(0))
            left = left + 8 * self.tiny
            if not x.symbols.shape[1]:
                continue
            g = each.factor * batched(partial(self.operator, each.low), x.symbols, 2)
            left = left + g[:, own:].abs().sum((0, 1)) * (1 + 4 * (others + 4) * self.eps)
            for i in range(own):
                pair = (min(i, j), max(i, j))
                products[pair] = products[pair] + g[:, i] if pair in products else g[:, i]
        for (i, j), g in products.items():
            size = g.abs().sum(0) * (1 + 16 * self.eps)
            if i != j:
                left = left + size
                continue
            polynomial = padded(polynomial, 2)
            polynomial[:2] += g.double() / 2
            left = left + size / 2
        return polynomial, symbols, left * (1 + 64 * self.eps)

    def between(self, x: TaylorModel, outputs: TaylorModel, labels: Tensor) -> Tensor:
        """What the radius of the outputs makes of f_j - f_y, float64, ``[n, outputs]``.

        The radius before a dense layer is multiplied by differences of its rows, a ball by their
        norms.
        """
        ball, x = x.ball, replace(x, ball=None)
        rounding = self.operator(self.reach, self.rounded_up(self._noise(x)))
        taken = self.operator(self.reach, self.settled(x))
        own = (outputs.radius - taken).clamp(min=0) + rounding + 8 * self.eps * outputs.radius
        found = (own + own.gather(1, labels[:, None])).double()
        for label in torch.unique(labels).tolist():
            rows = labels == label
            apart = (self.W - self.W[label]).abs()
            for each in self.moved:
                apart += each.factor * (each.W - each.W[label]).abs()
            apart = torch.maximum(apart, 1e-6 * (self.reach + self.reach[label]))
            apart = self.rounded_up(apart.to(self.reach))
            found[rows] += self.operator(apart, self.rounded_up(x.radius[rows])).double()
            if ball is not None:
                found[rows] += length(apart.double()) * (NORM_INFLATION * ball[rows, None])
        return found
