"""Operations that only put entries elsewhere: views, slices, concatenations, paddings.

What such an operation does is found by carrying it out on the numbers of the entries. An axis of
the result takes the label of that axis of the input on which alone the place along it depends; one
that is spread over several axes gives a `Folded` tensor; where two labelled axes fall on one, their
neurons are fixed. Entries that come from nowhere are constants, all equal, and may be in any order;
so may copies along an expanded axis.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx.node import map_aggregate

from lmctheory.matching.tracing.folding import Folded, as_heads, combined
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
    found = (_placed(labelling, name, source, entries) for source in sources)
    parts = [part for part in found if part is not None]
    labels: list[Labels | None] = [
        _constants(labelling, entries, axis) for axis in range(entries.ndim)
    ]
    folds = {axes for part in parts for axes in part if len(axes) > 1}
    reason = f"{name} puts its neurons beside entries that cannot move with them"
    together = len(folds) == 1 and all(folds <= part.keys() for part in parts)
    covered: dict[tuple[int, ...], Labels] = {}
    for axes, places in (item for part in parts for item in part.items()):
        if len(axes) == 1 or together:
            _cover(labelling, covered, axes, places, reason)
        else:
            labelling.neurons.fix(places[places >= 0], reason)
    for axes, places in covered.items():
        if len(axes) == 1:
            held = labels[axes[0]]
            assert held is not None  # the axis is longer than one
            labels[axes[0]] = np.where(places >= 0, places, held)
    plain = tuple(held if held is None or held.any() else None for held in labels)
    if not together:
        return Value(result, plain)
    (axes,) = folds
    plain = tuple(None if axis in axes else held for axis, held in enumerate(plain))
    return Folded(result, plain, axes, np.maximum(covered[axes], 0), labelling)


def _cover(
    labelling: Labelling,
    covered: dict[tuple[int, ...], Labels],
    axes: tuple[int, ...],
    places: Labels,
    reason: str,
) -> None:
    """Adds what one source puts along some axes to what others have put there."""
    held = covered.setdefault(axes, np.full_like(places, -1))
    both = (places >= 0) & (held >= 0)
    labelling.neurons.unify(held[both], places[both], reason)
    covered[axes] = np.where(held < 0, places, held)


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


def _dimensions(labelling: Labelling, value: Value) -> list[tuple[tuple[int, ...], Labels | None]]:
    """The axes of a tensor with their labels, those together over which neurons are spread.

    Labelled ones come first, and of these equal numbers last, which rather stay than others.
    """
    if isinstance(value, Folded):
        folded = [(value.axes, value.grid.ravel())]
        single = [((axis,), n) for axis, n in enumerate(value.plain) if axis not in value.axes]
    else:
        folded, single = [], [((axis,), labels) for axis, labels in enumerate(value.labels)]
    equal = labelling.neurons.are_equal
    return folded + sorted(single, key=lambda item: (item[1] is None, equal(item[1])))


def _placed(
    labelling: Labelling, name: str, source: _Source, entries: np.ndarray
) -> dict[tuple[int, ...], Labels] | None:
    """For axes of the result onto which axes of the source fall, the labels there (else -1).

    None if the result holds nothing of the source.
    """
    shape = source.value.tensor.shape
    last = source.start + source.value.tensor.numel()
    own = np.asarray((entries >= source.start) & (entries < last))
    if not own.any():
        return None
    unravelled = np.unravel_index(np.where(own, entries - source.start, 0), shape)
    coordinates = tuple(map(np.asarray, unravelled))  # also of a single number
    found: dict[tuple[int, ...], Labels] = {}
    origin: dict[tuple[int, ...], Labels] = {}
    for dims, labels in _dimensions(labelling, source.value):
        sizes = [shape[d] for d in dims]
        if math.prod(sizes) == 1:
            continue
        coordinate = np.ravel_multi_index([coordinates[d] for d in dims], sizes)
        axes = _axes_of(coordinate, own)
        taken = [other for other in found if set(other) & set(axes)]
        if labels is None:
            if len(axes) == 1 and not taken:
                found[axes] = np.where(_along(coordinate, own, axes) < 0, -1, 0)
            continue
        if not axes:
            reason = f"{name} singles some of its neurons out"
            labelling.neurons.fix(labels[coordinate[own]], reason)
            continue
        places = _along(coordinate, own, axes)
        values = np.where(places < 0, -1, labels[places])
        axes, places, values = _without_copies(axes, places, values)
        taken = [other for other in found if set(other) & set(axes)]
        rest = [ranks(labels)[coordinate], *(c for d, c in enumerate(coordinates) if d not in dims)]
        _distinguish(labelling, labels, np.where(own, np.stack(rest), -1), axes, values)
        if not taken:
            found[axes], origin[axes] = values, places
        elif taken == [axes] and not labelling.neurons.are_equal(labels):
            both = (found[axes], values), (origin[axes], places)
            found[axes] = _product(labelling, name, *both)
        else:
            labelling.neurons.fix(labels, f"{name} joins two axes of neurons")
    return found


def _product(
    labelling: Labelling,
    name: str,
    labels: tuple[Labels, Labels],
    places: tuple[Labels, Labels],
) -> Labels:
    """The labels of an axis onto which two axes of neurons fall: of a grid of neurons of its own.

    Args:
        labelling: of all.
        name: of what joins them.
        labels: of each, along the axis.
        places: of each, on its own axis.
    """
    (u, v), (i, j) = labels, places
    if len(u) and i.ndim == 1 and np.array_equal(j, np.arange(len(j)) // (i.max() + 1)):
        u, v, i, j = v, u, j, i  # i is the slower one
    size = int(j.max()) + 1
    if not np.array_equal(i * size + j, np.arange(len(u))):
        for one in (u, v):
            labelling.neurons.fix(one[one >= 0], f"{name} joins two axes of neurons")
        return np.zeros_like(u)
    heads = as_heads(labelling, np.array(v.reshape(-1, size)), 0, 1, name)
    labelling.neurons.unify(heads.atoms, u[::size], combined(name))
    return heads.grid.ravel()


def _axes_of(coordinate: np.ndarray, own: np.ndarray) -> tuple[int, ...]:
    """The axes on which a coordinate depends."""
    return tuple(
        axis for axis in range(coordinate.ndim) if not _is_constant_along(coordinate, own, axis)
    )


def _without_copies(
    axes: tuple[int, ...], places: Labels, values: Labels
) -> tuple[tuple[int, ...], Labels, Labels]:
    """Less those axes along which the same neurons are repeated, as a batch repeats its heads."""
    for k in reversed(range(len(axes))):
        if len(axes) > 1 and (values == values.take([0], k)).all():
            axes = axes[:k] + axes[k + 1 :]
            places, values = places.take(0, k), values.take(0, k)
    return axes, places, values


def _is_constant_along(coordinate: np.ndarray, own: np.ndarray, axis: int) -> bool:
    low = np.where(own, coordinate, np.iinfo(np.int64).max).min(axis=axis)
    high = np.where(own, coordinate, -1).max(axis=axis)
    return bool((low >= high).all())


def _along(coordinate: np.ndarray, own: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The coordinate at each place along the axes; -1 where there is nothing of the source."""
    others = tuple(a for a in range(coordinate.ndim) if a not in axes)
    return np.where(own, coordinate, -1).max(axis=others)


def _distinguish(
    labelling: Labelling, labels: Labels, code: np.ndarray, axes: tuple[int, ...], values: Labels
) -> None:
    """Neurons whose entries come to lie differently cannot be exchanged.

    Args:
        labelling: of all.
        labels: of the source.
        code: for each entry of the result where it comes from, but for its neuron.
        axes: of the result, onto which they fall.
        values: the labels along them.
    """
    code = np.moveaxis(code, [axis + 1 for axis in axes], range(len(axes)))
    code = code.reshape(values.size, -1)
    order = np.argsort(values, axis=None, kind="stable")
    atoms, starts = np.unique(values.ravel()[order], return_index=True)
    marks = dict.fromkeys(np.unique(labels).tolist(), b"")
    for atom, places in zip(atoms.tolist(), np.split(order, starts[1:]), strict=True):
        marks[atom] = code[places].tobytes()
    labelling.neurons.distinguish(labels, marks)
