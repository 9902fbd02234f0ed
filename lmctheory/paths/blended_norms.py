r"""BatchNorm in evaluation mode, its numbers combined from those of several networks.

y = a (z - mu) + beta with a = gamma (var + eps)^{-1/2}, channel by channel. gamma, beta, mu and var
+ eps are combinations (`lmctheory.paths.parameters`), running statistics like parameters. All are
models of one example with the symbols of the weights; so are the root, a smooth function of one
model (`lmctheory.paths.taylor_curves`), and the factor a, a product (`taylor_products`), which are
found once for a region. What an example adds is one more product.

*Beyond a simplex*, at a corner of a box that it cuts, a variance may be no longer above zero. Then
nothing is known of the channel, and the box is cut until its corners are near enough: variances are
at least the least of the networks' in the simplex.

*Rounding* is that of sums and products of models, which count what the network as it is computed
loses; that it divides by a root, where a reciprocal root is multiplied here, is a few eps of a.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lmctheory.paths.blends import Family
from lmctheory.paths.layer_operations import Node, NormalisationAt
from lmctheory.paths.parameters import numbers_at, numbers_on
from lmctheory.paths.regions import Effort, Point, Region
from lmctheory.paths.smooth_functions import RSQRT
from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, added, polynomial_size
from lmctheory.paths.taylor_products import bilinear

__all__ = ["NormalisationBlend", "NormalisationBlendOnPiece"]

_NONE = Fresh(0, 0)


@dataclass(frozen=True, eq=False)
class NormalisationBlend:
    """BatchNorm in evaluation mode of several networks; all tensors ``[channels, 1, ...]``.

    Attributes:
        gamma, beta, mean, variance: of each network; the variance contains BatchNorm's eps.
        family: how they are combined.
    """

    node: Node
    gamma: tuple[Tensor, ...]
    beta: tuple[Tensor, ...]
    mean: tuple[Tensor, ...]
    variance: tuple[Tensor, ...]
    family: Family

    def at(self, point: Point) -> NormalisationAt:
        """The layer at a point."""
        held = (self.gamma, self.beta, self.mean, self.variance)
        return NormalisationAt(math.nan, *(numbers_at(each, self.family, point) for each in held))

    def on_piece(self, _number: int, region: Region, effort: Effort) -> NormalisationBlendOnPiece:
        """See the module docstring."""
        return NormalisationBlendOnPiece(self, region, effort)


class NormalisationBlendOnPiece:
    """The layer on a region, its factor a model.

    Attributes:
        size: a bound of |factor|, channel by channel.
    """

    def __init__(self, op: NormalisationBlend, region: Region, effort: Effort) -> None:
        self.degree = effort.degree
        gamma, self.beta, mean, variance = (
            numbers_on(each, op.family, region, effort.dtype)
            for each in (op.gamma, op.beta, op.mean, op.variance)
        )
        self.shift = replace(mean, polynomial=-mean.polynomial, symbols=-mean.symbols)
        inverse = curved(RSQRT, variance, self.degree, _NONE)
        self.factor = bilinear(torch.mul, gamma, inverse, 1, self.degree)
        self.size = polynomial_size(self.factor.polynomial) + self.factor.rest

    def __call__(self, inputs: Sequence[TaylorModel]) -> TaylorModel:
        """The model after it."""
        [z] = inputs
        product = bilinear(torch.mul, added(z, self.shift), self.factor, 1, self.degree)
        return added(product, self.beta)
