"""What identifies a task of `path_certificates`, and what it measures."""

from dataclasses import dataclass
from typing import Annotated

from lmctheory.sweeps.typed import REST, Key

__all__ = ["Measured", "Pair", "Task", "Whole"]


@dataclass(frozen=True)
class Task:
    """All pairs of one shape and training.

    Attributes:
        dataset: "digits" or "mnist".
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
