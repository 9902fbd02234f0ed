"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence

from rich.table import Table

from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.measurement import STATISTICS
from simulations.matching_methods.methods import BY_ACTIVATIONS, BY_LOSS, CURVES, METHODS
from simulations.matching_methods.narrow import NETWORKS, SEARCHES
from simulations.matching_methods.planted import NOISES
from simulations.matching_methods.summary import Narrow, Summary, narrow, summarise

__all__ = ["print_report", "verdict"]

_SHOWN_NOISE = 1.0

_QUANTITIES = {
    "barrier": (
        "Barrier of the test loss: signed maximum over 11 points of the line, mean over pairs",
        "In brackets, the standard error of the last digit. -: too slow. Training examples used by"
        f" activations: {BY_ACTIVATIONS}, by the loss: {BY_LOSS}.",
    ),
    "midpoint": ("Barrier of the test loss at t = 1/2", ""),
    "repaired": (
        "The same after REPAIR (RN batch: after BatchNorm's statistics are reset)",
        f"Statistics on {STATISTICS} training examples.",
    ),
    "cosine": (
        "Objective <theta_A, P theta_B>, relative to |theta_A| |theta_B|",
        "What weight maximises; the others do not.",
    ),
}
"""Titles and captions."""


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints networks, barriers, similarities, times, planted permutations, narrow networks."""
    measured = summarise(results)
    show(_networks(measured))
    for quantity, (title, caption) in _QUANTITIES.items():
        rows = ("unmatched", *METHODS)
        show(_across(title, caption, measured, rows, _mean(quantity)))
    show(
        _across(
            "CPU seconds of one matching",
            f"Largest change of an output by any matching: {_largest(measured):.1g}.",
            measured,
            tuple(METHODS),
            lambda summary, name: f"{summary.mean(name, 'seconds').value:.2f}",
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
            lambda summary, name: str(summary.recovered(name)[NOISES.index(_SHOWN_NOISE)]),
        ),
        _narrow(narrow(results)),
    )


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


def _largest(measured: Sequence[Summary]) -> float:
    return max((one.largest_change() for one in measured), default=0.0)


def _networks(measured: Sequence[Summary]) -> Table:
    counts = ("epochs", "parameters", "groups", "neurons", "pairs")
    table = make_table(
        "The networks, trained independently of each other, on digits or MNIST; RN is ResNet-20",
        "accuracy: on test data, of the networks themselves; least: of the worst of them."
        " groups: of the permutation symmetry.",
        ("name", "architecture", *counts, "accuracy", "least"),
        left=2,
    )
    for one in measured:
        built, first = ARCHITECTURES[one.architecture], one.records[0]
        sizes = (first["parameters"], first["groups"], first["neurons"], len(one.records))
        table.add_row(
            one.architecture,
            built.shape,
            str(built.training.epochs),
            *map(str, sizes),
            str(one.accuracy()),
            f"{one.least_accuracy():.3f}",
        )
    return table


def _mean(quantity: str) -> Callable[[Summary, str], str]:
    return lambda summary, name: str(summary.mean(name, quantity))


def _across(
    title: str,
    caption: str,
    measured: Sequence[Summary],
    rows: Sequence[str],
    cell: Callable[[Summary, str], str],
) -> Table:
    """Methods in rows, architectures in columns."""
    table = make_table(title, caption, ("", *(one.architecture for one in measured)), left=1)
    for name in rows:
        table.add_row(name, *(cell(one, name) if one.has(name) else "-" for one in measured))
    return table


def _exactly(summary: Summary, method: str) -> str:
    found, neurons = summary.recovered_exactly(method)
    mark = "" if found == neurons else "=" if summary.tied(method) else "!"
    return f"{found}/{neurons}{mark}"


def _narrow(shapes: Sequence[Narrow]) -> Table:
    names = [f"{one.shape} {'-'.join(map(str, NETWORKS[one.shape]))}" for one in shapes]
    accuracies = [str(one.accuracy()) for one in shapes if one.record["accuracy"]]
    table = make_table(
        f"Narrow networks, weight matching: {' | '.join(names)}",
        "cosine: objective over |theta_A| |theta_B|. best: pairs in which no search found more."
        " bend: distance of f at t = 1/2 from the mean of the ends, over the size of these."
        f" barrier: test loss, maximum over 11 points (accuracy {', '.join(accuracies)}).",
        ("", *(column for one in shapes for column in _columns(one))),
        left=1,
    )
    for search in SEARCHES:
        cells = []
        for one in shapes:
            best, pairs = one.best(search)
            means = {name: one.mean(search, name) for name in ("cosine", "bend", "barrier")}
            shown = [str(mean) for mean in means.values() if mean is not None]
            cells += [shown[0], f"{best}/{pairs}", *shown[1:]]
        table.add_row(search, *cells)
    return table


def _columns(one: Narrow) -> tuple[str, ...]:
    return ("cosine", "best", "bend", *(("barrier",) if one.record["accuracy"] else ()))
