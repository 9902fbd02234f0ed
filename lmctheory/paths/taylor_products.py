r"""Products of Taylor models: anything bilinear in two of them, such as matrix products.

x = P + u and y = Q + v, with u = G e + rho, |u| <= its rest, and likewise v. A bilinear map B with
|B(x, y)| <= B(|x|, |y|) gives

    B(x, y) = B(P, Q) + B(P, v) + B(u, Q) + B(u, v).

B(P, Q) is a polynomial in s, economised. Of what multiplies symbols P is first replaced by the line
nearest to it: q = (c_0 + c_2/2) + (c_1 + 3 c_3/4) s is off by at most |c_2|/2 + |c_3|/4. Then

    B(q_0 + q_1 s, g_0 + g_1 s) = B(q_0, g_0) + B(q_1, g_1)/2 + s (B(q_0, g_1) + B(q_1, g_0))
                                  +- B(|q_1|, |g_1|)/2,

which is linear in the symbols, so that what the factors have in common stays in common to the first
order. The rest is B(|P|, radius of y) + B(radius of x, |Q|), and at most B(rest of x, rest of y)
for what is of the second order. In a square the last is between 0 and the square of the rest: half
of it is added, and half of it is left.

*Rounding.* A sum of k products errs by (k + 3) units of B(|x|, |y|), of the network as it is
computed and of B(P, Q); in the precision of the symbols, of what they are multiplied with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.paths.taylor_models import (
    TaylorModel,
    aligned,
    economised,
    padded,
    polynomial_size,
    settled,
)

__all__ = ["bilinear", "squared"]

_EPS = torch.finfo(torch.float64).eps

Bilinear = Callable[[Tensor, Tensor], Tensor]


class _Line(NamedTuple):
    """A line near a polynomial, and how near."""

    start: Tensor
    rise: Tensor
    off: Tensor

    @classmethod
    def near(cls, polynomial: Tensor) -> _Line:
        c = padded(polynomial, 4)
        return cls(c[0] + c[2] / 2, c[1] + 0.75 * c[3], c[2].abs() / 2 + c[3].abs() / 4)


def bilinear(
    product: Bilinear, x: TaylorModel, y: TaylorModel, terms: int, degree: int
) -> TaylorModel:
    """A bilinear map of two models.

    Args:
        product: takes ``[..., n, *]`` and ``[..., n, *]``, stacked along leading axes or not, and
            sums products of entries.
        x: the one factor.
        y: the other.
        terms: how many products are summed.
        degree: of the polynomial, 2 or 3.
    """
    return _with_rest(product, x, y, terms, degree, 0.0)


def squared(product: Bilinear, x: TaylorModel, terms: int, degree: int) -> TaylorModel:
    """`bilinear` of a model and itself, every product a square."""
    return _with_rest(product, x, x, terms, degree, 0.5)


def _with_rest(
    product: Bilinear, x: TaylorModel, y: TaylorModel, terms: int, degree: int, share: float
) -> TaylorModel:
    polynomial, radius = economised(_convolved(product, x.polynomial, y.polynomial), degree)
    P, Q = polynomial_size(x.polynomial), polynomial_size(y.polynomial)
    rest_x, rest_y = x.rest, y.rest
    second = product(rest_x, rest_y)
    polynomial[0] += share * second
    radius = radius + (1 - share) * second
    radius = radius + product(P, y.radius.double()) + product(x.radius.double(), Q)
    one = _scaled(product, _Line.near(x.polynomial), y)
    other = _scaled(lambda q, g: product(g, q), _Line.near(y.polynomial), x)
    size_x, size_y = P + rest_x, Q + rest_y
    lost = (4 * terms + 160) * _EPS * product(size_x, size_y)
    if x.symbols.shape[1] or y.symbols.shape[1]:
        least = torch.finfo(x.radius.dtype).tiny / x.eps  # what underflows is multiplied too
        low = product(P + least, y.spread.double()) + product(x.spread.double(), Q + least)
        lost = lost + (2 * terms + 32) * x.eps * low
    nothing = one.polynomial.new_zeros(1, *radius.shape)
    symbols, others, blocks = aligned(one, other)
    radius = radius + one.radius + other.radius + lost
    radius = radius * (1 + (4 * terms + 64) * _EPS)
    return settled(polynomial + nothing, symbols + others, blocks, radius, terms)


def _convolved(product: Bilinear, P: Tensor, Q: Tensor) -> Tensor:
    """The coefficients of the product of two polynomials."""
    found: list[Tensor | float] = [0.0] * (len(P) + len(Q) - 1)
    for j, p in enumerate(P):
        for k, q in enumerate(Q):
            found[j + k] = found[j + k] + product(p, q)
    return torch.stack(found)  # type: ignore[arg-type]


def _scaled(product: Bilinear, line: _Line, y: TaylorModel) -> TaylorModel:
    """The symbols of a model multiplied by a line, no polynomial, and what is left over."""
    m, eps = y.symbols.shape[1], y.eps
    q_0, q_1 = (q.to(y.symbols) for q in line[:2])
    shape = product(line.start, y.polynomial[0]).shape
    radius = line.start.new_zeros(shape)
    if not m:
        symbols = y.symbols.new_zeros(2, 0, *shape)
        return TaylorModel(radius[None], symbols, (), radius)
    g_0, g_1 = y.symbols
    symbols = torch.stack(
        [product(q_0, g_0) + product(q_1, g_1) / 2, product(q_0, g_1) + product(q_1, g_0)]
    )
    grow = 1 + 4 * m * eps
    radius = product(line.off, y.spread.double())
    radius = radius + product(line.rise.abs(), g_1.abs().sum(0).double() * grow) / 2
    return TaylorModel(radius.new_zeros(1, *shape), symbols, y.blocks, radius)
