"""Parts of a family of networks, and how closely the networks of one are enclosed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["SHARES", "Box", "Direction", "Effort", "Piece", "Point", "Region", "WeightsOnPiece"]

Point = float | tuple[float, ...]
"""A t, or the shares of all networks of a convex combination."""


_EPS = torch.finfo(torch.float64).eps

SHARES = 64
"""`WeightsOnPiece.sides` is so small a share of the weights that are combined."""

_ASPECT = 2.0
"""The side of s is cut if it is longer than so many times any other."""


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

    @property
    def length(self) -> float:
        """From one end to the other."""
        return self.end - self.start

    @property
    def rank(self) -> tuple[float, ...]:
        """What is tried first has the least: long pieces."""
        return (-self.half, self.start)

    def at(self, s: float) -> float:
        """The t of an s in [-1, 1]."""
        return self.centre + self.half * s

    def cut(self, parts: int) -> list[Piece]:
        """As many equal parts, a power of two: their ends are exact."""
        ends = [self.start + (self.end - self.start) * i / parts for i in range(parts + 1)]
        return [Piece(*each) for each in pairwise(ends)]


@dataclass(frozen=True)
class Box:
    """Convex combinations sum_i x_i N_i of networks, x_1, ..., x_k in a box and x_0 the rest.

    Coordinates are dyadic, so that ends and middles are exact. The longest side is the one of s,
    unless another is as long; a corner may lie beyond the simplex, where x_0 < 0.

    Attributes:
        low: of x_1 to x_k.
        high: likewise.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def halves(self) -> tuple[float, ...]:
        """Half the lengths of its sides."""
        return tuple((b - a) / 2 for a, b in zip(self.low, self.high, strict=True))

    @property
    def centre(self) -> tuple[float, ...]:
        """Of x_1 to x_k."""
        return tuple((a + b) / 2 for a, b in zip(self.low, self.high, strict=True))

    @property
    def axis(self) -> int:
        """Which of x_1 to x_k is a function of s, counted from 0."""
        return self.halves.index(max(self.halves))

    @property
    def length(self) -> float:
        """Of the longest side."""
        return 2 * max(self.halves)

    @property
    def rank(self) -> tuple[float, ...]:
        """What is tried first has the least: large boxes."""
        return (-math.prod(self.halves), *self.low, *self.high)

    @property
    def is_cut(self) -> bool:
        """Whether the simplex cuts it."""
        return sum(self.high) > 1

    def coordinates(self, s: float, w: Sequence[float] = ()) -> tuple[float, ...]:
        """x_1 to x_k at s and w, which is 0 if not given."""
        moved = list(w) if w else [0.0] * (len(self.low) - 1)
        moved.insert(self.axis, s)
        return tuple(c + h * e for c, h, e in zip(self.centre, self.halves, moved, strict=True))

    def at(self, s: float, w: Sequence[float] = ()) -> tuple[float, ...]:
        """The shares of all networks at s and w or, beyond the simplex, near there within it."""
        x = [max(0.0, each) for each in self.coordinates(s, w)]
        total = max(1.0, sum(x))
        x = [each / total for each in x]
        return (max(0.0, 1.0 - sum(x)), *x)

    def places(self, parts: int) -> list[tuple[float, tuple[float, ...]]]:
        """Of all s at which [-1, 1] is cut into parts the corners that w may take, and s.

        Where the simplex cuts the box, and there is one w, it goes no further than at the place
        before, so that all of the simplex between two places is in their hull.
        """
        points = [-1 + 2 * i / parts for i in range(parts + 1)]
        places = []
        for i, s in enumerate(points):
            tops = [1.0] * (len(self.low) - 1)
            if self.is_cut and len(tops) == 1:
                before = points[i - 1] if self._is_kinked(parts) and i else s
                tops = [min(1.0, self._top(before))]
            places += [(s, w) for w in itertools.product(*((-1.0, top) for top in tops))]
        return places

    def _top(self, s: float) -> float:
        """The largest w of the simplex at s, rounded up."""
        h, c = self.halves, sum(self.centre)
        other = h[1 - self.axis] or 1.0
        return (1 - c - h[self.axis] * s) / other + 64 * _EPS / other

    def _is_kinked(self, parts: int) -> bool:
        """Whether the largest w ceases to be 1 between two places."""
        h = self.halves
        turn = (1 - sum(self.centre) - h[1 - self.axis]) / (h[self.axis] or 1.0)
        return -1 < turn < 1 and (turn + 1) * parts / 2 % 1 != 0

    def cut(self, parts: int) -> list[Box]:
        """Halves of halves, so many at most: those of them that meet the simplex, no larger."""
        if parts == 1:
            return [self]
        side = self._cut_side
        middle = self.centre[side]
        halves = (
            replace(self, high=_with(self.high, side, middle)),
            replace(self, low=_with(self.low, side, middle)),
        )
        met = [half.contracted() for half in halves if sum(half.low) < 1]
        return [part for half in met for part in half.cut(parts // 2)]

    @property
    def _cut_side(self) -> int:
        """The longest; that of s, in which enclosures are closer, if it is much longer only."""
        rated = [
            half / (_ASPECT if side == self.axis else 1) for side, half in enumerate(self.halves)
        ]
        return rated.index(max(rated))

    def contracted(self) -> Box:
        """The smallest box that holds all that is in this one and in the simplex."""
        room = 1 - sum(self.low)
        return replace(
            self,
            high=tuple(min(b, a + room) for a, b in zip(self.low, self.high, strict=True)),
        )


def _with(values: tuple[float, ...], place: int, value: float) -> tuple[float, ...]:
    return (*values[:place], value, *values[place + 1 :])


Region = Piece | Box


@dataclass(frozen=True)
class Effort:
    """How closely a network is enclosed.

    Attributes:
        degree: K, 2 or 3.
        symbols: how many one operation may introduce for an example; 0 keeps boxes only.
        dtype: of the symbols and the radius; the polynomial is float64.
        balls: whether errors are kept in balls (`lmctheory.paths.taylor_balls`).
    """

    degree: int
    symbols: int
    dtype: torch.dtype
    balls: bool = False

    def on(self, device: torch.device) -> Effort:
        """In double precision where float32 products are not summed as they stand.

        Graphics processors may take TF32 or Winograd's algorithm for convolutions, and processors
        bfloat16 for matrices and convolutions if they are told so: no bound by sum |w| |x| holds.
        """
        plain = device.type == "cpu" and _sums_float32_as_it_stands()
        return self if plain else replace(self, dtype=torch.float64)

    def __str__(self) -> str:
        kinds = ("symbols",) * bool(self.symbols) + ("balls",) * self.balls
        return f"degree {self.degree}, {' and '.join(kinds) or 'boxes'}"


def _sums_float32_as_it_stands() -> bool:
    """Whether nobody allowed less than float32, in either of the two ways that PyTorch has."""
    of = torch.backends
    places = (of, of.mkldnn, getattr(of.mkldnn, "matmul", None), getattr(of.mkldnn, "conv", None))
    if any(getattr(place, "fp32_precision", "none") not in ("none", "ieee") for place in places):
        return False
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # both ways were used
        return False


class Direction(NamedTuple):
    """What a layer's weights and bias move by as a parameter goes from 0 to 1.

    Attributes:
        factor: of the weights.
        W: float64, so that the weights move by factor * W.
        low: the same in the precision of the symbols.
        size: |low|.
        b: what the bias moves by; the factor is in it.
    """

    factor: float
    W: Tensor
    low: Tensor
    size: Tensor
    b: Tensor


class WeightsOnPiece(NamedTuple):
    """W(s, w) = W + sum_k s^k W_k + sum_j w_j E_j, and the bias likewise; s and w_j in [-1, 1].

    Attributes:
        W: in the middle.
        b: in the middle.
        powers: W_1 and, along curves, W_2.
        weights: E_j.
        sides: no less than 1/`SHARES` of the sum of the sizes of all weights that are combined.
        offset: no less than the sum of the sizes of all biases that are combined.
    """

    W: Tensor
    b: Tensor
    powers: tuple[Direction, ...]
    weights: tuple[Direction, ...]
    sides: Tensor
    offset: Tensor
