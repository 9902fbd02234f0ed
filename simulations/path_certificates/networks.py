"""The networks whose segments are certified: how each is built and trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lmctheory.networks import (
    CNN,
    MLP,
    Dataset,
    TrainingConfig,
    evaluation_mode,
    seeded_generators,
    train_many,
)
from simulations.path_certificates.tasks import Task

__all__ = ["NETWORKS", "Network", "Pair", "trained_pairs"]

Pair = tuple[nn.Module, nn.Module]

Build = Callable[[tuple[int, ...], int, int, torch.Generator], nn.Module]


@dataclass(frozen=True)
class Network:
    """An architecture, of any width.

    Attributes:
        build: from the input's shape, the number of classes, the width and a generator.
        widths: of the default study.
        weight_decays: likewise.
        epochs: of training on digits.
        trunk_epochs: for so many of them A and B are one network; with 0 they share nothing.
        quick: whether its certificates take tenths of a second; of one that takes seconds, few
            pairs are measured, and after one matching only.
    """

    build: Build
    widths: tuple[int, ...]
    weight_decays: tuple[float, ...]
    epochs: int
    trunk_epochs: int = 0
    quick: bool = True

    def pairs(self, asked: int) -> int:
        """How many are measured of a shape."""
        return asked if self.quick else min(asked, _FEW)


_FEW = 4


def _mlp(depth: int) -> Network:
    def build(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
        inputs = int(torch.Size(shape).numel())
        return MLP((inputs, *[width] * depth, classes), rng=rng)

    widths, decays = (32, 64, 128, 256, 512), (0.0, 1e-3)
    return Network(build, widths, decays, epochs=15)


def _cnn(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
    pixels = int(torch.Size(shape).numel())
    side = round(pixels**0.5)
    return CNN((1, side, side), (width, 2 * width), classes, rng=rng)


def _convolutional(trunk_epochs: int) -> Network:
    return Network(
        _cnn,
        widths=(8, 16),
        weight_decays=(1e-3,),
        epochs=6,
        trunk_epochs=trunk_epochs,
        quick=False,
    )


NETWORKS: Mapping[str, Network] = {
    **{f"MLP {depth}": _mlp(depth) for depth in (1, 2, 3)},
    "CNN": _convolutional(trunk_epochs=0),
    "CNN near": _convolutional(trunk_epochs=1),
}
"""By the name they have in the tables; the number of an MLP is its hidden layers'."""


def trained_pairs(task: Task, data: Dataset) -> list[Pair]:
    """All pairs of a shape, in evaluation mode and float64."""
    network = NETWORKS[task.architecture]
    # no two tasks share their draws: equal seeds would share the first layer's weights
    place = list(NETWORKS).index(task.architecture)
    entropy = [task.seed, place, task.width, round(1e6 * task.weight_decay)]
    count = network.pairs(task.pairs)
    seeds = np.random.SeedSequence(entropy).generate_state(2 * count).tolist()
    shape = tuple(data.train.inputs.shape[1:])
    initial = [
        network.build(shape, data.classes, task.width, seeded_generators(seed)[0]) for seed in seeds
    ]
    training = TrainingConfig(
        epochs=network.epochs, learning_rate=0.05, weight_decay=task.weight_decay
    )
    if not network.trunk_epochs:
        models = train_many(initial, data.train, training, seeds=seeds)
    else:
        models = [
            model
            for k in range(0, 2 * count, 2)
            for model in train_many(
                [initial[k]] * 2,
                data.train,
                training,
                seeds=seeds[k : k + 2],
                trunk_epochs=network.trunk_epochs,
            )
        ]
    # certificates dominate what is measured in float64
    ready = [evaluation_mode(model).to(torch.float64) for model in models]
    return list(zip(ready[::2], ready[1::2], strict=True))
