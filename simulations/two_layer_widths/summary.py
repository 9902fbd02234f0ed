"""What the study measured, arranged for its tables and its figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from simulations.power_law import power_law
from simulations.two_layer_widths.plan import CASES
from simulations.two_layer_widths.problems import PROBLEMS
from simulations.two_layer_widths.sampling import LAWS
from simulations.two_layer_widths.teacher import INPUTS

__all__ = [
    "PEAKED",
    "Draws",
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

Results = Sequence[tuple[Config, Record]]
Draws = Mapping[int, Sequence[float]]
"""Independent measurements by width."""
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
class Sampled:
    """Independent networks of one law of neurons, matched for one p, by width (T2)."""

    law: str
    inputs: int
    bias: bool
    p: int
    records: Mapping[int, Record]

    @property
    def dimension(self) -> int:
        """The dimension of a neuron."""
        return self.inputs + self.bias + (self.law == "bounded")

    @property
    def distance(self) -> Draws:
        """W_p."""
        return {width: record["distance"] for width, record in self.records.items()}

    def of(self, activation: str, name: str) -> Draws:
        """``error``, ``gaps`` or ``given``, see `sampling.run`."""
        return {width: record[activation][name] for width, record in self.records.items()}

    def bound(self, activation: str) -> Mapping[int, float]:
        """Of the expected error, known before."""
        return {width: record[activation]["bound"] for width, record in self.records.items()}

    def worst(self, activation: str) -> float:
        """The largest error over its bound given the neurons, of all draws."""
        return max(
            error / bound
            for record in self.records.values()
            for error, bound in zip(
                record[activation]["error"], record[activation]["given"], strict=True
            )
        )

    def worst_mean(self, activation: str) -> float:
        """The largest mean error over its bound, of all widths."""
        bounds = self.bound(activation)
        return max(
            float(np.mean(errors)) / bounds[width]
            for width, errors in self.of(activation, "error").items()
        )


def sampled(results: Results, p: int) -> list[Sampled]:
    """By law, number of inputs and bias."""
    return [
        Sampled(law, inputs, bias, p, records)
        for law in LAWS
        for inputs, bias in CASES
        if (records := _by_width(results, part="sampling", law=law, inputs=inputs, bias=bias, p=p))
    ]


@dataclass(frozen=True)
class Trained:
    """Networks in the mean-field scaling that learnt one problem (T5)."""

    problem: str
    record: Record

    @property
    def widths(self) -> tuple[int, ...]:
        """Measured widths."""
        return tuple(sorted(map(int, self.record["widths"])))

    def of(self, name: str) -> Draws:
        """A quantity of networks or pairs, see `training`, by width."""
        return self._each(
            lambda width: width[name] if name in width else [pair[name] for pair in width["pairs"]]
        )

    def known(self, name: str) -> Mapping[int, float]:
        """``distance`` or ``error``: what was known before, with probability 0.95."""
        return self._each(lambda width: width[f"known_{name}"])

    def spread(self, name: str) -> Sequence[float]:
        """``largest``, ``mean_square``, ``local`` or ``bound``, see `dynamics.Spread`."""
        found: Sequence[float] = self.record["spread"][name]
        return found

    def _each(self, value: Callable[[Record], Any]) -> dict[int, Any]:
        return {int(width): value(record) for width, record in self.record["widths"].items()}


def trained(results: Results) -> list[Trained]:
    """By problem."""
    found = {c["problem"]: record for c, record in results if c["part"] == "mean_field"}
    return [Trained(problem, found[problem]) for problem in PROBLEMS if problem in found]


@dataclass(frozen=True)
class Students:
    """Students of one teacher, by width (T6)."""

    inputs: int
    records: Mapping[int, Record]

    def of(self, name: str) -> Draws:
        """``loss``, ``matched`` or ``unmatched``, over the target's power."""
        return {width: record[name] for width, record in self.records.items()}


def students(results: Results) -> list[Students]:
    """By number of inputs."""
    return [
        Students(inputs, records)
        for inputs in INPUTS
        if (records := _by_width(results, part="teacher", inputs=inputs))
    ]


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if a width was measured twice, with different options, or a part is missing.
    """
    options = ("draws", "seed", "reference", "widths", "pairs")
    names = [str({k: v for k, v in c.items() if k not in options}) for c, _ in results]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the results mix studies: they hold {min(twice)} twice")
    if not (sampled(results, 2) and trained(results) and students(results)):
        raise ValueError("the results are not complete: resume the study")


def _by_width(results: Iterable[tuple[Config, Record]], **wanted: Any) -> dict[int, Record]:
    found = {
        c["width"]: record
        for c, record in results
        if all(c.get(name) == value for name, value in wanted.items())
    }
    return dict(sorted(found.items()))
