"""The networks that are matched: how each is built and trained, and on which data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from lmctheory.networks import CNN, MLP, ResNet20, TrainingConfig, ViT

__all__ = ["ARCHITECTURES", "Architecture"]

_DIGIT = (1, 8, 8)
_MNIST = (1, 28, 28)


@dataclass(frozen=True)
class Architecture:
    """A network and its training.

    Attributes:
        dataset: of `load_dataset`.
        shape: in words and numbers, for the report.
        build: a network from the generator that draws its weights.
        training: its training.
        cost: CPU seconds of one pair, roughly.
    """

    dataset: str
    shape: str
    build: Callable[[torch.Generator], nn.Module]
    training: TrainingConfig
    cost: float


def _mlp(*widths: int) -> Callable[[torch.Generator], nn.Module]:
    return lambda rng: MLP(widths, rng=rng)


def _residual(norm: str | None) -> Callable[[torch.Generator], nn.Module]:
    return lambda rng: ResNet20(_DIGIT, 10, width=8, norm=norm, rng=rng)


_training = partial(TrainingConfig, batch_size=64, weight_decay=1e-3)

ARCHITECTURES: Mapping[str, Architecture] = {
    "MLP": Architecture(
        "digits", "64-64-64-10", _mlp(64, 64, 64, 10), _training(15, learning_rate=0.05), 10
    ),
    "CNN": Architecture(
        "digits",
        "channels 16-32",
        lambda rng: CNN(_DIGIT, (16, 32), 10, rng=rng),
        _training(10, learning_rate=0.05),
        20,
    ),
    "RN batch": Architecture(
        "digits", "width 8, BatchNorm", _residual("batch"), _training(6, learning_rate=0.1), 120
    ),
    "RN layer": Architecture(
        "digits",
        "width 8, GroupNorm",
        _residual("layer"),
        _training(8, learning_rate=0.02, warmup_steps=40),  # at 0.05 some stay at 60 % accuracy
        120,
    ),
    "RN none": Architecture(
        "digits", "width 8, no norm", _residual(None), _training(8, learning_rate=0.02), 120
    ),
    "ViT": Architecture(
        "digits",
        "width 32, 2 blocks",
        lambda rng: ViT(_DIGIT, 10, patch=2, width=32, depth=2, heads=4, rng=rng),
        _training(25, learning_rate=0.1, warmup_steps=100),
        110,
    ),
    "MLP mnist": Architecture(
        "mnist", "784-128-128-10", _mlp(784, 128, 128, 10), _training(3, learning_rate=0.05), 60
    ),
    "CNN mnist": Architecture(
        "mnist",
        "channels 8-16-32",
        lambda rng: CNN(_MNIST, (8, 16, 32), 10, rng=rng),
        _training(1, learning_rate=0.05),
        100,
    ),
}
"""By the name they have in the tables; RN is ResNet-20."""
