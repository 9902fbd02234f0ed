"""What identifies a task of `matching_methods`, and what it measures."""

from dataclasses import dataclass
from typing import Annotated

from lmctheory.sweeps.typed import REST

__all__ = [
    "Line",
    "NarrowPairs",
    "NarrowTask",
    "Pair",
    "PairTask",
    "Recovery",
    "Search",
]


@dataclass(frozen=True)
class PairTask:
    """A pair of one architecture."""

    architecture: str
    pair: int
    seed: int


@dataclass(frozen=True)
class Line:
    """The segment from A to an aligned B, on test data.

    Attributes:
        cosine: of all parameters.
        barrier: of the loss, signed maximum.
        midpoint: at t = 1/2.
        repaired: there after REPAIR, or with BatchNorm after its statistics are reset.
        seconds: that the matching took; None without one.
        change: of the outputs by the matching, likewise.
    """

    cosine: float
    barrier: float
    midpoint: float
    repaired: float
    seconds: float | None = None
    change: float | None = None


@dataclass(frozen=True)
class Recovery:
    """Of a planted permutation.

    Attributes:
        recovered: share of the neurons, for each method a list over `NOISES`.
        tied: for each method whether what it found without noise is as good as the planted
            permutation by what it minimises.
    """

    recovered: dict[str, list[float]]
    tied: dict[str, bool]


@dataclass(frozen=True)
class Pair:
    """A pair, unmatched and after every matching.

    Attributes:
        parameters: of a network.
        groups: of its symmetry.
        neurons: in all of them.
        accuracy: of both networks.
        planted: permutations of A.
        lines: by alignment.
    """

    parameters: int
    groups: int
    neurons: int
    accuracy: list[float]
    planted: Recovery
    lines: Annotated[dict[str, Line], REST]


@dataclass(frozen=True)
class NarrowTask:
    """All pairs of narrow networks of one shape."""

    narrow: str
    pairs: int
    seed: int


@dataclass(frozen=True)
class Search:
    """What a search finds for every pair; barriers of trained networks only."""

    cosine: list[float]
    bend: list[float]
    barrier: list[float]


@dataclass(frozen=True)
class NarrowPairs:
    """By search, and the accuracy of the networks if they are trained."""

    accuracy: list[float]
    searches: Annotated[dict[str, Search], REST]
