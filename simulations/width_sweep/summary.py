"""The report of `width_sweep`: means over pairs of what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measured import METRICS, Measured
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.width_sweep.measurement import ALIGNMENTS, PHASES, Task

__all__ = ["Results", "Shape", "costs", "report", "require_one_study", "summarise"]

Results = Sequence[tuple[Task, Measured]]


class Shape(NamedTuple):
    """All networks of one shape in one phase."""

    task: Task
    measured: Measured


class Layer(NamedTuple):
    """One of their hidden layers, counted from 0."""

    task: Task
    measured: Measured
    layer: int


def summarise(results: Results, phase: str) -> list[Shape]:
    """The shapes in one phase, by depth and width."""
    shapes = [Shape(task, record) for task, record in results if task.phase == phase]
    return sorted(shapes, key=lambda shape: (shape.task.depth, shape.task.width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shape and phase, or a shape lacks a phase.
    """
    tasks = [task for task, _ in results]
    require_equal(tasks, ("dataset", "pairs", "seed"))
    if len({str(task.training) for task in tasks if task.training is not None}) > 1:
        raise ValueError("the results mix studies with different training options")
    initial, trained = (
        {(task.depth, task.width) for task in tasks if task.phase == phase} for phase in PHASES
    )
    if initial != trained:
        raise ValueError("the results are not complete: resume the study")


def report(results: Results) -> list[Part]:
    """The barriers, then the matching costs in their sandwich."""
    return [
        _barriers(summarise(results, "trained")),
        *(costs(summarise(results, phase), phase) for phase in PHASES),
    ]


def _barriers(shapes: Sequence[Shape]) -> Table[Shape]:
    def of(alignment: str) -> Callable[[Shape], Mean]:
        return lambda shape: shape.measured.barrier(alignment)

    columns = [
        Column[Shape]("depth", lambda shape: shape.task.depth, form="d"),
        Column[Shape]("width", lambda shape: shape.task.width, form="d"),
        Column[Shape]("accuracy", _accuracy),
        *(Column[Shape](alignment, of(alignment)) for alignment in ALIGNMENTS),
        *(Column[Shape](f"certified {side}", _enclosed(side), head=side) for side in _SIDES),
    ]
    return Table(
        "Barrier of the test loss after training: signed maximum over t, mean over pairs",
        "In brackets, the standard error of the last digit. From, to: certified for all t together "
        "(C6),\nweighted matching.",
        columns,
        shapes,
    )


def _accuracy(shape: Shape) -> Mean | None:
    """None where the loss does not judge classes."""
    found = shape.measured.accuracy()
    return None if np.isnan(found.value) else found


_SIDES = {"from": "lower", "to": "upper"}


def _enclosed(side: str) -> Callable[[Shape], float | None]:
    def of(shape: Shape) -> float | None:
        found = shape.measured.enclosed("weighted")
        return None if found is None else getattr(found, _SIDES[side])

    return of


def costs(shapes: Sequence[Shape], phase: str) -> Table[Layer]:
    """The matching costs of one phase in their sandwich."""
    law = "an exact law" if phase == "initial" else "for the Gaussian with their covariance"
    columns = [
        Column[Layer]("depth", lambda layer: layer.task.depth, form="d"),
        Column[Layer]("width", lambda layer: layer.task.width, form="d"),
        Column[Layer]("layer", lambda layer: layer.layer + 1, form="d"),
        *(column for metric in METRICS for column in _sandwich(metric)),
        Column[Layer]("dim", lambda layer: _value(layer, "dimension", "data")),
    ]
    return Table(
        f"Matching cost per neuron, {phase} networks: Euclidean (naive) | data metric (weighted)",
        f"L <= M <= U (R11), {law}:\n{_verdict(shapes)}. dim: participation ratio, data metric.",
        columns,
        [Layer(*shape, layer) for shape in shapes for layer in range(shape.task.depth)],
    )


def _sandwich(metric: str) -> list[Column[Layer]]:
    columns = [
        Column[Layer]("L", lambda layer: _value(layer, "lower", metric)),
        Column[Layer](
            "measured", lambda layer: layer.measured.cost(METRICS[metric], metric, layer.layer)
        ),
        Column[Layer]("U", lambda layer: _value(layer, "upper", metric)),
        Column[Layer]("2 tr", lambda layer: _value(layer, "trivial", metric)),
    ]
    return [replace(one, name=f"{metric} {one.name}", head=one.name) for one in columns]


def _value(layer: Layer, side: str, metric: str) -> float | None:
    bound = layer.measured.bound(side, metric, layer.layer)
    return None if bound is None else bound.value


def _verdict(shapes: Sequence[Shape]) -> str:
    if any(task.pairs == 1 for task, _ in shapes):
        return "not tested, as one pair has no standard error"
    held = [
        record.sandwiched(metric, layer)
        for task, record in shapes
        for layer in range(task.depth)
        for metric in METRICS
    ]
    return f"{sum(held)} of {len(held)} within 4 standard errors"
