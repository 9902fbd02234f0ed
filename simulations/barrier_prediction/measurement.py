"""What one task measures: a width's barrier, and what several routes predict of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lmctheory.networks import Dataset, TrainingConfig, load_dataset
from lmctheory.prediction import (
    BASELINES,
    BarrierPrediction,
    Jackknifed,
    MupFamily,
    PairCurves,
    all_pairs,
    extrapolate,
    predict_barrier,
    predict_family_barrier,
)
from simulations.training import Training, trained_mlps, widths_of

__all__ = [
    "FAMILY",
    "GIVEN",
    "ROUTES",
    "SETTINGS",
    "Forecast",
    "Measured",
    "Setting",
    "Task",
    "cost_of",
    "run",
]

FAMILY = "family"
"""Unions of members of the target's own family."""
GIVEN = "given networks"
"""From networks of ordinary training at narrow widths."""
ROUTES = (FAMILY, GIVEN, *BASELINES)

_FAR = 10_000
"""What is added to the first seed for every narrow width, so that no network recurs."""


@dataclass(frozen=True)
class Setting:
    """How networks are built and trained."""

    depth: int
    activation: str = "relu"
    parametrisation: str = "standard"
    learning_rate: float = 0.05
    weight_decay: float = 1e-3


SETTINGS: Mapping[str, Setting] = {
    "relu 1": Setting(1),
    "relu 2": Setting(2),
    "relu 3": Setting(3),
    "tanh 1": Setting(1, "tanh"),
    "tanh 2": Setting(2, "tanh"),
    "gelu 1": Setting(1, "gelu"),
    "relu 1 muP": Setting(1, parametrisation="mu"),
    "relu 2 muP": Setting(2, parametrisation="mu"),
    "relu 1 decay 0": Setting(1, weight_decay=0.0),
    "relu 2 decay 0": Setting(2, weight_decay=0.0),
    "relu 2 rate .03": Setting(2, learning_rate=0.03),
    "relu 3 rate .03": Setting(3, learning_rate=0.03),
}
"""By the name they have in the tables; the number is that of hidden layers."""

USUAL = (
    "relu 1",
    "relu 2",
    "tanh 1",
    "tanh 2",
    "gelu 1",
    "relu 1 muP",
    "relu 2 decay 0",
    "relu 3 rate .03",
)
"""Those that are run by default."""


@dataclass(frozen=True)
class Task:
    """One setting and width.

    Attributes:
        dataset: "digits" or "mnist".
        name: of the setting, of `SETTINGS`.
        setting: what it stands for.
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
    setting: Setting
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
    """A width's barrier, and its predictions by route."""

    measured: Forecast
    predicted: dict[str, Forecast]


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    wide = (task.width / 256) ** (1 if task.setting.depth == 1 else 2)
    return 10.0 * task.setting.depth * wide + 5.0 * task.networks


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains narrow and wide networks, and predicts the wide ones' barrier from the narrow ones."""
    data = load_dataset(task.dataset, data_dir=data_dir)
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
        GIVEN: predict_barrier(
            given, task.width, data.test, inputs=data.train.inputs, rng=task.seed
        ),
        **{rule: extrapolate(measured, task.width, rule) for rule in BASELINES},
    }
    wide = _trained(task, task.width, task.networks, task.seed, config, data)
    return Measured(
        Forecast.of(_pairs(wide, data)), {route: Forecast.of(one) for route, one in found.items()}
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
