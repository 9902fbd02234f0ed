"""What `layers_over_training` measured, as tables and claims."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.effects import Claim, Effect, effects_table
from simulations.layers_over_training.measurement import WAYS, Measured, Pair, Task
from simulations.layers_over_training.networks import ATTENTION, EMBED, FC, HEAD, NETWORKS
from simulations.printing import rounded

__all__ = ["Course", "Results", "claims", "courses", "report", "require_one_study"]

Results: TypeAlias = Sequence[tuple[Task, Measured]]
Quantity = Callable[[Pair], float | Sequence[float]]

_SOURCE = "Adilova 2024"
_NIL = 0.1
"""A barrier below this share of the whole one is nearly nil."""
_LARGE = 0.1
"""Nats from which on there is a whole barrier to speak of."""
_SEEN = 0.05
"""Nats by which a claim of a side alone is judged if it is not seen."""


@dataclass(frozen=True)
class Course:
    """One network along training, joined in one way.

    Attributes:
        network: its name.
        way: one of `WAYS`.
        groups: of layers, from the input on.
        epochs: times, rising.
        pairs: at each of them.
    """

    network: str
    way: str
    groups: Sequence[str]
    epochs: Sequence[int]
    pairs: Sequence[Sequence[Pair]]

    def values(self, quantity: Quantity) -> np.ndarray:
        """Of every pair, ``[times, pairs, ...]``."""
        return np.array([[quantity(pair) for pair in pairs] for pairs in self.pairs])

    def single(self) -> np.ndarray:
        """Barriers of single groups ``[times, pairs, groups]``."""
        return self.values(lambda pair: pair.single)

    def of(self, kind: str, *, early: bool) -> list[int]:
        """The group of a kind in the first block, or those in the later ones, by number."""
        numbered = [k for k, name in enumerate(self.groups) if name.startswith(f"{kind} ")]
        return numbered[:1] if early else numbered[1:]

    @property
    def outside(self) -> list[int]:
        """Embeddings and head of a transformer, by number; none in other networks."""
        return [k for k, name in enumerate(self.groups) if name in (EMBED, HEAD)]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than network and time.
    """
    tasks = [task for task, _ in results]
    require_equal(tasks, ("dataset", "pairs", "examples", "draws", "seed"))
    for name in dict.fromkeys(task.network for task in tasks):
        ours = [task for task in tasks if task.network == name]
        require_equal(ours, ("width", "depth", "training"))


def courses(results: Results) -> list[Course]:
    """By network and way."""
    found = []
    for name in NETWORKS:
        ours = {task.epoch: seen for task, seen in results if task.network == name}
        times = sorted(ours)
        found += [
            Course(name, way, ours[times[0]].groups, times, [ours[k].ways[way] for k in times])
            for way in WAYS
            if times
        ]
    return found


def report(results: Results) -> list[Part]:
    """Along training, layer by layer at the end, and claims."""
    require_one_study(results)
    found = courses(results)
    by_network = [found[k : k + len(WAYS)] for k in range(0, len(found), len(WAYS))]
    tables = (_along, _layers, _curvatures, _sides)
    return [*(table(ours) for ours in by_network for table in tables), _claims_table(found)]


_printed = rounded(1e-3)


@dataclass(frozen=True)
class _Row:
    """One course at one time."""

    course: Course
    place: int

    def mean(self, quantity: Callable[[Pair], float]) -> Mean:
        return Mean.over([quantity(pair) for pair in self.course.pairs[self.place]])

    @property
    def worst(self) -> str:
        """The group whose mean barrier is largest."""
        return self.course.groups[int(self.course.single()[self.place].mean(0).argmax())]


def _along(ours: Sequence[Course]) -> Table[_Row]:
    def column(name: str, quantity: Callable[[Pair], float]) -> Column[_Row]:
        return Column(name, lambda row: row.mean(quantity), form=_printed)

    return Table(
        f"{ours[0].network} along training: barriers of the test loss at t = 1/2",
        "ends: mean loss of the two networks after so many epochs. all: of all layers. single: of"
        " one group of layers, mean over groups, against the full networks; edge: against the"
        " swapped ends; noise: rise in random directions of the same norm. first, last: of half of"
        " the groups (rounded down) at the input, at the output. worst: group of the largest mean."
        " In brackets the standard error over pairs, at least 1 in the third decimal.",
        [
            Column("joined", lambda row: row.course.way, head=" ", left=True, once=True),
            Column("epoch", lambda row: row.course.epochs[row.place], form="d", head="ep."),
            column("ends", lambda pair: float(np.mean(pair.losses))),
            column("all", lambda pair: pair.path),
            column("single", lambda pair: float(np.mean(pair.single))),
            column("edge", lambda pair: float(np.mean(pair.edge))),
            column("noise", lambda pair: float(np.mean(pair.noise))),
            column("first", lambda pair: pair.from_input[len(pair.single) // 2 - 1]),
            column("last", lambda pair: pair.from_output[len(pair.single) // 2 - 1]),
            Column("worst", lambda row: row.worst),
        ],
        [_Row(course, k) for course in ours for k in range(len(course.epochs))],
        sections=lambda row: row.course.way,
    )


_Sides = tuple[tuple[str, Quantity], tuple[str, Quantity]]


def _by_way(
    ours: Sequence[Course], title: str, caption: str, first: Column[int], two: _Sides
) -> Table[int]:
    """At the end: two quantities in every way, the first of them under the name of the way."""

    def columns(course: Course) -> Iterator[Column[int]]:
        for name, quantity in two:
            values = course.values(quantity)[-1]
            yield Column(
                f"{course.way}, {name}",
                partial(_of_group, values),
                form=_printed,
                head=course.way if name == two[0][0] else name,
            )

    return Table(
        f"{ours[0].network} after {ours[0].epochs[-1]} epochs: {title}",
        f"Under the way of joining {caption}",
        [first, *(column for course in ours for column in columns(course))],
        range(len(ours[0].groups)),
    )


def _of_group(values: np.ndarray, k: int) -> Mean:
    return Mean.over(values[:, k])


def _group(ours: Sequence[Course]) -> Column[int]:
    return Column("group", lambda k: ours[0].groups[k], head=" ", left=True)


def _layers(ours: Sequence[Course]) -> Table[int]:
    return _by_way(
        ours,
        "single groups of layers",
        "the barrier of the group alone at t = 1/2; noise: rise in random directions of the same"
        " norm.",
        _group(ours),
        (("barrier", lambda pair: pair.single), ("noise", lambda pair: pair.noise)),
    )


def _curvatures(ours: Sequence[Course]) -> Table[int]:
    return _by_way(
        ours,
        "curvature of single groups",
        "that of the test loss at one network towards the other, in units of the distance;"
        " random: in a random direction of the same norm.",
        _group(ours),
        (("towards", lambda pair: pair.curvature), ("random", lambda pair: pair.random_curvature)),
    )


def _sides(ours: Sequence[Course]) -> Table[int]:
    return _by_way(
        ours,
        "the first groups, and the last",
        "the barrier of the first groups at t = 1/2, by their number; output: of the last.",
        Column("groups", lambda k: k + 1, form="d"),
        (("input", lambda pair: pair.from_input), ("output", lambda pair: pair.from_output)),
    )


def claims(found: Sequence[Course]) -> list[Claim]:
    """What the study tests, by network and way."""
    made = [claim for course in found for claim in _of_course(course)]
    return sorted(made, key=lambda claim: claim.text[:3])


def _of_course(course: Course) -> Iterator[Claim]:
    name = f"{course.network} {course.way}"
    single, path = course.single(), course.values(lambda pair: pair.path)
    # every time counts alike; what is judged are differences within a pair
    large = _effect((path - _LARGE).mean(0))
    nil = _effect((_NIL * path - single.max(2)).mean(0))
    # a share of a barrier that there is not says nothing
    yield Claim(f"(a) {name}", _SOURCE, nil if large.interval[0] > 0 else None, _SEEN)
    last = single[-1]
    yield Claim(f"(b) {name}", _SOURCE, _difference(last, [*_inner(course)], [0, -1]), _SEEN)
    if not course.outside:
        return
    for letter, kind in (("(c)", ATTENTION), ("(d)", FC)):
        early, late = course.of(kind, early=True), course.of(kind, early=False)
        yield Claim(f"{letter} {name}", _SOURCE, _difference(last, early, late), _SEEN)
    early = [k for kind in (ATTENTION, FC) for k in course.of(kind, early=True)]
    yield Claim(f"(e) {name}", _SOURCE, _difference(last, early, course.outside), _SEEN)


def _inner(course: Course) -> range:
    return range(1, len(course.groups) - 1)


def _difference(single: np.ndarray, ours: Sequence[int], others: Sequence[int]) -> Effect:
    """Mean barrier of some groups less that of others, pair by pair."""
    return _effect(single[:, ours].mean(1) - single[:, others].mean(1))


def _effect(draws: np.ndarray) -> Effect:
    return Effect.over([draws.tolist()])


def _claims_table(found: Sequence[Course]) -> Table[Claim]:
    return effects_table(
        claims(found),
        f"Nats. (a) single groups have nearly no barrier: {_NIL:g} of the whole one less the"
        f" largest single one, mean over times, where the whole one is above {_LARGE:g}. At the"
        " end: (b) the middle makes the barrier: inner groups less first and last. (c) early"
        " attention is most sensitive: that of the first block less that of later ones; (d) the"
        " same of fully connected layers; (e) both less embeddings and head.",
    )
