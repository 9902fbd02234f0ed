"""Convex combinations of several networks as something that `Search` and `BarrierSearch` search."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lmctheory.networks import Examples
from lmctheory.paths.blended_norms import NormalisationBlend
from lmctheory.paths.blends import SIMPLEX, Blend, Family
from lmctheory.paths.certified_operations import Operation
from lmctheory.paths.complete_operations import Followed
from lmctheory.paths.layer_operations import Affine, Normalisation
from lmctheory.paths.pair_program import Program
from lmctheory.paths.parameters import Embedding, Parameters
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Box, Point, Region
from lmctheory.paths.segment_search import Segment
from lmctheory.paths.taylor_outputs import PARTS, Outputs

__all__ = ["Simplex", "blended"]

_GRID_POINTS = 300
"""Points at which examples are tried first, at most."""


def blended(models: Sequence[nn.Module], data: Examples, family: Family) -> Program:
    """Several networks as one program.

    Raises:
        TypeError: naming an operation of which no enclosure is known.
        ValueError: as `program_of`.
    """
    programs = [
        program_of(models[0], model, data, complete=True, folded=False) for model in models[1:]
    ]
    steps = zip(*(program.operations for program in programs), strict=True)
    return Program(programs[0].shape, tuple(_blended(family, *step) for step in steps))


def _blended(
    family: Family, op: Operation | Blend | Followed, *others: Operation | Blend | Followed
) -> Operation | Blend | Followed:
    """One operation of several networks, of which each pair has the first."""
    members: tuple[Any, ...] = (op, *others)
    assert all(type(each) is type(op) and each.node.inputs == op.node.inputs for each in members)

    def held(name: str) -> tuple[Tensor, ...]:
        pairs = [getattr(each, name) for each in members]
        return (pairs[0][0], *(pair[1] for pair in pairs))

    match op:
        case Affine():
            return Blend(op.node, op.operator, held("weights"), held("biases"), family)
        case Normalisation():
            gamma, beta, mean, variance = map(held, ("gamma", "beta", "mean", "variance"))
            return NormalisationBlend(op.node, gamma, beta, mean, variance, family)
        case Parameters() | Embedding():
            return replace(op, values=held("values"), family=family)
    return op


class Simplex(Segment):
    """All convex combinations of several networks; points are their shares."""

    @classmethod
    def spanned(cls, models: Sequence[nn.Module], data: Examples) -> Simplex:
        """By networks of one architecture."""
        others = len(models) - 1
        return cls.of(
            blended(models, data, SIMPLEX), data, (Box((0.0,) * others, (1.0,) * others),)
        )

    @property
    def count(self) -> int:
        """Of networks."""
        [whole] = self.first
        assert isinstance(whole, Box)
        return 1 + len(whole.low)

    @property
    def grid(self) -> list[Point]:
        """Shares that are multiples of one number, the middle of the simplex first."""
        parts = 1
        while len(_compositions(2 * parts, self.count)) <= _GRID_POINTS and parts < 16:
            parts *= 2
        sums = sorted(_compositions(parts, self.count), key=lambda x: sum(k * k for k in x))
        return [tuple(k / parts for k in each) for each in sums]

    @property
    def ends(self) -> tuple[Point, ...]:
        """Where there is one network alone."""
        ends = torch.eye(self.count).tolist()
        return tuple(tuple(end) for end in ends)

    @property
    def middle(self) -> Point:
        """Where all networks count alike."""
        return Box((1 / self.count,) * (self.count - 1), (1 / self.count,) * (self.count - 1)).at(
            0.0
        )

    def shares(self, t: Point) -> tuple[float, ...]:
        """The point."""
        assert isinstance(t, tuple)
        return t

    def alone(self, t: Point) -> Region:
        """A point as a region."""
        assert isinstance(t, tuple)
        return Box(t[1:], t[1:])

    def judged(
        self, piece: Region, found: Outputs
    ) -> tuple[Tensor, list[Point], list[tuple[float, ...]]]:
        """See `Segment.judged`."""
        assert isinstance(piece, Box)
        places = piece.places(PARTS)
        points: list[Point] = [piece.at(s, w) for s, w in places]
        shares = [_beyond(piece.coordinates(s, w)) for s, w in places]
        return found.losses_on(piece, self.data.loss, self.labels), points, shares

    def corners(self, piece: Region) -> list[tuple[float, ...]]:
        """The shares at the corners of a box, beyond the simplex too."""
        assert isinstance(piece, Box)
        return [
            _beyond(corner)
            for corner in itertools.product(*zip(piece.low, piece.high, strict=True))
        ]

    def central(self, parts: Sequence[Region]) -> Region:
        """Of parts of the whole the one next to the middle."""

        def off(part: Region) -> float:
            assert isinstance(part, Box)
            return sum((x - 1 / self.count) ** 2 for x in part.centre)

        return min(parts, key=off)


def _beyond(x: tuple[float, ...]) -> tuple[float, ...]:
    """All shares, of which the first may be below zero."""
    return (1 - sum(x), *x)


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to write a number as a sum of so many that are at least zero, in order."""
    if parts == 1:
        return [(total,)]
    return [
        (first, *rest)
        for first in range(total + 1)
        for rest in _compositions(total - first, parts - 1)
    ]
