"""The tables that the study prints, each at most 100 columns wide."""

import math
from collections.abc import Sequence

from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.path_certificates.measurement import NODES, REFERENCE
from simulations.path_certificates.summary import (
    Ratios,
    Summary,
    matching_ratios,
    summarise,
    violations,
)

__all__ = ["print_report"]


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints certified accuracies, certified barriers, and which matching minimises what."""
    shapes = summarise(results)
    show(_accuracies(shapes), _barriers(shapes))
    if (ratios := matching_ratios(shapes)).pairs:
        show(_matchings(ratios))


def _accuracies(shapes: Sequence[Summary]) -> Table:
    table = _table(
        f"Certified accuracy for every t at once (C4), {REFERENCE} matching, test data",
        "ends: of the worse network. nodes: of the examples that all 9 nodes get right, no more can"
        " be certified; share: of these. In brackets, the standard error of the last digit.",
        ("ends", "nodes", *(f"n = {n}" for n in NODES), "share"),
    )
    for shape in shapes:
        certified = [shape.certified("accuracy", n) for n in NODES]
        attainable = shape.certified("attainable", NODES[-1])
        cells = (shape.ends(), attainable, *certified)
        share = shape.share(NODES[-1])
        shown = "-" if math.isnan(share) else f"{100 * share:.1f} %"
        table.add_row(*_place(shape), *map(str, cells), shown)
    return table


def _barriers(shapes: Sequence[Summary]) -> Table:
    wrong, all_ = violations(shapes)
    table = _table(
        f"Barrier of the test loss, {REFERENCE} matching: measured, and certified",
        f"measured: on 25 points; C4: for every t. C3 and error: at t = 1/2, root mean square.\n"
        f"Of {all_} certified numbers, {wrong} are below what they bound.",
        ("measured", "C4", "C3", "error", "C1'", "C1", "C2"),
    )
    for shape in shapes:
        cells = (
            shape.mean(lambda pair: pair["barrier"]),
            shape.certified("barrier", NODES[-1]),
            *(
                shape.mean(lambda pair, name=name: pair[name])  # type: ignore[misc]
                for name in ("C3", "error", "C1'", "C1", "C2")
            ),
        )
        table.add_row(*_place(shape), *map(str, cells))
    return table


def _matchings(ratios: Ratios) -> Table:
    names = list(next(iter(ratios.logs.values())))
    table = make_table(
        f"Which matching makes which bound least: geometric mean, relative to {REFERENCE}",
        f"In brackets: per cent of the {ratios.pairs} pairs in which no other matching does"
        " better. -: zero for some.",
        ("", *names),
        left=1,
    )
    for alignment, logs in ratios.logs.items():
        cells = (
            f"{_factor(logs[name])} [{100 * ratios.best[alignment][name]:.0f}]" for name in names
        )
        table.add_row(alignment, *cells)
    return table


def _factor(log: Mean | None) -> str:
    return "-" if log is None else f"{10**log.value:.3g}"


def _table(title: str, caption: str, columns: Sequence[str]) -> Table:
    return make_table(title, caption, ("", "width", "decay", *columns), left=1)


def _place(shape: Summary) -> tuple[str, str, str]:
    return shape.architecture, str(shape.width), f"{shape.weight_decay:g}"
