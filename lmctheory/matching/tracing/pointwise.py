"""How neurons pass operations that compute every entry from the entries at its place."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lmctheory.matching.tracing.contractions import paired
from lmctheory.matching.tracing.folding import Folded, beside, combined, settled
from lmctheory.matching.tracing.labelling import Call, Labelling, Value

__all__ = ["pointwise"]


def pointwise(labelling: Labelling, call: Call) -> Any:
    """All arguments and the result move alike, axes of size one excepted."""
    if not isinstance(call.result, Tensor):
        return None
    values = call.values
    folded = [value for value in values if isinstance(value, Folded)]
    ends = _joined(labelling, folded, call) if folded else ()
    if ends is None:
        return None
    labels = tuple(
        None if -back in ends else paired(labelling, values, back, call.name)
        for back in range(call.result.ndim, 0, -1)
    )
    if not folded:
        return Value(call.result, labels)
    for value in values:
        if not isinstance(value, Folded) and not _beside(labelling, folded[0], value, call):
            return None
    axes = tuple(call.result.ndim + end for end in ends)
    return Folded(call.result, labels, axes, folded[0].grid, labelling)


def _joined(labelling: Labelling, folded: Sequence[Folded], call: Call) -> tuple[int, ...] | None:
    """The axes, from the end, over which neurons are spread in all these tensors, moving alike."""
    first, *others = folded
    ends = tuple(axis - first.tensor.ndim for axis in first.axes)
    for other in others:
        same = tuple(axis - other.tensor.ndim for axis in other.axes) == ends
        if not same or other.grid.shape != first.grid.shape:
            return None
        labelling.neurons.unify(first.grid.ravel(), other.grid.ravel(), combined(call.name))
    return ends


def _beside(labelling: Labelling, x: Folded, value: Value, call: Call) -> bool:
    """Pairs neurons that are spread over several axes with what is the same along some of them."""
    ndim, shape = x.tensor.ndim, value.tensor.shape
    along = [a for a in x.axes if a - ndim >= -len(shape) and shape[a - ndim] > 1]
    if not along:
        return True
    heads = settled(labelling, x, x.inner, call.name) if len(along) == 1 else None
    if heads is None:
        return False
    labels = value.labels[along[0] - ndim]
    if along[0] == x.inner:
        beside(labelling, heads, labels, call.name)
    else:
        labelling.neurons.unify(heads.atoms, labels, combined(call.name))
    return True
