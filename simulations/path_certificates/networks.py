"""The networks whose segments are certified: how each is built and trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lmctheory.networks import MLP, TrainingConfig

__all__ = ["NETWORKS", "Network"]


@dataclass(frozen=True)
class Network:
    """An architecture, of any width.

    Attributes:
        build: from the input's shape, the number of classes, the width and a generator.
        epochs: of training on digits.
        learning_rate: its peak.
    """

    build: Callable[[tuple[int, ...], int, int, torch.Generator], nn.Module]
    epochs: int = 15
    learning_rate: float = 0.05

    def training(self, weight_decay: float) -> TrainingConfig:
        """Stochastic gradient descent as in the other studies."""
        return TrainingConfig(
            epochs=self.epochs, learning_rate=self.learning_rate, weight_decay=weight_decay
        )


def _mlp(depth: int) -> Network:
    def build(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
        inputs = int(torch.Size(shape).numel())
        return MLP((inputs, *[width] * depth, classes), rng=rng)

    return Network(build)


NETWORKS: Mapping[str, Network] = {f"MLP {depth}": _mlp(depth) for depth in (1, 2, 3)}
"""By the name they have in the tables; the number of an MLP is its hidden layers'."""
