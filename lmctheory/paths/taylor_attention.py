r"""Softmax and attention of Taylor models.

    p_j = e_j / sum_k e_k,   e_j = exp(z_j - m),

m the largest of a row's z_j in the middle of the piece, a number that changes nothing. The e_j are
smooth functions of one model each; their sum keeps the symbols that they have in common, its
reciprocal is a smooth function of one model, at least the sum of all least e_j, and the product is
linear in the symbols: to the first order the p_j sum to one, whatever the symbols are.

*Masked entries*, of which z_j is minus infinity, are models with that polynomial and nothing
else: e_j = 0.

*As it is computed*, e_j errs by a few eps (1 + |z_j - m|) of itself, so that p_j <= 1, one of k,
errs by at most (4 k + 64 + 8 sum_j min(1, w_j) |z_j - m|) eps, w_j a bound of p_j: the largest e_j
over the least sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lmctheory.paths.smooth_functions import EXP, RECIPROCAL
from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, bounds, polynomial_size
from lmctheory.paths.taylor_products import bilinear

__all__ = ["Heads", "masked", "softmax"]

_EPS = torch.finfo(torch.float64).eps


def softmax(z: TaylorModel, dim: int, degree: int, fresh: Fresh) -> TaylorModel:
    """The softmax along an axis, counted from the last."""
    hidden = z.polynomial[0] == -torch.inf
    top = z.polynomial[0].amax(dim, keepdim=True)
    z = _cleared(z, hidden)
    polynomial = z.polynomial.clone()
    polynomial[0] = (polynomial[0] - top).masked_fill(hidden, 0.0)
    size = polynomial_size(polynomial) + top.abs()
    z = replace(z, polynomial=polynomial).wider((4 * _EPS * size).to(z.radius))
    low, high = bounds(polynomial)
    least = (low - z.rest).exp().masked_fill(hidden, 0.0) * (1 - 64 * _EPS)
    terms = hidden.shape[dim]
    e = _cleared(curved(EXP, z, degree, fresh), hidden)
    wide = (e.radius + e.noise(terms // 2 + 4, terms + 8)).sum(dim, keepdim=True)
    whole = e.mapped(lambda values: values.sum(dim, keepdim=True), wide * (1 + 4 * terms * e.eps))
    second = Fresh(fresh.name + 1, fresh.limit)
    least = least.sum(dim, keepdim=True) * (1 - 4 * terms * _EPS)
    p = bilinear(torch.mul, e, curved(RECIPROCAL, whole, degree, second, least=least), 1, degree)
    share = ((high + z.rest).exp() * (1 + 64 * _EPS) / least).nan_to_num(1.0).clamp(max=1.0)
    reach = ((polynomial_size(polynomial) + z.rest) * share).sum(dim, keepdim=True)
    lost = (4 * terms + 64 + 8 * reach) * _EPS * (1 + 1e-6)
    return p.wider(lost.to(p.radius).expand_as(p.radius))


def masked(z: TaylorModel, hidden: Tensor) -> TaylorModel:
    """Minus infinity at some entries."""
    z = _cleared(z, hidden.expand_as(z.radius))
    polynomial = z.polynomial.clone()
    polynomial[0] = polynomial[0].masked_fill(hidden, -torch.inf)
    return replace(z, polynomial=polynomial)


def _cleared(z: TaylorModel, hidden: Tensor) -> TaylorModel:
    """Zero at some entries."""
    if not hidden.any():
        return z
    return replace(
        z,
        polynomial=z.polynomial.masked_fill(hidden, 0.0),
        symbols=z.symbols.masked_fill(hidden, 0.0),
        radius=z.radius.masked_fill(hidden, 0.0),
    )


@dataclass(frozen=True)
class Heads:
    """softmax(scale q k^T + mask) v; the last two axes are positions and features.

    Attributes:
        scale: of the scores.
        mask: what is added to them, minus infinity included; None is nothing.
    """

    scale: float
    mask: Tensor | None = None

    def __call__(
        self, q: TaylorModel, k: TaylorModel, v: TaylorModel, degree: int, fresh: Fresh
    ) -> TaylorModel:
        """The model of the result; fresh symbols have two names, from the one given on."""

        def scores(one: Tensor, other: Tensor) -> Tensor:
            return (one @ other.mT) * abs(self.scale)

        z = bilinear(scores, q, k, q.radius.shape[-1], degree)
        if self.scale < 0:
            z = replace(z, polynomial=-z.polynomial, symbols=-z.symbols)
        if self.mask is not None:
            polynomial = z.polynomial.clone()
            polynomial[0] += self.mask.masked_fill(self.mask == -torch.inf, 0.0)
            z = replace(z, polynomial=polynomial)
            z = z.wider((4 * _EPS * (polynomial_size(polynomial) + z.rest)).to(z.radius))
            z = masked(z, self.mask == -torch.inf)
        p = softmax(z, -1, degree, fresh)
        return bilinear(torch.matmul, p, v, p.radius.shape[-1], degree)
