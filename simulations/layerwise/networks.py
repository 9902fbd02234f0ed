"""The networks that are compared layer by layer: how each is built, trained and joined."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import mse_loss, one_hot

from lmctheory.networks import (
    CNN,
    MLP,
    VGG,
    Dataset,
    Examples,
    ResNet20,
    TrainingConfig,
    evaluation_mode,
    seeded_generators,
    train_many,
)

__all__ = [
    "JOINING",
    "LINEAR",
    "NETWORKS",
    "Network",
    "least_squares_pair",
    "require_images",
    "trained_pair",
]

JOINING = ("independent", "shared", "spawned")
"""What two networks have in common: nothing, their initial weights, or the first epochs."""

_TRUNK = 0.2
"""The part of the epochs that spawned networks share."""


@dataclass(frozen=True)
class Network:
    """An architecture, of any width.

    Attributes:
        build: from the input's side (images are square), the width and a generator.
        width: the usual one.
        pairs: how many are compared, unless told otherwise.
        examples: test examples that they are compared on, at most.
        kink_examples: for the split of the barrier into layers; 0 for networks that are no chains.
        learning_rate: its peak.
        cost: seconds of one pair, roughly.
    """

    build: Callable[[int, int, torch.Generator], nn.Module]
    width: int
    pairs: int
    examples: int = 360
    kink_examples: int = 0
    learning_rate: float = 0.05
    cost: float = 1.0

    def untrained(self, examples: Examples, width: int, seed: int) -> nn.Module:
        """A network of that width for such examples, with weights of that seed."""
        side = round(examples.inputs[0].numel() ** 0.5)
        return self.build(side, width, seeded_generators(seed)[0])

    def training(self, epochs: int, schedule: str = "cosine") -> TrainingConfig:
        """Stochastic gradient descent with a short warm-up: deep networks without norms need it."""
        return TrainingConfig(
            epochs=epochs,
            learning_rate=self.learning_rate,
            weight_decay=1e-3,
            schedule=schedule,
            warmup_steps=20,
        )


def _mlp(depth: int, pairs: int, kink_examples: int, cost: float) -> Network:
    def build(side: int, width: int, rng: torch.Generator) -> nn.Module:
        return MLP((side * side, *[width] * depth, 10), rng=rng)

    return Network(build, 64, pairs, kink_examples=kink_examples, cost=cost)


NETWORKS: Mapping[str, Network] = {
    "MLP 2": _mlp(2, 4, 100, 2.0),
    "MLP 4": _mlp(4, 4, 60, 3.0),
    "MLP 8": _mlp(8, 4, 25, 10.0),
    "CNN": Network(
        lambda side, width, rng: CNN((1, side, side), (width, 2 * width, 2 * width), 10, rng=rng),
        12,
        3,
        cost=5.0,
    ),
    "VGG-11": Network(
        lambda side, width, rng: VGG((1, side, side), 10, depth=11, width=width, rng=rng),
        8,
        2,
        examples=200,
        learning_rate=0.03,
        cost=12.0,
    ),
    "ResNet-20": Network(
        lambda side, width, rng: ResNet20((1, side, side), 10, width=width, norm=None, rng=rng),
        8,
        2,
        examples=200,
        learning_rate=0.02,
        cost=30.0,
    ),
}
"""By the name they have in the tables; the number of an MLP is its hidden layers'."""

LINEAR = "linear 3"
"""A deep linear network, three hidden layers: the one that L2 speaks of."""
_LINEAR_WIDTHS = (32, 32, 32)
_LINEAR_STEPS = 300


def require_images(data: Dataset) -> None:
    """Refuses data that these networks are not made for.

    Raises:
        ValueError: if they are not grey square images of ten classes.
    """
    inputs = data.train.inputs[0].numel()
    if data.outputs != 10 or inputs != round(inputs**0.5) ** 2:
        raise ValueError(f"dataset must hold grey square images of ten classes, got {data.name!r}")


def trained_pair(
    network: Network,
    data: Dataset,
    joining: str,
    seeds: list[int],
    *,
    width: int,
    epochs: int,
    schedule: str,
) -> tuple[nn.Module, nn.Module]:
    """Two networks that differ in their data order, and in what `joining` says.

    Spawned networks share the first fifth of the epochs; each part has its own schedule.

    Args:
        network: the architecture.
        data: what they are trained on.
        joining: one of `JOINING`.
        seeds: two.
        width: of both.
        epochs: of the whole training.
        schedule: of the learning rate.
    """
    rest = network.training(epochs, schedule)
    if joining == "independent":
        starts = [network.untrained(data.train, width, seed) for seed in seeds]
    else:
        starts = [network.untrained(data.train, width, seeds[0])] * 2
    if joining == "spawned":
        shared = max(1, round(_TRUNK * epochs))
        trunk = network.training(shared, schedule)
        rest = network.training(max(1, epochs - shared), schedule)
        # a seed of its own: the continuations do not repeat the trunk's order
        starts = train_many(starts[:1], data.train, trunk, seeds=[seeds[0] + seeds[1]]) * 2
    a, b = train_many(starts, data.train, rest, seeds=seeds)
    return evaluation_mode(a), evaluation_mode(b)


def least_squares_pair(
    data: Dataset, joining: str, seeds: list[int]
) -> tuple[nn.Module, nn.Module]:
    """Two deep linear networks fitted to the labels' unit vectors, in float64.

    Each is fitted to its own half of the training data, in whose place the order of the examples
    would do nothing: all gradients are of full batches.
    """
    shape = (data.train.inputs[0].numel(), *_LINEAR_WIDTHS, data.classes)
    sources = seeds if joining == "independent" else seeds[:1] * 2
    starts: list[nn.Module] = [
        MLP(shape, "identity", rng=seeded_generators(seed)[0], dtype=torch.float64)
        for seed in sources
    ]
    steps = _LINEAR_STEPS
    if joining == "spawned":
        shared = round(_TRUNK * steps)
        trunk = _descended(starts[0], data.train, shared)
        starts, steps = [trunk, trunk], steps - shared
    halves = (Examples(data.train.inputs[half::2], data.train.labels[half::2]) for half in range(2))
    a, b = (_descended(start, half, steps) for start, half in zip(starts, halves, strict=True))
    return a, b


def _descended(start: nn.Module, data: Examples, steps: int) -> nn.Module:
    model = copy.deepcopy(start)
    x, y = data.inputs.double().flatten(1), one_hot(data.labels).double()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(mse_loss(model(x), y))
        optimiser.step()
    return evaluation_mode(model.eval())
