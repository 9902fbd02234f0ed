"""What `features` measured, as tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal, require_equal_but
from simulations.effects import effects_table
from simulations.features.claims import CAPTION, claims
from simulations.features.measurement import MIDDLE, POINTS, Aligned, Measured, Task
from simulations.features.settings import Quantity, Setting, settings
from simulations.printing import rounded

__all__ = ["Results", "report", "require_one_study"]

Results: TypeAlias = Sequence[tuple[Task, Measured]]

_ByLayer = Callable[[Setting], Sequence[Sequence[float] | np.ndarray]]
"""Of every pair, a number for each layer."""


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than architecture, width, time of parting and pair.
    """
    tasks = [task for task, _ in results]
    require_equal_but(tasks, ("architecture", "width", "spawn", "pair"))
    for name in {task.architecture for task in tasks}:
        require_equal([task for task in tasks if task.architecture == name], ["width"])


def report(results: Results) -> list[Part]:
    """Barriers, then by layer features, stitches, subspaces and strengths; claims."""
    require_one_study(results)
    found = settings(results)
    parts: list[Part] = [_barriers(found), _along(found), _apart(found)]
    for name in dict.fromkeys(setting.architecture for setting in found):
        ours = [setting for setting in found if setting.architecture == name]
        parts += [
            _features(name, ours),
            _stitched(name, ours),
            _subspaces(name, ours),
            _strengths(name, ours),
            _kept(name, ours),
        ]
    return [*parts, effects_table(claims(found), CAPTION)]


_printed, _in_hundredths, _in_tenths = (rounded(least) for least in (1e-3, 1e-2, 1e-1))


def _column(name: str, quantity: Quantity, head: str = "") -> Column[Setting]:
    return Column(name, lambda row: row.mean(quantity), form=_printed, head=head)


_NETWORK: Column[Setting] = Column("network", lambda row: row.architecture, left=True, once=True)
_PLACE: tuple[Column[Setting], ...] = (
    Column("shared", lambda row: row.shared, left=True, once=True),
    Column("matching", lambda row: row.matching, left=True),
)


def _barriers(found: Sequence[Setting]) -> Table[Setting]:
    def ends(name: str, of: Callable[[Measured], Sequence[float]]) -> Column[Setting]:
        return Column(
            name,
            lambda row: Mean.over([float(np.mean(of(one))) for one in row.found]),
            form=_printed,
        )

    return Table(
        "Barriers between networks that share their first epochs",
        "shared: epochs until the networks part; own: initial weights of their own. loss, error: of"
        " the networks on test data; barrier, of err.: largest over t of the loss, of the share of"
        " wrong examples. temp.: nats that a temperature takes off it at t = 1/2, on half of the"
        " test data, chosen on the others. 1-cos: mean over layers at t = 1/2. In brackets the"
        " standard error over pairs, at least 1 in the third decimal.",
        [
            _NETWORK,
            *_PLACE,
            ends("loss", lambda one: one.losses),
            ends("error", lambda one: one.errors),
            _column("barrier", lambda one: one.barrier),
            _column("barrier of the error", lambda one: one.error, "of err."),
            Column("temperature", _recalibrated, form=_printed, head="temp."),
            _column("1-cos", lambda one: float(np.mean(one.features.dissimilarity[MIDDLE]))),
        ],
        found,
        sections=lambda row: row.architecture,
    )


def _recalibrated(row: Setting) -> Mean | None:
    values = [one.half - one.recalibrated for one in row.aligned if one.recalibrated is not None]
    return Mean.over(values) if len(values) > 1 else None


@dataclass(frozen=True)
class _Along:
    """A measure along the path."""

    setting: Setting
    name: str
    field: str

    def at(self, place: int) -> Mean:
        """The largest over hidden layers, at one of `POINTS`."""
        rows = [getattr(one.features, self.field)[place] for one in self.setting.aligned]
        hidden = rows if self.field == "additivity" else [row[:-1] for row in rows]
        return Mean.over([max(row) for row in hidden])


def _at(place: int) -> Column[_Along]:
    return Column(f"t = {POINTS[place]:g}", lambda row: row.at(place), form=_printed)


def _along(found: Sequence[Setting]) -> Table[_Along]:
    names = {
        "weak additivity": "additivity",
        "LLFC": "llfc_error",
        "LEWC": "lewc_error",
    }
    rows = [
        _Along(setting, name, field)
        for setting in found
        if setting.shared in ("own", "0") or setting.is_last
        for name, field in names.items()
    ]
    return Table(
        "Along the path: relative errors of three laws, of the worst hidden layer",
        "Of weak additivity, of the features that LLFC predicts and of those that LEWC does, at t;"
        " means over test examples. t = 1 is the first network.",
        [
            Column("network", lambda row: row.setting.architecture, left=True, once=True),
            Column("shared", lambda row: row.setting.shared, left=True, once=True),
            Column("matching", lambda row: row.setting.matching, left=True, once=True),
            Column("law", lambda row: row.name, left=True),
            *map(_at, range(len(POINTS))),
        ],
        rows,
        sections=lambda row: row.setting.architecture,
    )


def _apart(found: Sequence[Setting]) -> Table[Setting]:
    def mean(of: Callable[[Aligned], Sequence[float]], start: int = 0) -> Quantity:
        return lambda one: float(np.mean(of(one)[start:]))

    return Table(
        "How far apart the networks are, means over layers",
        "W, phi: distance of weights and of features over the root of the sum of their squares."
        " in, out: mean squared cosines between the five leading right and left singular vectors of"
        " weights; features: of features. com.: commutativity from the second layer on.",
        [
            _NETWORK,
            *_PLACE,
            _column("W", mean(lambda one: one.features.weights)),
            _column("phi", mean(lambda one: one.features.distance)),
            _column("in", mean(lambda one: one.subspaces.read)),
            _column("out", mean(lambda one: one.subspaces.weights)),
            _column("features", mean(lambda one: one.subspaces.overlap)),
            _column("com.", mean(lambda one: one.features.commutativity, 1)),
        ],
        found,
        sections=lambda row: row.architecture,
    )


@dataclass(frozen=True)
class _Layer:
    """One layer of one setting."""

    setting: Setting
    place: int

    def mean(self, of: Callable[[Setting], Sequence[Sequence[float]]]) -> Mean | None:
        """None where the layer has no such number."""
        values = [row[self.place] for row in of(self.setting) if self.place < len(row)]
        return Mean.over(values) if values else None


def _features(name: str, ours: Sequence[Setting]) -> Table[_Layer]:
    def column(head: str, field: str, *, middle: bool = False) -> Column[_Layer]:
        def of(setting: Setting) -> list[list[float]]:
            values = [getattr(one.features, field) for one in setting.aligned]
            return [value[MIDDLE] for value in values] if middle else values

        return Column(head, lambda row: row.mean(of), form=_printed)

    rows = [
        _Layer(setting, place)
        for setting in ours
        if setting.shared in ("own", "0") or setting.is_last
        for place in range(setting.layers)
    ]
    return Table(
        f"{name}: features of the midpoint, by layer l",
        "1-cos: to the mean of both networks' features; ends: between the networks. c: coefficient,"
        " 1 under LLFC, 2^(1-l) under LEWC; relative errors of both laws. add.: of weak additivity."
        " com.: commutativity.",
        [
            Column("shared", lambda row: row.setting.shared, left=True, once=True),
            Column("matching", lambda row: row.setting.matching, left=True, once=True),
            Column("l", lambda row: row.place + 1, form="d"),
            column("1-cos", "dissimilarity", middle=True),
            column("ends", "baseline"),
            column("c", "coefficient", middle=True),
            column("LLFC", "llfc_error", middle=True),
            column("LEWC", "lewc_error", middle=True),
            column("add.", "additivity", middle=True),
            column("com.", "commutativity"),
        ],
        rows,
        sections=lambda row: (row.setting.shared, row.setting.alignment),
    )


def _by_layer(
    heads: Iterable[str], of: _ByLayer, form: Callable[[Mean], str] = _printed
) -> list[Column[Setting]]:
    """One column for each layer."""

    def at(place: int) -> Callable[[Setting], Mean]:
        return lambda row: Mean.over([values[place] for values in of(row)])

    return [Column(head, at(place), form=form) for place, head in enumerate(heads)]


def _stitched(name: str, ours: Sequence[Setting]) -> Table[Setting]:
    cuts = range(1, ours[0].layers)

    def ends(row: Setting) -> Mean:
        return Mean.over([100 * float(np.mean(one.errors)) for one in row.found])

    def per_cent(heads: Iterable[str], field: str) -> list[Column[Setting]]:
        return _by_layer(
            heads,
            lambda row: [100 * np.array(getattr(one.stitched, field)) for one in row.aligned],
            _in_tenths,
        )

    return Table(
        f"{name}: networks stitched after layer l, per cent of wrong test examples",
        "The first l layers of one network and the rest of the other, mean of both ways; fit: with"
        " an affine map between them, fitted to training data by least squares. ends: of the"
        " networks.",
        [
            *_PLACE,
            Column("ends", ends, form=_in_tenths),
            *per_cent((f"l = {cut}" for cut in cuts), "error"),
            *per_cent((f"fit {cut}" for cut in cuts), "fitted_error"),
        ],
        ours,
    )


def _subspaces(name: str, ours: Sequence[Setting]) -> Table[Setting]:
    hidden = range(1, ours[0].layers)
    chance = np.mean([one.subspaces.chance for one in ours[0].aligned], axis=0)
    return Table(
        f"{name}: leading directions of the features of both networks",
        "phi l: mean principal angle, in degrees, between the spans of the five largest right"
        " singular vectors of the features of layer l (examples by neurons); cos^2: mean of the"
        f" squared cosines, {chance.mean():.2f} for subspaces drawn at random.",
        [
            *_PLACE,
            *_by_layer(
                (f"phi {layer}" for layer in hidden),
                lambda row: [one.subspaces.angle for one in row.aligned],
            ),
            *_by_layer(
                (f"cos^2 {layer}" for layer in hidden),
                lambda row: [one.subspaces.overlap for one in row.aligned],
            ),
        ],
        ours,
    )


def _strengths(name: str, ours: Sequence[Setting]) -> Table[Setting]:
    def last(of: Callable[[Aligned], Sequence[float]]) -> Callable[[Setting], Mean]:
        return lambda row: row.mean(lambda one: 100 * of(one)[-1])

    return Table(
        f"{name}: what is left of the features at t = 1/2, in per cent",
        "z l: what inputs induce in the pre-activations of layer l, over that of the ends; s: of"
        " the last, the same of standard deviations. rep. z: z of the last layer after REPAIR."
        " barrier, after: of the test loss at t = 1/2, in nats, before and after it.",
        [
            *_PLACE,
            *_by_layer(
                (f"z {layer}" for layer in range(1, ours[0].layers + 1)),
                lambda row: [100 * np.array(one.midpoint.induced) for one in row.aligned],
                _in_tenths,
            ),
            Column("s", last(lambda one: one.midpoint.deviation), form=_in_tenths),
            Column("rep. z", last(lambda one: one.repaired.induced), form=_in_tenths),
            Column("barrier", lambda row: row.mean(_before), form=_in_hundredths),
            Column("after", lambda row: row.mean(_after), form=_in_hundredths),
        ],
        ours,
    )


def _before(one: Aligned) -> float:
    return one.midpoint.barrier


def _after(one: Aligned) -> float:
    return one.repaired.barrier


def _kept(name: str, ours: Sequence[Setting]) -> Table[Setting]:
    counts = range(1, ours[0].layers)
    return Table(
        f"{name}: barriers at t = 1/2 if some layers stay one network's",
        "first l, last l: so many layers are one network's, mean of both; the rest is averaged.",
        [
            *_PLACE,
            *_by_layer(
                (f"first {count}" for count in counts),
                lambda row: [one.kept_first[1:] for one in row.aligned],
                _in_hundredths,
            ),
            *_by_layer(
                (f"last {count}" for count in counts),
                lambda row: [one.kept_last[1:] for one in row.aligned],
                _in_hundredths,
            ),
        ],
        ours,
    )
