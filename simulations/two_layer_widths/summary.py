"""What the study measured, arranged for its tables and its figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from simulations.power_law import power_law
from simulations.two_layer_widths.problems import PROBLEMS
from simulations.two_layer_widths.sampling import LAWS
from simulations.two_layer_widths.tasks import (
    AtWidth,
    Case,
    Errors,
    MeanField,
    MeanFieldTask,
    Pair,
    Sampling,
    SamplingTask,
    Task,
    Teacher,
    TeacherTask,
)
from simulations.two_layer_widths.teacher import INPUTS

__all__ = [
    "CASES",
    "PEAKED",
    "Draws",
    "Results",
    "Sampled",
    "Students",
    "Trained",
    "exponent",
    "require_one_study",
    "sampled",
    "slope",
    "students",
    "trained",
]

Results = Sequence[tuple[Task, Sampling | MeanField | Teacher]]
Draws = Mapping[int, Sequence[float]]
"""Independent measurements by width."""
CASES = ((1, False), (2, False), (3, False), (5, False), (2, True))
"""Numbers of inputs, and whether neurons have biases."""
PEAKED = 16
"""Students of at least that many neurons, four times the teacher's, are past the double descent."""


def slope(draws: Draws, least: int = 1) -> Mean:
    """Exponent of the width in a power law from the width `least` on; NaN below three widths.

    Widths of a single draw, or of a mean <= 0, are left out.
    """
    means = {width: Mean.over(values) for width, values in draws.items() if len(values) > 1}
    kept = {width: mean for width, mean in means.items() if width >= least and mean.value > 0}
    return power_law(kept).slope if len(kept) > 2 else Mean(np.nan, np.nan)


def exponent(draws: Draws, least: int = 1) -> str:
    """The `slope` as it is printed, or a dash below three widths."""
    found = slope(draws, least)
    return "-" if np.isnan(found.value) else str(found)


@dataclass(frozen=True)
class Sampled(Case):
    """Independent networks of one law of neurons, matched for one p, by width (T2)."""

    p: int
    records: Mapping[int, Sampling]

    @property
    def distance(self) -> Draws:
        """W_p."""
        return {width: record.distance for width, record in self.records.items()}

    def of(self, activation: str, value: Callable[[Errors], list[float]]) -> Draws:
        """Errors or bounds."""
        return {width: value(record.errors[activation]) for width, record in self.records.items()}

    def worst(self, activation: str) -> float:
        """The largest error over its bound given the neurons, of all draws."""
        found = [record.errors[activation] for record in self.records.values()]
        return max(
            error / bound
            for one in found
            for error, bound in zip(one.error, one.given, strict=True)
        )

    def worst_mean(self, activation: str) -> float:
        """The largest mean error over its bound, of all widths."""
        found = [record.errors[activation] for record in self.records.values()]
        return max(float(np.mean(one.error)) / one.bound for one in found)


def sampled(results: Results, p: int) -> list[Sampled]:
    """By law, number of inputs and bias."""
    measured = of_kind(results, SamplingTask, Sampling)
    found = []
    for case in (Case(law, *case) for law in LAWS for case in CASES):
        records = {
            task.width: record
            for task, record in measured
            if (Case(task.law, task.inputs, task.bias), task.p) == (case, p)
        }
        if records:
            found.append(Sampled(**vars(case), p=p, records=dict(sorted(records.items()))))
    return found


@dataclass(frozen=True)
class Trained:
    """Networks in the mean-field scaling that learnt one problem (T5)."""

    problem: str
    record: MeanField

    @property
    def widths(self) -> tuple[int, ...]:
        """Measured widths."""
        return tuple(sorted(self.record.widths))

    def of(self, value: Callable[[AtWidth], list[float]]) -> Draws:
        """A quantity of networks or pairs, by width."""
        return {width: value(self.record.widths[width]) for width in self.widths}

    def pairs(self, value: Callable[[Pair], float]) -> Draws:
        """A number of every pair, by width."""
        return self.of(lambda at: [value(pair) for pair in at.pairs])


def trained(results: Results) -> list[Trained]:
    """By problem."""
    found = {task.problem: record for task, record in of_kind(results, MeanFieldTask, MeanField)}
    return [Trained(problem, found[problem]) for problem in PROBLEMS if problem in found]


@dataclass(frozen=True)
class Students:
    """Students of one teacher, by width (T6)."""

    inputs: int
    records: Mapping[int, Teacher]

    def of(self, value: Callable[[Teacher], list[float]]) -> Draws:
        """Losses or barriers, over the target's power."""
        return {width: value(record) for width, record in self.records.items()}


def students(results: Results) -> list[Students]:
    """By number of inputs."""
    measured = sorted(of_kind(results, TeacherTask, Teacher), key=lambda one: one[0].width)
    found = [
        Students(inputs, {task.width: record for task, record in measured if task.inputs == inputs})
        for inputs in INPUTS
    ]
    return [group for group in found if group.records]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if a width was measured twice, with different options, or a part is missing.
    """
    names = [_without_options(task) for task, _ in results]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the results mix studies: they hold {min(twice)} twice")
    if not (sampled(results, 2) and trained(results) and students(results)):
        raise ValueError("the results are not complete: resume the study")


def _without_options(task: Task) -> str:
    if isinstance(task, SamplingTask):
        return str(replace(task, draws=0, seed=0))
    if isinstance(task, MeanFieldTask):
        return str(replace(task, reference=0, widths=[], seed=0))
    return str(replace(task, pairs=0, seed=0))
