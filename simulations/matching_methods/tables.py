"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lmctheory.tables import Cell, Column, Table
from simulations.declaration import Part
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.measurement import STATISTICS
from simulations.matching_methods.methods import BY_ACTIVATIONS, BY_LOSS, CURVES, METHODS
from simulations.matching_methods.narrow import NETWORKS, SEARCHES
from simulations.matching_methods.planted import NOISES
from simulations.matching_methods.summary import Narrow, Results, Summary, narrow, summarise
from simulations.matching_methods.tasks import Line

__all__ = ["report", "verdict"]

_SHOWN_NOISE = 1.0

_QUANTITIES: tuple[tuple[str, str, Callable[[Line], float]], ...] = (
    (
        "Barrier of the test loss: signed maximum over 11 points of the line, mean over pairs",
        "In brackets, the standard error of the last digit. -: too slow. Training examples used by"
        f" activations: {BY_ACTIVATIONS}, by the loss: {BY_LOSS}.",
        lambda line: line.barrier,
    ),
    ("Barrier of the test loss at t = 1/2", "", lambda line: line.midpoint),
    (
        "The same after REPAIR (RN batch: after BatchNorm's statistics are reset)",
        f"Statistics on {STATISTICS} training examples.",
        lambda line: line.repaired,
    ),
    (
        "Objective <theta_A, P theta_B>, relative to |theta_A| |theta_B|",
        "What weight maximises; the others do not.",
        lambda line: line.cosine,
    ),
)
"""Titles, captions, and what is shown."""


def report(results: Results) -> list[Part]:
    """Networks, barriers, similarities, times, planted permutations, narrow networks."""
    measured = summarise(results)

    def lines(title: str, caption: str, of: Callable[[Line], float]) -> Table[str]:
        rows = ("unmatched", *METHODS)
        return _across(title, caption, measured, rows, lambda one, name: one.mean(name, of))

    largest = max((one.largest_change() for one in measured), default=0.0)
    noise = NOISES.index(_SHOWN_NOISE)
    return [
        _networks(measured),
        *(lines(*quantity) for quantity in _QUANTITIES),
        _across(
            "CPU seconds of one matching",
            f"Largest change of an output by any matching: {largest:.1g}.",
            measured,
            tuple(METHODS),
            lambda one, name: one.mean(name, lambda line: line.seconds).value,
            ".2f",
        ),
        _across(
            "Planted permutation without noise: neurons recovered, over all pairs",
            verdict(measured),
            measured,
            tuple(METHODS),
            _exactly,
        ),
        _across(
            f"Planted permutation: share recovered under noise as large as the network"
            f" (norm {_SHOWN_NOISE:g})",
            f"Noise of norms {', '.join(f'{size:g}' for size in NOISES)}: see the figure.",
            measured,
            CURVES,
            lambda one, name: one.recovered(name)[noise],
        ),
        _narrow(narrow(results)),
    ]


def verdict(measured: Sequence[Summary]) -> str:
    """In how many cases the planted permutation was found exactly, and what the rest is."""
    cells = [(one, name) for one in measured for name in METHODS if one.has(name)]
    exact = [one.recovered_exactly(name) for one, name in cells]
    inexact = [cell for cell, (found, all_) in zip(cells, exact, strict=True) if found < all_]
    tied = sum(one.tied(name) for one, name in inexact)
    return (
        f"{len(cells) - len(inexact)} of {len(cells)} exact; {tied} others (=) are as good by what"
        " the method minimises (dead neurons, say, have equal activations);"
        f" {len(inexact) - tied} (!) are worse, local optima."
    )


def _networks(measured: Sequence[Summary]) -> Table[Summary]:
    return Table(
        "The networks, trained independently of each other, on digits or MNIST; RN is ResNet-20",
        "accuracy: on test data, of the networks themselves; least: of the worst of them."
        " groups: of the permutation symmetry.",
        [
            Column("name", lambda one: one.architecture, left=True),
            Column("architecture", lambda one: ARCHITECTURES[one.architecture].shape, left=True),
            Column("epochs", lambda one: ARCHITECTURES[one.architecture].training.epochs, "d"),
            Column("parameters", lambda one: one.pairs[0].parameters, form="d"),
            Column("groups", lambda one: one.pairs[0].groups, form="d"),
            Column("neurons", lambda one: one.pairs[0].neurons, form="d"),
            Column("pairs", lambda one: len(one.pairs), form="d"),
            Column("accuracy", lambda one: one.accuracy()),
            Column("least", lambda one: one.least_accuracy(), form=".3f"),
        ],
        measured,
    )


def _across(
    title: str,
    caption: str,
    measured: Sequence[Summary],
    methods: Sequence[str],
    cell: Callable[[Summary, str], Cell],
    form: str = "",
) -> Table[str]:
    """Methods in rows, architectures in columns."""

    def column(one: Summary) -> Column[str]:
        return Column(
            one.architecture, lambda name: cell(one, name) if one.has(name) else None, form
        )

    methods_ = Column[str]("method", str, head=" ", left=True)
    return Table(title, caption, [methods_, *map(column, measured)], methods)


def _exactly(summary: Summary, method: str) -> str:
    found, neurons = summary.recovered_exactly(method)
    mark = "" if found == neurons else "=" if summary.tied(method) else "!"
    return f"{found}/{neurons}{mark}"


def _narrow(shapes: Sequence[Narrow]) -> Table[str]:
    names = [f"{one.shape} {'-'.join(map(str, NETWORKS[one.shape]))}" for one in shapes]
    accuracies = [str(one.accuracy()) for one in shapes if one.trained]
    return Table(
        f"Narrow networks, weight matching: {' | '.join(names)}",
        "cosine: objective over |theta_A| |theta_B|. best: pairs in which no search found more."
        " bend: distance of f at t = 1/2 from the mean of the ends, over the size of these."
        f" barrier: test loss, maximum over 11 points (accuracy {', '.join(accuracies)}).",
        [
            Column("search", str, head=" ", left=True),
            *(column for one in shapes for column in _searched(one)),
        ],
        list(SEARCHES),
    )


def _searched(one: Narrow) -> list[Column[str]]:
    columns = [
        Column[str]("cosine", lambda search: one.mean(search, lambda found: found.cosine)),
        Column[str]("best", lambda search: "{}/{}".format(*one.best(search))),
        Column[str]("bend", lambda search: one.mean(search, lambda found: found.bend)),
        Column[str]("barrier", lambda search: one.mean(search, lambda found: found.barrier)),
    ]
    shown = columns if one.trained else columns[:-1]
    return [
        replace(column, name=f"{one.shape}: {column.name}", head=column.name) for column in shown
    ]
