"""What `layers_merged` measured, as tables and claims."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.effects import Claim, Effect, effects_table
from simulations.layers_merged.measurement import (
    ALL,
    NONE,
    WAYS,
    Measured,
    Task,
    choices,
)
from simulations.layers_merged.sets import HALVES, PUBLISHED, SETTINGS
from simulations.left_out import best_for_others

__all__ = [
    "Case",
    "Results",
    "cases",
    "claims",
    "report",
    "require_one_study",
]

Results: TypeAlias = Sequence[tuple[Task, Measured]]

_SOURCE = "Adilova 2024"
_SHORT = {HALVES: "halves", PUBLISHED: "MNIST"}
_SEEN = 0.02
"""Accuracy by which a claim of a side alone is judged if it is not seen."""


@dataclass(frozen=True)
class Case:
    """One architecture in one setting.

    Attributes:
        setting: of `SETTINGS`.
        architecture: its name.
        found: by repetition.
    """

    setting: str
    architecture: str
    found: Sequence[Measured]

    @property
    def choices(self) -> list[str]:
        """Which layers are averaged, in an order that storing does not keep."""
        stored = self.found[0].ways[WAYS[0]].accuracy
        count = sum(name.startswith("layer ") for name in stored)
        return list(choices([str(k) for k in range(count)]))

    def accuracy(self, way: str, choice: str) -> np.ndarray:
        """``[repetitions, networks, sets]``, of the networks that keep layers of A and of B."""
        return np.array([one.ways[way].accuracy[choice] for one in self.found])

    def own(self, way: str, choice: str) -> np.ndarray:
        """On the set from which the layers that are kept come; by repetition."""
        return np.asarray(self.accuracy(way, choice)[:, [0, 1], [0, 1]].mean(1))

    def other(self, way: str, choice: str) -> np.ndarray:
        """On the other set."""
        return np.asarray(self.accuracy(way, choice)[:, [0, 1], [1, 0]].mean(1))

    def mean(self, way: str, choice: str) -> np.ndarray:
        """Over both sets."""
        return np.asarray(self.accuracy(way, choice).mean((1, 2)))

    @property
    def _some(self) -> list[str]:
        """Choices that average some of the layers."""
        return [one for one in self.choices if one not in (NONE, ALL)]

    def best(self, way: str) -> np.ndarray:
        """Mean accuracy where some layers are averaged, by repetition.

        Which layers is chosen on all other repetitions: the best of many is above the others for
        its noise alone.
        """
        return best_for_others(np.array([self.mean(way, one) for one in self._some]))

    def chosen(self, way: str) -> str:
        """The layers of the largest mean accuracy over all repetitions, among some of them."""
        return max(self._some, key=lambda one: float(self.mean(way, one).mean()))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than setting, architecture and repetition.
    """
    tasks = [task for task, _ in results]
    require_equal(tasks, ("trunk", "seed", "training"))
    for name in dict.fromkeys(task.architecture for task in tasks):
        require_equal([task for task in tasks if task.architecture == name], ("width",))


def cases(results: Results) -> list[Case]:
    """By setting and architecture."""
    found = []
    for setting in SETTINGS:
        ours = [(task, one) for task, one in results if task.setting == setting]
        for name in dict.fromkeys(task.architecture for task, _ in ours):
            ones = sorted(
                ((task.repetition, one) for task, one in ours if task.architecture == name),
                key=lambda pair: pair[0],
            )
            found.append(Case(setting, name, [one for _, one in ones]))
    return found


def report(results: Results) -> list[Part]:
    """Accuracies by what is averaged, what is best, and claims."""
    require_one_study(results)
    found = cases(results)
    parts: list[Part] = [_accuracies(case) for case in found]
    parts += [_best(found), _claims_table(found)]
    if all(case.setting != PUBLISHED for case in found):
        parts.append(f"{PUBLISHED}: not run, it needs --data-dir, the directory of MNIST.")
    return parts


def _accuracies(case: Case) -> Table[str]:
    def column(way: str, side: str) -> Column[str]:
        values = case.own if side == "own" else case.other
        head = way if side == "own" else side
        return Column(f"{way}, {side}", lambda one: _mean(values(way, one)), head=head)

    joint = np.array([one.joint for one in case.found])
    first, second = (_mean(draws) for draws in joint.T)
    return Table(
        f"Accuracy with some layers averaged: {case.setting}, {case.architecture}",
        "Under the way of joining that on the set of which the other layers are kept; other: on the"
        " other set. Mean over both networks; in brackets the standard error over repetitions, at"
        f" least 1 in the third decimal. Trained on both sets: {first} and {second}.",
        [
            Column("averaged", lambda one: one, left=True),
            *(column(way, side) for way in WAYS for side in ("own", "other")),
        ],
        case.choices,
        sections=lambda one: one.split()[0],
    )


def _mean(draws: np.ndarray) -> Mean:
    return Mean.over(draws).coarse(1e-3)


@dataclass(frozen=True)
class _Row:
    case: Case
    way: str


def _best(found: Sequence[Case]) -> Table[_Row]:
    def column(name: str, choice: str) -> Column[_Row]:
        return Column(name, lambda row: _mean(row.case.mean(row.way, choice)))

    return Table(
        "Mean accuracy over both sets",
        "some: the best layers among single ones, first and last ones, chosen on the other"
        " repetitions; which: on all of them. both: a network trained on both sets.",
        [
            Column("sets", lambda row: row.case.setting, left=True, once=True),
            Column("network", lambda row: row.case.architecture, left=True, once=True),
            Column("joined", lambda row: row.way, left=True),
            column("none", NONE),
            column("all", ALL),
            Column("some", lambda row: _mean(row.case.best(row.way))),
            Column("which", lambda row: row.case.chosen(row.way), left=True),
            Column("both", lambda row: _mean(np.mean([one.joint for one in row.case.found], 1))),
        ],
        [_Row(case, way) for case in found for way in WAYS],
        sections=lambda row: (row.case.setting, row.case.architecture),
    )


def claims(found: Sequence[Case]) -> list[Claim]:
    """What the study tests, by setting, architecture and way."""
    made = [claim for case in found for way in WAYS for claim in _of_case(case, way)]
    return sorted(made, key=lambda claim: claim.text[:3])


def _of_case(case: Case, way: str) -> Iterator[Claim]:
    name = f"{_SHORT[case.setting]} {case.architecture} {way}"
    best = case.best(way)
    for letter, choice in (("(a)", ALL), ("(b)", NONE)):
        more = Effect.over([(best - case.mean(way, choice)).tolist()])
        yield Claim(f"{letter} {name}", _SOURCE, more, _SEEN)


def _claims_table(found: Sequence[Case]) -> Table[Claim]:
    return effects_table(
        claims(found),
        "Networks of different data sets are better with some layers averaged, chosen on the other"
        " repetitions, than (a) with all and (b) with none: differences of the mean accuracy over"
        " both sets.",
    )
