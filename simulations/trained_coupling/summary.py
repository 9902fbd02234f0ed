"""What `trained_coupling` measured, as tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.trained_coupling.deep import Deep, DeepTask
from simulations.trained_coupling.measurement import (
    AtShare,
    AtWidth,
    Followed,
    InAdvance,
    PairTask,
    WidthTask,
)
from simulations.trained_coupling.settings import SETTINGS

__all__ = ["Results", "Row", "bound_of", "in_advance", "pair_rows", "report", "require_one_study"]

Results = Sequence[tuple[PairTask | WidthTask | DeepTask, Followed | InAdvance | Deep]]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if their seeds or numbers of steps differ.
    """
    require_equal([task for task, _ in results], ("seed", "longest"))


@dataclass(frozen=True)
class Row:
    """One setting at one share of the loss."""

    setting: str
    width: int
    found: AtShare


def pair_rows(results: Results) -> list[Row]:
    """In the order of `SETTINGS`, then of the loss."""
    rows = [
        Row(task.setting, task.width, row)
        for task, found in of_kind(results, PairTask, Followed)
        for row in found.rows
    ]
    names = list(SETTINGS)
    return sorted(rows, key=lambda row: (names.index(row.setting), -row.found.share))


def report(results: Results) -> list[Part]:
    """Growth beside its bounds, function errors, networks in advance, and deep ones."""
    rows = pair_rows(results)
    return [
        _growths(rows),
        _violations(rows),
        _errors(rows),
        _advance(list(in_advance(results))),
        _deep(results),
    ]


def _growths(rows: Sequence[Row]) -> Table[Row]:
    return Table(
        "How far training takes matched neurons apart: M over the initial M",
        "share: of A's initial loss. linear: T14's first term alone. losses: T12 by losses, without"
        " kinks, batches and trained outputs. Geometric means of bounds.",
        [
            Column("setting", lambda row: row.setting, once=True),
            Column("width", lambda row: row.width, head="N", form="d", once=True),
            Column("share", lambda row: row.found.share, form="g"),
            Column("steps", lambda row: int(np.median(row.found.steps)), form="d"),
            Column("growth", lambda row: Mean.over(row.found.growth)),
            Column("linear", lambda row: _typical(row.found.linear), form=".3g"),
            Column("T14", lambda row: _typical(row.found.propagators), form=".3g"),
            Column("T13", lambda row: _typical(row.found.weights), form=".3g"),
            Column("T12", lambda row: _typical(row.found.stability), form=".3g"),
            Column("losses", lambda row: _typical(row.found.losses), form=".2g"),
        ],
        rows,
        sections=lambda row: row.setting,
    )


def _typical(values: Sequence[float]) -> float | None:
    """Their geometric mean."""
    if not values:
        return None
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(np.log(values))))


def _violations(rows: Sequence[Row]) -> str:
    tried = violated = 0
    for row in rows:
        for bounds in (
            row.found.propagators,
            row.found.weights,
            row.found.stability,
            row.found.losses,
        ):
            for growth, bound in zip(row.found.growth, bounds, strict=False):
                tried, violated = tried + 1, violated + (growth > bound)
        pairs = zip(row.found.error, row.found.error_bound, strict=True)
        for error, bound in pairs:
            tried, violated = tried + 1, violated + (error > bound)
    return f"{violated} of {tried} bounds are violated."


def _errors(rows: Sequence[Row]) -> Table[Row]:
    return Table(
        "Function error at the midpoint, over the root mean square of the outputs (T15)",
        "At the least share of the loss that was reached; without kinks.",
        [
            Column("setting", lambda row: row.setting),
            Column("share", lambda row: row.found.share, form="g"),
            Column("error", lambda row: Mean.over(_ratio(row.found.error, row.found.scale))),
            Column(
                "bound",
                lambda row: _typical(_ratio(row.found.error_bound, row.found.scale)),
                head="T15",
                form=".2g",
            ),
            Column(
                "over error",
                lambda row: _typical(_ratio(row.found.error_bound, row.found.error)),
                head="over",
                form=".2g",
            ),
        ],
        [row for row in _last(rows) if np.isfinite(row.found.error_bound).all()],
    )


def _ratio(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [value / unit for value, unit in zip(first, second, strict=True)]


def _last(rows: Sequence[Row]) -> list[Row]:
    return list({row.setting: row for row in rows}.values())


def in_advance(results: Results) -> Iterator[tuple[WidthTask, InAdvance, AtWidth]]:
    """By setting and width."""
    names = list(SETTINGS)
    found = of_kind(results, WidthTask, InAdvance)
    for task, known in sorted(found, key=lambda pair: names.index(pair[0].setting)):
        yield from ((task, known, row) for row in known.rows)


def bound_of(row: AtWidth) -> float:
    """Of M, before either network is trained: (distance of carried neurons + both couplings)^2."""
    return (Mean.over([value**0.5 for value in row.carried]).value + 2 * row.coupling) ** 2


def _advance(
    rows: Sequence[tuple[WidthTask, InAdvance, AtWidth]],
) -> Table[tuple[WidthTask, InAdvance, AtWidth]]:
    return Table(
        "In advance: M at a tenth of the initial loss, from one wide and one narrow network (T14)",
        "carried: neurons in the wide network's field. bound: with the couplings of the narrow one."
        " D: distance of a network from carried neurons, and its bound. U: before training.",
        [
            Column("setting", lambda row: row[0].setting, once=True),
            Column("width", lambda row: row[2].width, head="N", form="d"),
            Column("initial", lambda row: Mean.over(row[2].initial)),
            Column("upper", lambda row: row[2].upper, head="U", form=".3g"),
            Column("trained", lambda row: Mean.over(row[2].cost)),
            Column("carried", lambda row: Mean.over(row[2].carried)),
            Column("bound", lambda row: bound_of(row[2]), form=".3g"),
            Column("apart", lambda row: Mean.over(row[2].apart), head="D"),
            Column("coupling", lambda row: row[2].coupling, head="D <=", form=".3g"),
        ],
        rows,
        sections=lambda row: row[0].setting,
    )


def _deep(results: Results) -> Table[tuple[DeepTask, Deep]]:
    rows = of_kind(results, DeepTask, Deep)
    rows.sort(key=lambda row: row[0].depth)
    return Table(
        "Deep tanh networks on digits, weights matched before training, to a tenth of the loss",
        "|D|^2 over the initial one; moved: what A moved. along: by curvature along D. T12: by the"
        " largest curvature (Lanczos; an estimate).",
        [
            Column("hidden layers", lambda row: row[0].depth, head="layers", form="d"),
            Column("width", lambda row: row[0].width, head="m", form="d"),
            Column("steps", lambda row: int(np.median(row[1].steps)), form="d"),
            Column("moved", lambda row: Mean.over(row[1].moved)),
            Column("growth", lambda row: Mean.over(row[1].growth)),
            Column("along", lambda row: _typical(row[1].along), form=".3g"),
            Column("bound", lambda row: _typical(row[1].bound), head="T12", form=".2g"),
        ],
        rows,
    )
