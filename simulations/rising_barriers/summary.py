"""What `rising_barriers` measured, as tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.intervals import agree
from simulations.rising_barriers.measurement import (
    MATCHINGS,
    Apart,
    AtLaw,
    AtWidth,
    LawTask,
    Seen,
    WidthTask,
)

__all__ = ["SHOWN", "Results", "at_law", "at_widths", "depths", "report", "require_one_study"]

Results: TypeAlias = Sequence[tuple[WidthTask | LawTask, AtWidth | AtLaw]]

SHOWN = ("naive", "weight", "weighted", "activation")
"""Matchings in tables of barriers; what is not matched stands by itself."""


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than depth, width and parametrisation.
    """
    require_equal([task for task, _ in results], ("dataset", "training", "seed"))


def depths(results: Results) -> list[int]:
    """Numbers of hidden layers, in order."""
    return sorted({task.depth for task, _ in results})


def at_widths(results: Results, depth: int, parametrisation: str) -> dict[int, AtWidth]:
    """What was measured, by width."""
    found = {
        task.width: one
        for task, one in of_kind(results, WidthTask, AtWidth)
        if (task.depth, task.parametrisation) == (depth, parametrisation)
    }
    return dict(sorted(found.items()))


def at_law(results: Results, depth: int) -> dict[int, Mapping[str, Seen]]:
    """Barriers of unions by width and name of the matching."""
    return {
        width: barriers
        for task, one in of_kind(results, LawTask, AtLaw)
        if task.depth == depth
        for width, barriers in zip(one.widths, one.barriers, strict=True)
    }


@dataclass(frozen=True)
class _Row:
    """One depth and width."""

    depth: int
    width: int
    standard: AtWidth
    mu: AtWidth | None
    law: Mapping[str, Seen]


@dataclass(frozen=True)
class _Matched:
    """One width and matching."""

    row: _Row
    name: str

    @property
    def apart(self) -> Apart:
        return self.row.standard.apart[self.name]


@dataclass(frozen=True)
class _Score:
    """How well one matching was predicted by one route, over all depths and widths."""

    name: str
    route: str
    cases: Sequence[tuple[Seen, Seen]]

    @property
    def ratios(self) -> list[float]:
        return [ratio for pair in self.cases if (ratio := _ratio(*pair)) is not None]

    @property
    def held(self) -> int:
        return sum(_covers(*pair) for pair in self.cases)


def report(results: Results) -> list[Part]:
    """Barriers measured and predicted, the two controls, and what the width does to neurons."""
    rows = []
    for depth in depths(results):
        mu, law = at_widths(results, depth, "mu"), at_law(results, depth)
        for width, one in at_widths(results, depth, "standard").items():
            rows.append(_Row(depth, width, one, mu.get(width), law.get(width, {})))
    return [_predicted(rows), _scores(rows), _controls(rows), _moved(rows), _reasons(rows)]


_DEPTH = Column[_Row]("depth", lambda row: row.depth, form="d", once=True)
_WIDTH = Column[_Row]("width", lambda row: row.width, form="d", head="m")


def _mean(seen: Seen | None) -> Mean | None:
    return None if seen is None else Mean(seen.max, seen.error)


def _predicted(rows: Sequence[_Row]) -> Table[_Row]:
    def measured(name: str) -> Column[_Row]:
        head = {"unmatched": "none", "activation": "activ."}.get(name, name)
        return Column(name, lambda row: _mean(row.standard.measured[name]), head=head)

    def by_family(name: str) -> Column[_Row]:
        def logarithm(row: _Row) -> float | None:
            seen = row.standard.family.get(name)
            return None if seen is None else _ratio(seen, row.standard.measured[name])

        return Column(f"log {name}", logarithm, head="log", form="+.2f")

    pairs = [(measured(name), by_family(name)) for name in MATCHINGS]
    return Table(
        "Barriers of the test loss in the standard parametrisation",
        "The maximum of the mean curve of pairs, in brackets the standard error (jackknife over"
        " networks). log: the logarithm of what unions of members of a quarter of the width"
        " predict over what is measured.",
        [_DEPTH, _WIDTH, *(column for pair in pairs for column in pair)],
        rows,
        sections=lambda row: row.depth,
    )


def _scores(rows: Sequence[_Row]) -> Table[_Score]:
    def cases(name: str, of: Callable[[AtWidth], Mapping[str, Seen]]) -> list[tuple[Seen, Seen]]:
        ones = [row.standard for row in rows]
        return [(of(one)[name], one.measured[name]) for one in ones if name in of(one)]

    scores = [
        _Score(name, route, cases(name, of))
        for route, of in (
            ("family", lambda one: one.family),
            ("given networks", lambda one: one.given),
        )
        for name in MATCHINGS
    ]
    return Table(
        "How far predictions are from measurements, by matching",
        "Logarithms of predicted over measured barriers: median of the size, median, and worst."
        " held: 90 % intervals of the difference that hold.",
        [
            Column("route", lambda one: one.route, head=" ", left=True, once=True),
            Column("matching", lambda one: one.name, left=True),
            Column("cases", lambda one: len(one.cases), form="d"),
            Column("size", lambda one: float(np.median(np.abs(one.ratios))), form=".3f"),
            Column("bias", lambda one: float(np.median(one.ratios)), form="+.3f"),
            Column("worst", lambda one: float(np.max(np.abs(one.ratios))), form=".2f"),
            Column("held", lambda one: f"{one.held} of {len(one.cases)}"),
        ],
        [one for one in scores if one.ratios],
        sections=lambda one: one.route,
    )


def _ratio(predicted: Seen, measured: Seen) -> float | None:
    """None where one is not positive."""
    if min(predicted.max, measured.max) <= 0:
        return None
    return float(np.log(predicted.max / measured.max))


def _covers(predicted: Seen, measured: Seen) -> bool:
    ratio = _ratio(predicted, measured)
    return ratio is not None and agree(ratio, predicted.interval, measured.interval)


def _controls(rows: Sequence[_Row]) -> Table[_Row]:
    def law(name: str) -> Column[_Row]:
        return Column(f"{name} at one law", lambda row: _mean(row.law.get(name)), head=name)

    def mu(name: str) -> Column[_Row]:
        return Column(
            f"{name} in muP",
            lambda row: None if row.mu is None else _mean(row.mu.measured[name]),
            head=name,
        )

    return Table(
        "The same where the law of neurons does not move with the width",
        "First four: unions of one pool of standard networks, at the law of the narrowest. Last"
        " four: networks trained in the maximal update parametrisation.",
        [_DEPTH, _WIDTH, *map(law, SHOWN), *map(mu, SHOWN)],
        [row for row in rows if row.law or row.mu],
        sections=lambda row: row.depth,
    )


def _moved(rows: Sequence[_Row]) -> Table[_Row]:
    def column(kind: str, layer: str, of: Callable[[_Row], AtWidth | None]) -> Column[_Row]:
        def share(row: _Row) -> float | None:
            found = of(row)
            if found is None or (layer == "second" and len(found.moved) < 2):
                return None
            return found.moved[layer == "second"]

        return Column(f"{kind} {layer}", share)

    return Table(
        "How far training moves incoming weights",
        "|W - W_0|^2 / |W_0|^2 of the first and the second layer, W_0 their initial weights; logits"
        " (root mean square) and test loss of the networks in the standard parametrisation.",
        [
            _DEPTH,
            _WIDTH,
            *(column("standard", layer, lambda row: row.standard) for layer in _LAYERS),
            *(column("muP", layer, lambda row: row.mu) for layer in _LAYERS),
            Column("logits", lambda row: row.standard.logits),
            Column("loss", lambda row: row.standard.loss),
        ],
        rows,
        sections=lambda row: row.depth,
    )


_LAYERS = ("first", "second")


def _reasons(rows: Sequence[_Row]) -> Table[_Matched]:
    matched = [_Matched(row, name) for row in rows for name in ("naive", "weight", "weighted")]

    def size(value: float) -> float | None:
        return None if np.isnan(value) else value

    def second(values: Sequence[float]) -> float | None:
        return values[1] if len(values) > 1 else None

    return Table(
        "What the width does to matched neurons, standard parametrisation",
        "How far apart they are, 1 if they have nothing in common: incoming weights (in) and"
        " pre-activations on data (data) of the first and second layer, outgoing weights (out)."
        " error: of the function at t = 1/2, root mean square; its gap and its commutativity term.",
        [
            Column("depth", lambda one: one.row.depth, form="d", once=True),
            Column("width", lambda one: one.row.width, form="d", head="m", once=True),
            Column("matching", lambda one: one.name, left=True),
            Column("in 1", lambda one: one.apart.in_weights[0], form=".2f"),
            Column("data 1", lambda one: one.apart.on_data[0], form=".2f"),
            Column("in 2", lambda one: second(one.apart.in_weights), form=".2f"),
            Column("data 2", lambda one: second(one.apart.on_data), form=".2f"),
            Column("out", lambda one: size(one.apart.out_weights), form=".2f"),
            Column(
                "error", lambda one: one.row.standard.measured[one.name].function_error, form=".2f"
            ),
            Column("gap", lambda one: size(one.apart.gap), form=".2f"),
            Column("comm.", lambda one: size(one.apart.commutativity), form=".2f"),
        ],
        matched,
        sections=lambda one: one.row.depth,
    )
