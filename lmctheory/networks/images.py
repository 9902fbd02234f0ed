"""What the architectures for images share: their input, and a convolution with its normalisation.

Examples come as vectors (`load_dataset`) or as images; every architecture takes both, because it
begins with a flatten and the unflatten to its own ``(channels, height, width)``.
"""

from collections.abc import Sequence

from torch import nn

from lmctheory.measures.arguments import at_least, integer

__all__ = ["NORMS", "convolution", "image_input", "sizes"]

NORMS = ("batch", "layer", None)
"""BatchNorm; GroupNorm in one group (over channels and positions of one example); none."""


def image_input(image_shape: Sequence[int]) -> nn.Sequential:
    """Examples ``[n, ...]`` as images ``[n, c, h, w]``.

    Raises:
        TypeError: for a shape that is not of integers.
        ValueError: for a shape that is not three positive numbers.
    """
    shape = tuple(integer("every size in image_shape", size) for size in image_shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(
            f"image_shape must be (channels, height, width), each >= 1, got {tuple(image_shape)}"
        )
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, shape))


def convolution(
    inputs: int, outputs: int, norm: str | None, *, size: int = 3, stride: int = 1
) -> list[nn.Module]:
    """A convolution that keeps the image's size but for its stride, then the normalisation.

    It has a bias only where no normalisation follows, whose own bias would take its place.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=norm is None)
    ]
    if norm == "batch":
        layers.append(nn.BatchNorm2d(outputs))
    elif norm == "layer":
        layers.append(nn.GroupNorm(1, outputs))
    return layers


def sizes(**numbers: int) -> tuple[int, ...]:
    """The numbers, in the order in which they were given.

    Raises:
        TypeError: naming the first that is no integer.
        ValueError: naming the first that is below one.
    """
    return tuple(at_least(name, number, 1) for name, number in numbers.items())
