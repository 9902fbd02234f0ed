"""Operations that only enclosures of whole regions can follow: no Lipschitz constant serves.

Each takes the values of earlier nodes, tensors ``[n, ...]``, says what it is at one t (`at`), and
how Taylor models pass it on a region (`on_piece`). Those with parameters of their own are in
`lmctheory.paths.parameters` and `lmctheory.paths.blended_norms`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from lmctheory.paths.blended_norms import NormalisationBlend
from lmctheory.paths.layer_operations import Node
from lmctheory.paths.parameters import Embedding, Parameters
from lmctheory.paths.regions import Effort, Point, Region
from lmctheory.paths.smooth_functions import Smooth
from lmctheory.paths.taylor_activations import Fresh
from lmctheory.paths.taylor_attention import Heads, masked, softmax
from lmctheory.paths.taylor_curves import curved
from lmctheory.paths.taylor_models import TaylorModel, added, joined
from lmctheory.paths.taylor_norms import normalised
from lmctheory.paths.taylor_products import Bilinear, bilinear

if TYPE_CHECKING:
    from lmctheory.paths.taylor_operations import Passage

__all__ = [
    "Attention",
    "Combination",
    "Concatenation",
    "Curved",
    "Followed",
    "Masked",
    "NormOver",
    "Product",
    "Softmax",
]


@dataclass(frozen=True, eq=False)
class _Constant:
    """The same at every t."""

    node: Node

    def at(self, _t: Point) -> Callable[..., Tensor]:
        """The operation itself."""
        return self.__call__

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Combination(_Constant):
    """The sum of nodes, each times one or minus one; axes of length one are repeated."""

    signs: tuple[int, ...]

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        first, *others = (sign * value for sign, value in zip(self.signs, x, strict=True))
        return sum(others, start=first)

    def on_piece(self, _number: int, _region: Region, _effort: Effort) -> Passage:
        """Symbols of the same name add."""

        def passed(x: Sequence[TaylorModel]) -> TaylorModel:
            first, *others = (_signed(sign, each) for sign, each in zip(self.signs, x, strict=True))
            for other in others:
                first = added(first, other)
            return first

        return passed


def _signed(sign: int, x: TaylorModel) -> TaylorModel:
    return x if sign == 1 else replace(x, polynomial=-x.polynomial, symbols=-x.symbols)


@dataclass(frozen=True, eq=False)
class Concatenation(_Constant):
    """Nodes side by side along an axis, counted from the last."""

    axis: int

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return torch.cat(x, self.axis)

    def on_piece(self, _number: int, _region: Region, _effort: Effort) -> Passage:
        """Symbols are shared."""
        return lambda x: joined(x, self.axis)


@dataclass(frozen=True, eq=False)
class Product(_Constant):
    """A product of two nodes, linear in each.

    Attributes:
        apply: of the values; |apply(x, y)| <= apply(|x|, |y|).
        terms: how many products are summed.
    """

    apply: Bilinear
    terms: int = 1

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return self.apply(*x)

    def on_piece(self, _number: int, _region: Region, effort: Effort) -> Passage:
        """See `lmctheory.paths.taylor_products`."""
        return lambda x: bilinear(self.apply, x[0], x[1], self.terms, effort.degree)


@dataclass(frozen=True, eq=False)
class Curved(_Constant):
    """A smooth function of every entry."""

    function: Smooth

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return self.function.apply(x[0])

    def on_piece(self, number: int, _region: Region, effort: Effort) -> Passage:
        """See `lmctheory.paths.taylor_curves`."""
        fresh = Fresh(number << 16, effort.symbols)
        return lambda x: curved(self.function, x[0], effort.degree, fresh)


@dataclass(frozen=True, eq=False)
class NormOver(_Constant):
    """(x - mean x) / sqrt(var x + eps), or without mean x / sqrt(mean x^2 + eps).

    Attributes:
        shape: of an example, as groups and what is normalised together.
        axes: of that shape, counted from the last.
        eps: added to the variance.
        mean: whether it is subtracted.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    eps: float
    mean: bool = True

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        z = x[0].reshape(len(x[0]), *self.shape)
        if self.mean:
            z = z - z.mean(self.axes, keepdim=True)
        return (z / (z.square().mean(self.axes, keepdim=True) + self.eps).sqrt()).view_as(x[0])

    def on_piece(self, number: int, _region: Region, effort: Effort) -> Passage:
        """See `lmctheory.paths.taylor_norms`."""
        fresh = Fresh(number << 16, effort.symbols)

        def passed(x: Sequence[TaylorModel]) -> TaylorModel:
            grouped = _shaped(x[0], self.shape)
            found = normalised(grouped, self.axes, self.eps, effort.degree, fresh, mean=self.mean)
            return _shaped(found, tuple(x[0].radius.shape[1:]))

        return passed


def _shaped(x: TaylorModel, shape: tuple[int, ...]) -> TaylorModel:
    def apply(values: Tensor) -> Tensor:
        return values.reshape(len(values), *shape)

    return x.mapped(apply, apply(x.radius))


@dataclass(frozen=True, eq=False)
class Softmax(_Constant):
    """Of the entries along an axis, counted from the last."""

    axis: int

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return x[0].softmax(self.axis)

    def on_piece(self, number: int, _region: Region, effort: Effort) -> Passage:
        """See `lmctheory.paths.taylor_attention`."""
        fresh = Fresh(number << 16, effort.symbols)
        return lambda x: softmax(x[0], self.axis, effort.degree, fresh)


@dataclass(frozen=True, eq=False)
class Masked(_Constant):
    """Minus infinity at some entries.

    Attributes:
        hidden: where, without the examples' axis.
    """

    hidden: Tensor = field(compare=False)

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        return x[0].masked_fill(self.hidden, -torch.inf)

    def on_piece(self, _number: int, _region: Region, _effort: Effort) -> Passage:
        """Only a softmax makes something of it."""
        return lambda x: masked(x[0], self.hidden)


@dataclass(frozen=True, eq=False)
class Attention(_Constant):
    """softmax(scale q k^T + mask) v of three nodes; the last two axes are positions, features."""

    heads: Heads

    def __call__(self, *x: Tensor) -> Tensor:
        """The value."""
        q, k, v = x
        mask, scale = self.heads.mask, self.heads.scale
        return functional.scaled_dot_product_attention(q, k, v, mask, scale=scale)

    def on_piece(self, number: int, _region: Region, effort: Effort) -> Passage:
        """See `lmctheory.paths.taylor_attention`."""
        fresh = Fresh(number << 16, effort.symbols)
        return lambda x: self.heads(x[0], x[1], x[2], effort.degree, fresh)


Followed = (
    Parameters
    | Embedding
    | Combination
    | Concatenation
    | Product
    | Curved
    | NormOver
    | NormalisationBlend
    | Softmax
    | Masked
    | Attention
)
