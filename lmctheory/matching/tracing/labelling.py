"""What is known of a network's tensors while it is traced: their labels, and where they lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Int
from torch import Tensor
from torch.fx.node import map_aggregate

from lmctheory.matching.tracing.neurons import Labels, Neurons
from lmctheory.networks.program import operation

__all__ = [
    "Axis",
    "Blocks",
    "Call",
    "Labelling",
    "Rule",
    "Slot",
    "Value",
    "unlabelled",
    "values_in",
]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor and, for each of its axes, the atoms of its entries; None is an axis that is fixed.

    Attributes:
        tensor: as computed on the example.
        labels: for each axis.
    """

    tensor: Tensor
    labels: tuple[Labels | None, ...]

    @property
    def everything(self) -> tuple[Labels | None, ...]:
        """All atoms in it."""
        return self.labels


class Slot(Value):
    """A parameter or buffer of the network: its axes get atoms when an operation asks for them.

    Attributes:
        name: its qualified name.
    """

    def __init__(self, tensor: Tensor, name: str, labelling: "Labelling") -> None:
        vars(self).update(tensor=tensor, name=name, _labelling=labelling)

    name: str
    _labelling: "Labelling"

    @property
    def labels(self) -> tuple[Labels | None, ...]:
        """Every axis of it as it is known by now, free to move where nothing is known."""
        return self._labelling.raw(self)

    @property
    def layer(self) -> str:
        """The layer that it is the weight of; else its name."""
        return self.source.removesuffix(".weight")

    @property
    def source(self) -> str:
        """The layer that computes its weight from it; else its name."""
        owner, inside, _ = self.name.partition(".parametrizations.")
        return owner if inside else self.name


Role: TypeAlias = Literal["made", "read", ""]
"""Neurons that a weight makes, those that it reads (it sums over them), or neither."""


@dataclass(frozen=True, eq=False)
class Axis:
    """What is known of an axis of a parameter or buffer.

    Attributes:
        labels: its atoms.
        within: see `Action`.
        role: what the neurons along it are to the layer.
    """

    labels: Labels | None
    role: Role


@dataclass(frozen=True)
class Blocks:
    """Blocks of neurons that an operation treats alike, but only as wholes.

    Attributes:
        layer: that treats them so.
        name: of the blocks; None if the neurons' own layer is to name them.
        grids: atoms ``[blocks, size]``, all moved at once.
        heads: atoms of the blocks themselves, for axes along which each has one entry.
    """

    layer: str
    name: str | None
    grids: tuple[Int[np.ndarray, "blocks _"], ...]
    heads: Labels | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """An operation as it was carried out.

    Attributes:
        name: what messages call it.
        run: carries it out on tensors.
        args: its arguments, tensors as `Value`.
        kwargs: likewise.
        result: what came of it.
    """

    name: str
    run: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def operation(self) -> str:
        """Which operation it is."""
        return operation(self.run)

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument by position or by name."""
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name, default)

    @property
    def values(self) -> list[Value]:
        """All tensors among the arguments."""
        return values_in((self.args, self.kwargs))


def values_in(items: Any) -> list[Value]:
    """All tensors in a nest of tuples, lists and mappings, as often as they occur."""
    found: list[Value] = []

    def note(item: Any) -> Any:
        if isinstance(item, Value):
            found.append(item)
        return item

    map_aggregate(items, note)
    return found


class Labelling:
    """The neurons of a network, and every axis of a parameter or buffer on which they lie."""

    def __init__(self) -> None:
        self.neurons = Neurons()
        self.axes: dict[tuple[str, int, tuple[int, int] | None], Axis] = {}
        self.blocks: list[Blocks] = []

    def axis(
        self,
        value: Value | None,
        axis: int,
        *,
        labels: Labels | None = None,
        name: str | None = None,
        within: tuple[int, int] | None = None,
        role: Role = "",
    ) -> Labels | None:
        """The labels of an axis of a tensor with which a layer computes.

        Args:
            value: the tensor; for a layer without it nothing happens.
            axis: of it, from the front.
            labels: what the layer requires them to be.
            name: instead, gives the axis of a slot new atoms of that origin, unless it has some.
            within: see `Action`.
            role: see `Axis`.
        """
        if value is None:
            return labels
        if not isinstance(value, Slot):
            return self._of_computed(value, axis, labels, name, within)
        key = (value.name, axis, within)
        known = self.axes.get(key)
        if known is None:
            if name is not None and value.tensor.shape[axis] > 1:
                labels = self.neurons.fresh(value.tensor.shape[axis], name)
            self._place(key, Axis(labels, role))
            return labels
        if name is None:
            labels = self.neurons.unify(known.labels, labels, f"{value.name!r} is used twice")
            self.axes[key] = Axis(labels, known.role or role)
            return labels
        self.axes[key] = Axis(known.labels, known.role or role)
        return known.labels

    def _of_computed(
        self,
        value: Value,
        axis: int,
        labels: Labels | None,
        name: str | None,
        within: tuple[int, int] | None,
    ) -> Labels | None:
        """An axis of a weight that the network computes from others."""
        found = value.labels[axis]
        if name is not None:
            return found
        reason = (
            "it meets a weight, no parameter or computed from others, whose entries cannot move "
            "with it"
        )
        if within is not None:
            self.neurons.fix(found, reason)
            found = None
        return self.neurons.unify(labels, found, reason)

    def raw(self, slot: Slot) -> tuple[Labels | None, ...]:
        """The axes of a parameter or buffer as a tensor of its own, free where nothing is known."""
        tensor = slot.tensor
        if not tensor.is_floating_point():
            return (None,) * tensor.ndim
        labels = []
        for axis, size in enumerate(tensor.shape):
            key = (slot.name, axis, None)
            if key not in self.axes:
                atoms = self.neurons.fresh(size, slot.source, is_layer=False) if size > 1 else None
                self._place(key, Axis(atoms, ""))
            labels.append(self.axes[key].labels)
        return tuple(labels)

    def _place(self, key: tuple[str, int, tuple[int, int] | None], found: Axis) -> None:
        """Notes an axis; one that is used both as a whole and in parts stays as it is."""
        self.axes[key] = found
        uses = [other for other in self.axes if other[:2] == key[:2]]
        if {within is None for *_, within in uses} == {True, False}:
            for use in uses:
                reason = f"{key[0]!r} is used both as a whole and in parts"
                self.neurons.fix(self.axes[use].labels, reason)

    def mark(self, value: Value, axis: int, role: Role) -> None:
        """Notes the role of an axis of a value, if that is a parameter or buffer."""
        if isinstance(value, Slot):
            key = (value.name, axis % value.tensor.ndim, None)
            if key in self.axes:
                self.axes[key] = Axis(self.axes[key].labels, role)

    def fix(self, value: Value, reason: str) -> None:
        """Lets everything that is in a tensor stay where it is."""
        for labels in value.everything:
            self.neurons.fix(labels, reason)


Rule: TypeAlias = Callable[[Labelling, Call], Any]
"""From an operation to its labelled result; None if it is not known how neurons pass it."""


def unlabelled(result: Any) -> Any:
    """A result, every tensor in it fixed."""

    def wrap(item: Any) -> Any:
        return Value(item, (None,) * item.ndim) if isinstance(item, Tensor) else item

    if hasattr(result, "n_sequence_fields"):  # named, such as what torch.topk returns
        return type(result)(map(unlabelled, result))
    return map_aggregate(result, wrap)
