"""The tables that the study prints, each at most 100 columns wide."""

from collections.abc import Callable, Sequence

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part
from simulations.path_certificates.measurement import NODES, REFERENCE
from simulations.path_certificates.summary import (
    QUANTITIES,
    Ratios,
    Results,
    Summary,
    matching_ratios,
    summarise,
    violations,
)
from simulations.path_certificates.tasks import Pair, Whole

__all__ = ["report"]

_PLACE = (
    Column[Summary]("architecture", lambda one: one.task.architecture, head=" ", left=True),
    Column[Summary]("width", lambda one: one.task.width, form="d"),
    Column[Summary]("decay", lambda one: one.task.weight_decay, form="g"),
)


def report(results: Results) -> list[Part]:
    """Certified accuracies, certified barriers, and which matching minimises what."""
    shapes = summarise(results)
    ratios = matching_ratios(shapes)
    matchings = [_matchings(ratios)] if ratios.pairs else []
    return [_accuracies(shapes), _barriers(shapes), *matchings]


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
