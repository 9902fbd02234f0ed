"""What identifies a task of `two_layer_widths`, and what it measures."""

from dataclasses import dataclass
from typing import Annotated, Literal

from lmctheory.sweeps.typed import REST

__all__ = [
    "AtWidth",
    "Case",
    "Errors",
    "MeanField",
    "MeanFieldTask",
    "Pair",
    "Sampling",
    "SamplingTask",
    "Spread",
    "Task",
    "Teacher",
    "TeacherTask",
    "cost_of",
]


@dataclass(frozen=True)
class Case:
    """Neurons of one law, "bounded" or "Gaussian", with so many inputs and, perhaps, a bias."""

    law: str
    inputs: int
    bias: bool

    @property
    def weights(self) -> int:
        """With the bias, without the output."""
        return self.inputs + self.bias

    @property
    def dimension(self) -> int:
        """Of a neuron."""
        return self.weights + (self.law == "bounded")


@dataclass(frozen=True)
class SamplingTask(Case):
    """Draws of pairs of independent networks of one width, matched for W_p (T2)."""

    p: int
    width: int
    draws: int
    seed: int
    part: Literal["sampling"] = "sampling"


@dataclass(frozen=True)
class Errors:
    """Of every draw, for one activation.

    Attributes:
        error: the largest over t and x.
        gaps: the same for the sum of the neurons' |gaps| in place of their sum.
        given: the bound by W_p of the matched neurons.
        bound: that of the mean error, known before.
    """

    error: list[float]
    gaps: list[float]
    given: list[float]
    bound: float


@dataclass(frozen=True)
class Sampling:
    """W_p of every draw, and errors by activation."""

    distance: list[float]
    errors: Annotated[dict[str, Errors], REST]


@dataclass(frozen=True)
class MeanFieldTask:
    """Networks of several widths that learn one problem, beside a reference (T5)."""

    problem: str
    reference: int
    widths: list[int]
    seed: int
    part: Literal["mean_field"] = "mean_field"


@dataclass(frozen=True)
class Spread:
    """As `simulations.two_layer_widths.dynamics.Spread`, at the checkpoints."""

    largest: list[float]
    mean_square: list[float]
    local: list[float]
    bound: list[float]


@dataclass(frozen=True)
class Pair:
    """Measured, beside T2 at the distance of the trained neurons, and T2 and T3 at its bound."""

    error: float
    given: float
    barrier: float
    risk: float
    distance_bound: float
    error_bound: float
    barrier_bound: float


@dataclass(frozen=True)
class AtWidth:
    """Couplings of all networks of a width, and the ways of all pairs.

    Attributes:
        coupling: root mean square distance of a network's neurons from the limit's.
        coupling_max: the largest.
        coupling_bound: the explicit recursion, with sampling errors as measured.
        first_order: its first order with the flow's own spread in place of the products of
            1 + 2 s H sqrt(R), and no bound.
        initial: root mean square distance of a pair's matched neurons.
        trained: of the same after training.
        limit: of the same, carried by the limit.
        known_distance: bound of `trained` that was known before.
        known_error: of the pairs' errors.
        pairs: their ways.
        unmatched: barriers.
    """

    coupling: list[float]
    coupling_max: list[float]
    coupling_bound: list[float]
    first_order: list[float]
    initial: list[float]
    trained: list[float]
    limit: list[float]
    known_distance: float
    known_error: float
    pairs: list[Pair]
    unmatched: list[float]


@dataclass(frozen=True)
class MeanField:
    """Risk and spread at the checkpoints, and what was measured by width."""

    risk: list[float]
    spread: Spread
    widths: dict[int, AtWidth]


@dataclass(frozen=True)
class TeacherTask:
    """Pairs of students of one width (T6)."""

    inputs: int
    width: int
    pairs: int
    seed: int
    part: Literal["teacher"] = "teacher"


@dataclass(frozen=True)
class Teacher:
    """Every student's loss and every pair's barriers, over the target's power."""

    loss: list[float]
    matched: list[float]
    unmatched: list[float]


Task = SamplingTask | MeanFieldTask | TeacherTask


def cost_of(task: Task) -> float:
    """Seconds, roughly."""
    if isinstance(task, SamplingTask):
        return 0.3 + 3 * task.draws * float((task.width / 4096) ** 2.3)
    if isinstance(task, MeanFieldTask):
        return 5.0 + task.reference / 1000 + 2.0 * len(task.widths)
    return 2.0 + task.width / 30
