"""What `barrier_prediction` measured, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.tables import Column, Table
from simulations.barrier_prediction.measurement import (
    FAMILY,
    GIVEN,
    ROUTES,
    SETTINGS,
    Forecast,
    Measured,
    Task,
)
from simulations.declaration import Part, require_equal

__all__ = ["Results", "Score", "covers", "ordered", "ratio", "report", "require_one_study"]

Results = Sequence[tuple[Task, Measured]]

FLOOR = "power law with floor"


def ordered(results: Results) -> Results:
    """By setting and width."""
    order = list(SETTINGS)
    return sorted(results, key=lambda one: (order.index(one[0].name), one[0].width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than setting and width.
    """
    names = ("dataset", "unions", "networks", "narrow", "pool", "seed")
    require_equal([task for task, _ in results], names, "studies")


def ratio(predicted: float, measured: float) -> float:
    """Log of predicted over measured; infinite where a sign differs."""
    return float(np.log(predicted / measured)) if predicted * measured > 0 else np.inf


def covers(predicted: Forecast, measured: Forecast) -> bool:
    """Whether the two differ by no more than both their intervals allow.

    Half the widths of both, in logarithms, are added in quadrature: a 90 % interval of their
    difference, which is what chance would leave in a tenth of the cases.
    """
    ends = np.array([predicted.interval, measured.interval])
    if not (ends > 0).all():
        return False
    reach = np.hypot(*(np.diff(np.log(ends)).ravel() / 2))
    return abs(ratio(predicted.max, measured.max)) <= float(reach)


def _curve_error(predicted: Forecast, measured: Forecast) -> float:
    """The largest difference of the curves over the measured maximum."""
    gap = np.abs(np.array(predicted.curve) - np.array(measured.curve)).max()
    return float(gap / abs(measured.max))


@dataclass(frozen=True)
class Score:
    """How well one route predicted.

    Attributes:
        route: of `ROUTES`.
        results: that it is judged by.
    """

    route: str
    results: Results

    @property
    def ratios(self) -> list[float]:
        """Log of predicted over measured maximum, of each case."""
        return [ratio(one.predicted[self.route].max, one.measured.max) for _, one in self.results]

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
        return float(
            np.median(
                [
                    abs(
                        ratio(one.predicted[self.route].function_error, one.measured.function_error)
                    )
                    for _, one in self.results
                ]
            )
        )

    @property
    def curve(self) -> float:
        """The median of the largest difference of curves, in units of the measured maximum."""
        return float(
            np.median(
                [_curve_error(one.predicted[self.route], one.measured) for _, one in self.results]
            )
        )

    @property
    def covered(self) -> str | None:
        """How many of how many intervals hold."""
        found = [one for _, one in self.results if one.predicted[self.route].interval]
        if not found:
            return None
        held = sum(covers(one.predicted[self.route], one.measured) for one in found)
        return f"{held} of {len(found)}"


def report(results: Results) -> list[Part]:
    """Predictions beside measurements, and the score of every route."""
    results = ordered(results)
    return [_cases(results), _scores(results)]


def _cases(results: Results) -> Table[tuple[Task, Measured]]:
    return Table(
        "Predicted barriers beside measured ones",
        "Of the test loss after weighted matching, the maximum of the mean curve; in brackets 90 %"
        " intervals. Then the logarithms of predicted over measured; floor: power law with floor.",
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
    interval = ", ".join(f"{end:.3f}" for end in one.interval)
    return f"{one.max:.4f} [{interval}]"


def _log(route: str) -> Column[tuple[Task, Measured]]:
    heads = {GIVEN: "given", FLOOR: "floor"}
    return Column(
        f"log {route}",
        lambda one: ratio(one[1].predicted[route].max, one[1].measured.max),
        head=heads.get(route, route),
        form="+.2f",
    )


def _scores(results: Results) -> Table[Score]:
    return Table(
        "How far predictions are from measurements",
        "Medians of |log (predicted / measured)|: of the maximum, of the function error; curve: of"
        " the largest difference in units of the maximum. held: of 90 % intervals, the"
        " measurement's own included.",
        [
            Column("route", lambda one: one.route, head=" ", left=True),
            Column("cases", lambda one: len(one.results), form="d"),
            Column("score", lambda one: one.score, head="maximum", form=".3f"),
            Column("bias", lambda one: one.bias, form="+.3f"),
            Column("worst", lambda one: one.worst, form=".2f"),
            Column("function error", lambda one: one.function_error, form=".3f"),
            Column("curve", lambda one: one.curve, form=".3f"),
            Column("held", lambda one: one.covered),
        ],
        [Score(route, results) for route in ROUTES],
    )
