"""Raising <theta_A, theta_B'> by permutations and orthogonal matrices in turn.

Each step is the exact optimum of one part, the others held fixed: an assignment for a layer's
neurons, assignments and Procrustes for heads, Procrustes for a residual stream. No step is taken
that does not raise the objective, so it never falls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.costs.neuron_features import Features, gain_of
from lmctheory.matching.groups import PermutationGroup
from lmctheory.matching.orders import then
from lmctheory.matching.rotations.blocks import Blocks, Fit
from lmctheory.matching.rotations.finding import RotationSymmetry
from lmctheory.matching.rotations.spaces import Space, Stack, stacks
from lmctheory.matching.solvers._assignment import assignment, best_order

__all__ = ["Turning", "ascended", "stacked", "streams_alone", "transformed"]

_PASSES = 100
"""Of all parts at most, and of matrices alone between two of them."""

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Turning:
    """How B is transformed: first permuted, then turned.

    Attributes:
        orders: of the permutation groups' neurons, and signs, see `lmctheory.matching.orders`.
        matrices: for each space, in the place that the permutations have given it.
        trace: the objective at the start and after each pass.
    """

    orders: Mapping[str, np.ndarray]
    matrices: Mapping[str, Tensor]
    trace: tuple[float, ...] = field(default=(), compare=False)


def transformed(found: RotationSymmetry, tensors: Tensors, turning: Turning) -> dict[str, Tensor]:
    """Tensors of B after permutations and matrices."""
    result = {
        name: found.groups.arranged(name, tensor, turning.orders)
        for name, tensor in tensors.items()
    }
    for stack in stacks(found.spaces):
        result |= stack.turn(result, stacked(stack, turning.matrices))
    return result


def stacked(stack: Stack, matrices: Mapping[str, Tensor]) -> Tensor:
    """The matrices of some spaces in one tensor."""
    return torch.stack([matrices[space.name] for space in stack.spaces])


def ascended(
    found: RotationSymmetry, a: Tensors, b: Tensors, start: Turning, rise: float
) -> Turning:
    """Where the steps lead from a start.

    Args:
        found: the symmetries of both networks.
        a: parameters of A, float64.
        b: those of B, as it came.
        start: how it is transformed at first.
        rise: of the objective in one pass, relative to |theta_A| |theta_B|, that is none.
    """
    ascent = _Ascent(found, a, transformed(found, b, start), start)
    norms = (math.hypot(*(float(t.norm()) for t in x.values())) for x in (a, b))
    least = rise * math.prod(norms)
    trace = [ascent.objective]
    for _ in range(_PASSES):
        ascent.sweep()
        ascent.turn(least)
        trace.append(ascent.objective)
        if trace[-1] - trace[-2] <= least:
            break
    return Turning(ascent.orders, ascent.matrices, tuple(trace))


def streams_alone(found: RotationSymmetry, a: Tensors, b: Tensors, start: Turning) -> Turning:
    """A start: streams turned by what no other group touches, such as embeddings and outputs.

    These show the stream as it is, before anything else is aligned.
    """
    matrices = dict(start.matrices)
    for space in found.streams:
        touched = {
            action.parameter
            for group in found.groups.groups
            if group.name != space.name
            for action in group.actions
        }
        own = tuple(action for action in space.actions if action.parameter not in touched)
        if own:
            alone = Space(space.name, space.size, space.kind, own)
            matrices[space.name] = space.nearest(alone.rows(a) @ alone.rows(b).T)
    return Turning(start.orders, matrices)


class _Ascent:
    def __init__(self, found: RotationSymmetry, a: Tensors, b: dict[str, Tensor], at: Turning):
        self.found, self.a, self.b = found, a, b
        self.orders, self.matrices = dict(at.orders), dict(at.matrices)
        groups = found.groups
        self.blocks = [
            Blocks(group, found.spaces, groups)
            for group in groups.groups
            if any(space.parent == group.name for space in found.spaces)
        ]
        self.alone = [
            group
            for group in groups.groups
            if group.parent is None
            and not groups.children(group)
            and group.name not in {space.name for space in found.spaces}
        ]
        in_blocks = {s.name for b in self.blocks for f in b.families.values() for s in f}
        self.stacks = [(stack, stack.rows(a)) for stack in stacks(found.spaces)]
        self.single = [
            (stack, rows) for stack, rows in self.stacks if stack.spaces[0].name not in in_blocks
        ]

    @property
    def objective(self) -> float:
        return self._inner(self.a)

    def _inner(self, names: Mapping[str, object]) -> float:
        return sum(float(torch.vdot(self.a[n].ravel(), self.b[n].ravel())) for n in names)

    def sweep(self) -> None:
        """Every part once."""
        for group in self.alone:
            self._neurons(group)
        for blocks in self.blocks:
            self._heads(blocks)
        for stack, rows in self.single:
            self._turn(stack, rows)

    def turn(self, least: float) -> None:
        """Matrices alone, which cost less, until they raise the objective no more."""
        for _ in range(_PASSES):
            before = self.objective
            for stack, rows in self.stacks:
                self._turn(stack, rows)
            if self.objective - before <= least:
                break

    def _raises(self, changed: Tensors) -> bool:
        """Takes new values of some parameters if they raise the objective."""
        before, old = self._inner(changed), self.b
        self.b = {**old, **changed}
        if self._inner(changed) > before:
            return True
        self.b = old
        return False

    def _neurons(self, group: PermutationGroup) -> None:
        described = [
            Features(a.rows(self.a[a.parameter]), a.rows(self.b[a.parameter]), negated=a.negated)
            for a in group.actions
        ]
        order = best_order(gain_of(described))
        if self._raises(_reordered(group, order, self.b)):
            self.orders[group.name] = then(self.orders[group.name], order)

    def _heads(self, blocks: Blocks) -> None:
        fits = blocks.fits(self.a, self.b)
        order = assignment(torch.tensor([[fit.value for fit in row] for row in fits]))
        chosen = [fits[i][j] for i, j in enumerate(order)]
        new = dict(self.b)
        for fit, j in zip(chosen, order, strict=True):
            if fit.order is not None:
                new |= _reordered(blocks.heads[j], fit.order, new)
        new |= _reordered(blocks.parent, order, new)
        for family, spaces in blocks.families.items():
            matrices = torch.stack([fit.matrices[family] for fit in chosen])
            new |= Stack(spaces).turn(new, matrices)
        if self._raises({action.parameter: new[action.parameter] for action in blocks.moving}):
            self._note(blocks, order, chosen)

    def _note(self, blocks: Blocks, order: np.ndarray, chosen: Sequence[Fit]) -> None:
        """Keeps account of a step: blocks bring along their matrices, and heads their names."""
        places = self.orders[blocks.parent.name]
        for fit, j in zip(chosen, order, strict=True):
            if fit.order is not None:
                name = blocks.heads[places[j]].name
                self.orders[name] = self.orders[name][fit.order]
        self.orders[blocks.parent.name] = places[order]
        for family, spaces in blocks.families.items():
            old = [self.matrices[spaces[j].name] for j in order]
            for space, fit, before in zip(spaces, chosen, old, strict=True):
                self.matrices[space.name] = fit.matrices[family] @ before

    def _turn(self, stack: Stack, rows: Tensor) -> None:
        matrices = stack.spaces[0].nearest(rows @ stack.rows(self.b).mT)
        if self._raises(stack.turn(self.b, matrices)):
            for space, matrix in zip(stack.spaces, matrices, strict=True):
                self.matrices[space.name] = matrix @ self.matrices[space.name]


def _reordered(group: PermutationGroup, order: np.ndarray, tensors: Tensors) -> dict[str, Tensor]:
    result = {action.parameter: tensors[action.parameter] for action in group.actions}
    for action in group.actions:
        result[action.parameter] = action.reorder(result[action.parameter], order)
    return result
