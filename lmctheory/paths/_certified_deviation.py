r"""The function error on the whole segment, example by example, between two bounds.

e_t = f(theta_t) - [t f_A + (1-t) f_B] is what linear mode connectivity says is small. On a piece f
is enclosed around a polynomial in s (key C5), of which the chord takes two coefficients: |e_t| is
bounded there by the largest values of what is left, output by output. Networks evaluated where that
is largest bound the maximum from below; pieces are halved, for the examples for which the two are
apart.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lmctheory.measures.arguments import positive
from lmctheory.networks import Examples
from lmctheory.paths.barrier_search import Interval
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Effort, Piece
from lmctheory.paths.rounding import length
from lmctheory.paths.segment_search import BOXES, NARROWEST, Segment, pilot
from lmctheory.paths.taylor_models import bounds, padded, value_at
from lmctheory.paths.taylor_outputs import Outputs
from lmctheory.progress import carried_out
from lmctheory.results import Result

__all__ = ["CertifiedDeviation", "certified_deviation"]

_EPS = torch.finfo(torch.float64).eps

_SMALL = 1e-8
"""Deviations below so much of the largest output are enclosed to that much times the tolerance."""

_FIRST = 4
_POINTS = 16


@dataclass(frozen=True, eq=False, repr=False)
class CertifiedDeviation(Result):
    """For each example an interval of max over t of |f(theta_t) - [t f_A + (1-t) f_B]|.

    Attributes:
        lower: ``[n]`` at least this, at `t`.
        upper: ``[n]`` at most this, for every t in [0, 1].
        t: ``[n]`` where the lower ends are met.
        midpoint: ``[n, 2]`` of the deviation at t = 1/2, at least and at most.
        converged: ``[n]`` whether the interval is as narrow as was asked for.
        pieces: of the segment, as it was cut at last.
        seconds: what it took.
    """

    lower: Float[np.ndarray, " n"]
    upper: Float[np.ndarray, " n"]
    t: Float[np.ndarray, " n"]
    midpoint: Float[np.ndarray, "n 2"]
    converged: Bool[np.ndarray, " n"]
    pieces: int
    seconds: float

    @property
    def max(self) -> Interval:
        """Of the largest over all examples."""
        return Interval(float(self.lower.max()), float(self.upper.max()))

    @property
    def rms(self) -> Interval:
        """Of the root mean square over examples, each at its own t."""
        low, high = (float(np.sqrt(np.square(v).mean())) for v in (self.lower, self.upper))
        slack = 2 * (len(self.lower) + 4) * _EPS
        return Interval(low * (1 - slack), high * (1 + slack))

    def __repr__(self) -> str:
        left = int((~self.converged).sum())
        return (
            f"CertifiedDeviation(every t in [0, 1]: max in {self.max}, "
            f"root mean square in {self.rms}, {len(self.t)} examples"
            f"{f', {left} not converged' if left else ''})"
        )


def certified_deviation(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    tolerance: float = 0.01,
    budget: float = 600.0,
) -> CertifiedDeviation:
    """The largest function error of each example on the whole segment, between two bounds.

    Args:
        model_a: network A, of layers that `certify` takes with ``complete=True``; evaluation mode.
        model_b: network B of the same architecture, permuted or not.
        data: the examples; labels and loss are of no account.
        tolerance: width of each interval relative to its upper end.
        budget: seconds after which the intervals are returned as they are.

    Raises:
        TypeError: naming an operation that cannot be enclosed.
        ValueError: if tolerance or budget are <= 0, the architectures differ, weights are NaN or
            infinite, a network overflows, or inputs or labels do not fit.

    Reference:
        Key C5; key D1 bounds the same error from widths alone.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> found = certified_deviation(a, b, Examples(x, torch.arange(20) % 3))
        >>> bool((found.midpoint[:, 0] <= found.upper).all())
        True
    """
    tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
    segment = Segment.of(program_of(model_a, model_b, data, complete=True), data)
    started = time.monotonic()
    with torch.no_grad():
        search = _Search(segment, tolerance)
        carried_out(search.steps(), "enclosing deviations", started + budget)
    upper = torch.maximum(search.upper(), search.lower)
    return CertifiedDeviation(
        lower=search.lower.cpu().numpy(),
        upper=upper.cpu().numpy(),
        t=search.where.cpu().numpy(),
        midpoint=torch.stack(search.midpoint, 1).cpu().numpy(),
        converged=(upper <= search.enough).cpu().numpy(),
        pieces=len(search.closed) + len(search.open),
        seconds=time.monotonic() - started,
    )


@dataclass
class _Part:
    """A piece, the examples it was tried with, and bounds of their deviations there."""

    piece: Piece
    rows: Tensor
    upper: Tensor


@dataclass
class _Search:
    """The part with the largest excess is cut first.

    Attributes:
        segment: what is searched.
        tolerance: of each interval.
        lower: ``[n]``.
        where: ``[n]`` at which t.
        midpoint: lower and upper bounds at t = 1/2.
        open: parts of which some examples are not close.
        closed: the others.
    """

    segment: Segment
    tolerance: float
    lower: Tensor = field(init=False)
    where: Tensor = field(init=False)
    midpoint: tuple[Tensor, Tensor] = field(init=False)
    open: list[_Part] = field(init=False, default_factory=list)
    closed: list[_Part] = field(init=False, default_factory=list)
    _effort: Effort = field(init=False, default=BOXES)

    def __post_init__(self) -> None:
        segment, every = self.segment, self.segment.everything
        self._start, self._end = (segment.at(t, every) for t in (0.0, 1.0))
        sizes = [each.values[0].abs().amax(1) for each in (self._start, self._end)]
        if not all(size.isfinite().all() for size in sizes):
            raise ValueError("model_a or model_b overflows on the data")
        self._floor = _SMALL * (1e-300 + torch.maximum(*sizes).max())
        self.lower = torch.zeros_like(sizes[0])
        self.where = torch.zeros_like(self.lower)
        self.midpoint = self._evaluate(0.5, every)

    @property
    def enough(self) -> Tensor:
        """Upper ends that are close to the lower ones, ``[n]``."""
        return self.lower + self.tolerance * self.lower.clamp(min=float(self._floor))

    def upper(self) -> Tensor:
        """The largest bound of each example on any part, ``[n]``."""
        found = torch.zeros_like(self.lower)
        for part in (*self.open, *self.closed):
            found[part.rows] = torch.maximum(found[part.rows], part.upper)
        return found

    def steps(self) -> Iterator[None]:
        """One piece after another."""
        every = self.segment.everything
        plan = pilot(self.segment, every, self._close)
        self._effort = plan.effort
        for piece in Piece(0.0, 1.0).cut(_FIRST):
            self._add(piece, every)
        yield
        while self.open:
            worst = max(self.open, key=lambda part: float(self._excess(part).max()))
            self.open.remove(worst)
            far = self._excess(worst) > 0
            if not far.all():  # those that are close have their bounds
                self.closed.append(_Part(worst.piece, worst.rows[~far], worst.upper[~far]))
            if far.any():
                self._cut(worst.piece, worst.rows[far], worst.upper[far])
            yield

    def _excess(self, part: _Part) -> Tensor:
        return part.upper - self.enough[part.rows]

    def _cut(self, piece: Piece, rows: Tensor, upper: Tensor) -> None:
        if piece.length <= NARROWEST:
            self.closed.append(_Part(piece, rows, upper))
            return
        for half in piece.cut(2):
            self._add(half, rows)

    def _add(self, piece: Piece, rows: Tensor) -> None:
        """Bounds the examples on a piece, and evaluates a network where that is worst."""
        off, rest = self._off(piece, rows)
        low, high = bounds(off)
        upper = _norm(torch.maximum(low.abs(), high.abs()) + rest, 1)
        part = _Part(piece, rows, upper.nan_to_num(torch.inf, posinf=torch.inf))
        far = self._excess(part) > 0
        if far.any():
            points = torch.linspace(-1, 1, _POINTS + 1, dtype=torch.float64).tolist()
            heights = torch.stack([value_at(off[:, far], s).square().sum(1) for s in points])
            at = heights.nan_to_num(0.0).sum(1).argmax()
            self._evaluate(piece.at(points[int(at)]), rows[far])
        self.open.append(part)

    def _off(self, piece: Piece, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The polynomial of f less the chord, ``[k + 1, n, outputs]``, and what is beside it."""
        found = self.segment.outputs(piece, rows, self._effort)
        b, a = (each.values[0][rows] for each in (self._start, self._end))
        off = padded(found.values, 2).clone()
        off[0] -= piece.centre * a + (1 - piece.centre) * b
        off[1] -= piece.half * (a - b)
        ends = torch.maximum(self._start.rest[rows], self._end.rest[rows])
        size = a.abs() + b.abs() + found.values.abs().sum(0)
        return off, (found.rest + ends + 32 * _EPS * size) * (1 + 8 * _EPS)

    def _evaluate(self, t: float, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The deviation at t between two bounds; the lower ends with it."""
        at = self.segment.at(t, rows)
        b, a = (each.values[0][rows] for each in (self._start, self._end))
        off = (at.values[0] - (t * a + (1 - t) * b)).abs()
        ends = torch.maximum(self._start.rest[rows], self._end.rest[rows])
        rest = (at.rest + ends + 32 * _EPS * (a.abs() + b.abs() + at.values[0].abs())) * (1 + _EPS)
        low = _norm((off - rest).clamp(min=0), -1).nan_to_num(0.0, posinf=0.0)
        better = low > self.lower[rows]
        self.lower[rows[better]] = low[better]
        self.where[rows[better]] = t
        return low, _norm(off + rest, 1)

    def _close(self, found: Outputs, rows: Tensor) -> bool:
        """Whether for most of a few examples what is beside the polynomial is small enough."""
        rest = _norm(found.rest, 1)
        room = self.tolerance / 2 * self.lower[rows].clamp(min=float(self._floor))
        return 2 * int((rest <= room).sum()) >= len(rows)


def _norm(vectors: Tensor, sign: int) -> Tensor:
    """Euclidean norms of rows, rounded up (1) or down (-1)."""
    return length(vectors) * (1 + sign * 2 * (vectors.shape[1] + 8) * _EPS)
