"""What `dimension` measured, as tables and claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmctheory.rates import Curve as CostCurve
from lmctheory.rates import Estimate
from lmctheory.rates.empirical.curve import Crossover as FittedCrossover
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.claims import Claim, Exponent, Verdict, claims_table, pooled
from simulations.declaration import Part, require_equal
from simulations.dimension.laws import LAWS, Law
from simulations.dimension.measurement import (
    Crossover,
    CrossoverTask,
    Measured,
    Task,
    WidthTask,
)

__all__ = ["Curve", "Results", "claims", "curves", "report", "require_one_study"]

Results = Sequence[tuple[Task, Measured | Crossover]]
_ERRORS = 4.0
"""Standard errors within which a mean is not beyond a bound."""
_CERTAIN = 2.0
"""Standard errors by which a barrier is below 0 or above."""
_FITTED = 5
"""Widths that a crossover is fitted to, at least."""


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if their seeds differ.
    """
    require_equal([task for task, _ in results], ("seed",))


@dataclass(frozen=True)
class Curve:
    """One law at all widths.

    Attributes:
        law: of neurons.
        points: what was measured, by width.
        predicted: the width of D4's crossover; None without noise, or beyond 10^12.
    """

    law: Law
    points: Mapping[int, Measured]
    predicted: int | None

    def exponent(self, what: str) -> Exponent | None:
        """How fast the "cost", or the root of the mean square "error", falls."""
        draws = {m: getattr(one, what) for m, one in self.points.items()}
        return Exponent.of(draws, 0.5 if what == "error" else 1.0)

    def slope(self, side: str) -> float:
        """How fast a bound of the cost falls, "lower" or "upper"."""
        values = np.log([getattr(one, side) for one in self.points.values()])
        return float(-np.polyfit(np.log(list(self.points)), values, 1)[0])

    def crossover(self, what: str) -> FittedCrossover | None:
        """Two power laws that meet, fitted to the means; None for few widths or no noise."""
        if not self.law.eta or len(self.points) < _FITTED:
            return None
        estimates = tuple(Estimate(np.array(getattr(one, what))) for one in self.points.values())
        return CostCurve(tuple(self.points), estimates, 2.0).crossover()

    def doubles(self, plain: "Curve") -> "Doubling":
        """Where the cost is twice that of the law without noise, see `Doubling`."""
        widths = [m for m in self.points if m in plain.points]
        ours, theirs = (pooled({m: one.points[m].cost for m in widths}) for one in (self, plain))
        ratio = np.array([np.log(ours[m].value / theirs[m].value / 2) for m in widths])
        error = np.array([_relative(ours[m], theirs[m]) for m in widths])
        low, middle, high = (
            _crosses(np.log(widths), ratio + shift * _CERTAIN * error) for shift in (1, 0, -1)
        )
        return Doubling(middle, (low or float(widths[0]), high or float(widths[-1])))

    def falls_to(self, cost: float) -> float | None:
        """The width at which the cost is that, by interpolation of logarithms; None beyond."""
        costs = np.array([one.mean("cost").value for one in self.points.values()])
        if not costs.min() <= cost <= costs.max():
            return None
        order = np.argsort(costs)
        widths = np.log(list(self.points))[order]
        return float(np.exp(np.interp(np.log(cost), np.log(costs[order]), widths)))


@dataclass(frozen=True)
class Doubling:
    """Where what noise costs is as much as all the rest.

    Attributes:
        width: by interpolation in logarithms; None outside the widths measured.
        interval: where two standard errors more or less would put it; it ends at the widths
            measured.
    """

    width: float | None
    interval: tuple[float, float]


def _relative(a: Mean, b: Mean) -> float:
    return float(np.hypot(a.error / a.value, b.error / b.value))


def _crosses(x: np.ndarray, y: np.ndarray) -> float | None:
    """The first place at which y turns positive, from x, a logarithm."""
    for (x_0, y_0), (x_1, y_1) in pairwise(zip(x.tolist(), y.tolist(), strict=True)):
        if y_0 <= 0 < y_1:
            return float(np.exp(x_0 + (x_1 - x_0) * y_0 / (y_0 - y_1)))
    return None


def curves(results: Results) -> list[Curve]:
    """By law, in the order of `LAWS`."""
    found: dict[str, dict[int, Measured]] = {}
    measured = of_kind(results, WidthTask, Measured)
    for task, one in sorted(measured, key=lambda pair: pair[0].width):
        found.setdefault(task.law, {})[task.width] = one
    predicted = {t.law: one.width for t, one in of_kind(results, CrossoverTask, Crossover)}
    return [
        Curve(law, found[name], predicted.get(name)) for name, law in LAWS.items() if name in found
    ]


def report(results: Results) -> list[Part]:
    """Costs and errors, crossovers, barriers, claims."""
    found = curves(results)
    return [_exponents(found), _crossovers(found), _barriers(found), claims_table(claims(results))]


def _theory(curve: Curve) -> float | None:
    """The exponent of the cost without noise, up to logarithms for k = 2 and Gaussian k = 1."""
    law = curve.law
    if law.eta:
        return None
    return 2 / max(law.k, 2)


def _exponents(found: Sequence[Curve]) -> Table[Curve]:
    def last(curve: Curve) -> Measured:
        return curve.points[max(curve.points)]

    return Table(
        "Exponents of the matching cost M ~ m^-r and of the function error ~ m^-r",
        "With 95 % intervals; theory: 2/k of the cost, half of it of the error, up to logarithms at"
        " k = 1 and 2. L, M, U: at the largest width; D4: its bound, from the law without noise.",
        [
            Column("law", lambda one: one.law.name, left=True),
            Column("theory", _theory, form=".3f"),
            Column("cost", lambda one: one.exponent("cost"), form=str),
            Column("error", lambda one: one.exponent("error"), form=str),
            Column("L", lambda one: last(one).lower),
            Column("M", lambda one: last(one).mean("cost")),
            Column("U", lambda one: last(one).upper),
            Column("D4", lambda one: last(one).near),
        ],
        found,
        sections=lambda one: one.law.kind,
    )


def _noiseless(found: Sequence[Curve]) -> dict[int, Curve]:
    """Linear laws, by dimension."""
    return {one.law.k: one for one in found if one.law.kind == "linear"}


@dataclass(frozen=True)
class _Crossing:
    """Where noise takes over, for one law.

    Attributes:
        curve: of the law.
        by_cost: the width at which the cost measured without noise is 2 eta^2.
        doubling: where noise doubles the cost; None without a law to compare with.
        cost: fitted to costs.
        error: fitted to function errors.
    """

    curve: Curve
    by_cost: float | None
    doubling: Doubling | None
    cost: FittedCrossover
    error: FittedCrossover


def _crossings(found: Sequence[Curve]) -> list[_Crossing]:
    plain = _noiseless(found)
    rows = []
    for one in found:
        cost, error = one.crossover("cost"), one.crossover("error")
        if cost is None or error is None:
            continue
        near = plain.get(one.law.k)
        by_cost = None if near is None else near.falls_to(2 * one.law.eta**2)
        doubling = None if near is None else one.doubles(near)
        rows.append(_Crossing(one, by_cost, doubling, cost, error))
    return rows


def _crossovers(found: Sequence[Curve]) -> Table[_Crossing]:
    def power(row: _Crossing) -> float | None:
        law = row.curve.law
        return law.eta**-law.k if law.k else None

    def doubled(row: _Crossing) -> float | None:
        return None if row.doubling is None else row.doubling.width

    def around(row: _Crossing) -> str | None:
        return None if row.doubling is None else _ends(row.doubling.interval)

    return Table(
        "Where noise takes over: widths",
        "Predicted: eta^-k; D4: U of the law without noise is 2 eta^2; M: the cost measured without"
        " noise is. Measured: twice, where noise doubles the cost, with what two standard errors"
        " change; cost, error: two power laws that meet, fitted to the cost and the squared error,"
        " with the cost's exponents. -: beyond the widths measured. k = 0: clusters.",
        [
            Column("k", lambda row: row.curve.law.k, form="d"),
            Column("eta", lambda row: row.curve.law.eta, form="g"),
            Column("eta^-k", power, form=".0f"),
            Column("D4", lambda row: row.curve.predicted, form="d"),
            Column("M", lambda row: row.by_cost, form=".0f"),
            Column("twice", doubled, form=".0f"),
            Column("twice interval", around, head="95 %"),
            Column("cost", lambda row: row.cost.width, form=".0f"),
            Column("cost interval", lambda row: _ends(row.cost.interval), head="95 %"),
            Column("below", lambda row: -row.cost.slopes[0], form=".2f"),
            Column("above", lambda row: -row.cost.slopes[1], form=".2f"),
            Column("error", lambda row: row.error.width, form=".0f"),
            Column("error interval", lambda row: _ends(row.error.interval), head="95 %"),
        ],
        _crossings(found),
    )


def _ends(interval: tuple[float, float]) -> str:
    return "{:.0f}-{:.0f}".format(*interval)


def _barriers(found: Sequence[Curve]) -> Table[Curve]:
    widths = sorted({m for one in found for m in one.points})
    shown = dict.fromkeys((widths[0], widths[len(widths) // 2], widths[-1]))

    def column(width: int) -> Column[Curve]:
        def of(one: Curve) -> Mean | None:
            return one.points[width].mean("barrier") if width in one.points else None

        return Column(f"m = {width}", of)

    return Table(
        "Barrier at t = 1/2 with equal output weights, over the mean loss of both networks",
        "Squared loss, labels of infinitely many neurons (as many as make no difference). -0.5:"
        " no function error. Last: without matching, at the largest width.",
        [
            Column("law", lambda one: one.law.name, left=True),
            *map(column, shown),
            Column("unmatched", lambda one: one.points[max(one.points)].mean("unmatched")),
        ],
        found,
        sections=lambda one: one.law.kind,
    )


def claims(results: Results) -> list[Claim]:
    """What the study decides."""
    found = curves(results)
    crossings = _crossings(found)
    return [
        _bounded(found),
        _near(found),
        *_dimension_counts(found),
        *_slopes(found),
        *([*_crossed(crossings), _bent(crossings)] if crossings else []),
        *_joined(found),
    ]


def _bounded(found: Sequence[Curve]) -> Claim:
    inside = total = 0
    for curve in found:
        for what, sides in (("cost", ""), ("error", "error_")):
            means = pooled({m: getattr(one, what) for m, one in curve.points.items()})
            for m, one in curve.points.items():
                low, high = (getattr(one, f"{sides}{side}") for side in ("lower", "upper"))
                slack = _ERRORS * means[m].error
                inside += low - slack <= means[m].value <= high + slack
                total += 1
    verdict: Verdict = "reproduced" if inside == total else "not reproduced"
    return Claim("costs and errors between bounds", "R11, T7", verdict, f"{inside} of {total}")


def _near(found: Sequence[Curve]) -> Claim:
    within = total = 0
    for curve in found:
        means = pooled({m: one.cost for m, one in curve.points.items()})
        for m, one in curve.points.items():
            if one.near is not None:
                within += means[m].value - _ERRORS * means[m].error <= one.near
                total += 1
    verdict: Verdict = "reproduced" if within == total else "not reproduced"
    return Claim("costs of noisy laws below D4", "D4", verdict, f"{within} of {total}")


def _dimension_counts(found: Sequence[Curve]) -> list[Claim]:
    lines = []
    for what, claim, over in (("cost", "cost ~ m^-2/k, k > 2", 2), ("error", "error ~ m^-1/k", 1)):
        fits = [
            (curve.law.k, fit)
            for curve in found
            if not curve.law.eta and curve.law.k > 2 and (fit := curve.exponent(what)) is not None
        ]
        if not fits:
            continue
        off = [k for k, fit in fits if not fit.holds(over / k)]
        wide = [k for k, fit in fits if fit.error > over / k / 2]
        verdict: Verdict = "different" if off else "undecided" if wide else "reproduced"
        shown = " ".join(f"{fit.value - over / k:+.2f}" for k, fit in fits)
        lines.append(Claim(claim, "R4, Ferbach", verdict, f"off {shown}"))
    return lines


def _slopes(found: Sequence[Curve]) -> list[Claim]:
    """Whether costs without noise fall as their bounds do at the same widths, k > 2."""
    off = []
    for curve in found:
        fit = curve.exponent("cost")
        if curve.law.eta or curve.law.k <= 2 or fit is None:
            continue
        low, high = sorted(curve.slope(side) for side in ("lower", "upper"))
        nearest = min(max(fit.value, low), high)
        off.append((fit.value - nearest, fit.holds(nearest)))
    if not off:
        return []
    verdict: Verdict = "reproduced" if all(held for _, held in off) else "different"
    shown = " ".join(f"{value:+.2f}" for value, _ in off)
    return [Claim("cost falls as L or U do, k > 2", "R11", verdict, f"off {shown}")]


def _crossed(crossings: Sequence[_Crossing]) -> list[Claim]:
    """D4's place of the crossover beside the measured one, by measured costs and by its bound."""
    lines = []
    predictions: tuple[tuple[str, Callable[[_Crossing], float | None]], ...] = (
        ("noise doubles M where M_k = 2 eta^2", lambda one: one.by_cost),
        ("noise doubles M where U_k = 2 eta^2", lambda one: one.curve.predicted),
    )
    for claim, of in predictions:
        known = [
            (one.doubling, predicted)
            for one in crossings
            if one.doubling is not None
            and one.doubling.width is not None
            and (predicted := of(one)) is not None
        ]
        held = sum(found.interval[0] <= width <= found.interval[1] for found, width in known)
        verdict: Verdict = "undecided"
        if known:
            verdict = "reproduced" if held == len(known) else "different"
        times = " ".join(f"x{width / (found.width or 1):.2g}" for found, width in known)
        lines.append(Claim(claim, "D4", verdict, times))
    return lines


def _bent(crossings: Sequence[_Crossing]) -> Claim:
    """Of laws whose noise doubles the cost well within the widths measured."""
    within = [
        one
        for one in crossings
        if one.doubling is not None
        and one.doubling.width is not None
        and 2 * min(one.curve.points) <= one.doubling.width <= max(one.curve.points) / 2
    ]
    slower = sum(one.cost.slopes[0] < one.cost.slopes[1] for one in within)
    verdict: Verdict = "undecided"
    if within:
        verdict = "reproduced" if slower == len(within) else "different"
    return Claim("slower beyond the crossover", "R5, D4", verdict, f"{slower} of {len(within)}")


def _joined(found: Sequence[Curve]) -> list[Claim]:
    means = [one.mean("barrier") for curve in found for one in curve.points.values()]
    raised = [one.mean("unmatched") for curve in found for one in curve.points.values()]
    below = sum(one.value + _CERTAIN * one.error < 0 for one in means)
    above = sum(one.value - _CERTAIN * one.error > 0 for one in means)
    high = sum(one.value - _CERTAIN * one.error > 0 for one in raised)
    verdict: Verdict = "undecided"
    if above:
        verdict = "different"
    elif below > len(means) / 2:
        verdict = "reproduced"
    return [
        Claim(
            "matched: no barrier",
            "T11: either",
            verdict,
            f"below 0: {below}, above: {above}, of {len(means)}",
        ),
        Claim(
            "unmatched: a barrier",
            "-",
            "reproduced" if high == len(raised) else "undecided",
            f"above 0: {high} of {len(raised)}",
        ),
    ]
