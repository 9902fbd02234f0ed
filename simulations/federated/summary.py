"""What `federated` measured, as tables and claims."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal_but
from simulations.effects import Claim, Effect, effects_table
from simulations.federated.clients import AVERAGED, OWN_START, SPLITS
from simulations.federated.measurement import DIRECTIONS, Measured, Outcome, Task
from simulations.printing import rounded

__all__ = ["Results", "Row", "claims", "report", "require_one_study", "rows"]

Results: TypeAlias = Sequence[tuple[Task, Measured]]
Quantity = Callable[[Outcome], float]

_SOURCE = "Adilova 2024"
_PARTIAL = ("all but first", "all but last", "random half")
"""What is compared with averaging all."""
_MARGIN = 0.01
"""Of accuracy, within which averaging less reaches what averaging all does."""
_LARGE = 0.1
"""A barrier of this many nats is large, and one below this share of another nearly nil."""
_SEEN = 0.05
"""Nats by which a claim of a side alone is judged if it is not seen."""


@dataclass(frozen=True)
class Row:
    """One way of averaging on one split, by repetition.

    Attributes:
        split: of the examples.
        averaged: which layers.
        outcomes: of the repetitions, in their order.
        classes: of a client, mean.
    """

    split: str
    averaged: str
    outcomes: Sequence[Outcome]
    classes: float

    def draws(self, quantity: Quantity) -> list[float]:
        """By repetition."""
        return [float(quantity(outcome)) for outcome in self.outcomes]

    def mean(self, quantity: Quantity) -> Mean:
        """Over repetitions."""
        return Mean.over(self.draws(quantity))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than split and repetition.
    """
    require_equal_but((task for task, _ in results), ("split", "repetition"))


def rows(results: Results) -> list[Row]:
    """By split and way of averaging, in the order of their names."""
    found = []
    for split in SPLITS:
        ones = sorted(
            ((task.repetition, one) for task, one in results if task.split == split),
            key=lambda pair: pair[0],
        )
        classes = float(np.mean([one.classes for _, one in ones])) if ones else 0.0
        found += [
            Row(split, name, [one.outcomes[name] for _, one in ones], classes)
            for name in AVERAGED
            if ones
        ]
    return found


def report(results: Results) -> list[Part]:
    """Accuracies, barriers, noise and claims."""
    require_one_study(results)
    found = rows(results)
    return [_accuracies(found), _barriers(found), _noise(found), _claims_table(found)]


_SPLIT: Column[Row] = Column("split", lambda row: row.split, left=True, once=True)
_AVERAGED: Column[Row] = Column("averaged", lambda row: row.averaged, left=True)


def _column(name: str, quantity: Quantity, least: float, head: str = "") -> Column[Row]:
    return Column(name, lambda row: row.mean(quantity), form=rounded(least), head=head)


def _accuracies(found: Sequence[Row]) -> Table[Row]:
    return Table(
        "After the last round: networks of clients, and that of their mean weights",
        "On the whole test set; classes: of a client. before: accuracy of clients before the last"
        " average, own: on their own classes. Mean over clients; in brackets the standard error"
        " over repetitions, at least 1 in the third decimal.",
        [
            _SPLIT,
            Column("classes", lambda row: row.classes, form=".1f", once=True),
            _AVERAGED,
            _column("clients", lambda one: one.accuracy[-1], 1e-3),
            _column("loss", lambda one: one.loss[-1], 1e-3),
            _column("before", lambda one: one.local_accuracy, 1e-3),
            _column("own", lambda one: one.own_accuracy, 1e-3),
            _column("mean weights", lambda one: one.mean_accuracy, 1e-3, head="mean"),
            _column("loss of mean weights", lambda one: one.mean_loss, 1e-3, head="its loss"),
        ],
        found,
        sections=lambda row: row.split,
    )


def _barriers(found: Sequence[Row]) -> Table[Row]:
    return Table(
        "Barriers at t = 1/2 between two clients before the last average",
        "Nats of the test loss: ends: of the two networks; all: of all layers; first, inner (mean),"
        " last and largest: of one layer alone, against the two full networks.",
        [
            _SPLIT,
            _AVERAGED,
            _column("ends", lambda one: one.local_loss, 1e-3),
            _column("all", lambda one: one.path, 1e-3),
            _column("first", lambda one: one.single[0], 1e-3),
            _column("inner", lambda one: float(np.mean(one.single[1:-1] or one.single)), 1e-3),
            _column("last", lambda one: one.single[-1], 1e-3),
            _column("largest", lambda one: max(one.single), 1e-3),
        ],
        found,
        sections=lambda row: row.split,
    )


def _noise(found: Sequence[Row]) -> Table[Row]:
    def column(kind: str) -> Column[Row]:
        return _column(kind, lambda one: one.rises[kind], 1e-4, _HEADS.get(kind, kind))

    def own(kind: str) -> Column[Row]:
        return _column(
            f"own: {kind}", lambda one: one.own_rises[kind], 1e-4, f"own: {_HEADS[kind]}"
        )

    return Table(
        "Rise of a client's loss under noise of half the distance between clients",
        "Along the difference to one other client, in the span of all, outside it, and outside with"
        " the difference's norm in every layer. own: on test examples of the client's own classes.",
        [_SPLIT, _AVERAGED, *map(column, DIRECTIONS), *map(own, _HEADS)],
        found,
        sections=lambda row: row.split,
    )


_HEADS = {"difference": "diff.", "outside by layer": "by layer"}


def claims(found: Sequence[Row]) -> list[Claim]:
    """What the study tests, split by split."""
    by_name = {(row.split, row.averaged): row for row in found}
    made: list[Claim] = []
    for split in dict.fromkeys(row.split for row in found):
        ours = {name: by_name[split, name] for name in AVERAGED}
        made += [*_reaching(split, ours), *_nil_layers(split, ours), *_fragile(split, ours)]
    return made


def _reaching(split: str, ours: dict[str, Row]) -> Iterator[Claim]:
    sides: dict[str, Quantity] = {
        "(a)": lambda one: one.accuracy[-1],
        "(a')": lambda one: one.mean_accuracy,
    }
    for letter, quantity in sides.items():
        whole = np.array(ours["all"].draws(quantity))
        for name in _PARTIAL:
            less = np.array(ours[name].draws(quantity)) - whole
            effect = Effect.over([(less + _MARGIN).tolist()])
            yield Claim(f"{letter} {split}: {name}", _SOURCE, effect, _MARGIN)


def _nil_layers(split: str, ours: dict[str, Row]) -> Iterator[Claim]:
    for name in ("none", OWN_START):
        large = Effect.over([ours[name].draws(lambda one: one.path - _LARGE)])
        yield Claim(f"(b) {split} {name}: large", _SOURCE, large, _SEEN)
        nil = Effect.over([ours[name].draws(lambda one: _LARGE * one.path - max(one.single))])
        # a share of a barrier that there is not says nothing
        seen = nil if large.interval[0] > 0 else None
        yield Claim(f"(b) {split} {name}: nil", _SOURCE, seen, _SEEN)


def _fragile(split: str, ours: dict[str, Row]) -> Iterator[Claim]:
    for name in ("all", "none", OWN_START):
        effect = Effect.over(
            [ours[name].draws(lambda one: one.rises["difference"] - one.rises["outside by layer"])]
        )
        yield Claim(f"(c) {split} {name}: diff.", _SOURCE, effect, _SEEN)


def _claims_table(found: Sequence[Row]) -> Table[Claim]:
    return effects_table(
        claims(found),
        "(a) accuracy of clients, (a') of mean weights, less that of averaging all, plus"
        f" {_MARGIN:g}. (b) large: full barrier less {_LARGE:g} nats; nil: where it is large,"
        f" {_LARGE:g} of it less the largest of one layer. (c) rise of the loss along differences"
        " less that outside by layer.",
    )
