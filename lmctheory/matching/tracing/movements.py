"""Operations that only put entries elsewhere: views, slices, concatenations, paddings.

What such an operation does is found by carrying it out on the numbers of the entries. An axis of
the result takes the label of that axis of the input on which alone the place along it depends;
where two labelled axes fall on one (or one on two), their neurons are fixed. Entries that come from
nowhere are constants, all equal, and may be in any order; so may copies along an expanded axis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx.node import map_aggregate

from lmctheory.matching.tracing.labelling import Call, Labelling, Value
from lmctheory.matching.tracing.neurons import Labels, ranks

__all__ = ["MOVEMENTS", "movement"]

_NAMES = """
    _unsafe_view alias broadcast_to cat channel_shuffle chunk concat concatenate diagonal expand
    expand_as flatten flip fliplr flipud hsplit index_select moveaxis movedim narrow pad permute
    pixel_shuffle pixel_unshuffle ravel repeat repeat_interleave reshape reshape_as roll rot90
    select slice split split_with_sizes squeeze stack swapaxes swapdims t take_along_dim
    tensor_split tile transpose unbind unflatten unfold unsqueeze view view_as vsplit
"""
MOVEMENTS = frozenset(_NAMES.split())


@dataclass(frozen=True, eq=False)
class _Source:
    """An argument whose entries are moved, numbered from `start`."""

    value: Value
    start: int


def movement(labelling: Labelling, call: Call) -> Any:
    """Labels of what an operation makes of entries that it does not compute with."""
    args, kwargs, sources = _numbered(call)
    if not sources or _is_placed_by_neurons(call, sources):
        return None
    if call.operation == "pad" and call.argument(3, "value"):  # constants must count as zero
        return None
    numbers = call.run(*args, **kwargs)
    results = iter(_tensors(call.result))
    if isinstance(numbers, Tensor):
        return _labelled(labelling, call.name, sources, numbers, next(results))
    return type(call.result)(
        _labelled(labelling, call.name, sources, part, next(results)) for part in numbers
    )


def _is_placed_by_neurons(call: Call, sources: list[_Source]) -> bool:
    """Whether where the entries go depends on neurons: on another example it could be elsewhere."""
    moved = {id(source.value) for source in sources}
    others = [value for value in call.values if id(value) not in moved]
    moving = any(labels is not None for value in others for labels in value.labels)
    return moving and not call.operation.endswith("_as")  # whose argument gives a shape alone


def _numbered(call: Call) -> tuple[Any, Any, list[_Source]]:
    """The arguments with entries numbered from one, zero being a constant."""
    sources: list[_Source] = []
    start = 1

    def number(item: Any) -> Any:
        nonlocal start
        if not isinstance(item, Value):
            return item
        sources.append(_Source(item, start))
        n = item.tensor.numel()
        numbers = torch.arange(start, start + n, dtype=torch.float64, device=item.tensor.device)
        start += n
        return numbers.reshape(item.tensor.shape)

    def concrete(item: Any) -> Any:
        return item.tensor if isinstance(item, Value) else item

    kwargs = {
        key: map_aggregate(item, number if key in ("input", "tensors") else concrete)
        for key, item in call.kwargs.items()
    }
    if not call.args:
        return (), kwargs, sources
    first, *rest = call.args
    return (map_aggregate(first, number), *map_aggregate(rest, concrete)), kwargs, sources


def _tensors(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def _labelled(
    labelling: Labelling, name: str, sources: list[_Source], numbers: Tensor, result: Tensor
) -> Value:
    entries = numbers.to(torch.int64).cpu().numpy()
    labels: list[Labels | None] = [
        _constants(labelling, entries, axis) for axis in range(entries.ndim)
    ]
    covered: dict[int, np.ndarray] = {}
    for source in sources:
        for axis, places in _placed(labelling, name, source, entries):
            where = places >= 0
            held = labels[axis]
            assert held is not None  # the axis is longer than one
            if axis not in covered:
                covered[axis] = np.zeros_like(where)
            both, new = where & covered[axis], where & ~covered[axis]
            reason = f"{name} puts its neurons beside entries that cannot move with them"
            labelling.neurons.unify(held[both], places[both], reason)
            held[new] = places[new]
            covered[axis] = covered[axis] | where
    return Value(result, tuple(found if found is None or found.any() else None for found in labels))


def _constants(labelling: Labelling, entries: np.ndarray, axis: int) -> Labels | None:
    """New atoms for an axis along which nothing varies, or for its constant part."""
    size = entries.shape[axis]
    if size == 1 or not entries.size:
        return None
    across = np.moveaxis(entries, axis, 0).reshape(size, -1)
    if (across == across[:1]).all():
        return labelling.neurons.fresh(size)
    empty = (across == 0).all(axis=1)
    labels = np.zeros(size, dtype=np.int64)
    if empty.sum() > 1:
        labels[empty] = labelling.neurons.fresh(int(empty.sum()))
    return labels


def _placed(
    labelling: Labelling, name: str, source: _Source, entries: np.ndarray
) -> Iterator[tuple[int, Labels]]:
    """For each axis of the result onto which an axis of the source falls, the labels (else -1)."""
    shape = source.value.tensor.shape
    last = source.start + source.value.tensor.numel()
    own = np.asarray((entries >= source.start) & (entries < last))
    if not own.any():
        return
    unravelled = np.unravel_index(np.where(own, entries - source.start, 0), shape)
    coordinates = tuple(map(np.asarray, unravelled))  # also of a single number
    found: dict[int, tuple[int, Labels]] = {}
    for d, (coordinate, labels) in enumerate(zip(coordinates, source.value.labels, strict=True)):
        if shape[d] == 1:
            continue
        axis = _only_axis(coordinate, own)
        if axis is None:
            reason = f"{name} singles some of its neurons out, or spreads them over several axes"
            labelling.neurons.fix(labels if labels is None else labels[coordinate[own]], reason)
            continue
        places = _along(coordinate, own, axis)
        values = places if labels is None else np.where(places < 0, -1, labels[places])
        known = found.get(axis)
        if known is not None and labels is not None and source.value.labels[known[0]] is not None:
            reason = f"{name} joins two axes of neurons"
            labelling.neurons.fix(labels, reason)
            labelling.neurons.fix(source.value.labels[known[0]], reason)
        if labels is not None:
            _distinguish(labelling, labels, coordinates, d, own, axis, values)
            found[axis] = (d, values)
        elif known is None:
            found[axis] = (d, np.where(places < 0, -1, 0))
    yield from ((axis, values) for axis, (_, values) in found.items())


def _only_axis(coordinate: np.ndarray, own: np.ndarray) -> int | None:
    """The axis on which alone a coordinate depends."""
    varying = [
        axis for axis in range(coordinate.ndim) if not _is_constant_along(coordinate, own, axis)
    ]
    return varying[0] if len(varying) == 1 else None


def _is_constant_along(coordinate: np.ndarray, own: np.ndarray, axis: int) -> bool:
    low = np.where(own, coordinate, np.iinfo(np.int64).max).min(axis=axis)
    high = np.where(own, coordinate, -1).max(axis=axis)
    return bool((low >= high).all())


def _along(coordinate: np.ndarray, own: np.ndarray, axis: int) -> np.ndarray:
    """The coordinate at each place along the axis; -1 where there is nothing of the source."""
    others = tuple(a for a in range(coordinate.ndim) if a != axis)
    return np.where(own, coordinate, -1).max(axis=others)


def _distinguish(
    labelling: Labelling,
    labels: Labels,
    coordinates: tuple[np.ndarray, ...],
    d: int,
    own: np.ndarray,
    axis: int,
    values: Labels,
) -> None:
    """Neurons whose entries come to lie differently cannot be exchanged."""
    rank = ranks(labels)
    rest = [rank[c] if k == d else c for k, c in enumerate(coordinates)]
    code = np.where(own, np.stack(rest), -1)
    code = np.moveaxis(code, axis + 1, 0).reshape(code.shape[axis + 1], -1)
    order = np.argsort(values, kind="stable")
    atoms, starts = np.unique(values[order], return_index=True)
    marks = dict.fromkeys(np.unique(labels).tolist(), b"")
    for atom, places in zip(atoms.tolist(), np.split(order, starts[1:]), strict=True):
        marks[atom] = code[places].tobytes()
    labelling.neurons.distinguish(labels, marks)
