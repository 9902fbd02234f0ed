"""Which block of B goes where, when the spaces inside it may be turned: exact assignment.

The objective is a sum over blocks (heads, or groups of heads that share keys), so the best places
are an assignment problem in what each pair of blocks is worth: for every space the largest
tr(Q^T M), of whatever else is in the block the inner product. Where query heads share keys their
order and the matrices depend on each other; these are improved in turn for every pair.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.matching.groups import Action, PermutationGroup, Symmetry, entries_moved
from lmctheory.matching.rotations.spaces import Space, Stack
from lmctheory.matching.solvers._assignment import assignment

__all__ = ["Blocks", "Fit"]

_PASSES = 20
"""Of improving order and matrices of one pair in turn; each stops when the order stays."""


@dataclass(frozen=True)
class Fit:
    """The best that can be done with a block of B in the place of one of A's.

    Attributes:
        value: of the objective.
        order: of its heads, if these share keys.
        matrices: for each family of spaces.
    """

    value: float
    order: np.ndarray | None
    matrices: Mapping[str, Tensor]


class Blocks:
    """The blocks that one permutation group moves, some of whose spaces may be turned.

    Args:
        parent: the group.
        spaces: all of the network.
        groups: likewise.
    """

    def __init__(self, parent: PermutationGroup, spaces: tuple[Space, ...], groups: Symmetry):
        self.parent = parent
        inside = [space for space in spaces if space.parent == parent.name]
        self.families: dict[str, tuple[Space, ...]] = {}
        for family in dict.fromkeys(space.family for space in inside):
            slots = {space.slot: space for space in inside if space.family == family}
            if len(slots) == parent.size:
                self.families[family] = tuple(slots[slot] for slot in range(parent.size))
        found = {g.slot: g for g in groups.children(parent) if g.family == "heads"}
        self.heads = tuple(found[slot] for slot in sorted(found))

    @property
    def moving(self) -> tuple[Action, ...]:
        """How whole blocks are moved: on all that is in them."""
        return self.parent.actions

    def fits(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[list[Fit]]:
        """For each block of A and each of B the best fit."""
        rest = self._rest(a) @ self._rest(b).T
        if self.heads:
            return [
                [self._shared(a, b, i, j, float(rest[i, j])) for j in range(self.parent.size)]
                for i in range(self.parent.size)
            ]
        products, matrices, values = {}, {}, rest.clone()
        for name, spaces in self.families.items():
            left, right = (Stack(spaces).rows(t) for t in (a, b))
            products[name] = left[:, None] @ right[None].mT
            matrices[name] = spaces[0].nearest(products[name])
            values += (products[name] * matrices[name]).sum((-2, -1))
        return [
            [
                Fit(float(values[i, j]), None, {name: q[i, j] for name, q in matrices.items()})
                for j in range(self.parent.size)
            ]
            for i in range(self.parent.size)
        ]

    def _rest(self, tensors: Mapping[str, Tensor]) -> Float64[Tensor, "blocks k"]:
        """What is in each block beside its spaces."""
        found = [torch.zeros(self.parent.size, 0, dtype=torch.float64)]
        spaces = [space for family in self.families.values() for space in family]
        turning = [action for space in spaces for action in space.actions]
        for action in self.parent.actions:
            taken = entries_moved(action, turning)
            kept = [sorted(set(p) - taken) for p in action.positions]
            if kept[0]:
                part = Action(action.parameter, action.axis, tuple(map(tuple, kept)), action.within)
                found.append(part.rows(tensors[action.parameter]))
        return torch.cat(found, dim=1)

    def _shared(
        self, a: Mapping[str, Tensor], b: Mapping[str, Tensor], i: int, j: int, rest: float
    ) -> Fit:
        """Order and matrices in turn, from the matrices of what the heads share."""
        pairs = {name: self._products(name, a, b, i, j) for name in self.families}
        fixed = {name: products.shared for name, products in pairs.items()}
        best: Fit | None = None
        for _ in range(_PASSES):
            matrices = {n: self.families[n][0].nearest(m) for n, m in fixed.items()}
            gains = sum((p.of_heads(matrices[n]) for n, p in pairs.items()), torch.zeros(1, 1))
            order = assignment(gains)
            fixed = {n: products.total(order) for n, products in pairs.items()}
            matrices = {n: self.families[n][0].nearest(m) for n, m in fixed.items()}
            value = rest + sum(float((m * matrices[n]).sum()) for n, m in fixed.items())
            if best is not None and value <= best.value:
                break
            best = Fit(value, order, matrices)
        assert best is not None
        return best

    def _products(
        self, family: str, a: Mapping[str, Tensor], b: Mapping[str, Tensor], i: int, j: int
    ) -> "_Products":
        left, right = (
            list(_pieces(self.families[family][k], self.heads[k], tensors))
            for k, tensors in ((i, a), (j, b))
        )
        size, count = self.families[family][0].size, self.heads[0].size
        shared = torch.zeros(size, size, dtype=torch.float64)
        apart = torch.zeros(count, count, size, size, dtype=torch.float64)
        for (head, place, x), (_, _, y) in zip(left, right, strict=True):
            if head is None:
                shared += x @ y.T
            for other, its_place, z in right:
                if head is not None and other is not None and place == its_place:
                    apart[head, other] += x @ z.T
        return _Products(shared, apart)


@dataclass(frozen=True)
class _Products:
    """M of one pair of blocks: of what all heads share, and of head h of A with head k of B."""

    shared: Float64[Tensor, "m m"]
    apart: Float64[Tensor, "h h m m"]

    def of_heads(self, matrix: Float64[Tensor, "m m"]) -> Float64[Tensor, "h h"]:
        return (self.apart * matrix).sum((-2, -1))

    def total(self, order: np.ndarray) -> Float64[Tensor, "m m"]:
        return self.shared + self.apart[np.arange(len(order)), order].sum(0)


def _pieces(
    space: Space, heads: PermutationGroup, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[int | None, tuple[str, int, int], Tensor]]:
    """The copies of a space's directions: whose head's they are, which of its, and their rows."""
    for action in space.actions:
        index = action.index.reshape(space.size, -1)
        owners = {
            entry: head
            for other in heads.actions
            if (other.parameter, other.axis) == (action.parameter, action.axis)
            for head, entries in enumerate(other.positions)
            for entry in entries
        }
        seen: dict[int | None, int] = {}
        for copy in index.T:
            head = owners.get(int(copy[0]))
            seen[head] = seen.get(head, -1) + 1
            places = tuple((int(entry),) for entry in copy)
            one = Action(action.parameter, action.axis, places, action.within)
            key = (action.parameter, action.axis, seen[head])
            yield head, key, one.rows(tensors[action.parameter])
