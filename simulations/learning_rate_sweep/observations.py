"""Pairs of networks as observations: a barrier, and what could foretell it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulations.learning_rate_sweep.correlations import Correlation
from simulations.learning_rate_sweep.measurement import MATCHINGS, Compared, Measured, Task

__all__ = ["PREDICTORS", "Observation", "correlated", "observations"]

PREDICTORS = ("dimension", "centred", "law", "cost", "on_data", "coherence")
"""Fields of `Observation` that could foretell a barrier."""


@dataclass(frozen=True)
class Observation:
    """One pair after one matching.

    Attributes:
        optimiser: "sgd" or "adam".
        matching: of `MATCHINGS`.
        width: of hidden layers.
        rate: of learning.
        pair: its number in this setting.
        accuracy: on test data, of the worse network.
        midpoint: test loss there.
        barrier: signed maximum.
        first_dimension: of the first layer.
        dimension: mean logarithm over layers, as are the next two.
        centred: of moments about the mean.
        law: of neurons about their mean.
        cost: of the matching's own, mean over layers.
        on_data: of pre-activations, mean over layers.
        coherence: of the function error.
    """

    optimiser: str
    matching: str
    width: int
    rate: float
    pair: int
    accuracy: float
    midpoint: float
    barrier: float
    first_dimension: float
    dimension: float
    centred: float
    law: float
    cost: float
    on_data: float
    coherence: float


def observations(results: Iterable[tuple[Task, Measured]]) -> list[Observation]:
    """All pairs after all matchings."""
    return [
        _observed(task, measured, place, name)
        for task, measured in results
        for place in range(task.pairs)
        for name in MATCHINGS
    ]


def _observed(task: Task, measured: Measured, place: int, matching: str) -> Observation:
    aligned = measured.pairs[place].aligned[matching]
    compared = aligned.compared
    assert isinstance(compared, Compared)
    return Observation(
        optimiser=task.training.optimiser,
        matching=matching,
        width=task.width,
        rate=task.training.learning_rate,
        pair=task.first + place,
        accuracy=min(measured.pairs[place].accuracies),
        midpoint=aligned.midpoint,
        barrier=aligned.barrier,
        first_dimension=compared.dimension[0],
        dimension=_mean_logarithm(compared.dimension),
        centred=_mean_logarithm(compared.centred),
        law=_mean_logarithm(compared.law),
        cost=float(np.mean(compared.cost)),
        on_data=float(np.mean(aligned.on_data)),
        coherence=aligned.coherence,
    )


def _mean_logarithm(dimensions: Sequence[float]) -> float:
    """NaN if the neurons of a layer are all dead, whose dimension is 0."""
    return float(np.log(dimensions).mean()) if min(dimensions) > 0 else float("nan")


def correlated(
    x: str, y: str, seen: Sequence[Observation], given: Sequence[str], *, copies: int = 1
) -> Correlation | None:
    """Of two fields, given others: see `Correlation.of`."""
    u, v = ([getattr(one, field) for one in seen] for field in (x, y))
    cells = [tuple(getattr(one, field) for field in given) for one in seen]
    return Correlation.of(u, v, cells, copies=copies)
