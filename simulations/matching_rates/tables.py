"""The tables that the study prints, each at most 100 columns wide."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lmctheory.rates.empirical.power_law import PowerLaw
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Cells, Column, Table
from simulations.declaration import Part
from simulations.matching_rates.known_dimensions import DATA
from simulations.matching_rates.laws import FIRST_GIVEN, RANK, SANDWICHED, SHARPENED
from simulations.matching_rates.measurement import FAILURE, WASSERSTEIN, Cost, Dimensions, Interval
from simulations.matching_rates.summary import (
    FAMILIES,
    LARGE,
    Enclosed,
    Exponent,
    Measured,
    NoisyCurve,
    Results,
    enclosed,
    exponents,
    noisy,
    select,
)
from simulations.matching_rates.tasks import EXPONENTS, CostTask, DimensionTask
from simulations.student import coverage

__all__ = [
    "ESTIMATORS",
    "GIVEN_WIDTHS",
    "SANDWICH_WIDTHS",
    "SHARPENED_WIDTH",
    "report",
    "verdict",
]

SANDWICH_WIDTHS = (10, 100, 1000, 4096)
SHARPENED_WIDTH = 1000
GIVEN_WIDTHS = (100, 1000, 4096)
ESTIMATORS = {
    "participation ratio": "ratio",
    "stable rank": "stable",
    "entropy rank": "entropy",
    "principal components (95 %)": "PCA",
    "two-NN": "two-NN",
    "maximum likelihood": "likelih.",
    "correlation": "correl.",
    WASSERSTEIN: "cost",
}
"""Column of each estimator."""
_TOO_SHORT = "Low rank plus noise (D4): a crossover is fitted to five widths or more.\n"


def report(results: Results) -> list[Part]:
    """The sandwich, the exponents, the crossovers and the dimensions."""
    costs = select(results, SANDWICHED, SANDWICH_WIDTHS)
    sharpened = select(results, SHARPENED, (SHARPENED_WIDTH,))
    given = select(results, FIRST_GIVEN, GIVEN_WIDTHS)
    intervals = enclosed(results)
    curves = [curve for curve in noisy(results) if curve.crossover is not None]
    return [
        *(_sandwich([one for one in costs if one.task.p == p], p) for p in EXPONENTS),
        verdict(costs),
        "",
        *([_sharpened(sharpened)] if sharpened else []),
        *([_given(given)] if given else []),
        *([_enclosed(intervals)] if intervals else []),
        *(_exponents({f: exponents(results, f, p) for f in FAMILIES}, p) for p in EXPONENTS),
        _crossovers(curves) if curves else _TOO_SHORT,
        _dimensions(results),
    ]


def verdict(costs: Sequence[Measured]) -> str:
    """How many costs lie between their bounds, with an allowance and without."""
    records = [one.record for one in costs]
    within, strictly = (sum(one.sandwiched(errors) for one in records) for errors in (4.0, 0.0))
    fewest = min(len(one.draws) for one in records)
    vacuous = sum(one.lower == 0 for one in records)
    return (
        f"{within} of {len(costs)} measured costs lie between L and U within 4 standard errors,"
        f" {strictly} without any allowance;\nL is 0 for {vacuous} of them, where only U is tested."
        f" The fewest draws are {fewest}:\n4 standard errors are a {coverage(fewest):.0%} interval"
        " then (Student's t)."
    )


_LAW = Column[Measured]("law", lambda one: one.task.law, left=True, once=True)
_LOWER = Column[Measured]("L", lambda one: one.record.lower)
_MEAN = Column[Measured]("M", lambda one: one.record.mean)
_UPPER = Column[Measured]("U", lambda one: one.record.upper)
# "any" stands for any permutation, as in the table's heads
_BY = Column[Measured]("by", lambda one: one.record.upper_key.replace("trivial", "any").split()[0])


def _sandwich(costs: Sequence[Measured], p: float) -> Table[Measured]:
    return Table(
        f"Matching cost per neuron M(m) = E W_p^p of two samples, p = {p:g}: L <= M <= U (R11)",
        "M: mean of the draws, in brackets the standard error of the last digit. by: the argument"
        " behind U. R4: as published, for two samples in the Euclidean norm; - for unbounded laws."
        " any: what any permutation costs at most. L = 0: no argument applies.",
        [
            _LAW,
            Column("m", lambda one: one.task.width, form="d"),
            *(_LOWER, _MEAN, _UPPER, _BY),
            Column("R4", lambda one: one.record.published),
            Column("any", lambda one: one.record.trivial),
            Column("U/M", lambda one: _ratio(one.record.upper, one.record.mean.value), _short),
            Column("M/L", lambda one: _ratio(one.record.mean.value, one.record.lower), _short),
            Column("U/R4", lambda one: _ratio(one.record.upper, one.record.published), _short),
        ],
        costs,
    )


def _ratio(numerator: float, denominator: float | None) -> float | None:
    return numerator / denominator if denominator else None


def _short(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _sharpened(costs: Sequence[Measured]) -> Table[Measured]:
    return _gains(
        "product laws",
        "L by R9, U by R13 or R6a (cube, d = 2) in their first form",
        [one for one in costs if one.task.p == 2],
        lambda task: SHARPENED[task.law],
    )


def _given(costs: Sequence[Measured]) -> Table[Measured]:
    return _gains(
        "given points and clusters",
        "L by R9, U by R5, before R16, R18, R19 and R22",
        [one for one in costs if one.task.p == 2],
        lambda task: FIRST_GIVEN[task.law].get(task.width, (None, None)),
    )


def _enclosed(intervals: Sequence[Enclosed]) -> Table[Enclosed]:
    def below(one: Enclosed, ends: Interval | Cost | None) -> float | None:
        return _ratio(one.record.mean.value, ends.lower if ends else None)

    def above(one: Enclosed, ends: Interval | Cost | None) -> float | None:
        return ends.upper / one.record.mean.value if ends else None

    return Table(
        "What simulated costs enclose: given points, p = 2 (R10, R23)",
        f"Every interval, L to U, misses M(m) with a probability of {FAILURE:g} at most. M: mean of"
        " the n costs, in brackets the standard error of the last digit. *: by bounds without"
        " simulation, as above.",
        [
            Column("law", lambda one: one.task.law, left=True, once=True),
            Column("m", lambda one: one.task.width, form="d"),
            Column("n", lambda one: one.task.repeats, form="d"),
            Column("L", lambda one: one.record.lower),
            Column("M", lambda one: one.record.mean),
            Column("U", lambda one: one.record.upper),
            Column("by", lambda one: one.record.key.split()[0]),
            Column("M/L", lambda one: below(one, one.record), ".2f"),
            Column("U/M", lambda one: above(one, one.record), ".2f"),
            Column("M/L*", lambda one: below(one, one.bounds), ".2f"),
            Column("U/M*", lambda one: above(one, one.bounds), ".2f"),
        ],
        intervals,
    )


def _gains(
    title: str,
    first: str,
    costs: Sequence[Measured],
    ends: Callable[[CostTask], tuple[float | None, float | None]],
) -> Table[Measured]:
    """How far L and U have moved: what they were first, from both ends."""
    return Table(
        f"What the departures gain: {title}, p = 2",
        f"first: {first}. M: as above.",
        [
            _LAW,
            Column("m", lambda one: one.task.width, form="d"),
            Column("first L", lambda one: ends(one.task)[0]),
            *(_LOWER, _MEAN, _UPPER, _BY),
            Column("first U", lambda one: ends(one.task)[1]),
            Column("M/L", lambda one: _ratio(one.record.mean.value, one.record.lower), ".2f"),
            Column("U/M", lambda one: one.record.upper / one.record.mean.value, form=".2f"),
        ],
        costs,
    )


@dataclass(frozen=True)
class _Interval:
    """A fitted exponent and half the width of its 95 % interval."""

    value: float
    error: float

    @classmethod
    def of(cls, fit: PowerLaw) -> "_Interval":
        return cls(-fit.slope, (fit.interval[1] - fit.interval[0]) / 2)

    def __str__(self) -> str:
        return f"{self.value:.3f} +- {self.error:.3f}"


def _exponents(families: Mapping[str, Sequence[Exponent]], p: float) -> Table[tuple[Exponent, ...]]:
    return Table(
        f"Exponents r of M(m) ~ m^-r, p = {p:g}: {' | '.join(families)}",
        "measured: weighted fit to all widths with its 95 % interval (Student's t), a slope at"
        " finite widths, where the theory's are limits; no interval allows for that. *: critical,"
        " M ~ m^-r (log m)^s, fitted with the s of the theory. U: fit to the bound.",
        [
            Column("d", lambda row: row[0].dimension, form="d"),
            *(column for k, name in enumerate(families) for column in _slopes(k, name)),
        ],
        list(zip(*families.values(), strict=True)),
    )


def _slopes(place: int, family: str) -> list[Column[tuple[Exponent, ...]]]:
    cells: dict[str, Callable[[Exponent], str | float | _Interval | None]] = {
        "theory": lambda one: f"{one.rate.exponent:.3f}" + ("*" if one.rate.log_power else " "),
        "U": lambda one: round(-one.upper, 3) + 0.0,
        "measured": lambda one: _Interval.of(one.fitted),
        f"m >= {LARGE}": lambda one: None if one.large is None else _Interval.of(one.large),
    }
    return [
        Column(f"{family}: {head}", lambda row, of=of: of(row[place]), ".3f", head)  # type: ignore[misc]
        for head, of in cells.items()
    ]


def _crossovers(curves: Sequence[NoisyCurve]) -> Table[Cells]:
    return Table(
        f"Low rank plus noise (D4), N(0, I_{RANK}) + noise eta in R^50, p = 2",
        f"predicted: the m at which M of rank {RANK} alone, as measured, is 2 eta^2, the cost of"
        " unmatched noise. fitted: two power laws that meet, with their exponents r; a smooth bend"
        " tends to be misplaced towards the middle of the widths.",
        [
            Column("eta", form="g"),
            Column("predicted m", form=".0f"),
            Column("fitted m", form=".0f"),
            Column("95 % interval"),
            Column("r below", form=".3f"),
            Column("r above", form=".3f"),
        ],
        [
            (
                curve.eta,
                None if math.isnan(curve.predicted) else curve.predicted,
                found.width,
                "{:.0f} to {:.0f}".format(*found.interval),
                *(-slope for slope in found.slopes),
            )
            for curve in curves
            if (found := curve.crossover) is not None
        ],
    )


def _dimensions(results: Results) -> Table[tuple[DimensionTask, Dimensions]]:
    order = list(DATA)
    found = of_kind(results, DimensionTask, Dimensions)
    found.sort(key=lambda row: order.index(row[0].data))

    def estimator(name: str) -> Column[tuple[DimensionTask, Dimensions]]:
        return Column(ESTIMATORS[name], lambda row: Mean.over(row[1].estimates[name]))

    task, _ = found[0]
    return Table(
        f"Dimension (R12) of data in R^12, {task.points} points, by estimator",
        f"d: true; mean over {task.repeats} samples, in brackets the standard error of the"
        " last digit. ratio (participation), stable and entropy rank, PCA (95 %) see the"
        " covariance, the next three the distances of neighbours. cost: -2/slope of the matching"
        " cost for p = 2, which cannot be below 2 for connected laws, nor below 4 for separated"
        " clusters.",
        [
            Column("data", lambda row: row[0].data, left=True),
            Column("d", lambda row: DATA[row[0].data].intrinsic, form="d"),
            *map(estimator, ESTIMATORS),
        ],
        found,
    )
