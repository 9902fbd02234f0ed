r"""Deciding example by example what holds at every t: branch and bound on the segment.

A grid of networks refutes first. What is left is tried on dyadic pieces, each with the examples that
are open there: an example that is certified on all pieces is certified on the segment. Where that
fails the network is evaluated at the point where the enclosure leaves most room; if it is right
there too, the piece is cut in two, four or eight. The excess of an enclosure is of second order in
the length of a piece, 3/2 where signs change: so many parts are taken as bring it below the margin.

Reference: theory key C5.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush

import torch
from torch import Tensor

from lmctheory.networks import Examples
from lmctheory.paths.pair_program import Program
from lmctheory.paths.taylor_models import value_at
from lmctheory.paths.taylor_operations import Effort, Piece
from lmctheory.paths.taylor_outputs import Outputs, PieceNetwork

__all__ = ["Search"]

_GRID = 24
"""Pieces between the points at which examples are tried first."""
_DEEPEST = 40
_SUBPOINTS = 16


class Search:
    """The state of a search: which examples are certified, refuted, open."""

    def __init__(self, program: Program, data: Examples, effort: Effort, depth: int, deadline: float) -> None:
        self.program, self.data, self.effort, self.deadline = program, data, effort, deadline
        self.x = data.inputs.to(program.reference)
        self.n = len(self.x)
        self.counterexample = torch.full((self.n,), torch.nan, dtype=torch.float64)
        self.open: dict[tuple[int, int], list[int]] = {}
        self.queue: list[tuple[int, int]] = []
        self.depth = depth
        self.passes = 0
        self.evaluations = 0
        self.left = torch.zeros(self.n, dtype=torch.bool)

    def right(self, t: float, rows: Tensor) -> Tensor:
        self.evaluations += len(rows)
        logits = self.program.values(self.program.at(t), self.x[rows])[-1]
        return self.data.loss.hits(logits[None], self.data.labels[rows])[0] == 1

    def grid(self) -> None:
        alive = torch.arange(self.n)
        points = torch.linspace(0, 1, _GRID + 1, dtype=torch.float64).tolist()
        order = sorted(range(_GRID + 1), key=lambda i: abs(i - _GRID // 2))
        for i in order:
            if not len(alive):
                break
            good = self.right(points[i], alive)
            self.counterexample[alive[~good]] = points[i]
            alive = alive[good]
        self.alive = alive

    def run(self) -> None:
        self.grid()
        rows = self.alive.tolist()
        for k in range(2**self.depth):
            self._push(self.depth, k, rows)
        while self.queue:
            if time.monotonic() > self.deadline:
                break
            depth, k = heappop(self.queue)
            rows = torch.tensor([r for r in self.open.pop((depth, k)) if self.counterexample[r].isnan()], dtype=torch.long)
            if len(rows):
                self._try(depth, k, rows)
        for rows in self.open.values():
            self.left[rows] = True
        self.left &= self.counterexample.isnan()

    def _push(self, depth: int, k: int, rows: list[int]) -> None:
        if (depth, k) not in self.open:
            self.open[depth, k] = []
            heappush(self.queue, (depth, k))
        self.open[depth, k] += rows

    def _try(self, depth: int, k: int, rows: Tensor) -> None:
        piece = Piece(k / 2**depth, (k + 1) / 2**depth)
        network = PieceNetwork(self.program, piece, self.effort)
        out = network.outputs(self.x[rows], self.data.labels[rows], self.data.loss)
        self.passes += len(rows)
        failed = ~out.certified()
        if not failed.any():
            return
        rows, contrasts, apart = rows[failed], out.contrasts[:, failed], out.apart[failed]
        s = torch.linspace(-1, 1, _SUBPOINTS + 1, dtype=torch.float64)
        room = torch.stack([(value_at(contrasts, p) + apart).amax(1) for p in s.tolist()]).nan_to_num(torch.inf)
        at = room.argmax(0)
        for i in at.unique().tolist():
            mine = rows[at == i]
            t = piece.centre + piece.half * float(s[i])
            good = self.right(t, mine)
            self.counterexample[mine[~good]] = t
        margin = torch.stack([value_at(contrasts, p).amax(1) for p in s.tolist()]).amax(0)
        excess = apart.amax(1)
        ratio = (excess / (-margin).clamp(min=1e-300)).nan_to_num(8.0) ** (1 / 3)
        levels = ratio.log2().round().clamp(1, 3).long()
        levels = torch.where(margin < 0, levels, 3)
        for level in (1, 2, 3):
            mine = rows[levels == level]
            mine = mine[self.counterexample[mine].isnan()].tolist()
            if mine:
                if depth + level > _DEEPEST:
                    self.left[mine] = True
                    continue
                for j in range(2**level):
                    self._push(depth + level, k * 2**level + j, mine)
