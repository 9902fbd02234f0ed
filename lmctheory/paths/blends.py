r"""Layers whose weights are combined from those of several networks: curves and simplices.

theta = sum_i a_i theta_i with coefficients a_i that sum to one.

Of layers see `Blend` here; other numbers, norms' and tables', `lmctheory.paths.parameters` and
`lmctheory.paths.blended_norms`.

*A segment* from B (t = 0) to A (t = 1): the coefficients of A and B are t and 1 - t.

*A quadratic Bezier curve* from B (t = 0) over the bend C to A (t = 1): the coefficients of A, C, B
are t^2, 2t(1-t), (1-t)^2. With t = c + h s they are

    c^2 + 2ch s + h^2 s^2,   2c(1-c) + 2h(1-2c) s - 2h^2 s^2,   (1-c)^2 - 2h(1-c) s + h^2 s^2.

*A polygonal chain* of m edges is linear in t on each: on edge j, between vertices j and j + 1 from
B, they have 1 - u and u with u = m t - j.

*A simplex*: x_0, ..., x_k themselves. On a box x_i = c_i + h_i e_i for i > 0, and x_0 is what is
left of 1, so that a coordinate moves the weights by h_i (theta_i - theta_0): one of them is s, the
others are symbols w_j.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from lmctheory.networks.state import interpolable
from lmctheory.paths.layer_operations import AffineAt, Node
from lmctheory.paths.linear_maps import Operator
from lmctheory.paths.regions import SHARES, Box, Direction, Piece, Point, Region, WeightsOnPiece
from lmctheory.paths.rounding import NORM_INFLATION

__all__ = [
    "BEZIER",
    "SEGMENT",
    "SIMPLEX",
    "Blend",
    "Family",
    "Polygon",
    "blended_state",
    "combined",
]

Coefficients = tuple[float, ...]


class Expansion(NamedTuple):
    """Coefficients of networks on a region: centre + sum_k s^k powers_k + sum_j w_j weights_j."""

    centre: Coefficients
    powers: tuple[Coefficients, ...]
    weights: tuple[Coefficients, ...]


class Family(ABC):
    """How networks are combined."""

    @abstractmethod
    def at(self, point: Point) -> Coefficients:
        """The coefficients of all networks at a point."""

    @abstractmethod
    def on(self, region: Region) -> Expansion:
        """The coefficients on a region."""


class _Segment(Family):
    def at(self, point: Point) -> Coefficients:
        assert not isinstance(point, tuple)
        return point, 1 - point

    def on(self, region: Region) -> Expansion:
        assert isinstance(region, Piece)
        h = region.half
        return Expansion(self.at(region.centre), ((h, -h),) if h else (), ())


class _Bezier(Family):
    def at(self, point: Point) -> Coefficients:
        assert not isinstance(point, tuple)
        t, u = point, 1 - point
        return t * t, 2 * t * u, u * u

    def on(self, region: Region) -> Expansion:
        assert isinstance(region, Piece)
        c, h = region.centre, region.half
        if not h:
            return Expansion(self.at(c), (), ())
        first = (2 * c * h, 2 * h * (1 - 2 * c), -2 * h * (1 - c))
        return Expansion(self.at(c), (first, (h * h, -2 * h * h, h * h)), ())


@dataclass(frozen=True)
class Polygon(Family):
    """A chain of segments; regions are parts of one edge.

    Attributes:
        edges: how many.
    """

    edges: int

    def at(self, point: Point) -> Coefficients:
        """See `Family`."""
        assert not isinstance(point, tuple)
        edge = min(int(point * self.edges), self.edges - 1)
        return self._of(edge, 1 - (u := point * self.edges - edge), u)

    def on(self, region: Region) -> Expansion:
        """See `Family`."""
        assert isinstance(region, Piece)
        edge = min(int(region.centre * self.edges), self.edges - 1)
        u, h = region.centre * self.edges - edge, region.half * self.edges
        powers = (self._of(edge, -h, h),) if h else ()
        return Expansion(self._of(edge, 1 - u, u), powers, ())

    def _of(self, edge: int, first: float, second: float) -> Coefficients:
        """Of the two ends of an edge, in the order of the networks, from A to B."""
        found = [0.0] * (self.edges + 1)
        found[self.edges - edge], found[self.edges - edge - 1] = first, second
        return tuple(found)


class _Simplex(Family):
    def at(self, point: Point) -> Coefficients:
        assert isinstance(point, tuple)
        return point

    def on(self, region: Region) -> Expansion:
        assert isinstance(region, Box)
        centre = (1 - sum(region.centre), *region.centre)
        moves = []
        for i, h in enumerate(region.halves):
            move = [-h] + [0.0] * len(region.halves)
            move[i + 1] = h
            moves.append(tuple(move))
        along = moves.pop(region.axis)
        return (
            Expansion(centre, (along,), tuple(moves)) if any(along) else Expansion(centre, (), ())
        )


SEGMENT, BEZIER, SIMPLEX = _Segment(), _Bezier(), _Simplex()


def combined(tensors: Sequence[Tensor], coefficients: Coefficients) -> Tensor:
    """Their sum with coefficients; exactly one of them where the others' are zero.

    Of those that are trained all are in the graph, as optimisers ask for.
    """
    pairs = zip(coefficients, tensors, strict=True)
    held = [(a, tensor) for a, tensor in pairs if a or tensor.requires_grad]
    (first, tensor), *others = held or [(0.0, tensors[0])]
    total = tensor * first
    for a, other in others:
        total = total.add(other, alpha=a)
    return total


def blended_state(
    states: Sequence[Mapping[str, Tensor]], coefficients: Coefficients
) -> dict[str, Tensor]:
    """The slots of the network that is so combined; what cannot be combined is the first's."""
    return {
        name: combined([state[name] for state in states], coefficients)
        if interpolable(tensor)
        else tensor
        for name, tensor in states[0].items()
    }


@dataclass(frozen=True, eq=False)
class Blend:
    """W x + b, a linear layer or a convolution, its weights combined from several networks'.

    Attributes:
        weights: of each network.
        biases: of each network.
        family: how they are combined.
    """

    node: Node
    operator: Operator
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    family: Family

    @property
    def terms(self) -> int:
        """Weights of one output."""
        return self.weights[0][0].numel()

    def at(self, point: Point) -> AffineAt:
        """The layer at a point."""
        coefficients = self.family.at(point)
        W, b = combined(self.weights, coefficients), combined(self.biases, coefficients)
        return AffineAt(torch.nan, self.operator, W, b)

    def on(self, region: Region, dtype: torch.dtype) -> WeightsOnPiece:
        """The layer on a region, its symbols in some precision."""
        found = self.family.on(region)
        ones = (len(self.weights) / 2,) * len(self.weights)  # rounding grows with their number
        sides = combined([W.abs() for W in self.weights], ones) / SHARES
        return WeightsOnPiece(
            W=combined(self.weights, found.centre),
            b=combined(self.biases, found.centre),
            powers=tuple(self._direction(each, dtype) for each in found.powers),
            weights=tuple(self._direction(each, dtype) for each in found.weights),
            sides=sides.to(dtype),
            offset=combined([b.abs() for b in self.biases], ones),
        )

    def norm_on(self, region: Region) -> float:
        """A bound of |W| on a region: the sum of the networks' norms times |coefficient|."""
        found = self.family.on(region)
        expansions = (found.centre, *found.powers, *found.weights)
        shares = [sum(map(abs, column)) for column in zip(*expansions, strict=True)]
        return NORM_INFLATION * sum(a * n for a, n in zip(shares, self.norms, strict=True))

    @cached_property
    def norms(self) -> tuple[float, ...]:
        """Bounds of |W| of each network."""
        return tuple(NORM_INFLATION * self.operator.norm(W) for W in self.weights)

    def _direction(self, coefficients: Coefficients, dtype: torch.dtype) -> Direction:
        W = combined(self.weights, coefficients)
        low = W.to(dtype)
        return Direction(1.0, W, low, low.abs(), combined(self.biases, coefficients))
