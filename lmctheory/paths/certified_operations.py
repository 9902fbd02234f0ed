"""The operations that a certificate can follow.

An operation takes the values of earlier nodes, tensors ``[n, ...]``, and is the same at every t if
it has no parameters. Those that have are in `layer_operations`. Of any that is not linear a
certificate needs the Lipschitz constant.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from lmctheory.networks import Activation
from lmctheory.paths.layer_operations import Affine, Node, Normalisation
from lmctheory.paths.regions import Point
from lmctheory.paths.rounding import Scale

__all__ = ["Fixed", "MaxPool", "Operation", "Pointwise", "Sum"]


@dataclass(frozen=True, eq=False)
class Fixed:
    """A linear map without parameters, its entries at least zero: moving, averaging, padding.

    Attributes:
        apply: carries it out.
        in_shape: of its input.
        moves: whether it computes nothing, but gives the same numbers another shape.
    """

    node: Node
    apply: Callable[[Tensor], Tensor] = field(compare=False)
    in_shape: tuple[int, ...]
    moves: bool = False

    def at(self, _t: Point) -> "Fixed":
        """The same at every t."""
        return self

    def __call__(self, x: Tensor) -> Tensor:
        """The value."""
        return self.apply(x)

    def carry(self, deviation: Tensor) -> Tensor:
        """The same map, for it is linear."""
        return self.apply(deviation)

    @cached_property
    def norm(self) -> float:
        """sqrt(largest row sum times largest column sum), by Schur's test."""
        with torch.enable_grad():
            ones = torch.ones(1, *self.in_shape, dtype=torch.float64, requires_grad=True)
            rows = self.apply(ones)
            [columns] = torch.autograd.grad(rows.sum(), ones)
        return math.sqrt(float(rows.detach().max()) * float(columns.max()))

    @property
    def scale(self) -> Scale:
        """See `Scale`."""
        return Scale(self.norm, math.prod(self.in_shape))


@dataclass(frozen=True, eq=False)
class Sum:
    """The sum of the values of several nodes."""

    node: Node
    scale = Scale(1.0, 2)

    def at(self, _t: Point) -> "Sum":
        """The same at every t."""
        return self

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return sum(x[1:], start=x[0])


@dataclass(frozen=True, eq=False)
class Pointwise:
    """An activation."""

    node: Node
    sigma: Activation

    def at(self, _t: Point) -> "Pointwise":
        """The same at every t."""
        return self

    def __call__(self, x: Tensor) -> Tensor:
        """The value."""
        return self.sigma.apply(x)

    @property
    def lipschitz(self) -> float:
        """In the Euclidean norm."""
        return self.sigma.lipschitz

    @property
    def scale(self) -> Scale:
        """See `Scale`; a curved one errs as its input is large: gelu(-8) = -8 (1 + erf) / 2."""
        return Scale(0.0 if self.sigma.curvature == torch.inf else self.lipschitz)


@dataclass(frozen=True, eq=False)
class MaxPool:
    """The largest value of each window.

    Attributes:
        windows: ``[outputs, size]``, the flat positions of each; where a window leaves the image,
            one of its positions again.
        axes: how many of the last axes are positions.
    """

    node: Node
    windows: Tensor = field(compare=False)
    axes: int

    def at(self, _t: Point) -> "MaxPool":
        """The same at every t."""
        return self

    def __call__(self, x: Tensor) -> Tensor:
        """The value."""
        return self.fold(self.members(x).amax(0))

    def members(self, x: Tensor) -> Tensor:
        """The first, second, ... entry of every window: ``[size, n, ..., outputs]``."""
        return torch.stack([x.flatten(-self.axes)[..., at] for at in self.windows.T.to(x.device)])

    def fold(self, values: Tensor) -> Tensor:
        """``[n, ..., outputs]`` as an image."""
        return values.view(*values.shape[:-1], *self.node.shape[-self.axes :])

    @cached_property
    def lipschitz(self) -> float:
        """Root of the largest number of windows that see one position."""
        distinct = {(i, p) for i, window in enumerate(self.windows.tolist()) for p in window}
        counts = torch.bincount(torch.tensor([p for _, p in distinct]))
        return math.sqrt(int(counts.max()))

    @property
    def scale(self) -> Scale:
        """See `Scale`."""
        return Scale()


Operation = Affine | Normalisation | Fixed | Sum | Pointwise | MaxPool
