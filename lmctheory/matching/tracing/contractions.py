"""How neurons pass sums of products: linear maps, tables, attention.

Two axes that are summed over together have to move alike; the sum does not see their order. All
other axes are those of the result.
"""

from collections.abc import Sequence
from typing import Any

from lmctheory.matching.tracing.labelling import Call, Labelling, Slot, Value
from lmctheory.matching.tracing.neurons import Labels

__all__ = [
    "addmm",
    "attention",
    "combined",
    "einsum",
    "embedding",
    "layer_of",
    "linear",
    "matmul",
    "paired",
]


def paired(labelling: Labelling, values: Sequence[Value], back: int, name: str) -> Labels | None:
    """The labels of the axis that is the `back`-th from the end in all values, broadcast."""
    found = [v.labels[-back] for v in values if v.tensor.shape[-back] > 1]
    if not found:
        return None
    first, *rest = found
    for other in rest:
        first = labelling.neurons.unify(first, other, combined(name))
    return first


def combined(name: str) -> str:
    """Why neurons are fixed that an operation pairs with others."""
    return f"{name} combines its neurons with entries that cannot move with them"


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
    _contract(labelling, x, -1, y, -2, call.name)
    for value, axis in ((x, -2), (y, -1)):
        labelling.mark(value, axis, "made")
    batch = tuple(
        paired(labelling, [v for v in (x, y) if v.tensor.ndim >= back], back, call.name)
        for back in range(call.result.ndim, 2, -1)
    )
    return Value(call.result, (*batch, x.labels[-2], y.labels[-1]))


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
    """Softmax of queries times keys, times values."""
    query, key, value, mask = (
        call.argument(i, n) for i, n in enumerate(("query", "key", "value", "attn_mask"))
    )
    if mask is not None or call.argument(4, "dropout_p") or call.kwargs.get("enable_gqa"):
        return None
    if call.argument(5, "is_causal") and (
        query.labels[-2] is not None or key.labels[-2] is not None
    ):
        return None
    _contract(labelling, query, -1, key, -1, call.name)
    _contract(labelling, key, -2, value, -2, call.name)
    batch = tuple(
        paired(labelling, [query, key, value], back, call.name)
        for back in range(call.result.ndim, 2, -1)
    )
    return Value(call.result, (*batch, query.labels[-2], value.labels[-1]))


def embedding(labelling: Labelling, call: Call) -> Any:
    """Rows of a table."""
    index, table = call.argument(0, "input"), call.argument(1, "weight")
    rows = labelling.axis(table, 0, labels=None)
    labelling.neurons.fix(rows, f"{call.name} looks up its rows by number")
    columns = labelling.axis(table, 1, name=layer_of(table), role="made")
    return Value(call.result, (*index.labels, columns))
