"""What one task measures: small networks, their matchings, and what no permutation undercuts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.networks import (
    MLP,
    Dataset,
    Examples,
    TrainingConfig,
    load_dataset,
)
from lmctheory.paths import barrier, certified_barrier, least_barrier
from simulations.training import trained_mlps, widths_of

__all__ = [
    "ALIGNMENTS",
    "COUNTEREXAMPLE",
    "NETWORKS",
    "Measured",
    "Network",
    "Pair",
    "Task",
    "cost_of",
    "run",
    "two_ways",
]

_EXAMPLES = 200
_TOLERANCE = 0.02
_POINTS = 25

COUNTEREXAMPLE = "two ways"
"""Ainsworth et al. 2023: one function, computed in two ways; nothing is trained."""


@dataclass(frozen=True)
class Network:
    """A network of `depth` hidden layers and its activation."""

    depth: int
    activation: str
    widths: tuple[int, ...]


NETWORKS: Mapping[str, Network] = {
    COUNTEREXAMPLE: Network(2, "relu", (2,)),
    "relu 1": Network(1, "relu", (4, 6, 8)),
    "tanh 1": Network(1, "tanh", (4, 6, 8)),
    "relu 2": Network(2, "relu", (3, 4, 5)),
    "tanh 2": Network(2, "tanh", (3, 4)),
}
"""By the name they have in the tables."""

ALIGNMENTS = ("unmatched", "weight", "weighted", "activation", "loss")
"""What is compared with the least: nothing, and matchings; "loss" sees the barrier itself."""


@dataclass(frozen=True)
class Task:
    """All pairs of one shape.

    Attributes:
        dataset: a name that `load_dataset` knows.
        network: of `NETWORKS`.
        width: of its layers.
        pairs: of networks.
        budget: seconds to search one pair.
        seed: of all draws.
    """

    dataset: str
    network: str
    width: int
    pairs: int
    budget: int
    seed: int


@dataclass(frozen=True)
class Pair:
    """Two networks and what permutations can do for them.

    Attributes:
        accuracy: of the worse of the two networks.
        matched: the barrier after every alignment, at most (key C6).
        lower: no permutation has less.
        upper: the best that was found has no more.
        arrangements: how many there are.
        bounded: how many partial ones were looked at.
        seconds: of the search.
    """

    accuracy: float
    matched: dict[str, float]
    lower: float
    upper: float
    arrangements: float
    bounded: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """All pairs of a shape."""

    pairs: list[Pair]


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    network = NETWORKS[task.network]
    searched = 4.0 * task.width ** (1 if network.depth == 1 else 2)
    return task.pairs * min(2 * task.budget, searched)


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains the pairs of a task and searches their arrangements."""
    if task.network == COUNTEREXAMPLE:
        a, b, test = two_ways(torch.Generator().manual_seed(task.seed))
        return Measured([_pair(a, b, test, test, task.budget)])
    data = load_dataset(task.dataset, data_dir=data_dir)
    test = data.test[:_EXAMPLES]
    return Measured(
        [_pair(a, b, data.train, test, task.budget) for a, b in _trained_pairs(task, data)]
    )


def two_ways(rng: torch.Generator) -> tuple[nn.Module, nn.Module, Examples]:
    """Two networks of one function, and examples of it.

    f(x) = -relu(x_1) - relu(-x_2) on [-1, 1]^2, zero where x_1 < 0 < x_2. A bends x_1 in its second
    layer and x_2 in its first, B the other way round: 1 + x and 1 - x are not bent there.
    """
    a = _layers(([[-1.0, 0.0], [0.0, -1.0]], [1.0, 0.0]), ([[-1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]))
    b = _layers(([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]), ([[1.0, 0.0], [0.0, -1.0]], [0.0, 1.0]))
    x = 2 * torch.rand(400, 2, generator=rng, dtype=torch.float64) - 1
    f = -x[:, 0].relu() - (-x[:, 1]).relu()
    return a, b, Examples(x, f, loss="squared")


_Layer = tuple[list[list[float]], list[float]]


def _layers(first: _Layer, second: _Layer) -> nn.Module:
    model = MLP((2, 2, 2, 1), rng=torch.Generator(), dtype=torch.float64)
    values = (*first, *second, [[-1.0, -1.0]], [0.0])
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.copy_(torch.tensor(value))
    return model


def _trained_pairs(task: Task, data: Dataset) -> list[tuple[nn.Module, nn.Module]]:
    network = NETWORKS[task.network]
    widths = widths_of(data, task.width, network.depth)
    seeds = list(range(task.seed, task.seed + 2 * task.pairs))
    training = TrainingConfig(epochs=30, learning_rate=0.05)
    models = trained_mlps(data, widths, training, seeds, network.activation)
    return list(zip(models[::2], models[1::2], strict=True))


def _pair(a: nn.Module, b: nn.Module, train: Examples, test: Examples, budget: int) -> Pair:
    found = least_barrier(a, b, test, tolerance=_TOLERANCE, budget=budget)
    curve = barrier(a, b, test, _POINTS)
    return Pair(
        accuracy=float(curve.accuracy[[0, -1]].min()),
        matched={
            name: certified_barrier(
                a, _aligned(a, b, name, train), test, tolerance=_TOLERANCE
            ).max.upper
            for name in ALIGNMENTS
        },
        lower=found.barrier.lower,
        upper=found.barrier.upper,
        arrangements=float(found.arrangements),
        bounded=found.bounded,
        seconds=found.seconds,
    )


def _aligned(a: nn.Module, b: nn.Module, name: str, train: Examples) -> nn.Module:
    """B as the alignment of that name leaves it."""
    if name == "unmatched":
        return b
    return match(a, b, name, train if name == "loss" else train.inputs).apply(b)
