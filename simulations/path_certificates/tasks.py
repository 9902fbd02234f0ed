"""What identifies a task of `path_certificates`, and what it measures."""

from dataclasses import dataclass
from typing import Annotated

from lmctheory.sweeps.typed import REST, Key

__all__ = [
    "Decided",
    "DecidingTask",
    "Decision",
    "Interval",
    "Intervals",
    "Measured",
    "Pair",
    "Task",
    "Trained",
    "Whole",
]


@dataclass(frozen=True)
class Trained:
    """All pairs of one shape and training.

    Attributes:
        dataset: a name that `load_dataset` knows.
        architecture: of `NETWORKS`.
        width: of its layers.
        weight_decay: in training.
        pairs: how many, at most.
        examples: of the test data, at most.
        seed: of everything.
    """

    dataset: str
    architecture: str
    width: int
    weight_decay: float
    pairs: int
    examples: int
    seed: int


@dataclass(frozen=True)
class Task(Trained):
    """Their certificates C1 to C4."""


@dataclass(frozen=True)
class DecidingTask(Trained):
    """What is decided about their segments: C5, and of quick networks C6.

    Attributes:
        budget: seconds for one pair's C5, and as many for its C6.
    """

    budget: int


@dataclass(frozen=True)
class Whole:
    """Certified for every t at once, with some number of pieces (C4).

    Attributes:
        accuracy: of the examples.
        attainable: accuracy at the nodes, no more can be certified.
        loss: the largest.
        barrier: of the loss.
    """

    accuracy: float
    attainable: float
    loss: float
    barrier: float


@dataclass(frozen=True)
class Pair:
    """One pair in one alignment, on test data.

    Attributes:
        accuracy: of the two ends.
        least_accuracy: on a grid of t, as the next two.
        loss: the largest.
        barrier: of the loss.
        midpoint: the barrier at t = 1/2, as all that follows.
        error: |f_t - f-bar|, root mean square over the examples.
        c1: its bound C1.
        c1_prime: C1'.
        c2: C2.
        c3: bound of the barrier.
        c4: for every t, by number of pieces.
    """

    accuracy: list[float]
    least_accuracy: Annotated[float, Key("least accuracy")]
    loss: float
    barrier: float
    midpoint: float
    error: float
    c1: Annotated[float, Key("C1")]
    c1_prime: Annotated[float, Key("C1'")]
    c2: Annotated[float, Key("C2")]
    c3: Annotated[float, Key("C3")]
    c4: Annotated[dict[int, Whole], Key("C4")]


@dataclass(frozen=True)
class Measured:
    """All pairs, by alignment."""

    pairs: Annotated[dict[str, list[Pair]], REST]


Interval = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """Certificate C6 of one pair, on test data, and what is measured at the t that it names.

    Attributes:
        barrier: contains the largest of the loss.
        midpoint: contains that at t = 1/2.
        drop: contains the largest accuracy drop.
        found: the barrier at the t where the lower end is met, measured.
        pieces: of the segment.
        converged: whether the barrier's is as narrow as was asked for.
        seconds: of the processor.
    """

    barrier: Interval
    midpoint: Interval
    drop: Interval
    found: float
    pieces: int
    converged: bool
    seconds: float


@dataclass(frozen=True)
class Decision:
    """One pair in one alignment, on test data; seconds are those of the processor.

    Attributes:
        accuracy: of the two ends.
        barrier: of the loss, on a grid of t, as the next three.
        midpoint: the barrier at t = 1/2.
        drop: of the accuracy.
        attainable: share of the examples that every network of the grid gets right.
        grid: seconds of passing the examples through the networks of the grid.
        certified: share of the examples that are right at every t (C5).
        refuted: share of those that are not.
        wrong: how many examples are certified and wrong on the grid, or refuted at a t and right
            there.
        pieces: tried for an example, mean over those that no network of the grid refutes.
        narrowest: length of the shortest piece.
        seconds: of C5.
        c4: share that C4 certifies with the most pieces; None where it is not taken.
        c4_seconds: likewise.
        intervals: likewise.
    """

    accuracy: list[float]
    barrier: float
    midpoint: float
    drop: float
    attainable: float
    grid: float
    certified: float
    refuted: float
    wrong: int
    pieces: float
    narrowest: float
    seconds: float
    c4: float | None = None
    c4_seconds: float | None = None
    intervals: Intervals | None = None

    @property
    def undecided(self) -> float:
        """Share of the examples; the others' are rounded quotients."""
        return max(0.0, round(1 - self.certified - self.refuted, 9))


@dataclass(frozen=True)
class Decided:
    """All pairs, by alignment."""

    pairs: Annotated[dict[str, list[Decision]], REST]
