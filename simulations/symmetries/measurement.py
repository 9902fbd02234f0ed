"""What one task measures: pairs of networks of one shape, matched in larger and larger groups."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import match, rescale, rotate, spread
from lmctheory.networks import Examples
from lmctheory.paths import barrier
from simulations.symmetries.networks import NETWORKS, trained_pair

__all__ = ["ALIGNMENTS", "PLAIN", "Measured", "Pair", "Task", "cost_of", "run"]

_POINTS = 11
_FEW = 8
"""Examples that finding symmetries takes."""


Ends = tuple[nn.Module, nn.Module]


def _unmatched(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    del train
    return a, b


def _permuted(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    return a, match(a, b, data=train[:_FEW].inputs, signs=False).apply(b)


def _signed(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    return a, match(a, b, data=train[:_FEW].inputs).apply(b)


def _scaled(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    _, aligned = _signed(a, b, train)
    return a, rescale(a, aligned).apply(aligned)


def _shared(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    _, aligned = _signed(a, b, train)
    return spread(a, aligned, train.inputs, by_data=True).pair(a, aligned)


def _turned(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    return rotate(a, b, train[:_FEW].inputs).pair(a, b)


def _trained(a: nn.Module, b: nn.Module, train: Examples) -> Ends:
    return rotate(a, b, train, "loss", rng=np.random.default_rng(0)).pair(a, b)


ALIGNMENTS: Mapping[str, Callable[[nn.Module, nn.Module, Examples], Ends]] = {
    "unmatched": _unmatched,
    "permutations": _permuted,
    "signs": _signed,
    "scales": _scaled,
    "rotations": _turned,
    "by loss": _trained,
    "redundancy": _shared,
}
"""Each beyond permutations in a larger group, by weights or by the loss; the last uses the freedom
that redundant neurons give on the training data, after signs."""

PLAIN = ("unmatched", "permutations", "signs")
"""Those of every network."""


@dataclass(frozen=True)
class Task:
    """All pairs of one shape.

    Attributes:
        dataset: a name that `load_dataset` knows, for networks that read images.
        network: of `NETWORKS`.
        width: of its layers.
        pairs: of networks.
        seed: of all draws.
    """

    dataset: str
    network: str
    width: int
    pairs: int
    seed: int


@dataclass(frozen=True)
class Pair:
    """Two networks after one alignment.

    Attributes:
        barrier: the largest height of the test loss above the chord, signed.
        midpoint: its height at t = 1/2.
        accuracy: of the worse of the two networks, and at t = 1/2.
        seconds: that the alignment took.
    """

    barrier: float
    midpoint: float
    accuracy: tuple[float, float]
    seconds: float


@dataclass(frozen=True)
class Measured:
    """All pairs, by alignment."""

    pairs: dict[str, list[Pair]]


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    return task.pairs * NETWORKS[task.network].cost * max(1.0, task.width / 64)


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains and measures the pairs of a task."""
    network = NETWORKS[task.network]
    data = network.examples(task.dataset, data_dir)
    names = (*PLAIN, *network.beyond)
    found: dict[str, list[Pair]] = {name: [] for name in names}
    for k in range(task.pairs):
        first = task.seed + 2 * k
        a, b = trained_pair(network, task.width, data, (first, first + 1))
        for name in names:
            start = time.perf_counter()
            ends = ALIGNMENTS[name](a, b, data.train)
            seconds = time.perf_counter() - start
            curve = barrier(*ends, data.test, _POINTS)
            found[name].append(
                Pair(
                    barrier=float(curve.max),
                    midpoint=float(curve.midpoint),
                    accuracy=(
                        float(curve.accuracy[[0, -1]].min()),
                        float(curve.accuracy[_POINTS // 2]),
                    ),
                    seconds=seconds,
                )
            )
    return Measured(found)
