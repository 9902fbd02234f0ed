"""What one task measures: the simplex, the star and a curve between networks of one width.

Networks are trained apart, and taken as they are and after joint matching. Beside what is certified
stands what networks on a grid show. Seconds are those of the processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import match_several
from lmctheory.networks import Dataset, Examples, TrainingConfig, load_dataset
from lmctheory.paths import (
    barrier,
    certified_barrier,
    certified_simplex_barrier,
    certify,
    certify_simplex,
    certify_star,
    connect,
)
from simulations.simplex_grid import combined, grid_shares, judged
from simulations.timing import timed
from simulations.training import trained_mlps, widths_of

__all__ = [
    "ALIGNMENTS",
    "CURVES",
    "POINTS",
    "Curve",
    "Decision",
    "Measured",
    "Simplex",
    "Task",
    "cost_of",
    "run",
]

ALIGNMENTS = ("unmatched", "joint")
CURVES = ("segment", "bezier", "polygon")
GRID = 16
POINTS = 49
TOLERANCE = 0.05
"""Of the barriers' intervals."""

_LARGE = 10_000
"""Examples from which on networks are trained for fewer epochs."""


@dataclass(frozen=True)
class Task:
    """Networks of one width.

    Attributes:
        dataset: a name that `load_dataset` knows.
        width: of both hidden layers.
        networks: how many.
        examples: of the test data, at most.
        epochs: of training bends.
        budget: seconds of every certificate.
        seed: of everything.
    """

    dataset: str
    width: int
    networks: int
    examples: int
    epochs: int
    budget: float
    seed: int


@dataclass(frozen=True)
class Decision:
    """What is decided about all examples.

    Attributes:
        certified: share of the examples that all networks classify as labelled.
        refuted: share of those that one does not.
        seconds: it took.
    """

    certified: float
    refuted: float
    seconds: float

    @property
    def undecided(self) -> float:
        """Share of the examples; the others' are rounded quotients."""
        return max(0.0, round(1 - self.certified - self.refuted, 9))


@dataclass(frozen=True)
class Simplex:
    """All convex combinations of the networks, and the star from the first of them.

    Attributes:
        right: share of the examples that all networks on a grid classify as labelled.
        decision: about the simplex.
        star: about the segments from the first network to the others.
        barrier: the largest on a grid.
        interval: that contains the largest.
        seconds: that took.
        points: shares on a grid, and the loss there.
        boxes: of three networks the shares of the second and the third, each least and largest;
            the largest barrier there, at most; share of the examples that is certified there.
        ends: the networks' losses.
    """

    right: float
    decision: Decision
    star: Decision
    barrier: float
    interval: tuple[float, float]
    seconds: float
    points: list[list[float]]
    boxes: list[list[float]]
    ends: list[float]


@dataclass(frozen=True)
class Curve:
    """A path between the first two networks.

    Attributes:
        accuracy: the least on a grid of t.
        loss: on that grid.
        barrier: the largest on it.
        interval: that contains the largest.
        decision: about the path.
        training: seconds of the bend.
        seconds: of the interval.
        nodes: ends of the pieces that were certified.
        upper: the largest barrier on each, at most.
    """

    accuracy: float
    loss: list[float]
    barrier: float
    interval: tuple[float, float]
    decision: Decision
    training: float
    seconds: float
    nodes: list[float]
    upper: list[float]


@dataclass(frozen=True)
class Measured:
    """By alignment; curves by their kind too."""

    simplices: dict[str, Simplex]
    curves: dict[str, dict[str, Curve]]


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    return min(10 * task.budget, 40 + task.width / 2)


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains the networks of a task, and certifies what is between them."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    test = data.test[: task.examples]
    trained = _trained(task, data)
    sets = dict(
        zip(ALIGNMENTS, (trained, list(match_several(trained).apply(trained))), strict=True)
    )
    return Measured(
        {name: _simplex(models, test, task.budget) for name, models in sets.items()},
        {name: _curves(models, data, test, task) for name, models in sets.items()},
    )


def _config(epochs: int) -> TrainingConfig:
    return TrainingConfig(epochs=epochs, learning_rate=0.05, weight_decay=1e-3)


def _trained(task: Task, data: Dataset) -> list[nn.Module]:
    seeds = range(task.seed, task.seed + task.networks)
    widths = widths_of(data, task.width, depth=2)
    return trained_mlps(data, widths, _config(15 if len(data.train) < _LARGE else 5), seeds)


def _simplex(models: Sequence[nn.Module], test: Examples, budget: float) -> Simplex:
    points = grid_shares(len(models), GRID)
    losses, right = zip(*(judged(combined(models, x), test) for x in points), strict=True)
    ends = [judged(model, test)[0] for model in models]
    whole, seconds = timed(lambda: certify_simplex(models, test, budget=budget))
    star, star_seconds = timed(lambda: certify_star(models[0], models[1:], test, budget=budget))
    found, found_seconds = timed(
        lambda: certified_simplex_barrier(models, test, tolerance=TOLERANCE, budget=budget)
    )
    boxes = np.column_stack(
        [found.low, found.high, found.upper, found.certified / len(test)]
    ).tolist()
    return Simplex(
        right=float(np.all(right, 0).mean()),
        decision=Decision(whole.accuracy, float(whole.refuted.mean()), seconds),
        star=Decision(star.accuracy, float(star.refuted.mean()), star_seconds),
        barrier=float(max(np.array(losses) - np.array(points) @ np.array(ends))),
        interval=(found.max.lower, found.max.upper),
        seconds=found_seconds,
        points=[[*x, loss] for x, loss in zip(points, losses, strict=True)],
        boxes=boxes if len(models) == 3 else [],
        ends=ends,
    )


def _curves(
    models: Sequence[nn.Module], data: Dataset, test: Examples, task: Task
) -> dict[str, Curve]:
    a, b = models[:2]
    return {kind: _curve(a, b, kind, data, test, task) for kind in CURVES}


def _curve(
    a: nn.Module, b: nn.Module, kind: str, data: Dataset, test: Examples, task: Task
) -> Curve:
    budget, training = task.budget, 0.0
    if kind == "segment":
        measured = barrier(a, b, test, POINTS)
        whole, seconds = timed(lambda: certify(a, b, test, complete=True, budget=budget))
        found, found_seconds = timed(
            lambda: certified_barrier(a, b, test, tolerance=TOLERANCE, budget=budget)
        )
    else:
        config = _config(task.epochs)
        path, training = timed(lambda: connect(a, b, data.train, config, kind=kind, seed=task.seed))
        measured = path.barrier(test, POINTS)
        whole, seconds = timed(lambda: path.certify(test, budget=budget))
        found, found_seconds = timed(
            lambda: path.certified_barrier(test, tolerance=TOLERANCE, budget=budget)
        )
    return Curve(
        accuracy=float(measured.accuracy.min()),
        loss=measured.loss.tolist(),
        barrier=float(measured.max),
        interval=(found.max.lower, found.max.upper),
        decision=Decision(whole.accuracy, float(whole.refuted.mean()), seconds),
        training=training,
        seconds=found_seconds,
        nodes=found.nodes.tolist(),
        upper=found.upper.tolist(),
    )
