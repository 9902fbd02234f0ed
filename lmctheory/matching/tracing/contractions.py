"""How neurons pass sums of products: linear maps, tables, attention.

Two axes that are summed over together have to move alike; the sum does not see their order. All
other axes are those of the result.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lmctheory.matching.tracing.folding import (
    Folded,
    Heads,
    alike,
    as_heads,
    combined,
    plain_label,
    settled,
    spread,
)
from lmctheory.matching.tracing.labelling import Call, Labelling, Rule, Slot, Value
from lmctheory.matching.tracing.movements import movement
from lmctheory.matching.tracing.neurons import Labels

__all__ = [
    "addmm",
    "attention",
    "bilinear",
    "einsum",
    "embedding",
    "layer_of",
    "linear",
    "matmul",
    "paired",
]


def paired(labelling: Labelling, values: Sequence[Value], back: int, name: str) -> Labels | None:
    """The labels of the axis that is the `back`-th from the end in all values, broadcast."""
    values = [v for v in values if v.tensor.ndim >= back and v.tensor.shape[-back] > 1]
    if not values:
        return None
    first, *rest = (plain_label(v, back) for v in values)
    for other in rest:
        first = labelling.neurons.unify(first, other, combined(name))
    return first


def _contract(
    labelling: Labelling, x: Value, x_axis: int, y: Value, y_axis: int, name: str
) -> None:
    """Two axes over whose products an operation sums."""
    labelling.neurons.unify(x.labels[x_axis], y.labels[y_axis], combined(name))
    for value, axis in ((x, x_axis), (y, y_axis)):
        labelling.mark(value, axis, "read")


def linear(labelling: Labelling, call: Call) -> Any:
    """X W^T + b."""
    x, weight, bias = (call.argument(i, n) for i, n in enumerate(("input", "weight", "bias")))
    if weight.tensor.ndim != 2:
        return None
    rows = labelling.axis(weight, 0, name=layer_of(weight), role="made")
    labelling.axis(weight, 1, labels=x.labels[-1], role="read")
    return Value(call.result, (*x.labels[:-1], labelling.axis(bias, 0, labels=rows)))


def addmm(labelling: Labelling, call: Call) -> Any:
    """B + X Y."""
    bias, x, y = call.args[:3]
    product = matmul(labelling, Call(call.name, call.run, (x, y), {}, call.result))
    if product is None:
        return None
    labels = list(product.labels)
    for back in range(1, bias.tensor.ndim + 1):
        if bias.tensor.shape[-back] > 1:
            labels[-back] = labelling.neurons.unify(
                labels[-back], bias.labels[-back], combined(call.name)
            )
    return Value(call.result, tuple(labels))


def layer_of(weight: Value) -> str:
    """What neurons are called that a weight makes."""
    return weight.layer if isinstance(weight, Slot) else "computed"


def matmul(labelling: Labelling, call: Call) -> Any:
    """Products of matrices, over common leading axes."""
    x, y = call.argument(0, "input"), call.argument(1, "other") or call.argument(1, "mat2")
    if x.tensor.ndim < 2 or y.tensor.ndim < 2:
        return None
    if isinstance(x, Folded) or isinstance(y, Folded):
        return _of_heads(labelling, x, y, call)
    _contract(labelling, x, -1, y, -2, call.name)
    for value, axis in ((x, -2), (y, -1)):
        labelling.mark(value, axis, "made")
    batch = _batch(labelling, x, y, call)
    return Value(call.result, (*batch, x.labels[-2], y.labels[-1]))


def _batch(
    labelling: Labelling, x: Value, y: Value, call: Call, head: int = 0
) -> list[Labels | None]:
    """The leading axes, but for that of heads."""
    return [
        None if back == -head else paired(labelling, [x, y], back, call.name)
        for back in range(call.result.ndim, 2, -1)
    ]


def _of_heads(labelling: Labelling, x: Value, y: Value, call: Call) -> Any:
    """Products of matrices of each head: over its channels, or over what is no neuron's."""
    ends = {axis - v.tensor.ndim for v in (x, y) if isinstance(v, Folded) for axis in v.axes}
    leading = [axis for axis in ends if axis < -2]
    if len(leading) != 1:
        return None
    (head,) = leading
    count = call.result.shape[head]
    summed = _is_along(x, -1) or _is_along(y, -2)
    if summed:
        a, b = (_heads(labelling, v, head, c, count, call) for v, c in ((x, -1), (y, -2)))
        if a is None or b is None:
            return None
        alike(labelling, a, b, call.name)
        batch = _batch(labelling, x, y, call, head)
        labels = [*batch, plain_label(x, 2), plain_label(y, 1)]
        labels[head] = a.atoms
        return Value(call.result, tuple(labels))
    channel, made, other = (-1, y, x) if _is_along(y, -1) else (-2, x, y)
    heads = _heads(labelling, made, head, channel, count, call)
    if heads is None or isinstance(other, Folded):
        return None
    labelling.neurons.unify(plain_label(x, 1), plain_label(y, 2), combined(call.name))
    if other.tensor.ndim >= -head and other.tensor.shape[head] > 1:
        labelling.neurons.unify(heads.atoms, other.labels[head], combined(call.name))
    labels = [*_batch(labelling, x, y, call, head), plain_label(x, 2), plain_label(y, 1)]
    labels[channel] = None
    axes = (call.result.ndim + head, call.result.ndim + channel)
    return Folded(call.result, labels, axes, heads.grid, labelling)


def _is_along(value: Value, axis: int) -> bool:
    """Whether the neurons of a tensor are spread over an axis and others."""
    return isinstance(value, Folded) and axis % value.tensor.ndim in value.axes


def _heads(
    labelling: Labelling, value: Value, head: int, channel: int, count: int, call: Call
) -> Heads | None:
    """The heads of a tensor; of one that has the same for all of them as many copies."""
    if isinstance(value, Folded):
        return settled(labelling, value, channel, call.name)
    if value.tensor.ndim >= -head:
        labelling.neurons.fix(value.labels[head], combined(call.name))
    grid = spread(value.labels[channel], (count, value.tensor.shape[channel]))
    return as_heads(labelling, grid, head, channel, call.name)


def bilinear(labelling: Labelling, call: Call) -> Any:
    """X W_k Y^T + b_k for every output k."""
    x, y, weight, bias = call.args[:4] if len(call.args) > 3 else (*call.args, None)
    rows = labelling.axis(weight, 0, name=layer_of(weight), role="made")
    for axis, read in ((1, x), (2, y)):
        labelling.axis(weight, axis, labels=read.labels[-1], role="read")
    leading = (
        paired(labelling, [x, y], back, call.name) for back in range(call.result.ndim, 1, -1)
    )
    return Value(call.result, (*leading, labelling.axis(bias, 0, labels=rows)))


def einsum(labelling: Labelling, call: Call) -> Any:
    """Axes of one letter move alike."""
    equation, *operands = call.args
    if len(operands) == 1 and not isinstance(operands[0], Value):
        operands = list(operands[0])
    inputs, arrow, output = str(equation).replace(" ", "").partition("->")
    subscripts = inputs.split(",")
    if not arrow or "." in equation or any(len(set(s)) < len(s) for s in subscripts):
        return None
    labels: dict[str, Labels | None] = {}
    for letters, value in zip(subscripts, operands, strict=True):
        for letter, found in zip(letters, value.labels, strict=True):
            labels[letter] = (
                labelling.neurons.unify(labels[letter], found, combined(call.name))
                if letter in labels
                else found
            )
    return Value(call.result, tuple(labels[letter] for letter in output))


def attention(labelling: Labelling, call: Call) -> Any:
    """Softmax of queries times keys, times values, by the rules of what it is composed of."""
    query, key, value, mask = (
        call.argument(i, n) for i, n in enumerate(("query", "key", "value", "attn_mask"))
    )
    if call.argument(4, "dropout_p"):
        return None

    def step(run: Callable[..., Any], rule: Rule, *args: Value) -> Any:
        result = run(*(v.tensor for v in args))
        return rule(labelling, Call(call.name, run, args, {}, result))

    if call.argument(7, "enable_gqa"):
        copies = query.tensor.shape[-3] // key.tensor.shape[-3]

        def repeated(tensor: Tensor) -> Tensor:
            return tensor.repeat_interleave(copies, -3)

        key, value = (step(repeated, movement, v) for v in (key, value))
    scores = step(torch.matmul, matmul, query, step(_transposed, movement, key))
    if scores is not None and mask is not None:
        scores = step(torch.add, _added, scores, mask)
    if scores is None:
        return None
    if call.argument(5, "is_causal"):
        for labels in scores.labels[-2:]:
            labelling.neurons.fix(labels, f"{call.name} attends along it")
    found = step(torch.matmul, matmul, scores, value)
    if isinstance(found, Folded):
        return found.holding(call.result)
    return None if found is None else Value(call.result, found.labels)


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.mT


def _added(labelling: Labelling, call: Call) -> Value:
    """The sum of two tensors, one of which is broadcast."""
    x, y = call.args
    labels = (paired(labelling, [x, y], back, call.name) for back in range(x.tensor.ndim, 0, -1))
    return Value(call.result, tuple(labels))


def embedding(labelling: Labelling, call: Call) -> Any:
    """Rows of a table."""
    index, table = call.argument(0, "input"), call.argument(1, "weight")
    rows = labelling.axis(table, 0, labels=None)
    labelling.neurons.fix(rows, f"{call.name} looks up its rows by number")
    columns = labelling.axis(table, 1, name=layer_of(table), role="made")
    return Value(call.result, (*index.labels, columns))
