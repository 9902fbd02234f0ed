"""Residual networks of twenty layers."""

from collections.abc import Sequence
from typing import cast, no_type_check

import torch
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.networks.images import (
    NORMS,
    convolution,
    image_input,
    sizes,
)
from lmctheory.networks.initialisation import initialise

__all__ = ["ResNet20"]

_STAGES, _BLOCKS = 3, 3


class BasicBlock(nn.Module):
    """h -> relu(shortcut(h) + branch(h)), the branch two convolutions with a ReLU between them.

    The shortcut is the identity; where the block changes the image's size or channels, it is a
    1 x 1 convolution with the same stride, normalised like the others.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str | None) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *convolution(inputs, outputs, norm, stride=stride),
            nn.ReLU(),
            *convolution(outputs, outputs, norm),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                *convolution(inputs, outputs, norm, size=1, stride=stride)
            )
        self.relu = nn.ReLU()

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.shortcut(x) + self.branch(x))


class ResNet20(nn.Module):
    """The residual network for CIFAR: a convolution, 3 stages of 3 basic blocks, mean and linear.

    Without normalisation He initialisation would double the second moment q of the activations in
    every block: there the last convolution of each branch is scaled by N^{-1/2}, N = 9 the number
    of blocks (as in Fixup, whose L^{-1/2} falls on the layers before
    one that is zero; here no layer is zero, so all weights stay Gaussian). *Then q grows by less
    than e^2 through the whole network.* Given its input, the branch has mean zero and second moment
    2q/N: He's factor 2, met by the ReLU inside, and once more at the end. After an identity
    shortcut |relu(h + r)| <= |h + r| leaves at most q + 2q/N; after a projection, which doubles q,
    the ReLU of a symmetric sum halves 2q + 2q/N. So each block multiplies q by at most 1 + 2/N.

    Args:
        image_shape: ``(channels, height, width)`` of the inputs.
        n_out: number of outputs.
        width: channels of the first stage, 16 in the original; the others have 2 and 4 times
            as many.
        norm: "batch", "layer" (GroupNorm in one group) or None, after each convolution.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1 or an unknown norm.

    Reference: He et al. 2016; Zhang, Dauphin and Ma 2019 (Fixup).

    Example:
        >>> import torch
        >>> model = ResNet20((1, 8, 8), 10, width=4, rng=torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_out: int,
        width: int = 16,
        norm: str | None = "batch",
        *,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        n_out, width = sizes(n_out=n_out, width=width)
        require_choice("norm", norm, NORMS)
        with torch.device("meta"):
            self.input = image_input(image_shape)
            self.stem = nn.Sequential(*convolution(image_shape[0], width, norm), nn.ReLU())
            self.blocks = nn.Sequential()
            channels = width
            for stage in range(_STAGES):
                for place in range(_BLOCKS):
                    stride = 2 if stage > 0 and place == 0 else 1
                    outputs = 2**stage * width
                    self.blocks.append(BasicBlock(channels, outputs, stride, norm))
                    channels = outputs
            self.average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.head = nn.Linear(channels, n_out)
        initialise(self, initialisation, rng=rng, dtype=dtype)
        if norm is None:
            with torch.no_grad():
                for block in self.blocks:
                    last = cast("BasicBlock", block).branch[-1]
                    cast("nn.Conv2d", last).weight.mul_(len(self.blocks) ** -0.5)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        return self.head(self.average(self.blocks(self.stem(self.input(x)))))
