"""Tables of what `simplices` measured."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.simplices.measurement import (
    ALIGNMENTS,
    CURVES,
    Curve,
    Decision,
    Measured,
    Simplex,
    Task,
)

__all__ = ["Results", "report", "require_one_study"]

Results = Sequence[tuple[Task, Measured]]


class _Row(NamedTuple):
    task: Task
    alignment: str
    simplex: Simplex


class _Bend(NamedTuple):
    task: Task
    alignment: str
    kind: str
    curve: Curve


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than the width.
    """
    require_equal(
        [task for task, _ in results],
        ("dataset", "networks", "examples", "epochs", "budget", "seed"),
    )


def report(results: Results) -> list[Part]:
    """What is decided about simplices and stars, and about curves."""
    ordered = sorted(results, key=lambda one: (one[0].dataset, one[0].networks, one[0].width))
    rows = [
        _Row(task, name, found.simplices[name]) for task, found in ordered for name in ALIGNMENTS
    ]
    bends = [
        _Bend(task, name, kind, found.curves[name][kind])
        for task, found in ordered
        for name in ALIGNMENTS
        for kind in CURVES
    ]
    return [_decisions(rows), _barriers(rows), _curves(bends)]


_PLACE = (
    Column[_Row]("networks", lambda row: row.task.networks, form="d"),
    Column[_Row]("width", lambda row: row.task.width, form="d"),
    Column[_Row]("alignment", lambda row: row.alignment, head=" ", left=True),
)


def _decisions(rows: Sequence[_Row]) -> Table[_Row]:
    return Table(
        "Every convex combination of several networks, and every segment from the first",
        "Per cent of the examples: right for all networks of a grid; certified, refuted, undecided."
        " s: of the processor.",
        [
            *_PLACE,
            Column("grid", lambda row: 100 * row.simplex.right, form=".1f"),
            *_decided("simplex", lambda row: row.simplex.decision),
            *_decided("star", lambda row: row.simplex.star),
        ],
        rows,
    )


def _barriers(rows: Sequence[_Row]) -> Table[_Row]:
    return Table(
        "The largest barrier in a simplex: on a grid, and between certified bounds",
        "wide: of the interval in per cent of its lower end. s: of the processor.",
        [
            *_PLACE,
            Column("grid", lambda row: row.simplex.barrier, form=".4f"),
            Column("least", lambda row: row.simplex.interval[0], form=".4f"),
            Column("most", lambda row: row.simplex.interval[1], form=".4f"),
            Column("wide", lambda row: _width(row.simplex.interval), form=".1f"),
            Column("seconds", lambda row: row.simplex.seconds, head="s", form=".1f"),
        ],
        rows,
    )


def _width(interval: tuple[float, float]) -> float | None:
    low, high = interval
    return 100 * (high - low) / low if low else None


def _decided(name: str, of: Callable[[_Row], Decision]) -> list[Column[_Row]]:
    return [
        Column(f"{name} certified", lambda row: 100 * of(row).certified, head=name, form=".1f"),
        Column(f"{name} refuted", lambda row: 100 * of(row).refuted, head="not", form=".1f"),
        Column(f"{name} undecided", lambda row: 100 * of(row).undecided, head="open", form=".1f"),
        Column(f"{name} seconds", lambda row: of(row).seconds, head="s", form=".1f"),
    ]


def _curves(bends: Sequence[_Bend]) -> Table[_Bend]:
    return Table(
        "Paths between the first two networks",
        "Per cent of the examples: least accuracy on a grid; certified, refuted, undecided on the"
        " whole path. Barrier: on the grid, and between certified bounds. s: of the processor,"
        " training the bend and deciding.",
        [
            Column("width", lambda one: one.task.width, form="d"),
            Column("alignment", lambda one: one.alignment, head=" ", left=True),
            Column("path", lambda one: one.kind, left=True),
            Column("grid", lambda one: 100 * one.curve.accuracy, form=".1f"),
            Column("certified", lambda one: 100 * one.curve.decision.certified, form=".1f"),
            Column("refuted", lambda one: 100 * one.curve.decision.refuted, form=".1f"),
            Column("open", lambda one: 100 * one.curve.decision.undecided, form=".1f"),
            Column("barrier", lambda one: one.curve.barrier, form=".4f"),
            Column("least", lambda one: one.curve.interval[0], form=".4f"),
            Column("most", lambda one: one.curve.interval[1], form=".4f"),
            Column("training", lambda one: one.curve.training, head="bend s", form=".1f"),
            Column("deciding", lambda one: one.curve.decision.seconds, head="s", form=".1f"),
        ],
        bends,
    )
