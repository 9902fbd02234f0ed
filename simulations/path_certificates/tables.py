"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence
from math import log2
from typing import TypeVar

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part
from simulations.path_certificates.measurement import NODES, POINTS, REFERENCE
from simulations.path_certificates.summary import (
    QUANTITIES,
    Ratios,
    Results,
    Row,
    Shape,
    Summary,
    decided,
    matching_ratios,
    outside,
    rows,
    summarise,
    violations,
)
from simulations.path_certificates.tasks import Decision, Intervals, Pair, Trained, Whole

__all__ = ["report"]

R = TypeVar("R")


def _place(task: Callable[[R], Trained]) -> tuple[Column[R], ...]:
    return (
        Column("architecture", lambda one: task(one).architecture, head=" ", left=True),
        Column("width", lambda one: task(one).width, form="d"),
        Column("decay", lambda one: task(one).weight_decay, form="g"),
    )


_PLACE: tuple[Column[Summary], ...] = _place(lambda one: one.task)
_MATCH: dict[str, str] = {"unmatched": "no", REFERENCE: "yes"}
_ROW: tuple[Column[Row], ...] = (
    *_place(lambda one: one.shape.task),
    Column("alignment", lambda one: one.alignment, head="match", form=lambda name: _MATCH[name]),
)


def report(results: Results) -> list[Part]:
    """Certified accuracies and barriers, which matching minimises what, and what is decided."""
    shapes = summarise(results)
    ratios = matching_ratios(shapes)
    bounded = [_accuracies(shapes), _barriers(shapes)] if shapes else []
    matchings = [_matchings(ratios)] if ratios.pairs else []
    return [*bounded, *matchings, *_decisions(decided(results))]


def _mean(name: str, of: Callable[[Pair], float]) -> Column[Summary]:
    return Column(name, lambda one: one.mean(of))


def _certified(name: str, nodes: int, of: Callable[[Whole], float]) -> Column[Summary]:
    return Column(name, lambda one: one.certified(nodes, of))


def _accuracies(shapes: Sequence[Summary]) -> Table[Summary]:
    most = NODES[-1]
    return Table(
        f"Certified accuracy for every t at once (C4), {REFERENCE} matching, test data",
        "ends: of the worse network. nodes: of the examples that all 9 nodes get right, no more can"
        " be certified; share: of these. In brackets, the standard error of the last digit.",
        [
            *_PLACE,
            # no segment between two networks has more accuracy than the worse of them
            _mean("ends", lambda pair: min(pair.accuracy)),
            _certified("nodes", most, lambda whole: whole.attainable),
            *(_certified(f"n = {n}", n, lambda whole: whole.accuracy) for n in NODES),
            Column("share", lambda one: one.share(most), form=lambda share: f"{100 * share:.1f} %"),
        ],
        shapes,
    )


def _barriers(shapes: Sequence[Summary]) -> Table[Summary]:
    wrong, all_ = violations(shapes)
    return Table(
        f"Barrier of the test loss, {REFERENCE} matching: measured, and certified",
        f"measured: on 25 points; C4: for every t. C3 and error: at t = 1/2, root mean square.\n"
        f"Of {all_} certified numbers, {wrong} are below what they bound.",
        [
            *_PLACE,
            _mean("measured", lambda pair: pair.barrier),
            _certified("C4", NODES[-1], lambda whole: whole.barrier),
            _mean("C3", lambda pair: pair.c3),
            _mean("error", lambda pair: pair.error),
            _mean("C1'", lambda pair: pair.c1_prime),
            _mean("C1", lambda pair: pair.c1),
            _mean("C2", lambda pair: pair.c2),
        ],
        shapes,
    )


def _decisions(shapes: Sequence[Shape[Decision]]) -> list[Table[Row]]:
    if not shapes:
        return []
    every = rows(shapes)
    enclosed = [row for row in every if row.intervals]
    return [
        _decided(shapes, every),
        _efforts(every),
        *([_intervals(enclosed)] if enclosed else []),
    ]


def _decided(shapes: Sequence[Shape[Decision]], every: Sequence[Row]) -> Table[Row]:
    wrong, all_ = outside(shapes)
    return Table(
        "Every test example decided for every t (C5): shares",
        f"grid: right on {POINTS} points, no more can be certified. open: neither certified nor"
        f" refuted. C4: certified with n = {NODES[-1]}. piece: the shortest. match: {REFERENCE} or"
        f" none. Of {all_} measured numbers, {wrong} contradict C5 or C6.",
        [
            *_ROW,
            Column("grid", lambda row: row.mean(lambda pair: pair.attainable)),
            Column("certified", lambda row: row.mean(lambda pair: pair.certified)),
            Column("refuted", lambda row: row.mean(lambda pair: pair.refuted)),
            Column("open", lambda row: row.mean(lambda pair: pair.undecided).value),
            Column("C4", lambda row: row.optional(lambda pair: pair.c4)),
            Column("piece", _shortest, form=lambda length: f"2^{log2(length):.0f}"),
        ],
        every,
    )


def _shortest(row: Row) -> float:
    return min(pair.narrowest for pair in row.shape.pairs[row.alignment])


def _efforts(every: Sequence[Row]) -> Table[Row]:
    def seconds(name: str, of: Callable[[Decision], float | None]) -> Column[Row]:
        return Column(
            f"{name} seconds", lambda row: _value(row.optional(of)), _in_short, f"{name}, s"
        )

    def grids(name: str, of: Callable[[Decision], float | None]) -> Column[Row]:
        def in_grids(pair: Decision) -> float | None:
            return None if (taken := of(pair)) is None else taken / pair.grid

        return Column(
            f"{name} grids", lambda row: _value(row.optional(in_grids)), _in_short, "grids"
        )

    efforts: dict[str, Callable[[Decision], float | None]] = {
        "C4": lambda pair: pair.c4_seconds,
        "C5": lambda pair: pair.seconds,
        "C6": lambda pair: pair.intervals.seconds if pair.intervals else None,
    }
    return Table(
        "What deciding takes: seconds of one processor, and grids",
        f"grid: seconds of passing the examples through {POINTS} networks. pieces: tried for an"
        " example that all of them get right.",
        [
            *_ROW,
            Column(
                "grid", lambda row: row.mean(lambda pair: pair.grid).value, _in_short, "grid, s"
            ),
            Column("pieces", lambda row: row.mean(lambda pair: pair.pieces).value, _in_short),
            *(column(name, of) for name, of in efforts.items() for column in (seconds, grids)),
        ],
        every,
    )


def _in_short(value: float) -> str:
    """At most five characters below 100,000: columns of seconds must not grow with the machine."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else f"{value:.3f}"


def _value(mean: Mean | None) -> float | None:
    return None if mean is None else mean.value


def _intervals(enclosed: Sequence[Row]) -> Table[Row]:
    def end(name: str, of: Callable[[Intervals], float]) -> Column[Row]:
        head = name.split()[1]
        return Column(name, lambda row: row.between(of), form=".4g", head=head)

    def measured(name: str, of: Callable[[Decision], float]) -> Column[Row]:
        return Column(name, lambda row: row.mean(of).value, form=".4g")

    return Table(
        "Barrier and accuracy drop of the test data: measured, and certified intervals (C6)",
        f"barrier, drop: measured on {POINTS} points; least, most: certified for every t; n:"
        " pieces. Means.",
        [
            *_ROW,
            measured("barrier", lambda pair: pair.barrier),
            end("at least barrier", lambda one: one.barrier[0]),
            end("at most barrier", lambda one: one.barrier[1]),
            measured("drop", lambda pair: pair.drop),
            end("at least drop", lambda one: one.drop[0]),
            end("at most drop", lambda one: one.drop[1]),
            Column("pieces", lambda row: row.between(lambda one: one.pieces), head="n", form=".0f"),
        ],
        enclosed,
    )


def _matchings(ratios: Ratios) -> Table[str]:
    def column(quantity: str) -> Column[str]:
        return Column(quantity, lambda name: _ratio(ratios, name, quantity))

    return Table(
        f"Which matching makes which bound least: geometric mean, relative to {REFERENCE}",
        f"In brackets: per cent of the {ratios.pairs} pairs in which no other matching does"
        " better. -: zero for some.",
        [Column("alignment", str, head=" ", left=True), *map(column, QUANTITIES)],
        list(ratios.logs),
    )


def _ratio(ratios: Ratios, alignment: str, quantity: str) -> str:
    log, best = ratios.logs[alignment][quantity], ratios.best[alignment][quantity]
    return f"{_factor(log)} [{100 * best:.0f}]"


def _factor(log: Mean | None) -> str:
    return "-" if log is None else f"{10**log.value:.3g}"
