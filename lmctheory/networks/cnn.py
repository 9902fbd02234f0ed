"""Convolutional networks that are one straight line: a small one, and VGG."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import no_type_check

import torch
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import integer
from lmctheory.networks.images import (
    NORMS,
    convolution,
    image_input,
    sizes,
)
from lmctheory.networks.initialisation import initialise

__all__ = ["CNN", "VGG"]

READOUTS = ("flatten", "average")

_VGG_STAGES = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
"""Convolutions per stage; a depth counts these and the three linear layers of the original."""


def _halving() -> nn.MaxPool2d:
    return nn.MaxPool2d(2, ceil_mode=True)


def _halved(side: int) -> int:
    # rounded up: a single row or column stays one, so images of any size pass
    return -(-side // 2)


class CNN(nn.Module):
    """Blocks of 3 x 3 convolution, ReLU and 2 x 2 maximum, then one linear layer.

    After "flatten" the linear map has one column for each channel and position, so a permutation of
    the last channels moves its columns in blocks of about h w / 4^L; after "average", the mean over
    positions, it has one column for each channel.

    Args:
        image_shape: ``(channels, height, width)`` of the inputs.
        channels: of the L convolutions, from the input on.
        n_out: number of outputs.
        readout: what precedes the linear layer, "flatten" or "average".
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1, no convolution, or an unknown readout.

    Example:
        >>> import torch
        >>> model = CNN((1, 8, 8), (16, 32), 10, rng=torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 64)).shape, tuple(model.head.weight.shape)
        (torch.Size([5, 10]), (10, 128))
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        channels: Sequence[int],
        n_out: int,
        readout: str = "flatten",
        *,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        channels = [integer("every number of channels", width) for width in channels]
        if not channels or min(channels) < 1:
            raise ValueError(
                f"channels must name at least one convolution, each >= 1, got {tuple(channels)}"
            )
        (n_out,) = sizes(n_out=n_out)
        require_choice("readout", readout, READOUTS)
        with torch.device("meta"):
            self.input = image_input(image_shape)
            self.blocks = nn.Sequential(
                *(
                    nn.Sequential(*convolution(*widths, norm=None), nn.ReLU(), _halving())
                    for widths in pairwise((image_shape[0], *channels))
                )
            )
            sides = list(image_shape[1:])
            for _ in channels:
                sides = [_halved(side) for side in sides]
            if readout == "average":
                self.blocks.append(nn.AdaptiveAvgPool2d(1))
                sides = [1, 1]
            self.flatten = nn.Flatten()
            self.head = nn.Linear(channels[-1] * math.prod(sides), n_out)
        initialise(self, initialisation, rng=rng, dtype=dtype)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        return self.head(self.flatten(self.blocks(self.input(x))))


class VGG(nn.Module):
    """VGG for small images: five stages of 3 x 3 convolutions and ReLU, then mean and linear.

    The form used on CIFAR: the mean over positions and one linear layer take the place of the
    original's three. A stage ends in a 2 x 2 maximum while a side is longer than 2; at a single
    position eight of a filter's nine weights would see nothing but padding, and each layer would
    divide the second moment of the activations by nine.

    Args:
        image_shape: ``(channels, height, width)`` of the inputs.
        n_out: number of outputs.
        depth: 11 or 16, the original's name: 8 or 13 convolutions here, and the linear layer.
        width: channels of the first stage, 64 in the original; the others have 2, 4, 8, 8 times
            as many.
        norm: "batch", "layer" (GroupNorm in one group) or None, after each convolution.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1, another depth or an unknown norm.

    Reference: Simonyan and Zisserman 2015, configurations A and D; Ainsworth et al. 2023.

    Example:
        >>> import torch
        >>> model = VGG((1, 8, 8), 10, width=8, rng=torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_out: int,
        depth: int = 16,
        width: int = 64,
        norm: str | None = None,
        *,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        require_choice("depth", depth, tuple(_VGG_STAGES))
        n_out, width = sizes(n_out=n_out, width=width)
        require_choice("norm", norm, NORMS)
        with torch.device("meta"):
            self.input = image_input(image_shape)
            self.stages = nn.Sequential()
            inputs, *sides = image_shape
            for multiple, layers in zip((1, 2, 4, 8, 8), _VGG_STAGES[depth], strict=True):
                stage = nn.Sequential()
                for _ in range(layers):
                    stage.extend([*convolution(inputs, multiple * width, norm), nn.ReLU()])
                    inputs = multiple * width
                if max(sides) > 2:
                    stage.append(_halving())
                    sides = [_halved(side) for side in sides]
                self.stages.append(stage)
            self.average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.head = nn.Linear(inputs, n_out)
        initialise(self, initialisation, rng=rng, dtype=dtype)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        return self.head(self.average(self.stages(self.input(x))))
