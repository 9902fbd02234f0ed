"""Spaces of a network that orthogonal matrices may turn, and the best such matrix.

A space of m directions is what a permutation group of m neurons spans: where the group puts entry i
in place of entry j of an axis, a matrix Q [m, m] mixes them, W -> Q W along that axis, for whoever
makes the directions and whoever reads them alike: a reader W becomes W Q^T, and W Q^T Q x = W x.

**Procrustes.** <A, Q B> summed over all axes that Q acts on is tr(Q^T M), M = sum A B^T with the
directions as rows. With the singular values M = U S V^T, tr(Q^T M) = sum_i S_ii (V^T Q^T U)_ii <=
sum_i S_ii, as the entries of an orthogonal matrix are at most 1, and Q = U V^T attains it: the
optimum over all orthogonal matrices. In two dimensions, over rotations by an angle alone,
tr(Q^T M) = cos(angle) (M_11 + M_22) + sin(angle) (M_21 - M_12) <= the length of that vector, with
equality at its angle. A matrix that maps given orthogonal subspaces into themselves is one problem
for each of them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from lmctheory.matching.groups import Action

__all__ = ["Kind", "Space", "Stack", "stacks"]

Kind: TypeAlias = Literal["orthogonal", "mean", "halves", "pairs"]
"""The matrices that a space admits: all orthogonal ones; those that keep the mean of the entries,
and so the complement of (1, ..., 1), for LayerNorm; a rotation in each plane of the entries
(i, i + m/2) or (2i, 2i + 1), for the two layouts of rotary embeddings."""


@dataclass(frozen=True, repr=False)
class Space:
    """Directions that an orthogonal matrix may mix without changing the function.

    Attributes:
        name: of it.
        size: its number m of directions.
        kind: which matrices it admits, see `Kind`.
        actions: on every parameter that the matrix acts on.
        parent: for a space inside a block (a head) the permutation group that moves whole blocks.
        family: which of the spaces in its block it is.
        slot: the number of its block.
    """

    name: str
    size: int
    kind: Kind
    actions: tuple[Action, ...]
    parent: str | None = None
    family: str = ""
    slot: int = 0

    def __repr__(self) -> str:
        inside = "" if self.parent is None else f" in block {self.slot} of {self.parent!r}"
        return f"Space({self.name!r}, {self.size} directions{inside}, {self.kind!r})"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that a matrix changes."""
        return tuple(dict.fromkeys(action.parameter for action in self.actions))

    def on(self, names: Collection[str]) -> "Space":
        """The same directions as they lie in some of the tensors, say in parameters alone."""
        return replace(self, actions=tuple(a for a in self.actions if a.parameter in names))

    def rows(self, tensors: Mapping[str, Tensor]) -> Float[Tensor, "m k"]:
        """All that belongs to each direction, a row each."""
        return Stack((self,)).rows(tensors)[0]

    def turn(
        self, tensors: Mapping[str, Tensor], matrix: Float64[Tensor, "m m"]
    ) -> dict[str, Tensor]:
        """Its parameters after a matrix has mixed the directions, copy by copy."""
        return Stack((self,)).turn(tensors, matrix[None])

    def nearest(self, products: Float64[Tensor, "*n m m"]) -> Float64[Tensor, "*n m m"]:
        """The matrix Q of this kind with the largest tr(Q^T M), for each M."""
        if self.kind in ("halves", "pairs"):
            return _planes(products, self.kind)
        if self.kind == "orthogonal":
            return _procrustes(products)
        basis = _mean_and_rest(self.size).to(products)
        inside = basis.mT @ products @ basis
        best = torch.zeros_like(inside)
        best[..., 0, 0] = torch.where(inside[..., 0, 0] < 0, -1.0, 1.0)
        best[..., 1:, 1:] = _procrustes(inside[..., 1:, 1:])
        return basis @ best @ basis.mT

    def tangent(self, matrix: Float64[Tensor, "*n m m"]) -> Float64[Tensor, "*n m m"]:
        """A skew-symmetric matrix S for which exp(S) is of this kind: the part of any matrix."""
        skew = matrix - matrix.mT
        if self.kind == "mean":
            skew = skew - skew.mean(-2, keepdim=True)
            return skew - skew.mean(-1, keepdim=True)
        if self.kind == "orthogonal":
            return skew
        return skew * (self.nearest(torch.ones_like(matrix).triu(1)) != 0)

    def random(self, rng: np.random.Generator) -> Float64[Tensor, "m m"]:
        """A matrix of this kind: angles for planes, else a reflection, of which all others consist.

        A function that almost all reflections keep is kept by their products, and so by all.
        """
        drawn = torch.from_numpy(rng.standard_normal((self.size, 2)))
        if self.kind in ("halves", "pairs"):
            return self.nearest(torch.outer(drawn[:, 0], drawn[:, 1]))
        if self.kind == "orthogonal":
            return _reflection(drawn[:, 0])
        inside = _reflection(drawn[:, 0] - drawn[:, 0].mean())
        return inside @ _reflection(torch.ones_like(drawn[:, 0])) if drawn[0, 1] > 0 else inside


def _reflection(direction: Float64[Tensor, " m"]) -> Float64[Tensor, "m m"]:
    unit = direction / direction.norm()
    return torch.eye(len(unit), dtype=torch.float64) - 2 * torch.outer(unit, unit)


@dataclass(frozen=True)
class Stack:
    """Spaces that are alike and lie apart, as those of all heads do: turned in one go.

    Attributes:
        spaces: the same kind and size, their actions in corresponding order.
    """

    spaces: tuple[Space, ...]

    @cached_property
    def _places(self) -> tuple[tuple[Action, Int[Tensor, " n"]], ...]:
        """For each action of the first space the entries of all, space after space."""
        together = zip(*(space.actions for space in self.spaces), strict=True)
        return tuple(
            (alike[0], torch.as_tensor(np.concatenate([action.index for action in alike])))
            for alike in together
        )

    def rows(self, tensors: Mapping[str, Tensor]) -> Float[Tensor, "n m k"]:
        """For each space all that belongs to each direction, a row each."""
        shape = len(self.spaces), self.spaces[0].size, -1
        parts = (
            action.part(tensors[action.parameter]).index_select(action.axis, index)
            for action, index in self._places
        )
        moved = (
            part.movedim(action.axis, 0).reshape(shape)
            for part, (action, _) in zip(parts, self._places, strict=True)
        )
        return torch.cat(list(moved), dim=2)

    def turn(
        self, tensors: Mapping[str, Tensor], matrices: Float64[Tensor, "n m m"]
    ) -> dict[str, Tensor]:
        """The parameters after the matrices have mixed the directions of the spaces."""
        result = {action.parameter: tensors[action.parameter].clone() for action, _ in self._places}
        for action, index in self._places:
            part = action.part(result[action.parameter]).movedim(action.axis, 0)
            moving = part[index]
            mixed = matrices.to(moving) @ moving.reshape(*matrices.shape[:2], -1)
            part[index] = mixed.reshape(moving.shape)
        return result


def stacks(spaces: Iterable[Space]) -> tuple[Stack, ...]:
    """The spaces of all heads of a layer together, every other one alone."""
    found: dict[tuple[object, ...], list[Space]] = {}
    for space in spaces:
        alone = space.name if space.parent is None else None
        found.setdefault((alone, space.parent, space.family, space.kind), []).append(space)
    return tuple(Stack(tuple(alike)) for alike in found.values())


def _procrustes(products: Float64[Tensor, "*n m m"]) -> Float64[Tensor, "*n m m"]:
    left, _, right = torch.linalg.svd(products)
    return left @ right


def _mean_and_rest(size: int) -> Float64[Tensor, "m m"]:
    """An orthonormal basis whose first vector is (1, ..., 1)/sqrt(m), as its columns."""
    if size == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    mirror = torch.full((size,), size**-0.5, dtype=torch.float64)
    mirror[0] -= 1
    return _reflection(mirror)  # which takes the first unit vector there


def _planes(products: Float64[Tensor, "*n m m"], kind: Kind) -> Float64[Tensor, "*n m m"]:
    size = products.shape[-1]
    entries = torch.arange(size, device=products.device)
    i, j = entries.reshape(2, -1) if kind == "halves" else entries.reshape(-1, 2).T
    cos = products[..., i, i] + products[..., j, j]
    sin = products[..., j, i] - products[..., i, j]
    length = torch.hypot(cos, sin)
    cos = torch.where(length > 0, cos / length, 1.0)
    sin = torch.where(length > 0, sin / length, 0.0)
    result = torch.zeros_like(products)
    result[..., i, i] = result[..., j, j] = cos
    result[..., j, i], result[..., i, j] = sin, -sin
    return result
