"""What one task of the study measures: a matching cost beside its bounds, or dimensions."""

from dataclasses import dataclass

import numpy as np

from lmctheory.rates import (
    compare_dimensions,
    lower_bound,
    matching_cost,
    matching_cost_curve,
    simulated_interval,
    upper_bound,
    wasserstein_dimension,
)
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import entropy_of
from simulations.matching_rates.known_dimensions import DATA, Sampler
from simulations.matching_rates.laws import LAWS
from simulations.matching_rates.tasks import CostTask, DimensionTask, IntervalTask

__all__ = [
    "FAILURE",
    "WASSERSTEIN",
    "Cost",
    "Dimensions",
    "Interval",
    "Record",
    "run_cost",
    "run_dimensions",
    "run_interval",
]

WASSERSTEIN = "Wasserstein"
FAILURE = 1e-6
"""Probability with which an interval may miss the cost."""


@dataclass(frozen=True)
class Cost:
    """The matching cost of one law at one width, beside its bounds (published: R4, or None)."""

    draws: list[float]
    lower: float
    upper: float
    upper_key: str
    published: float | None
    trivial: float

    @property
    def mean(self) -> Mean:
        """The measured cost per neuron."""
        return Mean.over(self.draws)

    def sandwiched(self, errors: float = 4.0) -> bool:
        """Whether L <= M <= U, up to that many standard errors."""
        slack = errors * self.mean.error
        return self.lower - slack <= self.mean.value <= self.upper + slack


@dataclass(frozen=True)
class Dimensions:
    """Every estimate for each of several independent samples, by the estimator's name."""

    estimates: dict[str, list[float]]


@dataclass(frozen=True)
class Interval:
    """Both ends of a matching cost, and the mean of the costs that they come from."""

    lower: float
    upper: float
    key: str
    cost: float
    error: float

    @property
    def mean(self) -> Mean:
        """The measured cost per neuron."""
        return Mean(self.cost, self.error)


Record = Cost | Dimensions | Interval


def run_cost(task: CostTask) -> Cost:
    """Draws a matching cost."""
    rng = np.random.default_rng(entropy_of(task))
    mu, m, p = LAWS[task.law](), task.width, task.p
    upper = upper_bound(mu, m, p)
    return Cost(
        draws=matching_cost(mu, m, repeats=task.repeats, p=p, rng=rng).draws.tolist(),
        lower=lower_bound(mu, m, p).value,
        upper=upper.value,
        upper_key=upper.key,
        published=upper.terms.get("R4 published"),  # bounded laws only
        trivial=upper.terms["trivial"],
    )


def run_interval(task: IntervalTask) -> Interval:
    """Encloses a matching cost by simulated ones."""
    rng = np.random.default_rng(entropy_of(task))
    found = simulated_interval(
        LAWS[task.law](), task.width, delta=FAILURE, repeats=task.repeats, rng=rng
    )
    costs = found.costs
    ends = found.lower.value, found.upper.value
    return Interval(*ends, found.upper.key, costs.mean, costs.standard_error)


def run_dimensions(task: DimensionTask) -> Dimensions:
    """Samples data and estimates their dimension."""
    rng = np.random.default_rng(entropy_of(task))
    data, points = DATA[task.data], task.points
    rows = [
        compare_dimensions(data.sample(points, rng=rng))
        | {WASSERSTEIN: _cost_sees(data, points, rng)}
        for _ in range(task.repeats)
    ]
    return Dimensions({name: [row[name] for row in rows] for name in rows[0]})


def _cost_sees(data: Sampler, points: int, rng: np.random.Generator) -> float:
    """The Wasserstein dimension at widths up to half the points, p = 2.

    Costs of points on a few planes vary as widely as they are large: four draws tell no slope.
    """
    widths = [points // parts for parts in (32, 16, 8, 4, 2)]
    return wasserstein_dimension(matching_cost_curve(data, widths, repeats=16, rng=rng))
