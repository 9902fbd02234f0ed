"""What `fixed_laws` measured, as tables, and the powers that they follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.fixed_laws.measurement import Measured, Task

__all__ = ["Results", "fitted", "powers", "report", "require_one_study"]

Results = Sequence[tuple[Task, Measured]]

_SHARE = 0.1


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than the activation.
    """
    names = ("dataset", "member", "pool", "joined", "training", "seed")
    require_equal([task for task, _ in results], names, "studies")


def fitted(x: Sequence[float], y: Sequence[float]) -> Mean | None:
    """The exponent of a power law of y in x, by least squares of logarithms, with its error.

    None where fewer than three y are positive. The error is that of the misfit: of the y, some have
    no errors of their own, which `simulations.power_law` would weigh them by.
    """
    points = np.array([(a, b) for a, b in zip(x, y, strict=True) if b > 0])
    if len(points) < 3:
        return None
    logs = np.log(points)
    found, covariance = np.polyfit(logs[:, 0], logs[:, 1], 1, cov=True)
    return Mean(float(found[0]), float(np.sqrt(covariance[0, 0])))


def powers(found: Measured) -> dict[str, Mean | None]:
    """By name: of the cost in m, and of the rest in the cost or m."""
    widths, costs = found.widths, [Mean.over(costs).value for costs in found.costs]
    barriers = [Mean.over(barriers).value for barriers in found.barriers]
    coherent = [parts.coherent for parts in found.error]
    fluctuation = [parts.fluctuation for parts in found.error]
    return {
        "M_x in m": fitted(widths, costs),
        "coherent in M_x": fitted(costs, coherent),
        "fluctuation in m": fitted(widths, fluctuation),
        "barrier in M_x": fitted(costs, barriers),
        "barrier in m": fitted(widths, barriers),
    }


@dataclass(frozen=True)
class _Row:
    task: Task
    found: Measured
    place: int


def report(results: Results) -> list[Part]:
    """Parts of errors and barriers by width, the powers they follow, and where barriers end."""
    rows = [_Row(task, found, k) for task, found in results for k in range(len(found.widths))]
    return [_parts(rows), _powers(results)]


def _parts(rows: Sequence[_Row]) -> Table[_Row]:
    return Table(
        "Function errors and barriers at t = 1/2 of unions, one law of neurons",
        "M_x: matching cost per neuron in the metric of the data. shared: of e, its gap and its"
        " commutativity term, the part that all pairs have in common; apart: the rest of e; root"
        " mean squares. first: the share of <gradient, e> in the barrier. unmatched: its barrier.",
        [
            Column("activation", lambda row: row.task.activation, head=" ", left=True, once=True),
            Column("width", lambda row: row.found.widths[row.place], head="m", form="d"),
            Column("pairs", lambda row: len(row.found.costs[row.place]), form="d"),
            Column("cost", lambda row: Mean.over(row.found.costs[row.place]), head="M_x"),
            Column("coherent", lambda row: row.found.error[row.place].coherent, head="shared"),
            Column("coherent gap", lambda row: row.found.gap[row.place].coherent, head="gap"),
            Column(
                "coherent commutativity",
                lambda row: row.found.commutativity[row.place].coherent,
                head="comm.",
            ),
            Column("fluctuation", lambda row: row.found.error[row.place].fluctuation, head="apart"),
            Column("barrier", lambda row: Mean.over(row.found.barriers[row.place])),
            Column("first order", _first_order, head="first", form=".0%"),
            Column("unmatched", lambda row: Mean.over(row.found.unmatched[row.place]).value),
        ],
        rows,
    )


def _first_order(row: _Row) -> float:
    of = row.found
    return sum(of.first_order[row.place]) / sum(of.barriers[row.place])


def _powers(results: Results) -> Table[tuple[Task, Measured]]:
    def column(name: str) -> Column[tuple[Task, Measured]]:
        return Column(name, lambda one: powers(one[1])[name])

    names = list(powers(results[0][1]))
    return Table(
        "Exponents, and the width at which the barrier falls to a tenth of the unmatched one",
        "Least squares of logarithms over all widths, in brackets the standard error of the last"
        " digit. The width is interpolated, or extrapolated by the last exponent; the narrowest"
        " where its barrier is that low already.",
        [
            Column("activation", lambda one: one[0].activation, head=" ", left=True),
            *map(column, names),
            Column("width for a tenth", _width_for, form=",.0f", head="tenth at m"),
        ],
        list(results),
    )


def _width_for(one: tuple[Task, Measured]) -> float | None:
    """Between two widths by their own power, beyond the widest by that of all."""
    found, power = one[1], powers(one[1])["barrier in m"]
    barriers, unmatched = (
        [Mean.over(values).value for values in columns]
        for columns in (found.barriers, found.unmatched)
    )
    logs = [
        float(np.log(barrier / (_SHARE * other))) if barrier > 0 and other > 0 else -np.inf
        for barrier, other in zip(barriers, unmatched, strict=True)
    ]
    below = [k for k, log in enumerate(logs) if log <= 0]
    if not below:
        if power is None or power.value >= 0:
            return None
        return float(found.widths[-1] * np.exp(-logs[-1] / power.value))
    k = below[0]
    if k == 0 or not np.isfinite(logs[k]):
        return float(found.widths[k])
    share = logs[k - 1] / (logs[k - 1] - logs[k])
    return float(found.widths[k - 1] ** (1 - share) * found.widths[k] ** share)
