"""What identifies a task of `matching_rates`."""

from dataclasses import dataclass

from simulations.matching_rates.laws import CUBES

__all__ = [
    "CURVE_WIDTHS",
    "EXPONENTS",
    "CostTask",
    "DimensionTask",
    "IntervalTask",
    "Task",
    "cost_of",
]

CURVE_WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
EXPONENTS = (1.0, 2.0)
"""The p of W_p^p."""


@dataclass(frozen=True)
class CostTask:
    """Draws of the matching cost W_p^p of one law at one width."""

    law: str
    width: int
    p: float
    repeats: int
    seed: int


@dataclass(frozen=True)
class DimensionTask:
    """Estimates of the dimension of data, from samples of so many points."""

    data: str
    points: int
    repeats: int
    seed: int


@dataclass(frozen=True)
class IntervalTask:
    """An interval of the matching cost, p = 2, of given points at one width."""

    law: str
    width: int
    repeats: int
    seed: int


Task = CostTask | DimensionTask | IntervalTask


def cost_of(task: Task) -> float:
    """Seconds, roughly: 2 for an assignment of 4096 neurons, a half for bounds."""
    if isinstance(task, IntervalTask):
        return 3.0 + 0.03 * task.repeats
    if isinstance(task, DimensionTask):
        return 3.0 * task.repeats
    if task.law == CUBES[1]:  # sorted
        return 0.5
    return 0.5 + 2 * task.repeats * float((task.width / 4096) ** 2.7)
