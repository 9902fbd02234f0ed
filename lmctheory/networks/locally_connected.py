"""Convolutions without weight sharing."""

from collections.abc import Sequence
from typing import no_type_check

import torch
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import array, at_least
from lmctheory.networks.data_order import require_torch_generator
from lmctheory.networks.initialisation import INITIALISATIONS, fill

__all__ = ["LocallyConnected2d"]


class LocallyConnected2d(nn.Module):
    """A convolution whose filters differ from position to position.

    y[o, i, j] = b[o, i, j] + sum_{c, k, l} W[o, c, i, j, k, l] x[c, s i + k, s j + l] on the padded
    image, with stride s. With equal filters at all positions it is `nn.Conv2d`.

    *Symmetry.* `lmctheory.matching.symmetry` finds the permutations of channels that are the same
    at all positions, as for a convolution. Where what follows has weights per position too (another
    such layer, or a linear map), channels may be permuted at each position by themselves, and such
    symmetries are not found. They are, if the layer is written as a linear one under a mask (see
    `train_many`), whose neurons are this layer's outputs.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        sides: height and width of the input.
        kernel_size: side of the square filters.
        stride: between positions.
        padding: zeros around the image.
        bias: whether there is one, for each channel and position.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`), with fan_in =
            in_channels kernel_size^2.
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for sizes that are no integers, or if rng is no torch generator.
        ValueError: for sizes below 1, padding below 0, filters larger than the padded image, or an
            unknown initialisation.

    Reference: LeCun 1989; Neyshabur 2020.

    Example:
        >>> import torch
        >>> rng = torch.Generator().manual_seed(0)
        >>> layer = LocallyConnected2d(1, 4, (8, 8), 3, stride=2, padding=1, rng=rng)
        >>> layer(torch.zeros(5, 1, 8, 8)).shape, layer.weight.shape
        (torch.Size([5, 4, 4, 4]), torch.Size([4, 1, 4, 4, 3, 3]))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        sides: Sequence[int],
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        *,
        initialisation: str = "he",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        inputs = at_least("in_channels", in_channels, 1)
        outputs = at_least("out_channels", out_channels, 1)
        self.kernel_size = at_least("kernel_size", kernel_size, 1)
        self.stride = at_least("stride", stride, 1)
        self.padding = at_least("padding", padding, 0)
        require_choice("initialisation", initialisation, INITIALISATIONS)
        require_torch_generator(rng)
        self.sides = tuple(at_least("every side", side, 1) for side in array("sides", sides, "n"))
        if len(self.sides) != 2:
            raise ValueError(f"sides must be height and width, got {self.sides}")
        rooms = [side + 2 * self.padding - self.kernel_size for side in self.sides]
        if min(rooms) < 0:
            raise ValueError(
                f"kernel_size must be at most {min(self.sides) + 2 * self.padding}, the padded "
                f"image, got {self.kernel_size}"
            )
        places = tuple(room // self.stride + 1 for room in rooms)
        window = (self.kernel_size, self.kernel_size)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *places, *window, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(outputs, *places, dtype=dtype)) if bias else None
        with torch.no_grad():
            fan_in = inputs * self.kernel_size**2
            fill(self.weight, self.bias, initialisation, fan_in, rng=rng)

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``[n, out_channels, ...]`` of images ``[n, in_channels, height, width]``."""
        x = nn.functional.pad(x, (self.padding,) * 4)
        patches = x.unfold(2, self.kernel_size, self.stride).unfold(
            3, self.kernel_size, self.stride
        )
        y = torch.einsum("nchwkl,ochwkl->nohw", patches, self.weight)
        return y if self.bias is None else y + self.bias
