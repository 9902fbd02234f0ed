"""What `teacher_student` measured: tables, and the claims of Zhan, Li and Wu 2025.

Where a peak may be was declared before the study was run: at widths from 3k/4 to 2k, k the
teacher's neurons, or from half to twice the least width at which the training loss is below a
hundredth of the target's power. A dip is any narrower width. Both are chosen on one half of the
pairs and compared on the other, and the other way round: the largest of many noisy means is no
peak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.effects import Claim, Effect, effects_table
from simulations.teacher_student.measurement import Measured, Student, Task

__all__ = [
    "Peak",
    "Results",
    "Row",
    "Setting",
    "claims",
    "exponent",
    "peak",
    "report",
    "require_one_study",
    "settings",
]

Results = Sequence[tuple[Task, Measured]]

_SMALL_LOSS = 0.01
_DOUBLED = 1.0
"""Of a rise: by the mean barrier of students of up to 2k neurons."""
_HALF = -0.5


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than width, optimiser and learning rate.
    """
    tasks = [task for task, _ in results]
    require_equal(tasks, ("neurons", "inputs", "examples", "pairs", "seed"))
    require_equal([task.training for task in tasks], ("epochs", "batch_size"))


@dataclass(frozen=True)
class Row:
    """All pairs of one width."""

    width: int
    pairs: Sequence[Student]

    def draws(self, name: str) -> list[float]:
        """One field of all pairs."""
        return [getattr(pair, name) for pair in self.pairs]

    def mean(self, name: str) -> Mean:
        """Of a field, over pairs."""
        return Mean.over(self.draws(name))


@dataclass(frozen=True)
class Setting:
    """One optimiser and learning rate.

    Attributes:
        optimiser: "sgd" or "adam".
        rate: of learning.
        neurons: k, of the teacher.
        rows: by width.
    """

    optimiser: str
    rate: float
    neurons: int
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """As tables and figures have it."""
        return f"{self.optimiser} {self.rate:g}"

    @property
    def fitted(self) -> int | None:
        """The least width at which the training loss is near zero, if there is one."""
        small = (row.width for row in self.rows if row.mean("train_loss").value < _SMALL_LOSS)
        return next(small, None)

    @property
    def window(self) -> list[int]:
        """Widths at which a peak may be."""
        ends = [(0.75 * self.neurons, 2 * self.neurons)]
        if self.fitted is not None:
            ends.append((self.fitted / 2, 2 * self.fitted))
        widths = [row.width for row in self.rows]
        return [m for m in widths if any(low <= m <= high for low, high in ends)]

    @property
    def wide(self) -> list[Row]:
        """Students of 2k neurons or more."""
        return [row for row in self.rows if row.width >= 2 * self.neurons]


def settings(results: Results) -> list[Setting]:
    """SGD first, by learning rate."""
    found: dict[tuple[bool, str, float, int], list[Row]] = {}
    for task, measured in sorted(results, key=lambda result: result[0].width):
        training = task.training
        key = (training.optimiser != "sgd", training.optimiser, training.learning_rate)
        found.setdefault((*key, task.neurons), []).append(Row(task.width, measured.pairs))
    return [Setting(*key[1:], found[key]) for key in sorted(found)]


@dataclass(frozen=True)
class Peak:
    """Where the matched barrier rises most, and by how much.

    Attributes:
        dip: width of the least barrier before the peak, as all pairs show it.
        top: width of the peak.
        rise: of the barrier between widths that other pairs chose, over the mean barrier of
            students of up to 2k neurons.
        fall: from the top, likewise chosen, to the least barrier beyond it.
    """

    dip: int
    top: int
    rise: Effect
    fall: Effect | None


def peak(setting: Setting) -> Peak | None:
    """The largest rise into the window; None without a narrower width or a positive barrier."""
    barriers = {row.width: np.array(row.draws("matched")) for row in setting.rows}
    narrow = [b.mean() for m, b in barriers.items() if m <= 2 * setting.neurons]
    unit = float(np.mean(narrow)) if narrow else 0.0
    tops = [m for m in setting.window if m > min(barriers)]
    if not tops or unit <= 0:
        return None

    def chosen(part: slice) -> tuple[int, int]:
        means = {m: float(b[part].mean()) for m, b in barriers.items()}
        contrasts = [
            (means[top] - means[dip], dip, top) for top in tops for dip in means if dip < top
        ]
        _, dip, top = max(contrasts)
        return dip, top

    def beyond(part: slice, top: int) -> int | None:
        later = [m for m in barriers if m > top]
        return min(later, key=lambda m: float(barriers[m][part].mean())) if later else None

    halves = (slice(0, None, 2), slice(1, None, 2))
    rises, falls = [], []
    for choosing, judging in (halves, halves[::-1]):
        dip, top = chosen(choosing)
        rises.append((barriers[top][judging] - barriers[dip][judging]) / unit)
        if (after := beyond(choosing, top)) is not None:
            falls.append((barriers[top][judging] - barriers[after][judging]) / unit)
    dip, top = chosen(slice(None))
    fall = Effect.over(falls) if len(falls) == len(rises) else None
    return Peak(dip, top, Effect.over(rises), fall)


def report(results: Results) -> list[Part]:
    """Losses and barriers, sparsity, peaks, claims."""
    found = settings(results)
    return [_barriers(found), _sparsities(found), _peaks(found), _table(claims(found))]


_Line = tuple[Setting, Row]


def _lines(found: Sequence[Setting]) -> list[_Line]:
    return [(setting, row) for setting in found for row in setting.rows]


def _of(name: str, head: str | None = None) -> Column[_Line]:
    def shown(line: _Line) -> str:
        return line[1].mean(name).short()

    return Column(name, shown, head=head or name)


def _plain(name: str) -> Column[_Line]:
    return Column(name, lambda line: line[1].mean(name))


_PLACE = (
    Column[_Line]("setting", lambda line: line[0].name, head=" ", left=True, once=True),
    Column[_Line]("width", lambda line: line[1].width, head="m", form="d"),
)


def _barriers(found: Sequence[Setting]) -> Table[_Line]:
    return Table(
        "Students of a ReLU teacher: losses, and barriers of the test loss",
        "Over the target's power, means over pairs. train: loss on what was learnt. none: no"
        " matching. weights: matched exactly, by weights. activ.: by activations.",
        [
            *_PLACE,
            _of("train_loss", "train"),
            _of("loss", "test"),
            _of("unmatched", "none"),
            _of("matched", "weights"),
            _of("by_activations", "activ."),
        ],
        _lines(found),
        sections=lambda line: line[0].name,
    )


def _sparsities(found: Sequence[Setting]) -> Table[_Line]:
    wide = [(setting, row) for setting in found for row in setting.wide]
    return Table(
        "Sparsity of students of 2k neurons or more",
        "Shares of the neurons: negligible contribute less than a hundredth of what the strongest"
        " does, inactive are zero on all that was learnt. spread: participation ratio of the"
        " contributions over m. active: neurons that are not negligible.",
        [
            *_PLACE,
            *(_plain(name) for name in ("negligible", "inactive", "spread")),
            Column(
                "active",
                lambda line: Mean.over(
                    [line[1].width * (1 - share) for share in line[1].draws("negligible")]
                ),
            ),
        ],
        wide,
        sections=lambda line: line[0].name,
    )


def _peaks(found: Sequence[Setting]) -> Table[Setting]:
    def dip(setting: Setting) -> int | None:
        return None if (seen := peak(setting)) is None else seen.dip

    def top(setting: Setting) -> int | None:
        return None if (seen := peak(setting)) is None else seen.top

    return Table(
        "Where the matched barrier rises again, from all pairs, and the width that fits",
        "window: widths at which a peak may be, declared beforehand. fitted: the least at which the"
        " training loss is below a hundredth of the target's power.",
        [
            Column("setting", lambda one: one.name, head=" ", left=True),
            Column("window", lambda one: _ends(one.window), left=True),
            Column("fitted", lambda one: one.fitted, form="d"),
            Column("dip", dip, form="d"),
            Column("top", top, form="d"),
        ],
        found,
    )


def _ends(widths: Sequence[int]) -> str | None:
    return f"{widths[0]} to {widths[-1]}" if widths else None


def claims(found: Sequence[Setting]) -> list[Claim]:
    """What was published: two descents, the second's exponent, sparsity by the rate."""
    zhan, judged = "Zhan", []
    for setting in found:
        seen = peak(setting)
        rise, fall = (None, None) if seen is None else (seen.rise, seen.fall)
        judged.append(Claim(f"{setting.name}: rises to a peak", zhan, rise, _DOUBLED))
        judged.append(Claim(f"{setting.name}: falls from it", zhan, fall, _DOUBLED))
        judged.append(Claim(f"{setting.name}: m^-1/2", zhan, exponent(setting), _HALF, True))
    for small, large in pairwise(found):
        if small.optimiser == large.optimiser:
            rates = f"{large.name} over {small.rate:g}"
            judged.append(Claim(f"{rates}: sparse", zhan, _higher(small, large, "negligible"), 0.1))
            lower = _higher(small, large, "matched", relative=True)
            judged.append(Claim(f"{rates}: barrier", zhan, lower, _HALF))
    return judged


def exponent(setting: Setting) -> Effect | None:
    """Of the matched barrier in the width, from 2k on; None where no power law can be fitted."""
    means = {row.width: row.mean("matched") for row in setting.wide}
    # the scatter about the law counts in its error: as many degrees of freedom as it has
    return Effect.of_slope(means, max(1, len(means) - 2))


def _higher(small: Setting, large: Setting, name: str, *, relative: bool = False) -> Effect | None:
    """By how much a field of wide students grows with the rate; relative to the small rate's."""
    by_width = {row.width: row.draws(name) for row in small.wide}
    shared = [(by_width[row.width], row.draws(name)) for row in large.wide if row.width in by_width]
    if not shared:
        return None
    unit = float(np.mean([np.mean(low) for low, _ in shared])) if relative else 1.0
    if unit <= 0:
        return None
    # students of two rates share no draws: whose difference is taken does not matter
    groups = [((np.array(high) - low) / unit).tolist() for low, high in shared]
    return Effect.over(groups)


def _table(judged: Sequence[Claim]) -> Table[Claim]:
    return effects_table(
        judged,
        "rises, falls: of the matched barrier, over its mean up to m = 2k, between widths that"
        " other pairs chose. m^-1/2: its exponent from 2k on. sparse: share of negligible neurons"
        " at a rate less that at the next smaller. barrier: likewise, over that at the smaller"
        " rate.",
    )
