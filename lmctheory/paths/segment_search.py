r"""Deciding, example by example, whether a label is kept at every t: branch and bound.

A grid of networks refutes first. What is left is tried on pieces of the segment, each with the
examples that are open there: an example that is certified on pieces that cover [0, 1] is certified
on the segment. Where the enclosure of a piece fails an example, the network is evaluated at the
point where it leaves most room; if that is right too, the piece is cut for it in two or four, by
how far the enclosure missed. Every example whose least margin on the segment is not zero
is decided in the end, since the excess of an enclosure vanishes with the piece; unless a network at
which it is tried has a margin within rounding of zero, which leaves it undecided.

*Refutations* are networks at one t that are wrong for certain, rounding included: of which the
enclosure of a piece without length is beyond zero.

*A pilot* on a few examples finds the effort that takes least: with every effort pieces are halved
until the enclosure of one in the middle of the segment is close enough; what the whole segment
would take is counted in products (`PieceNetwork.work`), times the number of such pieces, so that
the choice does not depend on what else a machine does.

Reference: theory key C5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import TypeVar

import torch
from torch import Tensor

from lmctheory.networks import Examples
from lmctheory.paths.interpolation import blocks
from lmctheory.paths.pair_program import Program
from lmctheory.paths.regions import Effort, Piece, Point, Region
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_outputs import Outputs, PieceNetwork

__all__ = ["BOXES", "EFFORTS", "NARROWEST", "Plan", "Search", "Segment", "pilot"]

BOXES = Effort(degree=2, symbols=0, dtype=torch.float32)
EFFORTS = (
    BOXES,
    *(Effort(degree=3, symbols=m, dtype=torch.float32) for m in (0, 8, 32)),
    *(Effort(degree=3, symbols=m, dtype=torch.float32, balls=True) for m in (0, 8)),
)
"""What a pilot chooses from."""

_AT_POINTS = Effort(degree=2, symbols=0, dtype=torch.float64)
"""For single networks: not everything that is finite is so in float32."""

_GRID = 24
"""Pieces between the points at which examples are tried first."""

_PILOT = 12
"""Examples of a pilot."""

_PILOT_HALVINGS = 10

_TOGETHER = 1024
"""Examples of which the values of all nodes are held at one time."""

_CLOSE = 1e-6
"""Margins below so much of the largest logit are enclosed, to see whether they are ties."""

NARROWEST = 2.0**-40
"""Length of the shortest pieces: at shorter ones rounding outweighs what is gained."""

_POINTS = 16
"""Parts of a piece between the points at which the least room is looked for."""


SomeSegment = TypeVar("SomeSegment", bound="Segment")


@dataclass(frozen=True)
class Segment:
    """A path between two networks and what they are judged by.

    Attributes:
        program: of all networks.
        inputs: in their type and place.
        labels: likewise.
        data: the examples.
        first: regions that cover it, on each of which weights are polynomials in s.
    """

    program: Program
    inputs: Tensor
    labels: Tensor
    data: Examples
    first: tuple[Region, ...]

    @classmethod
    def of(
        cls: type[SomeSegment],
        program: Program,
        data: Examples,
        first: tuple[Region, ...] = (Piece(0.0, 1.0),),
    ) -> SomeSegment:
        """For examples in the networks' type and place."""
        inputs = data.inputs.to(program.reference)
        return cls(program, inputs, data.labels.to(inputs.device), data, first)

    def parts(self, count: int) -> list[Region]:
        """Every first region cut into so many, a power of two."""
        return [part for region in self.first for part in region.cut(count)]

    @property
    def grid(self) -> list[Point]:
        """Points at which examples are tried first."""
        grid = sorted((i / _GRID for i in range(_GRID + 1)), key=lambda t: abs(t - 0.5))
        return list(grid)

    @property
    def ends(self) -> tuple[Point, ...]:
        """Where A alone, and where B alone is."""
        return (1.0, 0.0)

    @property
    def middle(self) -> Point:
        """Where all networks count alike."""
        return 0.5

    def shares(self, t: Point) -> tuple[float, ...]:
        """Of the networks at the ends in the affine function that a barrier is compared with."""
        assert not isinstance(t, tuple)
        return (t, 1 - t)

    def alone(self, t: Point) -> Region:
        """A point as a region."""
        assert not isinstance(t, tuple)
        return Piece(t, t)

    def judged(
        self, piece: Region, found: Outputs
    ) -> tuple[Tensor, list[Point], list[tuple[float, ...]]]:
        """Bounds of the losses at some places of a piece, the points there and their shares.

        Their mean over examples less an affine function is largest at one of these places.
        """
        losses = found.losses(self.data.loss, self.labels)
        points = [piece.at(-1 + 2 * i / (len(losses) - 1)) for i in range(len(losses))]
        return losses, points, [self.shares(t) for t in points]

    def corners(self, piece: Region) -> list[tuple[float, ...]]:
        """The shares at the corners of a piece."""
        assert isinstance(piece, Piece)
        return [self.shares(t) for t in (piece.start, piece.end)]

    def central(self, parts: Sequence[Region]) -> Region:
        """Of parts of the whole the one in the middle."""
        return parts[len(parts) // 2]

    @property
    def everything(self) -> Tensor:
        """All examples."""
        return torch.arange(len(self.inputs), device=self.inputs.device)

    def clear(self, t: Point, rows: Tensor) -> Tensor:
        """Whether the network at t classifies examples as labelled, by far more than rounding."""
        network, found = self.program.at(t), []
        for part in blocks(len(rows), _TOGETHER):
            logits = self.program.values(network, self.inputs[rows[part]])[-1]
            right = self.data.loss.hits(logits[None], self.labels[rows[part]])[0] == 1
            ordered = logits.sort(1).values
            gap = logits.abs() if logits.shape[1] == 1 else (ordered[:, -1:] - ordered[:, -2:-1])
            found.append(right & (gap > _CLOSE * logits.abs().max()).all(1))
        return torch.cat(found)

    def at(self, t: Point, rows: Tensor) -> Outputs:
        """Of the network at t, for some examples; with balls where rounding is large without."""
        found = self.outputs(self.alone(t), rows, _AT_POINTS)
        if (found.rest <= _CLOSE * found.values.abs().max()).all():
            return found
        other = self.outputs(self.alone(t), rows, replace(_AT_POINTS, balls=True))
        return other if other.rest.mean() < found.rest.mean().nan_to_num(torch.inf) else found

    def outputs(self, piece: Region, rows: Tensor, effort: Effort) -> Outputs:
        """Of a piece, for some examples."""
        network = PieceNetwork(self.program, piece, effort)
        return network.outputs(self.inputs[rows], self.labels[rows], self.data.loss)


@dataclass(frozen=True)
class Plan:
    """How a search is begun: with which effort, on how many pieces."""

    effort: Effort
    pieces: int


def pilot(segment: Segment, rows: Tensor, enough: Callable[[Outputs, Tensor], bool]) -> Plan:
    """The plan that is expected to take least.

    Args:
        segment: what is to be enclosed.
        rows: the examples.
        enough: whether the outputs of a few of them, whose places are given, are close enough.
    """
    few = rows[torch.linspace(0, len(rows) - 1, min(_PILOT, len(rows))).long()]
    x, labels, loss = segment.inputs[few], segment.labels[few], segment.data.loss
    best, plan = float("inf"), Plan(EFFORTS[-1], 2**_PILOT_HALVINGS)
    for effort in EFFORTS:
        for halvings in range(_PILOT_HALVINGS + 1):
            pieces = segment.parts(2**halvings)
            network = PieceNetwork(segment.program, segment.central(pieces), effort)
            found = network.outputs(x, labels, loss)
            if network.work * len(pieces) >= best:
                break
            if enough(found, few):
                best, plan = network.work * len(pieces), Plan(effort, 2**halvings)
                break
    return plan


def _some_certified(found: Outputs, rows: Tensor) -> bool:
    """A quarter: towards the ends of the segment enclosures are closer than in the middle."""
    return 4 * int(found.certified().sum()) >= len(rows)


@dataclass
class Search:
    """Which examples are certified, refuted and open.

    Attributes:
        segment: what is searched.
        counterexample: ``[n, 1]`` a t at which an example is not classified as labelled, or ``[n,
            networks]`` shares; NaN so far.
        unclear: ``[n]`` examples that rounding leaves undecided.
        tried: ``[n]`` how many pieces were tried for each.
        narrowest: the length of the shortest piece that was tried.
    """

    segment: Segment
    counterexample: Tensor = field(init=False)
    unclear: Tensor = field(init=False)
    tried: Tensor = field(init=False)
    narrowest: float = field(init=False, default=1.0)
    plan: Plan | None = field(init=False, default=None)
    _open: dict[Region, list[Tensor]] = field(init=False, default_factory=dict)
    _queue: list[tuple[tuple[float, ...], Region]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        every = self.segment.everything
        width = torch.as_tensor(self.segment.middle).numel()
        self.counterexample = every.new_full((len(every), width), torch.nan, dtype=torch.float64)
        self.unclear = torch.zeros_like(every, dtype=torch.bool)
        self.tried = torch.zeros_like(every)

    @property
    def refuted(self) -> Tensor:
        """``[n]``."""
        return ~self.counterexample[:, 0].isnan()

    @property
    def open(self) -> Tensor:
        """``[n]`` examples of which pieces are left."""
        found = torch.zeros_like(self.unclear)
        for parts in self._open.values():
            for rows in parts:
                found[rows] = True
        return found & ~self.refuted & ~self.unclear

    @property
    def certified(self) -> Tensor:
        """``[n]``."""
        return ~(self.open | self.unclear | self.refuted)

    @property
    def effort(self) -> str:
        """With which networks were enclosed; empty if none had to be."""
        return "" if self.plan is None else str(self.plan.effort)

    def steps(self) -> Iterator[None]:
        """The search, one piece after another; whatever is left when it is left off is open."""
        everything = self.segment.everything
        for region in self.segment.first:
            self._push(region, everything)
        for t in self.segment.grid:
            self._test(t, everything[~self.refuted])
            yield
        rows = everything[~(self.refuted | self.unclear)]
        if not len(rows):
            return
        self.plan = pilot(self.segment, rows, _some_certified)
        for _ in self.segment.first:
            self._pop()
        for piece in self.segment.parts(self.plan.pieces):
            self._push(piece, rows)
        while self._queue:
            self._try(*self._pop())
            yield

    def _push(self, piece: Region, rows: Tensor) -> None:
        if piece not in self._open:
            self._open[piece] = []
            heappush(self._queue, (piece.rank, piece))
        self._open[piece].append(rows)

    def _pop(self) -> tuple[Region, Tensor]:
        _, piece = heappop(self._queue)
        rows = torch.cat(self._open.pop(piece))
        return piece, rows[~(self.refuted | self.unclear)[rows]]

    def _test(self, t: Point, rows: Tensor) -> None:
        """Refutes the examples that the network at t gets wrong for certain."""
        rows = rows[~self.segment.clear(t, rows)] if len(rows) else rows
        if not len(rows):
            return
        found = self.segment.at(t, rows)
        refuted, certified = found.refuted(), found.certified()
        self.counterexample[rows[refuted]] = self.counterexample.new_tensor(t)
        self.unclear[rows[~(refuted | certified)]] = True

    def _try(self, piece: Region, rows: Tensor) -> None:
        if not len(rows):
            return
        assert self.plan is not None
        self.narrowest = min(self.narrowest, piece.length)
        self.tried[rows] += 1
        found = self.segment.outputs(piece, rows, self.plan.effort)
        failed = ~found.certified()
        rows = rows[failed]
        for s, mine in _tightest(found, failed, rows):
            self._test(piece.at(s), mine)
        left = ~(self.refuted | self.unclear)[rows]
        if piece.length <= NARROWEST:
            self.unclear[rows[left]] = True
            return
        parts = _parts(found, failed, self.plan.effort.degree)
        for count in (2, 4):
            if (mine := left & (parts == count)).any():
                for part in piece.cut(count):
                    self._push(part, rows[mine])


def _tightest(found: Outputs, failed: Tensor, rows: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Where enclosures leave most room for a wrong label, with the examples of which that is so."""
    assert found.contrasts is not None
    points = torch.linspace(-1, 1, _POINTS + 1, dtype=torch.float64).tolist()
    room = [(value_at(found.contrasts[:, failed], s) + found.apart[failed]).amax(1) for s in points]
    at = torch.stack(room).nan_to_num(torch.inf).argmax(0)
    for i, s in enumerate(points):
        if (mine := at == i).any():
            yield s, rows[mine]


def _parts(found: Outputs, failed: Tensor, degree: int) -> Tensor:
    """Into how many parts a piece is cut: the excess falls with a power of their length."""
    assert found.contrasts is not None
    contrasts, apart = found.contrasts[:, failed], found.apart[failed].amax(1)
    nearest = torch.stack([value_at(contrasts, s).amax(1) for s in (-1.0, 0.0, 1.0)]).amax(0)
    missed = (apart / -nearest).nan_to_num(torch.inf)
    return torch.where((nearest < 0) & (missed > 2.0 ** (3 * degree)), 4, 2)
