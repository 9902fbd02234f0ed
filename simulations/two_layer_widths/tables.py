"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Cell, Column, Table
from simulations.declaration import Part
from simulations.two_layer_widths.sampling import ACTIVATIONS
from simulations.two_layer_widths.summary import (
    PEAKED,
    Draws,
    Results,
    Sampled,
    Students,
    Trained,
    exponent,
    sampled,
    slope,
    students,
    trained,
)
from simulations.two_layer_widths.tasks import AtWidth, Pair, Spread
from simulations.two_layer_widths.teacher import TEACHER

__all__ = ["report"]


def report(results: Results) -> list[Part]:
    """The function errors, the mean-field limit and the students."""
    independent = [one for p in (1, 2) for one in sampled(results, p)]
    learnt = trained(results)
    return [
        _worst(independent),
        _slopes([one for one in independent if one.p == 2]),
        _spread(learnt),
        *(table for one in learnt for table in (_couplings(one), _ways(one))),
        _students(students(results)),
    ]


_CASE = (
    Column[Sampled]("neurons", lambda one: one.law, left=True),
    Column[Sampled]("m_0", lambda one: f"{one.inputs}{' + 1' * one.bias}"),
    Column[Sampled]("d", lambda one: one.dimension, form="d"),
)


def _worst(cases: Sequence[Sampled]) -> Table[Sampled]:
    def worst(activation: str) -> Column[Sampled]:
        return Column(activation, lambda one: one.worst(activation), form=".3f")

    return Table(
        "Independent neurons (T2): the largest error over its bound, of all widths",
        "Error: largest over t and 128 inputs. given: over the bound by W_p of the matched neurons,"
        " largest of all draws; mean: mean error over the bound known before. None may exceed 1.",
        [
            *_CASE,
            Column("p", lambda one: one.p, form="d"),
            *map(worst, ACTIVATIONS),
            Column("given", lambda one: max(map(one.worst, ACTIVATIONS)), form=".3f"),
            Column("mean", lambda one: max(map(one.worst_mean, ACTIVATIONS)), form=".3f"),
        ],
        cases,
    )


def _slopes(cases: Sequence[Sampled]) -> Table[Sampled]:
    def fitted(name: str, head: str, draws: Callable[[Sampled], Draws]) -> Column[Sampled]:
        def of(one: Sampled) -> Mean | None:
            found = slope(draws(one))
            return None if np.isnan(found.value) else found

        return Column(name, of, head=head)

    def of_activation(name: str) -> tuple[Column[Sampled], ...]:
        return (
            fitted(f"{name}: T2", "", lambda one: one.of(name, lambda e: e.given)),
            fitted(f"{name}: gaps", "gaps", lambda one: one.of(name, lambda e: e.gaps)),
            fitted(f"{name}: error", "error", lambda one: one.of(name, lambda e: e.error)),
        )

    return Table(
        "Slopes against N: matched for p = 2, with standard errors of the last digit (-: few N)",
        "T2: the bound by W_2 of the matched neurons, N^-1/d for a kink and N^-2/d for a smooth"
        " neuron beyond d = 2. gaps: sum of the neurons' |gaps|, which T2 bounds. error: with their"
        " signs. m_0: inputs, + 1 for a bias. d: dimension of a neuron.",
        [
            *_CASE,
            fitted("W_2", "", lambda one: one.distance),
            *of_activation("relu"),
            *of_activation("tanh"),
        ],
        cases,
    )


class Checkpoint(NamedTuple):
    """A problem, at a share of its training time."""

    learnt: Trained
    share: float

    def at(self, values: Sequence[float]) -> float:
        """Of the values at all checkpoints, the one there."""
        return values[-1 if self.share == 1 else len(values) // 2]


def _spread(problems: Sequence[Trained]) -> Table[Checkpoint]:
    def spread(name: str, of: Callable[[Spread], list[float]]) -> Column[Checkpoint]:
        return Column(name, lambda row: row.at(of(row.learnt.record.spread)), form=".4g")

    return Table(
        "Training in the mean-field limit (T5): how far it drives neighbours apart, Lip(Phi)",
        "measured: largest singular value of the flow's derivative, and root mean square over"
        " neurons. local: bound along each neuron's path. bound: product of 1 + 2 s H sqrt(R),"
        " with H in L2(data).",
        [
            Column("problem", lambda row: row.learnt.problem, left=True, once=True),
            Column("t/T", lambda row: row.share, form="g"),
            Column("risk", lambda row: row.at(row.learnt.record.risk), form=".3f"),
            spread("measured", lambda one: one.largest),
            spread("rms", lambda one: one.mean_square),
            spread("local", lambda one: one.local),
            spread("bound", lambda one: one.bound),
        ],
        [Checkpoint(one, share) for one in problems for share in (0.5, 1.0)],
    )


def _by_width(
    title: str, caption: str, head: str, columns: Sequence[tuple[str, str, Draws]], least: int = 1
) -> Table[int | None]:
    """Means by width, and below them their slopes from a width on.

    Args:
        title: of the table.
        caption: of the table.
        head: above the widths.
        columns: name, head and measurements of each.
        least: width from which slopes are fitted.
    """

    def column(name: str, shown: str, draws: Draws) -> Column[int | None]:
        def of(width: int | None) -> Cell:
            if width is None:
                return exponent(draws, least)
            return Mean.over(draws[width]) if width in draws else None

        return Column(name, of, lambda cell: cell if isinstance(cell, str) else cell.short(), shown)

    widths = sorted({width for _, _, draws in columns for width in draws})
    first = Column[int | None](head, lambda width: "slope" if width is None else width, form="d")
    return Table(title, caption, [first, *(column(*one) for one in columns)], [*widths, None])


def _couplings(one: Trained) -> Table[int | None]:
    draws = {
        "rms": one.of(lambda at: at.coupling),
        "max": one.of(lambda at: at.coupling_max),
        "order 1": one.of(lambda at: at.first_order),
        "bound": one.of(lambda at: at.coupling_bound),
        "error": one.pairs(lambda pair: pair.error),
        "barrier": one.pairs(lambda pair: pair.barrier),
        "unmatched": one.of(lambda at: at.unmatched),
    }
    return _by_width(
        f"Coupling of N trained neurons to the limit (T5): {one.problem}",
        "rms, max: distance of neurons that start at the same point. order 1: sampling errors as"
        " measured, to first order, with the flow's own spread. bound: the explicit recursion.",
        "N",
        [(name, "", values) for name, values in draws.items()],
    )


def _ways(one: Trained) -> Table[int]:
    def mean(name: str, of: Callable[[AtWidth], list[float]]) -> Column[int]:
        return Column(name, lambda width: float(np.mean(of(one.record.widths[width]))))

    def pairs(name: str, of: Callable[[Pair], float], head: str = "") -> Column[int]:
        draws = one.pairs(of)
        return Column(name, lambda width: float(np.mean(draws[width])), head=head)

    def known(name: str, of: Callable[[AtWidth], float]) -> Column[int]:
        return Column(name, lambda width: of(one.record.widths[width]), ".1e", "prior")

    return Table(
        f"From the initial permutation to the barrier: {one.problem}",
        "W: root-mean-square distance of matched neurons, at the start and trained. semi: with the"
        " measured spread of the flow and couplings. prior: known beforehand, with probability"
        " 0.95. T2: at the trained distance. Barriers: squared loss.",
        [
            Column("N", int, form="d"),
            mean("W start", lambda at: at.initial),
            mean("W end", lambda at: at.trained),
            pairs("W semi", lambda pair: pair.distance_bound, "semi"),
            known("W prior", lambda at: at.known_distance),
            pairs("error", lambda pair: pair.error),
            pairs("T2", lambda pair: pair.given),
            pairs("error semi", lambda pair: pair.error_bound, "semi"),
            known("error prior", lambda at: at.known_error),
            pairs("barrier", lambda pair: pair.barrier),
            pairs("barrier semi", lambda pair: pair.barrier_bound, "semi"),
        ],
        one.widths,
    )


def _students(groups: Sequence[Students]) -> Table[int | None]:
    names = [f"{group.inputs} inputs" for group in groups]
    columns = [
        (f"{name}: {head}", head, draws)
        for name, group in zip(names, groups, strict=True)
        for head, draws in (
            ("loss", group.of(lambda one: one.loss)),
            ("barrier", group.of(lambda one: one.matched)),
            ("unmatched", group.of(lambda one: one.unmatched)),
        )
    ]
    return _by_width(
        f"Students of a ReLU teacher of {TEACHER} neurons (T6): {' | '.join(names)}",
        f"Over the target's power; barrier: signed maximum over t. slope: from m = {PEAKED} on."
        " T6 is an upper bound, O(m^-1/2).",
        "m",
        columns,
        PEAKED,
    )
