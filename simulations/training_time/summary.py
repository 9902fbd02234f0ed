"""What `training_time` measured, as tables and claims."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import UNMATCHED
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal_but
from simulations.effects import Claim, Effect, effects_table
from simulations.left_out import best_for_others
from simulations.printing import rounded
from simulations.training_time.measurement import ALIGNMENTS, MATCHED, AtMidpoint, Seen, Task

__all__ = [
    "FITTED",
    "QUANTITIES",
    "Course",
    "Results",
    "claims",
    "courses",
    "report",
    "require_one_study",
]

Results: TypeAlias = Sequence[tuple[Task, Seen]]

FITTED = 0.99
"""Training accuracy from which on networks fit the data."""
QUANTITIES = ("test loss", "test error", "train loss")
"""Of which there are barriers; claims are about the first two."""

_SOURCE = "Entezari 2022"
_SEEN = {"test loss": 0.05, "test error": 0.01}
"""By which a claim of a side alone is judged if it is not seen: nats, and share of examples."""
_NAMES = {UNMATCHED: "none", MATCHED: "matched"}


@dataclass(frozen=True)
class Course:
    """Pairs of one shape along their training.

    Attributes:
        depth: number of hidden layers.
        width: of each.
        epochs: times, rising.
        seen: at these.
    """

    depth: int
    width: int
    epochs: Sequence[int]
    seen: Sequence[Seen]

    def networks(self, split: str, field: str) -> np.ndarray:
        """Mean loss or accuracy of both networks of a pair, ``[times, pairs]``."""
        curves = [getattr(one.measured.aligned[UNMATCHED], split) for one in self.seen]
        values = np.array([getattr(one, field) for one in curves])
        return np.asarray((values[..., 0] + values[..., -1]) / 2)

    def barrier(self, alignment: str, quantity: str) -> np.ndarray:
        """Of one of `QUANTITIES`, ``[times, pairs]``."""
        split, field = quantity.split()
        curves = [getattr(one.measured.aligned[alignment], split) for one in self.seen]
        return np.array([one.max if field == "loss" else one.error_barrier for one in curves])

    @property
    def fits(self) -> bool:
        """Whether the networks fit the data in the end, in the mean."""
        return bool(self.networks("train", "accuracy")[-1].mean() >= FITTED)

    @property
    def fitted(self) -> list[int | None]:
        """The first epoch at which a pair fits the data; None if there is none."""
        reached = self.networks("train", "accuracy") >= FITTED
        return [self.epochs[int(np.argmax(pair))] if pair.any() else None for pair in reached.T]

    def peaks(self, alignment: str, quantity: str) -> list[int]:
        """The epoch of every pair's largest barrier."""
        return [self.epochs[k] for k in self.barrier(alignment, quantity).argmax(0)]

    def at_peak(self, alignment: str, quantity: str) -> np.ndarray:
        """Every pair's barrier when that of all others is largest, in their mean.

        A pair's own maximum is above its mean course for its noise alone; this is not.
        """
        return best_for_others(self.barrier(alignment, quantity))

    def delays(self, alignment: str, quantity: str) -> list[float]:
        """Binary logarithm of (1 + peak) / (1 + fitted), of pairs that fit the data."""
        both = zip(self.peaks(alignment, quantity), self.fitted, strict=True)
        return [float(np.log2((1 + k) / (1 + first))) for k, first in both if first is not None]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shape and time.
    """
    require_equal_but((task for task, _ in results), ("depth", "width", "epoch"))


def courses(results: Results) -> list[Course]:
    """By depth and width."""
    found = []
    for depth, width in sorted({(task.depth, task.width) for task, _ in results}):
        ones = {
            task.epoch: seen for task, seen in results if (task.depth, task.width) == (depth, width)
        }
        times = sorted(ones)
        found.append(Course(depth, width, times, [ones[epoch] for epoch in times]))
    return found


def report(results: Results) -> list[Part]:
    """Networks, barriers, costs, times, and claims."""
    require_one_study(results)
    found = courses(results)
    rows = [_Row(one, k) for one in found for k, epoch in enumerate(one.epochs) if _printed(epoch)]
    return [_barriers(rows), _costs(rows), _times(found), _claims_table(found)]


def _printed(epoch: int) -> bool:
    """Whether it is 0 or a power of 2."""
    return epoch & (epoch - 1) == 0


@dataclass(frozen=True)
class _Row:
    """One shape at one time."""

    course: Course
    place: int

    @property
    def seen(self) -> Seen:
        return self.course.seen[self.place]

    def mean(self, values: np.ndarray) -> Mean:
        return Mean.over(values[self.place])


_SHAPE: tuple[Column[_Row], ...] = (
    Column("depth", lambda row: row.course.depth, form="d", head="d", once=True),
    Column("width", lambda row: row.course.width, form="d", head="m", once=True),
    Column("epoch", lambda row: row.course.epochs[row.place], form="d"),
)


_short = rounded(1e-3)


def _column(name: str, of: Callable[[_Row], Mean | None], head: str = "") -> Column[_Row]:
    return Column(name, of, form=_short, head=head)


def _barriers(rows: Sequence[_Row]) -> Table[_Row]:
    def network(split: str, field: str, head: str) -> Column[_Row]:
        return _column(
            f"{split} {field}", lambda row: row.mean(row.course.networks(split, field)), head
        )

    def barrier(alignment: str, quantity: str, head: str) -> Column[_Row]:
        return _column(
            f"barrier of {quantity}, {_NAMES[alignment]}",
            lambda row: row.mean(row.course.barrier(alignment, quantity)),
            head,
        )

    return Table(
        "Networks and their barriers along training",
        "d: hidden layers. Mean over pairs, in brackets the standard error, at least 1 in the third"
        " decimal. acc. and loss on training data, then both on test data; barriers: largest over"
        " t, of the test loss, then of the test error (err.), without matching and after weighted"
        " matching (m.).",
        [
            *_SHAPE,
            network("train", "accuracy", "acc."),
            network("train", "loss", "loss"),
            network("test", "accuracy", "test"),
            network("test", "loss", "its loss"),
            barrier(UNMATCHED, "test loss", "none"),
            barrier(MATCHED, "test loss", "matched"),
            barrier(UNMATCHED, "test error", "err."),
            barrier(MATCHED, "test error", "err. m."),
        ],
        rows,
        sections=lambda row: (row.course.depth, row.course.width),
    )


def _costs(rows: Sequence[_Row]) -> Table[_Row]:
    def bound(side: str, head: str) -> Column[_Row]:
        return _column(side, lambda row: row.seen.measured.bound(side, "data"), head)

    def midpoint(name: str, of: Callable[[AtMidpoint], Sequence[float]]) -> Column[_Row]:
        return _column(name, lambda row: Mean.over(of(row.seen.midpoint[MATCHED])))

    return Table(
        "Matched neurons and certificates along training",
        "d: hidden layers. After weighted matching: barrier of the training loss (train), cost per"
        " neuron of the last hidden layer in the metric of the data between its bounds L and U. At"
        " t = 1/2 on test data: function error, its bound C1', C3 of the barrier, and the share of"
        " examples that is certified.",
        [
            *_SHAPE,
            _column(
                "barrier of train loss",
                lambda row: row.mean(row.course.barrier(MATCHED, "train loss")),
                "train",
            ),
            bound("lower", "L"),
            _column("cost", lambda row: row.seen.measured.cost(MATCHED, "data")),
            bound("upper", "U"),
            midpoint("error", lambda one: one.function_error),
            midpoint("C1'", lambda one: one.error_bound),
            midpoint("C3", lambda one: one.certified_barrier),
            midpoint("share", lambda one: one.certified_accuracy),
        ],
        rows,
        sections=lambda row: (row.course.depth, row.course.width),
    )


@dataclass(frozen=True)
class _Times:
    """One kind of barrier of one shape."""

    course: Course
    alignment: str
    quantity: str

    def fitted(self) -> Mean | None:
        known = [epoch for epoch in self.course.fitted if epoch is not None]
        return Mean.over(known) if len(known) > 1 else None

    def delay(self) -> Mean | None:
        found = self.course.delays(self.alignment, self.quantity)
        return Mean.over(found) if len(found) > 1 else None


def _times(found: Sequence[Course]) -> Table[_Times]:
    rows = [
        _Times(one, alignment, quantity)
        for one in found
        for quantity in _SEEN
        for alignment in ALIGNMENTS
    ]
    return Table(
        "When barriers are largest",
        f"pairs: that reach a training accuracy of {FITTED:g}, and the epoch at which they first do"
        " (fit); the epoch at which the barrier is largest (at), and by how many powers of two that"
        " is later (2^): logarithm of 1 + epoch. peak: a pair's barrier when that of all other"
        " pairs is largest; end: after the last epoch.",
        [
            Column("depth", lambda row: row.course.depth, form="d", once=True),
            Column("width", lambda row: row.course.width, form="d", head="m", once=True),
            Column("pairs", lambda row: sum(k is not None for k in row.course.fitted), form="d"),
            Column("fit", lambda row: row.fitted()),
            Column("barrier", lambda row: row.quantity, left=True),
            Column("matching", lambda row: _NAMES[row.alignment], left=True, head=" "),
            Column("at", lambda row: Mean.over(row.course.peaks(row.alignment, row.quantity))),
            Column("2^", lambda row: row.delay()),
            Column(
                "peak",
                lambda row: Mean.over(row.course.at_peak(row.alignment, row.quantity)),
                form=_short,
            ),
            Column(
                "end",
                lambda row: Mean.over(row.course.barrier(row.alignment, row.quantity)[-1]),
                form=_short,
            ),
        ],
        rows,
        sections=lambda row: (row.course.depth, row.course.width),
    )


def claims(found: Sequence[Course]) -> list[Claim]:
    """What the study tests, for every kind of barrier."""
    made: list[Claim] = []
    for quantity, size in _SEEN.items():
        for alignment in ALIGNMENTS:
            name = f"{quantity.split()[1]} {_NAMES[alignment]}"
            for depth in sorted({one.depth for one in found}):
                ours = [one for one in found if one.depth == depth]
                made += _of_depth(f"{depth} {name}", ours, alignment, quantity, size)
            made.append(_deeper(name, found, alignment, quantity, size))
    return sorted(made, key=lambda claim: claim.text[:3])


def _of_depth(
    name: str, ours: Sequence[Course], alignment: str, quantity: str, size: float
) -> Iterator[Claim]:
    fitting = [one for one in ours if one.fits]

    def end(one: Course) -> np.ndarray:
        return np.asarray(one.barrier(alignment, quantity)[-1])

    def peak(one: Course) -> np.ndarray:
        return one.at_peak(alignment, quantity)

    near = [[1 - abs(delay) for delay in one.delays(alignment, quantity)] for one in fitting]
    near = [draws for draws in near if len(draws) > 1]
    yield Claim(f"(a) {name}", _SOURCE, Effect.over(near) if near else None, 1.0)
    falls = [(peak(one) - end(one)).tolist() for one in fitting]
    yield Claim(f"(b) {name}", _SOURCE, Effect.over(falls) if falls else None, size)
    several = len(fitting) > 1
    first, last = (fitting[0], fitting[-1]) if several else (None, None)
    narrower = fitting and ours[0].width < fitting[0].width
    yield Claim(f"(c) {name}", _SOURCE, _less(first, last, peak), size)
    yield Claim(f"(e) {name}", _SOURCE, _less(fitting[0], ours[0], end) if narrower else None, size)
    yield Claim(f"(f) {name}", _SOURCE, _less(first, last, end), size)


def _deeper(
    name: str, found: Sequence[Course], alignment: str, quantity: str, size: float
) -> Claim:
    depths = sorted({one.depth for one in found})
    by_shape = {(one.depth, one.width): one for one in found if one.fits}
    pairs = [
        (by_shape[depths[-1], width], by_shape[depths[0], width])
        for width in sorted({one.width for one in found})
        if len(depths) > 1 and {(depths[0], width), (depths[-1], width)} <= set(by_shape)
    ]
    groups = [
        group
        for deep, shallow in pairs
        for group in _difference(*(c.at_peak(alignment, quantity) for c in (deep, shallow)))
    ]
    return Claim(f"(d) {name}", _SOURCE, Effect.over(groups) if groups else None, size)


def _less(
    one: Course | None, other: Course | None, values: Callable[[Course], np.ndarray]
) -> Effect | None:
    """The difference between two shapes; None where one is missing."""
    if one is None or other is None:
        return None
    return Effect.over(_difference(values(one), values(other)))


def _difference(one: np.ndarray, other: np.ndarray) -> list[list[float]]:
    """Two independent groups whose mean of means is the difference of their means."""
    return [(2 * one).tolist(), (-2 * other).tolist()]


def _claims_table(found: Sequence[Course]) -> Table[Claim]:
    return effects_table(
        claims(found),
        "By depth, barrier and matching; of widths that fit the data in the end. (a) the barrier"
        " peaks where a pair first fits: 1 less the size of 2^. (b) falls: peak less end. (c) the"
        " peak falls with width: narrowest such less widest. (d) grows with depth: peak of the"
        " deepest less the shallowest. (e) at the end, over width, it peaks where networks first"
        " fit: narrowest that fits less narrowest; (f) falls from there to the widest.",
    )
