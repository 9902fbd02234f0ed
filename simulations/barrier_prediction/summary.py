"""What `barrier_prediction` measured, as tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from lmctheory.prediction import BASELINES
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.barrier_prediction.measurement import (
    FAMILY,
    GIVEN,
    ROUTES,
    Forecast,
    Measured,
    Task,
)
from simulations.barrier_prediction.settings import HALVES, SETTINGS, half_of
from simulations.declaration import Part, require_equal
from simulations.intervals import agree

__all__ = [
    "Coverage",
    "Regime",
    "Results",
    "Score",
    "advantage",
    "covers",
    "ordered",
    "ratio",
    "report",
    "require_one_study",
]

Results = Sequence[tuple[Task, Measured]]

FLOOR = "power law with floor"

_LEVEL = 0.9
"""Of all intervals."""
_CAP = float(np.log(10))
"""Of an error in means, lest one wrong sign make all of them infinite."""

_REGIMES: Mapping[str, Callable[[Task], str]] = {
    "data": lambda task: task.dataset,
    "depth": lambda task: str(task.setting.depth),
    "activation": lambda task: task.setting.activation,
    "optimiser": lambda task: task.training.optimiser,
    "scaling": lambda task: task.setting.parametrisation.replace("_", " "),
    "decay": lambda task: "with" if task.setting.weight_decay else "without",
    "width": lambda task: str(task.width),
}
"""What settings are grouped by."""


def ordered(results: Results) -> Results:
    """By setting and width."""
    order = list(SETTINGS)
    return sorted(results, key=lambda one: (order.index(one[0].name), one[0].width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than setting, its data and width.
    """
    names = ("unions", "networks", "narrow", "pool", "seed")
    require_equal([task for task, _ in results], names)


def ratio(predicted: float, measured: float) -> float:
    """Log of predicted over measured; infinite where a sign differs."""
    return float(np.log(predicted / measured)) if predicted * measured > 0 else np.inf


def covers(predicted: Forecast, measured: Forecast) -> bool:
    """Whether the two differ by no more than both their intervals allow."""
    return agree(ratio(predicted.max, measured.max), predicted.interval, measured.interval)


def _curve_error(predicted: Forecast, measured: Forecast) -> float:
    """The largest difference of the curves over the measured maximum."""
    gap = np.abs(np.array(predicted.curve) - np.array(measured.curve)).max()
    return float(gap / abs(measured.max))


@dataclass(frozen=True)
class Coverage:
    """How many of how many nominal 90 % intervals hold."""

    held: int
    cases: int

    @property
    def p(self) -> float:
        """The two-sided binomial probability of a number as unlikely as this, were it 90 %."""
        return float(binomtest(self.held, self.cases, _LEVEL).pvalue)

    def __str__(self) -> str:
        return f"{self.held} of {self.cases}"


@dataclass(frozen=True)
class Score:
    """How well one route predicted.

    Attributes:
        route: of `ROUTES`.
        results: that it is judged by; those without a prediction by the route are left out.
    """

    route: str
    results: Results

    @property
    def predictions(self) -> list[tuple[Forecast, Forecast]]:
        """Predicted and measured, of each case."""
        return [
            (one.predicted[self.route], one.measured)
            for _, one in self.results
            if self.route in one.predicted
        ]

    @property
    def ratios(self) -> list[float]:
        """Log of predicted over measured maximum, of each case."""
        return [ratio(one.max, measured.max) for one, measured in self.predictions]

    @property
    def score(self) -> float:
        """The median of |log (predicted / measured)| of the maximum."""
        return float(np.median(np.abs(self.ratios)))

    @property
    def bias(self) -> float:
        """The median of log (predicted / measured)."""
        return float(np.median(self.ratios))

    @property
    def worst(self) -> float:
        """The largest |log (predicted / measured)|."""
        return float(np.max(np.abs(self.ratios)))

    @property
    def function_error(self) -> float:
        """The median of |log (predicted / measured)| of the function error."""
        found = [ratio(one.function_error, met.function_error) for one, met in self.predictions]
        return float(np.median(np.abs(found)))

    @property
    def curve(self) -> float:
        """The median of the largest difference of curves, in units of the measured maximum."""
        return float(np.median([_curve_error(*pair) for pair in self.predictions]))

    @property
    def coverage(self) -> Coverage | None:
        """Of the route's intervals; None where it has none."""
        found = [covers(one, measured) for one, measured in self.predictions if one.interval]
        return Coverage(sum(found), len(found)) if found else None


def advantage(results: Results, over: str, route: str = FAMILY) -> Mean | None:
    """By how much a route's |log (predicted / measured)| is smaller than another's, per setting.

    Errors above log 10 count as that. The widths of a setting share the networks that are given:
    the mean over its widths is one draw, and the standard error that over settings.

    Returns:
        The mean over settings; None where no case has both.
    """
    by_setting: dict[str, list[float]] = {}
    for task, one in results:
        if not {over, route} <= set(one.predicted):
            continue
        other, own = (
            min(abs(ratio(one.predicted[name].max, one.measured.max)), _CAP)
            for name in (over, route)
        )
        by_setting.setdefault(task.name, []).append(other - own)
    if not by_setting:
        return None
    return Mean.over([float(np.mean(gains)) for gains in by_setting.values()])


@dataclass(frozen=True)
class Regime:
    """Cases that have something in common.

    Attributes:
        of: what they are grouped by.
        name: what they have in common.
        results: of the cases.
    """

    of: str
    name: str
    results: Results

    @property
    def family(self) -> Score:
        """How well families predicted."""
        return Score(FAMILY, self.results)

    @property
    def rival(self) -> Score:
        """The baseline with the least score here, which favours it: it is chosen afterwards."""
        return min((Score(rule, self.results) for rule in BASELINES), key=lambda one: one.score)


def report(results: Results) -> list[Part]:
    """By half predictions beside measurements, the score of every route, and those by regime."""
    results = ordered(results)
    parts: list[Part] = []
    for half in HALVES:
        if found := [one for one in results if half_of(one[0].name) == half]:
            parts += [_cases(found, half), _scores(found, half), _regimes(found, half)]
    return parts


def _cases(results: Results, half: str) -> Table[tuple[Task, Measured]]:
    return Table(
        f"Predicted barriers beside measured ones: {half} half",
        "Of the test loss after weighted matching, the maximum of the mean curve; in brackets half"
        " the width of 90 % intervals in per cent. Then the logarithms of predicted over measured;"
        " given: networks; floor: power law with floor.",
        [
            Column("setting", lambda one: one[0].name, head=" ", left=True, once=True),
            Column("width", lambda one: one[0].width, form="d", head="m"),
            Column("measured", lambda one: _shown(one[1].measured)),
            Column("by family", lambda one: _shown(one[1].predicted[FAMILY])),
            *(_log(route) for route in (FAMILY, GIVEN, "widest", FLOOR)),
        ],
        results,
    )


def _shown(one: Forecast) -> str:
    if not one.interval or min(one.interval) <= 0:
        return f"{one.max:.4f} (-)"
    low, high = np.log(one.interval)
    return f"{one.max:.4f} ({50 * (high - low):.0f})"


def _log(route: str) -> Column[tuple[Task, Measured]]:
    heads = {GIVEN: "given", FLOOR: "floor"}
    return Column(
        f"log {route}",
        lambda one: (
            ratio(one[1].predicted[route].max, one[1].measured.max)
            if route in one[1].predicted
            else None
        ),
        head=heads.get(route, route),
        form="+.2f",
    )


def _scores(results: Results, half: str) -> Table[Score]:
    return Table(
        f"How far predictions are from measurements: {half} half",
        "Medians of |log (predicted / measured)|: of the maximum, of the function error (f. error);"
        " curve: of the largest difference in units of the maximum. held: of 90 % intervals, the"
        " measurement's own included, with the binomial p. gain: mean |log| less that of families,"
        " with its standard error over settings; errors above log 10 count as that.",
        [
            Column("route", lambda one: one.route, head=" ", left=True),
            Column("cases", lambda one: len(one.ratios), form="d"),
            Column("score", lambda one: one.score, head="maximum", form=".3f"),
            Column("bias", lambda one: one.bias, form="+.3f"),
            Column("worst", lambda one: one.worst, form=".2f"),
            Column("function error", lambda one: one.function_error, head="f. error", form=".3f"),
            Column("curve", lambda one: one.curve, form=".3f"),
            *_coverage(lambda one: one),
            Column(
                "gain",
                lambda one: None if one.route == FAMILY else advantage(one.results, one.route),
            ),
        ],
        [one for one in (Score(route, results) for route in ROUTES) if one.predictions],
    )


def _in_short(route: str) -> str:
    return "floor" if route == FLOOR else route


def _regimes(results: Results, half: str) -> Table[Regime]:
    rows = [
        Regime(of, name, [one for one in results if kind(one[0]) == name])
        for of, kind in _REGIMES.items()
        for name in _names(kind, results)
    ]
    return Table(
        f"Where families predict, and where baselines do: {half} half",
        "Medians of |log (predicted / measured)| of the maximum, of families and of the baseline"
        " that is best in that regime (floor: power law with floor); gain: mean |log| of this"
        " baseline less that of families, with its standard error over settings. held and p: as"
        " above.",
        [
            Column("by", lambda one: one.of, left=True, once=True),
            Column("regime", lambda one: one.name, head=" ", left=True),
            Column("cases", lambda one: len(one.results), form="d"),
            Column("family", lambda one: one.family.score, form=".3f"),
            Column("bias", lambda one: one.family.bias, form="+.3f"),
            *_coverage(lambda one: one.family),
            Column("baseline", lambda one: one.rival.route, left=True, form=_in_short),
            Column("its", lambda one: one.rival.score, form=".3f"),
            Column("gain", lambda one: advantage(one.results, one.rival.route)),
        ],
        rows,
        sections=lambda one: one.of,
    )


def _coverage(score: Callable[[Any], Score]) -> list[Column[Any]]:
    def held(row: Any) -> str | None:
        found = score(row).coverage
        return None if found is None else str(found)

    def p(row: Any) -> float | None:
        found = score(row).coverage
        return None if found is None else found.p

    return [Column("held", held), Column("p", p, form=".2f")]


def _names(kind: Callable[[Task], str], results: Results) -> list[str]:
    """In the order of tasks, numbers by size."""
    found = dict.fromkeys(kind(task) for task, _ in results)
    return sorted(found, key=int) if all(map(str.isdigit, found)) else list(found)
