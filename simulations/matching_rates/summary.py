"""What the study measured, arranged for its tables and its figure."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lmctheory.rates import Curve, Estimate
from lmctheory.rates.empirical.curve import Crossover
from lmctheory.rates.empirical.power_law import PowerLaw
from lmctheory.sweeps.typed import of_kind
from simulations.matching_rates.laws import CANTOR, CUBES, LOW_RANK
from simulations.matching_rates.measurement import Cost, Dimensions, Interval, Record
from simulations.matching_rates.tasks import (
    CURVE_WIDTHS,
    EXPONENTS,
    CostTask,
    DimensionTask,
    IntervalTask,
    Task,
)
from simulations.matching_rates.theory import Rate, any_law, cube

__all__ = [
    "FAMILIES",
    "LARGE",
    "Enclosed",
    "Exponent",
    "Measured",
    "NoisyCurve",
    "Results",
    "enclosed",
    "exponents",
    "noisy",
    "require_one_study",
    "select",
]

LARGE = 512
"""Widths from here on are the large end of a curve."""
FAMILIES: Mapping[str, tuple[Mapping[int, str], Callable[[int, float], Rate]]] = {
    "cube": (CUBES, cube),
    "Cantor dust": (CANTOR, any_law),
}
"""For each family of curves, the names of its laws by dimension, and their rates."""

Results = Sequence[tuple[Task, Record]]


class Measured(NamedTuple):
    """The matching cost of one law at one width."""

    task: CostTask
    record: Cost


class Enclosed(NamedTuple):
    """The matching cost of given points at one width, in an interval and between its bounds.

    The bounds are None where they were not computed.
    """

    task: IntervalTask
    record: Interval
    bounds: Cost | None


@dataclass(frozen=True)
class Exponent:
    """How fast the cost of one law falls, in theory and measured.

    Attributes:
        dimension: d.
        rate: in theory, as m goes to infinity.
        upper: slope of U, fitted with the same logarithm.
        fitted: slope of the costs, fitted with the logarithm of the theory.
        large: the same, from the width `LARGE` on; None for fewer than two such widths.
    """

    dimension: int
    rate: Rate
    upper: float
    fitted: PowerLaw
    large: PowerLaw | None


@dataclass(frozen=True)
class NoisyCurve:
    """Low rank plus noise (D4): costs over widths, and where the noise takes over.

    Attributes:
        eta: root-mean-square norm of the noise.
        points: one for each width.
        predicted: width at which the cost measured without noise falls to 2 eta^2, what the noise
            costs if it is left unmatched; NaN beyond the measured widths.
        crossover: fitted; None without noise, or for fewer than five widths.
    """

    eta: float
    points: tuple[Measured, ...]
    predicted: float
    crossover: Crossover | None


def select(results: Results, laws: Collection[str], widths: Collection[int]) -> list[Measured]:
    """The measured costs of the given laws and widths, in the order of laws, widths and p."""
    costs = (Measured(*one) for one in of_kind(results, CostTask, Cost))
    found = [one for one in costs if one.task.law in laws and one.task.width in widths]
    order = {law: place for place, law in enumerate(laws)}
    return sorted(found, key=lambda one: (order[one.task.law], one.task.width, one.task.p))


def enclosed(results: Results) -> list[Enclosed]:
    """The intervals, each beside the bounds of the same cost."""
    bounds = {
        (task.law, task.width): cost
        for task, cost in of_kind(results, CostTask, Cost)
        if task.p == 2
    }
    found = of_kind(results, IntervalTask, Interval)
    return [Enclosed(task, one, bounds.get((task.law, task.width))) for task, one in found]


def exponents(results: Results, family: str, p: float) -> list[Exponent]:
    """Those of one family of laws, by dimension; what was not measured is left out."""
    names, rate = FAMILIES[family]
    curves = {d: _curve(results, name, p) for d, name in names.items()}
    return [_exponent(d, rate(d, p), points) for d, points in curves.items() if len(points) > 1]


def noisy(results: Results) -> list[NoisyCurve]:
    """The curves of low rank plus noise, by noise, the one without it first."""
    curves = {eta: _curve(results, name, 2.0) for eta, name in LOW_RANK.items()}
    return [
        NoisyCurve(
            eta,
            tuple(points),
            _falls_to(curves[0.0], 2 * eta**2),
            _estimates(points).crossover() if eta and len(points) > 4 else None,
        )
        for eta, points in curves.items()
    ]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if a cost, an interval or the dimension of data was measured twice, with
            different options, or curves are not complete.
    """
    for data, times in Counter(
        c.data for c, _ in of_kind(results, DimensionTask, Dimensions)
    ).items():
        if times > 1:
            raise ValueError(f"the results mix studies: they hold the dimension of {data} twice")
    costs = [(c.law, c.p, c.width) for c, _ in of_kind(results, CostTask, Cost)]
    for (law, p, width), times in Counter(costs).items():
        if times > 1:
            raise ValueError(
                f"the results mix studies: they hold {law}, p = {p:g}, m = {width} twice"
            )
    intervals = [(c.law, c.width) for c, _ in of_kind(results, IntervalTask, Interval)]
    for (law, width), times in Counter(intervals).items():
        if times > 1:
            raise ValueError(
                f"the results mix studies: they hold the interval of {law}, m = {width} twice"
            )
    curves = {
        (law, p): {m for other, q, m in costs if (other, q) == (law, p) and m in CURVE_WIDTHS}
        for names in (CUBES, CANTOR, LOW_RANK)
        for law in names.values()
        for p in (EXPONENTS if names is not LOW_RANK else (2.0,))
    }
    # the table measures two of the cubes at one of these widths, whatever the dimensions asked for
    widths = {frozenset(found) for found in curves.values() if len(found) > 1}
    if len(widths) != 1 or not all(curves[law, 2.0] for law in LOW_RANK.values()):
        raise ValueError("the results are not complete: resume the study")


def _curve(results: Results, law: str, p: float) -> list[Measured]:
    return [point for point in select(results, (law,), CURVE_WIDTHS) if point.task.p == p]


def _estimates(points: Sequence[Measured]) -> Curve:
    widths = tuple(point.task.width for point in points)
    estimates = tuple(Estimate(np.array(point.record.draws)) for point in points)
    return Curve(widths, estimates, points[0].task.p)


def _exponent(d: int, rate: Rate, points: Sequence[Measured]) -> Exponent:
    def fit(chosen: Sequence[Measured]) -> PowerLaw:
        return _estimates(chosen).power_law(log_power=rate.log_power)

    large = [point for point in points if point.task.width >= LARGE]
    end = fit(large) if len(large) > 1 else None
    return Exponent(d, rate, _upper(points, rate), fit(points), end)


def _upper(points: Sequence[Measured], rate: Rate) -> float:
    """Least-squares slope of ln U, less the logarithm of the theory."""
    x = np.log([point.task.width for point in points])
    y = np.log([point.record.upper for point in points]) - rate.log_power * np.log(x)
    return float(np.polyfit(x, y, 1)[0])


def _falls_to(points: Sequence[Measured], cost: float) -> float:
    """The width at which a falling curve has this cost, by interpolation of the logarithms."""
    if cost <= 0 or not points:
        return np.nan
    costs = np.log([point.record.mean.value for point in points])[::-1]
    widths = np.log([point.task.width for point in points])[::-1]
    return float(np.exp(np.interp(np.log(cost), costs, widths, left=np.nan, right=np.nan)))
