r"""Taylor models with symbols: what is known of a node of a network on a piece of the segment.

s in [-1, 1] runs over the piece. A `TaylorModel` says that, example by example and entry by entry,

    x(s) = c_0 + c_1 s + ... + c_K s^K + sum_i (g_0i + s g_1i) e_i + rho(s),

with numbers e_i in [-1, 1] that are not known and the same wherever they occur, so that what two
entries have in common cancels in their difference; and |rho(s)| <= radius, of which nothing else
is known. The e_i may depend on s.

*Economisation.* A power beyond K is replaced by the polynomial of lower degree that is nearest on
[-1, 1]: s^{K+1} differs from it by 2^-K at most (Chebyshev). In what multiplies a symbol s^2 is
1/2 +- 1/2.

*Numbers.* The polynomial is float64. Symbols, of which there are many, and the radius may be
float32, with its unit of rounding. `noise` says what so many rounded operations lose.

Reference: theory key C5; Makino and Berz 2003 for Taylor models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from lmctheory.paths.enclosure import per_example
from lmctheory.paths.rounding import or_infinite

__all__ = [
    "LOWER",
    "Blocks",
    "TaylorModel",
    "added",
    "aligned",
    "batched",
    "bounds",
    "economised",
    "joined",
    "padded",
    "polynomial_size",
    "settled",
    "value_at",
]

Blocks = tuple[tuple[int, int], ...]
"""Names and sizes of blocks of symbols, in the order in which they came into being."""

LOWER = {2: (0.0, 0.75, 0.0), 3: (-0.125, 0.0, 1.0, 0.0)}
"""Of s^(K+1), the nearest polynomial of degree K; what is left is at most 2^-K."""

_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class TaylorModel:
    """See the module docstring.

    Attributes:
        polynomial: ``[k + 1, n, ...]`` c_0 to c_k, k <= K, float64.
        symbols: ``[2, m, n, ...]`` g_0 and g_1 of m symbols.
        blocks: what symbols they are.
        radius: ``[n, ...]``.
        ball: ``[n]``, float64, the Euclidean norm of one more error of each example
            (`lmctheory.paths.taylor_balls`); None is zero.
    """

    polynomial: Tensor
    symbols: Tensor
    blocks: Blocks
    radius: Tensor
    ball: Tensor | None = None

    @classmethod
    def constant(cls, value: Tensor, dtype: torch.dtype) -> TaylorModel:
        """What is the same on the whole piece, and known exactly."""
        radius = torch.zeros_like(value, dtype=dtype)
        return cls(value.double()[None], radius.new_zeros(2, 0, *radius.shape), (), radius)

    @property
    def eps(self) -> float:
        """The unit of rounding of all but the polynomial."""
        return float(torch.finfo(self.radius.dtype).eps)

    @cached_property
    def spread(self) -> Tensor:
        """A bound of the sum over symbols."""
        if not self.symbols.shape[1]:
            return torch.zeros_like(self.radius)
        return self.symbols.abs().sum((0, 1)) * (1 + 4 * self.symbols.shape[1] * self.eps)

    @property
    def rest(self) -> Tensor:
        """A bound of all but the polynomial, float64."""
        size = self.spread.double() + self.radius
        if self.ball is not None:
            size = size + per_example(self.ball, size)
        return size * (1 + 4 * self.eps)

    def noise(self, units: int, doubles: int) -> Tensor:
        """What is lost at so many units of the own precision, and at so many of double precision.

        Args:
            units: of the symbols and the radius; the polynomial is not held in that precision.
            doubles: of everything.

        Returns:
            No less than the smallest number, for what underflows.
        """
        rest = self.rest
        lost = doubles * _EPS * (polynomial_size(self.polynomial) + rest) + units * self.eps * rest
        return lost.to(self.radius).clamp_(min=torch.finfo(self.radius.dtype).tiny)

    def mapped(self, apply: Callable[[Tensor], Tensor], radius: Tensor) -> TaylorModel:
        """After a linear map of examples that is the same on the whole piece."""
        symbols = self.symbols.new_zeros(2, 0, *radius.shape)
        if self.symbols.shape[1]:
            symbols = batched(apply, self.symbols, 2)
        return replace(
            self, polynomial=batched(apply, self.polynomial, 1), symbols=symbols, radius=radius
        )

    def wider(self, error: Tensor) -> TaylorModel:
        """With an error of that size added."""
        return replace(self, radius=self.radius + error)


def batched(apply: Callable[[Tensor], Tensor], stack: Tensor, axes: int) -> Tensor:
    """A map of examples ``[n, ...]`` on a stack of them with so many axes before the examples'."""
    moved = apply(stack.flatten(0, axes))
    return moved.view(*stack.shape[: axes + 1], *moved.shape[1:])


def padded(coefficients: Tensor, size: int) -> Tensor:
    """With zeros up to so many coefficients."""
    missing = size - len(coefficients)
    if missing <= 0:
        return coefficients
    return torch.cat([coefficients, coefficients.new_zeros(missing, *coefficients.shape[1:])])


def economised(coefficients: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """A polynomial of no more than a degree, and how far it is from the other on [-1, 1].

    Args:
        coefficients: ``[k + 1, ...]`` of any k.
        degree: 2 or 3.
    """
    kept, error = list(coefficients), torch.zeros_like(coefficients[0])
    while len(kept) > degree + 1:
        top = kept.pop()
        first = len(kept) - degree - 1
        for k, factor in enumerate(LOWER[degree], start=first):
            kept[k] = kept[k] + factor * top
        error = error + top.abs() * 2.0**-degree
    return torch.stack(kept), error


def aligned(one: TaylorModel, other: TaylorModel) -> tuple[Tensor, Tensor, Blocks]:
    """The symbols of two models side by side, with zeros where one of them lacks a block."""
    if one.blocks == other.blocks:
        return one.symbols, other.symbols, one.blocks
    blocks = tuple(sorted(set(one.blocks) | set(other.blocks)))
    return _spaced(one, blocks), _spaced(other, blocks), blocks


def _spaced(model: TaylorModel, blocks: Blocks) -> Tensor:
    if model.blocks == blocks:
        return model.symbols
    held = dict(
        zip(model.blocks, torch.split(model.symbols, [m for _, m in model.blocks], 1), strict=True)
    )
    _, _, *shape = model.symbols.shape
    parts = [
        held[block] if block in held else model.symbols.new_zeros(2, block[1], *shape)
        for block in blocks
    ]
    return torch.cat(parts, 1)


def added(one: TaylorModel, other: TaylorModel) -> TaylorModel:
    """The sum."""
    size = max(len(one.polynomial), len(other.polynomial))
    symbols, others, blocks = aligned(one, other)
    total = TaylorModel(
        padded(one.polynomial, size) + padded(other.polynomial, size),
        symbols + others,
        blocks,
        one.radius + other.radius,
    )
    return total.wider(one.noise(4, 8) + other.noise(4, 8))


def joined(models: Sequence[TaylorModel], axis: int) -> TaylorModel:
    """Models side by side along an axis, counted from the last."""
    size = max(len(model.polynomial) for model in models)
    blocks = tuple(sorted({block for model in models for block in model.blocks}))
    return TaylorModel(
        torch.cat([padded(model.polynomial, size) for model in models], axis),
        torch.cat([_spaced(model, blocks) for model in models], axis),
        blocks,
        torch.cat([model.radius for model in models], axis),
    )


def settled(
    polynomial: Tensor, symbols: Tensor, blocks: Blocks, radius: Tensor, terms: int = 1
) -> TaylorModel:
    """A model whose radius was computed in float64, all terms at least zero: it is rounded up.

    So many terms of each symbol may have underflown. Where the radius is not finite nothing is
    known, and no number may spoil another entry.
    """
    lost = 16 * (terms + 1) * (symbols.shape[1] + 1) * torch.finfo(symbols.dtype).tiny
    radius = or_infinite(radius * (1 + 1e-6) + lost)
    low = radius.to(symbols.dtype)
    if not torch.isfinite(symbols.sum()):
        low = torch.where(symbols.isfinite().all(1).all(0), low, torch.inf)
    if not (known := low < torch.inf).all():
        polynomial = polynomial.where(known, 0.0)
        symbols = symbols.where(known, 0.0)
    return TaylorModel(polynomial, symbols, blocks, low)


def polynomial_size(coefficients: Tensor) -> Tensor:
    """A bound of a polynomial on [-1, 1], from its coefficients ``[k + 1, ...]``."""
    return coefficients.abs().sum(0)


def bounds(coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest value on [-1, 1] of polynomials of degree three at most.

    Args:
        coefficients: ``[k + 1, ...]``, float64.

    Returns:
        Both rounded outward: roots of the derivative are those of one whose coefficients are off by
        a few units, and so are the values there.
    """
    c = padded(coefficients, 4)
    values = [c[0] + c[1] + c[2] + c[3], c[0] - c[1] + c[2] - c[3]]
    if len(coefficients) > 2:
        values += [value_at(c, s) for s in _turns(c)]
    low, high = torch.stack(values).aminmax(dim=0)
    margin = 64 * _EPS * polynomial_size(c)
    return low - margin, high + margin


def value_at(coefficients: Tensor, s: Tensor | float) -> Tensor:
    """The polynomial there, by Horner's rule."""
    *lower, total = coefficients
    for c in reversed(lower):
        total = total * s + c
    return total


def _turns(c: Tensor) -> tuple[Tensor, Tensor]:
    """Where the derivative of a cubic vanishes, as far as that is on [-1, 1]; any point else."""
    c = c / c[1:].abs().amax(0)  # squares must neither overflow nor underflow
    root = (c[2].square() - 3 * c[1] * c[3]).clamp(min=0).sqrt()
    q = -(c[2] + torch.where(c[2] < 0, -root, root))
    points = (q / (3 * c[3]), c[1] / q)
    return tuple(s.nan_to_num(0.0).clamp(-1, 1) for s in points)  # type: ignore[return-value]
