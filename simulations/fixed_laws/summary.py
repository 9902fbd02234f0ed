"""What `fixed_laws` measured, as tables, and the powers that they follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.fixed_laws.limits import OWN, Limits, LimitTask, fit
from simulations.fixed_laws.measurement import Measured, Task

__all__ = ["Results", "fields", "fitted", "limits", "powers", "report", "require_one_study"]

Results: TypeAlias = Sequence[tuple[Task | LimitTask, Measured | Limits]]
_Fields: TypeAlias = Sequence[tuple[Task, Measured]]
_LimitsOf: TypeAlias = Sequence[tuple[LimitTask, Limits]]

_SHARE = 0.1


def fields(results: Results) -> _Fields:
    """Those of one pool and its unions."""
    return of_kind(results, Task, Measured)


def limits(results: Results) -> _LimitsOf:
    """Those of regimes."""
    return of_kind(results, LimitTask, Limits)


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than the activation, or the regime.
    """
    require_equal([task for task, _ in results], ("dataset", "member", "seed"))
    names = ("pool", "joined", "training")
    require_equal([task for task, _ in fields(results)], names)


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
    one_law = fields(results)
    rows = [_Row(task, found, k) for task, found in one_law for k in range(len(found.widths))]
    parts: list[Part] = [_parts(rows), _powers(one_law)] if rows else []
    if sought := limits(results):
        parts.append(_limits(sought))
    return parts


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


def _powers(results: _Fields) -> Table[tuple[Task, Measured]]:
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
    within = _within(found.widths, barriers, unmatched)
    if within is not None:
        return within
    if power is None or power.value >= 0:
        return None
    ratio = barriers[-1] / (_SHARE * unmatched[-1])
    return float(found.widths[-1] * ratio ** (-1 / power.value))


def _within(
    widths: Sequence[int], barriers: Sequence[float], unmatched: Sequence[float]
) -> float | None:
    """The width at which a barrier is that share of the unmatched one; None if at none of these."""
    logs = [
        float(np.log(barrier / (_SHARE * other))) if barrier > 0 and other > 0 else -np.inf
        for barrier, other in zip(barriers, unmatched, strict=True)
    ]
    below = [k for k, log in enumerate(logs) if log <= 0]
    if not below:
        return None
    k = below[0]
    if k == 0 or not np.isfinite(logs[k]):
        return float(widths[k])
    share = logs[k - 1] / (logs[k - 1] - logs[k])
    return float(widths[k - 1] ** (1 - share) * widths[k] ** share)


def _limits(results: _LimitsOf) -> Table[tuple[LimitTask, Limits]]:
    def place(one: tuple[LimitTask, Limits]) -> tuple[int, bool, bool, bool]:
        regime = one[0].regime
        own, standard = regime.law == OWN, regime.parametrisation == "standard"
        return regime.depth, standard, own, regime.optimiser == "adam"

    return Table(
        "Where barriers end: weighted matching, relu",
        "Parametrisation (with one hidden layer muP is mean field), hidden layers, optimiser."
        " law: one, at all widths that of networks of the narrowest; own, each width's, by its"
        " family. barrier, none: at the widest, matched and not. gain: the power of the width"
        " that the loss gained by averaging two networks' outputs follows. b, limit: of limit +"
        " a m^-b, in brackets the 90 % interval of the limit by its profile. tenth: the width"
        " where the barrier is a tenth of the unmatched one; >: not reached at the widest, in"
        " brackets where the fit has it.",
        [
            Column("regime", lambda one: one[0].regime.name, head=" ", left=True),
            Column("law", lambda one: one[0].regime.law, left=True),
            Column("widest", lambda one: one[1].widths[-1], form=",d"),
            Column("barrier", lambda one: Mean(one[1].matched[-1], one[1].errors[-1])),
            Column("unmatched", lambda one: one[1].unmatched[-1], head="none", form=".2f"),
            Column("gain", lambda one: _power(one[1]), form=".2f"),
            Column("power", lambda one: _of_fit(one[1], "power"), head="b", form=".2f"),
            Column("limit", lambda one: _limit(one[1])),
            Column("width for a tenth", _reached, head="tenth"),
        ],
        sorted(results, key=place),
        sections=lambda one: one[0].regime.depth,
    )


def _power(found: Limits) -> float | None:
    law = fitted(found.widths, found.gains)
    return None if law is None else law.value


def _of_fit(found: Limits, name: str) -> float | None:
    law = fit(found)
    return None if law is None else float(getattr(law, name))


def _limit(found: Limits) -> str | None:
    law = fit(found)
    if law is None:
        return None
    return f"{law.limit:.3f} [{law.interval[0]:.3f}, {law.interval[1]:.3f}]"


def _reached(one: tuple[LimitTask, Limits]) -> str:
    found = one[1]
    within = _within(found.widths, found.matched, found.unmatched)
    if within is not None:
        least = "<= " if within == found.widths[0] else ""
        return f"{least}{within:,.0f}"
    law = fit(found)
    expected = np.inf if law is None else law.width_for(_SHARE * found.unmatched[-1])
    when = "never" if np.isinf(expected) else f"{expected:,.0f}"
    return f"> {found.widths[-1]:,} ({when})"
