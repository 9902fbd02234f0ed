"""The networks of the study: how each is built and trained, and on what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from lmctheory.networks import (
    MLP,
    Dataset,
    TrainingConfig,
    ViT,
    load_dataset,
    seeded_generators,
    train_many,
)
from simulations.symmetries.sequences import LanguageModel, SequenceNetwork, grammar, running_sums

__all__ = ["NETWORKS", "Network", "trained_pair"]


@dataclass(frozen=True)
class Network:
    """A network and its training.

    Attributes:
        widths: that are measured by default.
        build: a network of a width from the dimension of its inputs and a generator.
        training: its training on digits and sequences, and on MNIST.
        data: what it is trained on if that is no option.
        cost: CPU seconds of one pair at width 64, roughly.
        beyond: the alignments that it has beyond permutations and signs.
    """

    widths: tuple[int, ...]
    build: Callable[[int, int, torch.Generator], nn.Module]
    training: TrainingConfig
    data: Callable[[], Dataset] | None = None
    cost: float = 2.0
    beyond: tuple[str, ...] = ()

    def examples(self, dataset: str, data_dir: Path | None) -> Dataset:
        """What it is trained and tested on."""
        if self.data is not None:
            return self.data()
        return load_dataset(dataset, data_dir=data_dir)


def _mlp(activation: str, depth: int) -> Callable[[int, int, torch.Generator], nn.Module]:
    return lambda inputs, width, rng: MLP((inputs, *[width] * depth, 10), activation, rng=rng)


def _vit(inputs: int, width: int, rng: torch.Generator) -> nn.Module:
    side = 8 if inputs == 64 else 28
    patch = 2 if side == 8 else 7
    return ViT((1, side, side), 10, patch=patch, width=width, depth=2, heads=4, rng=rng)


TURNED = ("rotations", "by loss")

_sgd = partial(TrainingConfig, batch_size=64, learning_rate=0.05)
_adam = partial(TrainingConfig, batch_size=64, optimiser="adamw", weight_decay=1e-2)

NETWORKS: Mapping[str, Network] = {
    "tanh 1": Network((16, 32, 64, 128, 512), _mlp("tanh", 1), _sgd(20)),
    "tanh 2": Network((32, 64, 128, 512), _mlp("tanh", 2), _sgd(20)),
    "tanh 3": Network((64, 128), _mlp("tanh", 3), _sgd(20)),
    "relu 1": Network((16, 64, 512), _mlp("relu", 1), _sgd(20), beyond=("redundancy",)),
    "relu 2": Network((64, 128), _mlp("relu", 2), _sgd(20), beyond=("scales", "redundancy")),
    "relu 2, decay": Network(
        (64, 128),
        _mlp("relu", 2),
        _sgd(20, weight_decay=3e-3),
        beyond=("scales", "redundancy"),
    ),
    "RNN tanh": Network(
        (32, 64),
        lambda _, width, rng: SequenceNetwork(width, rng=rng),
        _adam(15, learning_rate=3e-3),
        running_sums,
        10,
    ),
    "ViT": Network(
        (32,), _vit, _adam(40, learning_rate=3e-3, warmup_steps=50), cost=200, beyond=TURNED
    ),
    "GPT": Network(
        (32,),
        lambda _, width, rng: LanguageModel(width, 2, 4, rng=rng),
        _adam(12, learning_rate=3e-3, warmup_steps=50),
        grammar,
        200,
        beyond=TURNED,
    ),
}
"""By the name they have in the tables, the number of hidden layers behind MLPs."""


def trained_pair(
    network: Network, width: int, data: Dataset, seeds: tuple[int, int]
) -> tuple[nn.Module, nn.Module]:
    """Two networks trained from different weights, each in its own order of the examples."""
    inputs = data.train.inputs[0].numel()
    initial = [network.build(inputs, width, seeded_generators(seed)[0]) for seed in seeds]
    a, b = train_many(initial, data.train, network.training, seeds=seeds)
    return a, b
