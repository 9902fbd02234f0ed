"""What one task measures: a width's barrier, and what several routes predict of it."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from lmctheory.choices import require_choice
from lmctheory.networks import Dataset, TrainingConfig, load_dataset, teacher_dataset
from lmctheory.prediction import (
    BASELINES,
    BarrierPrediction,
    Jackknifed,
    MupFamily,
    NoBarrier,
    PairCurves,
    all_pairs,
    extrapolate,
    predict_barrier,
    predict_family_barrier,
)
from simulations.barrier_prediction.settings import DATA, Shape
from simulations.training import Training, trained_mlps, widths_of

__all__ = [
    "FAMILY",
    "GIVEN",
    "ROUTES",
    "Forecast",
    "Measured",
    "Task",
    "cost_of",
    "data_of",
    "run",
]

FAMILY = "family"
"""Unions of members of the target's own family."""
GIVEN = "given networks"
"""From networks of ordinary training at narrow widths."""
ROUTES = (FAMILY, GIVEN, *BASELINES)

_TRAINED_ON, _TESTED_ON = 6000, 2000
"""How many of MNIST's examples: four times the steps of digits."""
_SLOWER = {"digits": 1.0, "teacher": 1.6, "mnist": 14.0}
"""How many times the seconds of digits a task takes, roughly."""
_FAR = 10_000
"""What is added to the first seed for every narrow width, so that no network recurs."""


@dataclass(frozen=True)
class Task:
    """One setting and width.

    Attributes:
        dataset: of `DATA`.
        name: of the setting, of `SETTINGS`.
        setting: how its networks are built.
        width: of the networks that are predicted.
        member: width of the family's members.
        unions: of members.
        networks: of the width that are trained to measure its barrier.
        narrow: widths of the networks that are given.
        pool: how many of each are given.
        training: of all networks.
        seed: of all draws.
    """

    dataset: str
    name: str
    setting: Shape
    width: int
    member: int
    unions: int
    networks: int
    narrow: list[int]
    pool: int
    training: Training
    seed: int


@dataclass(frozen=True)
class Forecast:
    """A barrier, predicted or measured.

    Attributes:
        curve: above the chord, at equidistant t.
        max: the largest value.
        interval: of 90 %, empty where it is not known.
        function_error: at t = 1/2.
    """

    curve: list[float]
    max: float
    interval: list[float]
    function_error: float

    @classmethod
    def of(cls, found: BarrierPrediction | PairCurves) -> "Forecast":
        """What a prediction or a measurement says."""
        top, error = found.max, found.function_error
        interval = found.interval if isinstance(found, BarrierPrediction) else found.max.interval
        return cls(
            curve=[float(value) for value in found.curve],
            max=top.value if isinstance(top, Jackknifed) else top,
            interval=[float(end) for end in interval if not math.isnan(end)],
            function_error=error.value if isinstance(error, Jackknifed) else error,
        )


@dataclass(frozen=True)
class Measured:
    """A width's barrier, and its predictions by route; one that found no barrier is left out."""

    measured: Forecast
    predicted: dict[str, Forecast]


def data_of(name: str, data_dir: Path | None = None) -> Dataset:
    """Training and test data by their name, of `DATA`; MNIST's first examples only.

    Raises:
        ValueError: for an unknown name.
        FileNotFoundError: if MNIST's files are missing.
    """
    require_choice("dataset", name, DATA)
    if name == "teacher":
        return teacher_dataset(rng=torch.Generator().manual_seed(0))
    if name == "digits":
        return load_dataset(name)
    whole = load_dataset(name, data_dir=data_dir)
    return replace(whole, train=whole.train[:_TRAINED_ON], test=whole.test[:_TESTED_ON])


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly: of the narrow networks, and of the wide ones and the unions."""
    depth, wide = task.setting.depth, task.width / 256
    narrow = (4 + 6 * depth) * task.pool / 16
    broad = (5 * wide if depth == 1 else (8 * depth - 6) * wide**2) * task.networks / 8
    return _SLOWER[task.dataset] * (narrow + broad) * task.training.epochs / 15


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains narrow and wide networks, and predicts the wide ones' barrier from the narrow ones."""
    data = data_of(task.dataset, data_dir)
    config = task.training.config
    given = {
        width: _trained(task, width, task.pool, task.seed + _FAR * (k + 1), config, data)
        for k, width in enumerate(task.narrow)
    }
    measured = {width: _pairs(networks, data) for width, networks in given.items()}
    found: dict[str, BarrierPrediction] = {
        FAMILY: predict_family_barrier(
            _family(task, config, data),
            task.member,
            data.train,
            data.test,
            unions=task.unions,
            rng=task.seed,
        ),
        **{rule: extrapolate(measured, task.width, rule) for rule in BASELINES},
    }
    with suppress(NoBarrier):
        found[GIVEN] = predict_barrier(
            given, task.width, data.test, inputs=data.train.inputs, rng=task.seed
        )
    wide = _trained(task, task.width, task.networks, task.seed, config, data)
    return Measured(
        Forecast.of(_pairs(wide, data)),
        {route: Forecast.of(found[route]) for route in ROUTES if route in found},
    )


def _pairs(networks: Sequence[nn.Module], data: Dataset) -> PairCurves:
    return all_pairs(networks, data.test, inputs=data.train.inputs, span=3)


def _family(task: Task, config: TrainingConfig, data: Dataset) -> MupFamily:
    return MupFamily(
        widths_of(data, task.width, task.setting.depth),
        config,
        task.setting.activation,
        parametrisation=task.setting.parametrisation,
    )


def _trained(
    task: Task, width: int, count: int, first: int, config: TrainingConfig, data: Dataset
) -> list[nn.Module]:
    return trained_mlps(
        data,
        widths_of(data, width, task.setting.depth),
        config,
        range(first, first + count),
        task.setting.activation,
        task.setting.parametrisation,
    )
