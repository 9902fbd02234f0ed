"""Neurons along several axes of a tensor: the channels of attention heads.

A reshape spreads an axis of neurons over several, ``[heads * size]`` over ``[heads, size]``, and
what follows may treat them differently: sums over the channels of each head, or one factor for
each. So the neurons are a grid over these axes. As long as entries are only put elsewhere, or
computed one by one, nothing is required of them. Once an operation tells the axes apart (`settled`)
the rows of the grid become blocks, like those of grouped convolutions: channels can be exchanged
inside a head, and whole heads with each other.

The heads then have atoms of their own, one each, which label the axis of heads where their channels
are gone: of the scores. Copies of a head (grouped queries share keys and values) get channels of
their own, each the same neuron as what it is a copy of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from torch import Tensor

from lmctheory.matching.tracing.labelling import Blocks, Labelling, Value
from lmctheory.matching.tracing.neurons import Labels, ranks

__all__ = [
    "Folded",
    "Heads",
    "alike",
    "as_heads",
    "beside",
    "combined",
    "plain_label",
    "settled",
    "spread",
]


def combined(name: str) -> str:
    """Why neurons are fixed that an operation pairs with others."""
    return f"{name} combines its neurons with entries that cannot move with them"


def _spread(name: str) -> str:
    return f"its neurons are spread over several axes of what {name} computes with"


class Folded(Value):
    """A tensor over several axes of which neurons are spread.

    Whoever reads `labels` knows nothing of that: the neurons are fixed then.

    Attributes:
        plain: labels of the other axes.
        axes: over which the neurons are spread.
        grid: their atoms, of the shape of these axes.
    """

    def __init__(
        self,
        tensor: Tensor,
        plain: Sequence[Labels | None],
        axes: tuple[int, ...],
        grid: Int[np.ndarray, "..."],
        labelling: Labelling,
    ) -> None:
        vars(self).update(
            tensor=tensor, plain=tuple(plain), axes=axes, grid=grid, _labelling=labelling
        )

    plain: tuple[Labels | None, ...]
    axes: tuple[int, ...]
    grid: Int[np.ndarray, "..."]
    _labelling: Labelling

    @property
    def labels(self) -> tuple[Labels | None, ...]:
        """Of its axes, those of the neurons being fixed."""
        self._labelling.neurons.fix(self.grid.ravel(), _spread("an operation"))
        return self.plain

    @property
    def everything(self) -> tuple[Labels | None, ...]:
        """All atoms in it."""
        return (*self.plain, self.grid.ravel())

    @property
    def inner(self) -> int:
        """The axis along which the neurons lie one after the other: of a head's channels."""
        steps = [
            np.abs(np.diff(self.grid, axis=k)).min() if size > 1 else np.inf
            for k, size in enumerate(self.grid.shape)
        ]
        return self.axes[int(np.argmin(steps))]

    def holding(self, tensor: Tensor) -> "Folded":
        """Another tensor, whose entries lie as these do."""
        return Folded(tensor, self.plain, self.axes, self.grid, self._labelling)


@dataclass(frozen=True, eq=False)
class Heads:
    """Neurons of a `Folded` tensor as rows.

    Attributes:
        axis: of the heads, from the end.
        channel: the axis of their channels, from the end.
        atoms: of the heads.
        grid: of the channels ``[heads, size]``.
    """

    axis: int
    channel: int
    atoms: Labels
    grid: Int[np.ndarray, "heads size"]


def settled(labelling: Labelling, x: Folded, channel: int, name: str) -> Heads | None:
    """The heads of a tensor whose channels lie along an axis; None, and fixed, if it has none.

    Args:
        labelling: of all.
        x: the tensor.
        channel: the axis.
        name: of what tells the heads apart.
    """
    ndim = x.tensor.ndim
    channel %= ndim
    if len(x.axes) != 2 or channel not in x.axes:
        labelling.neurons.fix(x.grid.ravel(), _spread(name))
        return None
    (axis,) = (a for a in x.axes if a != channel)
    grid = x.grid if x.axes[1] == channel else x.grid.T
    return as_heads(labelling, grid, axis - ndim, channel - ndim, name)


def as_heads(
    labelling: Labelling, grid: Int[np.ndarray, "heads size"], axis: int, channel: int, name: str
) -> Heads:
    """Heads whose channels are the rows of a grid, and are blocks from now on.

    Args:
        labelling: of all.
        grid: atoms of the channels; rows may be copies of others.
        axis: of the heads, from the end.
        channel: the axis of their channels, from the end.
        name: of what tells the heads apart.
    """
    grid = _own_rows(labelling, grid, name)
    heads, size = grid.shape
    labelling.neurons.divide(grid.ravel(), np.repeat(np.arange(heads), size))
    atoms = labelling.neurons.fresh(heads, blocks=heads)
    labelling.blocks.append(Blocks(name, None, (grid,), atoms))
    return Heads(axis, channel, atoms, grid)


def _own_rows(
    labelling: Labelling, grid: Int[np.ndarray, "heads size"], name: str
) -> Int[np.ndarray, "heads size"]:
    """The grid, rows that are copies of others with atoms of their own."""
    if len(np.unique(grid, axis=0)) == len(grid):
        return grid
    own = labelling.neurons.fresh(grid.size, blocks=len(grid)).reshape(grid.shape)
    within = np.concatenate([ranks(row) for row in grid])
    reason = f"{name} uses heads several times, whose entries cannot move"
    labelling.neurons.join(grid.ravel(), own.ravel(), within, reason)
    return own


def beside(labelling: Labelling, heads: Heads, labels: Labels | None, name: str) -> None:
    """Pairs the channels of every head with the same entries.

    Where these are fixed the channels keep their places in the head, and heads move as wholes.
    """
    if labels is None:
        places = np.broadcast_to(np.arange(heads.grid.shape[1]), heads.grid.shape)
        moving = labelling.neurons.neurons(heads.grid) > 0
        labelling.neurons.tell_apart(heads.grid[moving], places[moving])
        return
    grid = spread(labels, heads.grid.shape)
    alike(labelling, heads, as_heads(labelling, grid, heads.axis, heads.channel, name), name)


def alike(labelling: Labelling, a: Heads, b: Heads, name: str) -> None:
    """Lets two tensors' heads move alike, and the channels in them."""
    u, v = a.grid.ravel(), b.grid.ravel()  # every atom is in a grid once
    labelling.neurons.join(u, v, np.zeros_like(u), combined(name))
    labelling.neurons.unify(a.atoms, b.atoms, combined(name))


def spread(labels: Labels | None, shape: tuple[int, ...]) -> Int[np.ndarray, "heads size"]:
    """The same entries for every head."""
    return np.array(np.broadcast_to(np.int64(0) if labels is None else labels, shape))


def plain_label(value: Value, back: int) -> Labels | None:
    """The labels of the `back`-th axis from the end; None if neurons are spread over it."""
    return value.plain[-back] if isinstance(value, Folded) else value.labels[-back]
