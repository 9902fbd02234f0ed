"""Permutation groups of a network: which axes of which parameters move together."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lmctheory.matching.orders import neurons, selected, signs
from lmctheory.measures.display import some

__all__ = ["Action", "Coupling", "PermutationGroup", "Symmetry", "entries_moved"]


@dataclass(frozen=True)
class Action:
    """How a group acts on one parameter: neuron i owns the entries ``positions[i]`` of an axis.

    Reordering the neurons puts the entries of neuron ``perm[i]`` where those of neuron i were. One
    neuron owns one entry of a linear layer's rows, but a whole block of the columns that read a
    flattened convolution, and an attention head owns a block of rows in each of its projections.

    Attributes:
        parameter: qualified name, of a parameter or of a buffer.
        axis: of the parameter.
        positions: for each neuron its entries ``[m][k]``.
        within: the range of axis 0 to which it is confined, where weights of independent parts of
            a layer lie in one tensor (grouped convolutions); None is all of it.
        reads: whether the layer sums over the axis: it takes the neurons as its inputs.
        negated: whether the entries are negated with a neuron; where an action of a group says so,
            its neurons may be.
    """

    parameter: str
    axis: int
    positions: tuple[tuple[int, ...], ...] = field(repr=False)
    within: tuple[int, int] | None = None
    reads: bool = False
    negated: bool = False

    @property
    def place(self) -> tuple[str, int]:
        """The parameter and its axis."""
        return self.parameter, self.axis

    @cached_property
    def index(self) -> Int[np.ndarray, " n"]:
        """All entries, neuron after neuron."""
        return np.array(self.positions).ravel()

    def entries(self, order: Int[np.ndarray, " k"]) -> Int[np.ndarray, " n"]:
        """The entries of some neurons, neuron after neuron; negated if they are (`orders`)."""
        found = self.index.reshape(len(self.positions), -1)[neurons(order)]
        if self.negated and (order < 0).any():
            found = np.where(order[:, None] < 0, ~found, found)
        return found.ravel()

    @cached_property
    def _ordered(self) -> bool:
        return np.array_equal(self.index, np.arange(len(self.index)))

    def part(self, tensor: Tensor) -> Tensor:
        """A view of what the action can reach."""
        return tensor if self.within is None else tensor[slice(*self.within)]

    def rows(self, tensor: Tensor) -> Float[Tensor, "m k"]:
        """All that belongs to each neuron, a row each."""
        part = self.part(tensor)
        if not self.fills_in_order(part.shape[self.axis]):
            index = torch.as_tensor(self.index, device=part.device)
            part = part.index_select(self.axis, index)
        return part.movedim(self.axis, 0).reshape(len(self.positions), -1)

    def replaced(
        self, tensor: Tensor, neurons: Int[np.ndarray, " n"], rows: Float[Tensor, "n k"]
    ) -> Tensor:
        """A tensor in which these `rows` belong to some neurons."""
        result = tensor.clone()
        part = self.part(result)
        index = torch.as_tensor(self.entries(neurons), device=part.device)
        moved = part.movedim(self.axis, 0)
        moved[index] = rows.reshape(len(index), *moved.shape[1:]).to(moved)
        return result

    def reorder(self, tensor: Tensor, order: Int[np.ndarray, " m"]) -> Tensor:
        """A tensor in which place i holds neuron ``order[i]``, negated or not (`orders`)."""
        part = self.part(tensor)
        index = np.arange(part.shape[self.axis])
        index[self.index] = self.entries(order)
        moved = selected(part, self.axis, index)
        if self.within is None:
            return moved
        result = tensor.clone()
        self.part(result).copy_(moved)
        return result

    def fills_in_order(self, size: int) -> bool:
        """Whether the neurons' entries are all of an axis of that size, one after another."""
        return len(self.index) == size and self._ordered


def entries_moved(action: Action, others: Iterable[Action]) -> set[int]:
    """Of an action's axis the entries that some others move."""
    return {
        entry for other in others if other.place == action.place for entry in other.index.tolist()
    }


@dataclass(frozen=True, repr=False)
class PermutationGroup:
    """Neurons that can be reordered without changing the function.

    A permutation is an index array: ``perm[i]`` is the neuron of B that is aligned with neuron i of
    A, so ``W_B[perm]`` is the aligned layer.

    Attributes:
        name: of the layer whose neurons they are.
        size: number m of neurons.
        actions: on every parameter and buffer that it moves.
        incoming: the weights whose rows are the neurons.
        outgoing: the weights that read the neurons.
        parent: for neurons inside a block (a head's channels) the group that moves whole blocks.
        family: which of the parent's blocks they lie in: blocks of one family are alike.
        slot: the number of that block.
    """

    name: str
    size: int
    actions: tuple[Action, ...]
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]
    parent: str | None = None
    family: str = ""
    slot: int = 0

    @cached_property
    def signed(self) -> bool:
        """Whether its neurons may be negated."""
        return any(action.negated for action in self.actions)

    @property
    def axes(self) -> tuple[tuple[str, int], ...]:
        """Every ``(parameter, axis)`` that the permutation acts on."""
        return tuple(action.place for action in self.actions)

    def __repr__(self) -> str:
        moved = some(f"{parameter!r} axis {axis}" for parameter, axis in self.axes)
        inside = "" if self.parent is None else f" in block {self.slot} of {self.parent!r}"
        kind = " and signs" if self.signed else ""
        return f"PermutationGroup({self.name!r}, {self.size} neurons{kind}{inside}, moves {moved})"


@dataclass(frozen=True)
class Coupling:
    """A parameter on which two groups act: `action` is the one's, `other_action` the other's."""

    action: Action
    other: PermutationGroup
    other_action: Action


@dataclass(frozen=True, repr=False)
class Symmetry:
    """All permutation groups of a network, from the input on. Input and output stay fixed.

    Attributes:
        groups: a group that moves blocks comes after those inside its blocks, and is applied after
            them.
        fixed: for each layer whose neurons cannot be reordered, the reason.
    """

    groups: tuple[PermutationGroup, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = some(f"{group.name!r}: {group.size}" for group in self.groups)
        fixed = some(f"{name!r}: {reason}" for name, reason in self.fixed.items())
        return f"Symmetry({len(self.groups)} groups of neurons {{{sizes}}}, fixed {{{fixed}}})"

    def __getitem__(self, name: str) -> PermutationGroup:
        """The group of a name."""
        return next(group for group in self.groups if group.name == name)

    def couplings(self, group: PermutationGroup) -> Iterator[Coupling]:
        """The parameters that `group` shares with other groups."""
        for action in group.actions:
            for other in self.groups:
                for other_action in other.actions:
                    if other_action.parameter == action.parameter and other.name != group.name:
                        yield Coupling(action, other, other_action)

    def children(self, parent: PermutationGroup) -> tuple[PermutationGroup, ...]:
        """The groups inside the blocks that `parent` moves."""
        return tuple(group for group in self.groups if group.parent == parent.name)

    def on(self, names: Collection[str]) -> "Symmetry":
        """The same groups as they act on some of the tensors, say on parameters alone."""
        return replace(
            self,
            groups=tuple(
                replace(group, actions=tuple(a for a in group.actions if a.parameter in names))
                for group in self.groups
            ),
        )

    @property
    def signed(self) -> tuple[PermutationGroup, ...]:
        """The groups whose neurons may be negated."""
        return tuple(group for group in self.groups if group.signed)

    def signs(self, orders: Mapping[str, Int[np.ndarray, " _"]]) -> dict[str, np.ndarray]:
        """The signs of neurons in their orders, by signed groups."""
        return {group.name: signs(orders[group.name]) for group in self.signed}

    @property
    def unsigned(self) -> "Symmetry":
        """The same groups, none of whose neurons may be negated."""
        return replace(
            self,
            groups=tuple(
                replace(g, actions=tuple(replace(a, negated=False) for a in g.actions))
                for g in self.groups
            ),
        )

    @cached_property
    def acting(self) -> Mapping[str, tuple[tuple[str, Action], ...]]:
        """For each parameter the groups that act on it, by their names, and how; in their order."""
        found: dict[str, list[tuple[str, Action]]] = {}
        for group in self.groups:
            for action in group.actions:
                found.setdefault(action.parameter, []).append((group.name, action))
        return {parameter: tuple(actions) for parameter, actions in found.items()}

    def arranged(
        self, parameter: str, tensor: Tensor, orders: Mapping[str, Int[np.ndarray, " _"]]
    ) -> Tensor:
        """A parameter after all groups were put in order; itself where none moves it."""
        for name, action in self.acting.get(parameter, ()):
            order = orders[name]
            if not np.array_equal(order, np.arange(len(order))):
                tensor = action.reorder(tensor, order)
        return tensor

    @property
    def interacts(self) -> bool:
        """Whether groups share a parameter, or one acts on two of its axes.

        If none do, each can be solved on its own, exactly.
        """
        coupled = any(True for group in self.groups for _ in self.couplings(group))
        return coupled or any(
            len({axis for name, axis in group.axes if name == parameter}) > 1
            for group in self.groups
            for parameter, _ in group.axes
        )
