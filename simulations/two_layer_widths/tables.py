"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.two_layer_widths.sampling import ACTIVATIONS
from simulations.two_layer_widths.summary import (
    PEAKED,
    Draws,
    Sampled,
    Students,
    Trained,
    exponent,
    sampled,
    students,
    trained,
)
from simulations.two_layer_widths.teacher import TEACHER

__all__ = ["print_report"]


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints the function errors, the mean-field limit and the students, uncut."""
    independent = [one for p in (1, 2) for one in sampled(results, p)]
    learnt = trained(results)
    show(_worst(independent), _slopes([one for one in independent if one.p == 2]), _spread(learnt))
    for one in learnt:
        show(_couplings(one), _ways(one))
    show(_students(students(results)))


def _case(one: Sampled) -> tuple[str, str, str]:
    return one.law, f"{one.inputs}{' + 1' * one.bias}", str(one.dimension)


def _worst(cases: Sequence[Sampled]) -> Table:
    table = make_table(
        "Independent neurons (T2): the largest error over its bound, of all widths",
        "Error: largest over t and 128 inputs. given: over the bound by W_p of the matched neurons,"
        " largest of all draws; mean: mean error over the bound known before. None may exceed 1.",
        ("neurons", "m_0", "d", "p", *ACTIVATIONS, "given", "mean"),
        left=1,
    )
    for one in cases:
        worst = [one.worst(activation) for activation in ACTIVATIONS]
        means = [one.worst_mean(activation) for activation in ACTIVATIONS]
        cells = [f"{value:.3f}" for value in (*worst, max(worst), max(means))]
        table.add_row(*_case(one), str(one.p), *cells)
    return table


def _slopes(cases: Sequence[Sampled]) -> Table:
    table = make_table(
        "Slopes against N: matched for p = 2, with standard errors of the last digit (-: few N)",
        "T2: the bound by W_2 of the matched neurons, N^-1/d for a kink and N^-2/d for a smooth"
        " neuron beyond d = 2. gaps: sum of the neurons' |gaps|, which T2 bounds. error: with their"
        " signs. m_0: inputs, + 1 for a bias. d: dimension of a neuron.",
        (
            *("neurons", "m_0", "d", "W_2"),
            *("relu: T2", "gaps", "error", "tanh: T2", "gaps", "error"),
        ),
        left=1,
    )
    for one in cases:
        columns = [
            one.of(name, column)
            for name in ("relu", "tanh")
            for column in ("given", "gaps", "error")
        ]
        table.add_row(
            *_case(one),
            *(exponent(column) for column in (one.distance, *columns)),
        )
    return table


def _spread(problems: Sequence[Trained]) -> Table:
    table = make_table(
        "Training in the mean-field limit (T5): how far it drives neighbours apart, Lip(Phi)",
        "measured: largest singular value of the flow's derivative, and root mean square over"
        " neurons. local: bound along each neuron's path. bound: product of 1 + 2 s H sqrt(R),"
        " with H in L2(data).",
        ("problem", "t/T", "risk", "measured", "rms", "local", "bound"),
        left=1,
    )
    for one in problems:
        for share, place in ((0.5, len(one.record["risk"]) // 2), (1.0, -1)):
            table.add_row(
                one.problem if share < 1 else "",
                f"{share:g}",
                f"{one.record['risk'][place]:.3f}",
                *(
                    f"{one.spread(name)[place]:.4g}"
                    for name in ("largest", "mean_square", "local", "bound")
                ),
            )
    return table


def _couplings(one: Trained) -> Table:
    table = make_table(
        f"Coupling of N trained neurons to the limit (T5): {one.problem}",
        "rms, max: distance of neurons that start at the same point. order 1: sampling errors as"
        " measured, to first order, with the flow's own spread. bound: the explicit recursion.",
        ("N", "rms", "max", "order 1", "bound", "error", "barrier", "unmatched"),
    )
    names = ("coupling", "coupling_max", "first_order", "coupling_bound")
    columns = [one.of(name) for name in (*names, "error", "barrier", "unmatched")]
    for width in one.widths:
        table.add_row(str(width), *(_at(column, width) for column in columns))
    table.add_row("slope", *map(exponent, columns))
    return table


def _ways(one: Trained) -> Table:
    table = make_table(
        f"From the initial permutation to the barrier: {one.problem}",
        "W: root-mean-square distance of matched neurons, at the start and trained. semi: with the"
        " measured spread of the flow and couplings. prior: known beforehand, with probability"
        " 0.95. T2: at the trained distance. Barriers: squared loss.",
        (
            *("N", "W start", "W end", "semi", "prior"),
            *("error", "T2", "semi", "prior", "barrier", "semi"),
        ),
    )
    for width in one.widths:
        names = ("initial", "trained", "distance_bound")
        table.add_row(
            str(width),
            *(_short(one.of(name)[width]) for name in names),
            f"{one.known('distance')[width]:.1e}",
            *(_short(one.of(name)[width]) for name in ("error", "given", "error_bound")),
            f"{one.known('error')[width]:.1e}",
            *(_short(one.of(name)[width]) for name in ("barrier", "barrier_bound")),
        )
    return table


def _students(groups: Sequence[Students]) -> Table:
    heads = ("loss", "barrier", "unmatched")
    table = make_table(
        f"Students of a ReLU teacher of {TEACHER} neurons (T6): "
        + " | ".join(f"{group.inputs} inputs" for group in groups),
        f"Over the target's power; barrier: signed maximum over t. slope: from m = {PEAKED} on."
        " T6 is an upper bound, O(m^-1/2).",
        ("m", *heads * len(groups)),
    )
    columns = [group.of(name) for group in groups for name in ("loss", "matched", "unmatched")]
    for width in sorted({width for column in columns for width in column}):
        table.add_row(str(width), *(_at(column, width) for column in columns))
    table.add_row("slope", *(exponent(column, PEAKED) for column in columns))
    return table


def _at(column: Draws, width: int) -> str:
    return Mean.over(column[width]).short() if width in column else "-"


def _short(draws: Sequence[float]) -> str:
    return f"{np.mean(draws):.3g}"
