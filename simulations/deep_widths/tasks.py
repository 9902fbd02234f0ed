"""What identifies a task of `deep_widths`."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "GAUSSIAN",
    "MARGINALS",
    "TIMES",
    "BoundTask",
    "PairTask",
    "RequiredTask",
    "SimulationTask",
    "Task",
    "cost_of",
]

TIMES = (0.5, 0.25, 0.1)
"""Points t of the line; the bound is symmetric about 1/2."""
GAUSSIAN = "Gaussian"
MARGINALS = ("uniform", "truncated normal", "signs + noise")
"""Other laws of a weight (D5)."""


@dataclass(frozen=True)
class Task:
    """What all tasks have.

    Attributes:
        dataset: a name that `load_dataset` knows.
        examples: how many, from the front of the training set.
        depth: number of hidden layers.
        seed: of everything.
    """

    dataset: str
    examples: int
    depth: int
    seed: int


@dataclass(frozen=True)
class BoundTask(Task):
    """D1 for networks of one width whose weights have one law."""

    width: int
    law: str
    task: Literal["bound"] = "bound"


@dataclass(frozen=True)
class PairTask(Task):
    """A draw of a matched pair of such networks."""

    width: int
    law: str
    draw: int
    task: Literal["pair"] = "pair"


@dataclass(frozen=True)
class SimulationTask(Task):
    """D1 from so many simulated matchings of Gaussian weights."""

    width: int
    repeats: int
    task: Literal["simulation"] = "simulation"


@dataclass(frozen=True)
class RequiredTask(Task):
    """Widths that D1 requires for a tolerance."""

    eps: float
    task: Literal["required"] = "required"


def cost_of(task: Task) -> float:
    """Seconds, roughly, for 1000 examples."""
    if isinstance(task, PairTask):
        return 0.3 + 0.5 * task.depth * float((task.width / 1024) ** 2)
    if isinstance(task, SimulationTask):
        return 0.5 * task.repeats * task.depth * float((task.width / 1024) ** 2)
    return (6.0 if isinstance(task, RequiredTask) else 1.0) * task.depth
