"""What operations require of the signs of neurons (`forms`), and how they hand them on.

Linear maps hand on the exponent of their rows, and that of their columns cancels that of what they
read; sums require equal exponents, products add them, odd functions hand them on, even functions
end them: the exponent of their result is zero. Anything else requires the exponent to be zero: an
operation that is not listed here ends what may be negated. Factors of normalisations and slopes are
never negated.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import nn

from lmctheory.matching.tracing.folding import Folded
from lmctheory.matching.tracing.forms import NONE, Form, Forms, total
from lmctheory.matching.tracing.labelling import Call, Value, values_in
from lmctheory.matching.tracing.movements import MOVEMENTS
from lmctheory.networks.program import Layer

__all__ = ["follow_signs"]

_Rule: TypeAlias = Callable[[Forms, Call, list[Value]], None]
"""From an operation and the tensors that it gave."""


def follow_signs(forms: Forms, call: Call, found: Any) -> None:
    """Notes what an operation requires of exponents, and those of what it gave.

    Args:
        forms: of the trace.
        call: the operation.
        found: what is known of its result.
    """
    entered = set(call.values)
    results = [value for value in values_in(found) if value not in entered]
    if isinstance(call.run, Layer):
        rule = _LAYERS.get(type(call.run.module), _ended)
    else:
        rule = _RULES.get(call.operation, _ended)
    rule(forms, call, results)


def _ended(forms: Forms, call: Call, _: list[Value]) -> None:
    for value in call.values:
        forms.require_none(value)


def _unseen(_: Forms, __: Call, ___: list[Value]) -> None:
    """Whatever enters may be negated, and nothing is to be seen of it."""


def _zero(forms: Forms, _: Call, found: list[Value]) -> None:
    forms.zeros.update(found)


def _handed_on(forms: Forms, call: Call, found: list[Value]) -> None:
    """Every entry of the result is one of some argument, a sum of such, or zero."""
    sources = [value for value in call.values if value not in forms.zeros]
    if not sources:
        forms.zeros.update(found)
    for value in found:
        forms.note_by(value, lambda labels: forms.require_equal(forms.of(sources, labels)))


def _first_handed_on(forms: Forms, call: Call, found: list[Value]) -> None:
    """As the first argument, whatever the others are."""
    first = [value for value in call.args[:1] if isinstance(value, Value)]
    for value in found:
        forms.note_by(value, lambda labels: forms.require_equal(forms.of(first, labels)))


def _added(forms: Forms, call: Call, found: list[Value]) -> None:
    """What is added, and is not zero, must be negated alike."""
    others = (*call.args, *(call.kwargs.get(name, 0) for name in ("input", "other")))
    shifts = any(isinstance(other, int | float) and other != 0 for other in others)
    added = [value for value in call.values if value not in forms.zeros]
    if not added:
        forms.zeros.update(found)

    def common(axis: int) -> Form:
        form = forms.require_equal([forms.along(v, axis) for v in added if _reaches(v, axis)])
        if shifts or not all(_reaches(value, axis) for value in added):
            forms.require(form)
        return form

    for value in found:
        forms.note_along(value, common)


def _reaches(value: Value, axis: int) -> bool:
    """Whether a tensor varies along an axis, counted from the end, that others may have."""
    return value.tensor.ndim >= -axis and value.tensor.shape[axis] > 1


def _multiplied(forms: Forms, call: Call, found: list[Value]) -> None:
    for value in found:
        forms.note_along(
            value,
            lambda axis: total(forms.along(v, axis) for v in call.values if _reaches(v, axis)),
        )


def _power(forms: Forms, call: Call, found: list[Value]) -> None:
    exponent = call.argument(1, "exponent")
    even, odd = exponent in (2, 4, 6), exponent in (1, 3, 5)
    rule = _unseen if even else _first_handed_on if odd else _ended
    rule(forms, call, found)


def _clipped(forms: Forms, call: Call, found: list[Value]) -> None:
    """Between two numbers; odd if they are opposite."""
    is_tanh = call.operation == "hardtanh"
    low = call.argument(1, "min_val" if is_tanh else "min", -1.0 if is_tanh else None)
    high = call.argument(2, "max_val" if is_tanh else "max", 1.0 if is_tanh else None)
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    (_first_handed_on if numbers and low == -high else _ended)(forms, call, found)


def _averaged(forms: Forms, call: Call, found: list[Value]) -> None:
    """Sums over some axes; neurons along these may not be negated."""
    _handed_on(forms, call, found)
    kept = [labels for value in found for labels, _ in forms.parts(value)]
    for value in call.values:
        for labels, form in forms.parts(value):
            if not any(forms.meet(labels, other) for other in kept):
                forms.require(form)


def _of_bias(forms: Forms, bias: Any, rows: Form, axis: int = 0) -> None:
    if isinstance(bias, Value) and bias not in forms.zeros:
        forms.require(forms.along(bias, axis) ^ rows)


def _linear(forms: Forms, call: Call, found: list[Value]) -> None:
    x, weight, bias = (call.argument(i, n) for i, n in enumerate(("input", "weight", "bias")))
    forms.require(forms.along(x, -1) ^ forms.along(weight, 1))
    rows = forms.along(weight, 0)
    _of_bias(forms, bias, rows)
    leading = [forms.along(x, axis) for axis in range(x.tensor.ndim - 1)]
    for value in found:
        forms.note(value, [*leading, rows])


def _conv(size: int, *, transposed: bool = False) -> _Rule:
    def rule(forms: Forms, call: Call, found: list[Value]) -> None:
        x, weight, bias = (call.argument(i, n) for i, n in enumerate(("input", "weight", "bias")))
        channel = x.tensor.ndim - size - 1
        read, rows = forms.along(x, channel), forms.along(weight, int(transposed))
        groups = call.argument(6, "groups", 1)
        if groups == len(weight.tensor) and groups > 1 and weight.tensor.shape[1] == 1:
            rows = rows ^ read  # a kernel for each channel
        else:
            forms.require(read ^ forms.along(weight, int(not transposed)))
        _of_bias(forms, bias, rows)
        leading = [forms.along(x, axis) for axis in range(channel)]
        for value in found:
            forms.note(value, [*leading, rows, *[NONE] * size])

    return rule


def _matmul(forms: Forms, call: Call, found: list[Value]) -> None:
    x, y = call.argument(0, "input"), call.argument(1, "other") or call.argument(1, "mat2")
    _product(forms, x, y, found)


def _addmm(forms: Forms, call: Call, found: list[Value]) -> None:
    bias, x, y = call.args[:3]
    _product(forms, x, y, found)
    for value in found:
        for axis in range(-bias.tensor.ndim, 0):
            if bias.tensor.shape[axis] > 1:
                _of_bias(forms, bias, forms.along(value, axis), axis)


def _product(forms: Forms, x: Value, y: Value, found: list[Value]) -> None:
    """Of matrices: over the last axis of the one and the last but one of the other."""
    if x not in forms.zeros and y not in forms.zeros:
        forms.require(forms.along(x, -1) ^ forms.along(y, -2))

    def kept(value: Value, axis: int, summed: int) -> Form:
        if not _reaches(value, axis) or axis == summed or _lie_together(value, axis, summed):
            return NONE
        return forms.along(value, axis)

    for value in found:
        forms.note_along(value, lambda axis: kept(x, axis, -1) ^ kept(y, axis, -2))


def _lie_together(value: Value, axis: int, other: int) -> bool:
    """Whether neurons are spread over both axes, counted from the end."""
    axes = [a - value.tensor.ndim for a in value.axes] if isinstance(value, Folded) else []
    return axis in axes and other in axes


def _attention(forms: Forms, call: Call, found: list[Value]) -> None:
    query, key, carried = (call.argument(i, n) for i, n in enumerate(("query", "key", "value")))
    forms.require(forms.along(query, -1) ^ forms.along(key, -1))
    for value in found:
        forms.note_by(value, lambda labels: forms.require_equal(forms.of([carried], labels)))


def _embedding(forms: Forms, call: Call, found: list[Value]) -> None:
    table = call.argument(1, "weight")
    for value in found:
        forms.note(value, [*[NONE] * (value.tensor.ndim - 1), forms.along(table, 1)])


def _batch_norm(forms: Forms, call: Call, found: list[Value]) -> None:
    x, mean, variance, weight, bias = (
        call.argument(i, n)
        for i, n in enumerate(("input", "running_mean", "running_var", "weight", "bias"))
    )
    for value in (mean, bias):
        _of_bias(forms, value, forms.along(x, 1))
    for value in (variance, weight):
        _of_bias(forms, value, NONE)
    _first_handed_on(forms, call, found)


def _rms_norm(forms: Forms, call: Call, found: list[Value]) -> None:
    weight = call.argument(2, "weight")
    if isinstance(weight, Value):
        forms.require_none(weight)
    _first_handed_on(forms, call, found)


def _weight_norm(forms: Forms, call: Call, found: list[Value]) -> None:
    forms.require_none(call.args[1])
    _first_handed_on(forms, call, found)


def _recurrent(forms: Forms, call: Call, found: list[Value]) -> None:
    """`nn.RNN` and its cell, with tanh, from a state of zeros."""
    module: Any = call.run.module  # type: ignore[attr-defined]
    weights: Mapping[str, Value] = call.args[0]
    x, begin = call.argument(1, "input"), call.argument(2, "hx")
    if module.nonlinearity != "tanh" or (begin is not None and begin not in forms.zeros):
        _ended(forms, call, found)
        return
    if isinstance(module, nn.RNNCell):
        layers = [[""]]
    else:
        ways = ("", "_reverse")[: 1 + module.bidirectional]
        layers = [[f"_l{k}{way}" for way in ways] for k in range(module.num_layers)]
    read = [forms.along(x, -1)]
    for directions in layers:
        units = []
        for suffix in directions:
            rows = forms.along(weights[f"weight_hh{suffix}"], 0)
            forms.require(rows ^ forms.along(weights[f"weight_hh{suffix}"], 1))
            forms.require(rows ^ forms.along(weights[f"weight_ih{suffix}"], 0))
            for kind in ("bias_ih", "bias_hh"):
                _of_bias(forms, weights.get(f"{kind}{suffix}"), rows)
            for before in read:
                forms.require(before ^ forms.along(weights[f"weight_ih{suffix}"], 1))
            units.append(rows)
        read = units
    slots = list(weights.values())
    for value in found:
        forms.note_by(value, lambda labels: forms.require_equal(forms.of(slots, labels)))


def _multihead(forms: Forms, call: Call, found: list[Value]) -> None:
    tensors: Mapping[str, Value] = call.args[0]
    inputs = [call.argument(i, n) for i, n in enumerate(("query", "key", "value"), start=1)]
    together = tensors.get("in_proj_weight")
    if together is None:
        parts = [tensors[f"{kind}_proj_weight"] for kind in "qkv"]
    else:
        parts = [together] * 3
    query, key, carried = (forms.along(part, 0) for part in parts)
    forms.require(query ^ key)
    for part, x in zip(parts, inputs, strict=True):
        forms.require(forms.along(part, 1) ^ forms.along(x, -1))
    if "in_proj_bias" in tensors:
        for rows in (query, key, carried):
            _of_bias(forms, tensors["in_proj_bias"], rows)
    for name, rows in (("bias_k", key), ("bias_v", carried)):
        _of_bias(forms, tensors.get(name), rows, 2)
    out = tensors["out_proj.weight"]
    forms.require(forms.along(out, 1) ^ carried)
    _of_bias(forms, tensors.get("out_proj.bias"), forms.along(out, 0))
    attended = found[0]
    forms.note(attended, [*[NONE] * (attended.tensor.ndim - 1), forms.along(out, 0)])


def _by_name(rule: _Rule, names: str) -> dict[str, _Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, _Rule] = {
    **_by_name(_unseen, "abs absolute cos cosh square norm size shape dim numel stride len"),
    **_by_name(_zero, "zeros zeros_like new_zeros"),
    **_by_name(_handed_on, " ".join(MOVEMENTS)),
    **_by_name(
        _first_handed_on,
        """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d asin asinh atan avg_pool1d
        avg_pool2d avg_pool3d bfloat16 clone contiguous cpu cuda detach double dropout dropout1d
        dropout2d dropout3d erf float getattr getitem half hardshrink interpolate neg negative pos
        positive requires_grad round sign sin sinh softshrink softsign tan tanh tanhshrink to trunc
        type type_as
        """,
    ),
    **_by_name(_added, "add iadd sub subtract isub rsub"),
    **_by_name(_multiplied, "mul multiply imul div divide true_divide truediv itruediv"),
    **_by_name(_averaged, "mean nanmean nansum sum"),
    **_by_name(_clipped, "clamp clip hardtanh"),
    **_by_name(_matmul, "bmm matmul mm"),
    "_weight_norm": _weight_norm,
    "addmm": _addmm,
    "batch_norm": _batch_norm,
    "conv1d": _conv(1),
    "conv2d": _conv(2),
    "conv3d": _conv(3),
    "conv_transpose1d": _conv(1, transposed=True),
    "conv_transpose2d": _conv(2, transposed=True),
    "conv_transpose3d": _conv(3, transposed=True),
    "embedding": _embedding,
    "linear": _linear,
    "pow": _power,
    "rms_norm": _rms_norm,
    "scaled_dot_product_attention": _attention,
}

_LAYERS: dict[type[nn.Module], _Rule] = {
    nn.MultiheadAttention: _multihead,
    nn.RNN: _recurrent,
    nn.RNNCell: _recurrent,
}
