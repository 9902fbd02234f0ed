"""Which operations the steps are that `lmctheory.paths.following` can write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lmctheory.networks import activation
from lmctheory.networks.program import Layer, operation
from lmctheory.paths.complete_operations import Concatenation, Curved, Product
from lmctheory.paths.followed_layers import (
    attention_rule,
    embedding_rule,
    group_norm_rule,
    instance_layer_rule,
    instance_norm_rule,
    layer_norm_rule,
    masked_rule,
    multihead_rule,
    softmax_rule,
    transposed_rule,
)
from lmctheory.paths.followed_recurrent import (
    cell_rule,
    recurrent_function_rule,
    recurrent_rule,
)
from lmctheory.paths.following import Call, Found, Rule, Writer, is_index
from lmctheory.paths.recognition import Carried
from lmctheory.paths.smooth_functions import EXP, RECIPROCAL, RSQRT, SQRT, Smooth
from lmctheory.paths.turned_steps import turning_rules

__all__ = ["follow"]


def follow(writer: Writer, carried: Carried) -> bool:
    """Writes down what a step is; False if that is not known."""
    step = carried.step
    if is_index(step) and step.args[0] in writer.parts:
        places = writer.parts[step.args[0]]  # type: ignore[index]
        place = carried.args[1]
        if not -len(places) <= place < len(places):
            return False
        writer.hold(step, places[place])
        return True
    if isinstance(step.target, Layer):
        known = _LAYERS.get(type(step.target.module))
    else:
        known = _RULES.get(operation(step.target))
    if known is None:
        return False
    rule, names = known
    found = rule(writer, carried, Call(carried, names))
    if found is not None:
        writer.hold(step, found)
    return found is not None


def _operands(w: Writer, carried: Carried, call: Call) -> tuple[int, int] | None:
    if set(call.values) != {"input", "other"}:
        return None
    one, other = (w.node(call.source(name), carried.result.ndim) for name in ("input", "other"))
    return None if one is None or other is None else (one, other)


def _signed(sign: int) -> Rule:
    def rule(w: Writer, carried: Carried, call: Call) -> int | None:
        both = _operands(w, carried, call)
        if both is None:
            return None
        return w.summed(carried.step.name, (1, both[0]), (sign, both[1]))

    return rule


def _times(w: Writer, carried: Carried, call: Call) -> int | None:
    both = _operands(w, carried, call)
    return None if both is None else w.times(carried.step.name, *both)


def _quotient(w: Writer, carried: Carried, call: Call) -> int | None:
    divisor = call.source("other")
    if isinstance(divisor, float | int) and divisor != 0:
        call.sources["other"] = 1 / divisor
        return _times(w, carried, call)
    both = _operands(w, carried, call)
    if both is None:
        return None
    inverse = w.write(
        lambda node: Curved(node, RECIPROCAL), carried.step.name, both[1:], w.shape(both[1])
    )
    return w.times(carried.step.name, both[0], inverse)


def _square(w: Writer, carried: Carried, call: Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    if x is None or call.value("exponent", 2) != 2:
        return None
    return w.times(carried.step.name, x, x)


def _negative(w: Writer, carried: Carried, call: Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    return None if x is None else w.summed(carried.step.name, (-1, x))


def _curved(function: Smooth) -> Rule:
    def rule(w: Writer, carried: Carried, call: Call) -> int | None:
        x = w.node(call.source("input"), carried.result.ndim)
        if x is None:
            return None
        return w.write(lambda node: Curved(node, function), carried.step.name, (x,), w.shape(x))

    return rule


def _matmul(w: Writer, carried: Carried, call: Call) -> int | None:
    if carried.result.ndim < 3:
        return None
    both = _operands(w, carried, call)
    if both is None:
        return None
    terms = w.shape(both[0])[-1]
    return w.write(
        lambda node: Product(node, torch.matmul, terms),
        *(carried.step.name, both, carried.result.shape[1:]),
    )


def _concatenated(w: Writer, carried: Carried, call: Call) -> int | None:
    ndim = carried.result.ndim
    axis = call.value("dim", 0) % ndim - ndim
    if axis == -ndim:
        return None
    values = call.value("tensors")
    full = [w.node(source, ndim) for source in call.source("tensors")]
    if any(number is None for number in full) or any(value.ndim != ndim for value in values):
        return None
    numbers = [number for number in full if number is not None]
    return w.write(
        lambda node: Concatenation(node, axis), carried.step.name, numbers, carried.result.shape[1:]
    )


def _parts(w: Writer, carried: Carried, call: Call) -> list[Found] | None:
    source, result = call.source("input"), carried.result
    if source not in w.numbers or any(len(part) != len(call.value("input")) for part in result):
        return None
    target: Any = carried.step.target
    rest = carried.args[1:]

    def part(i: int) -> Callable[[Tensor], Tensor]:
        return lambda v: target(v, *rest, **carried.kwargs)[i]

    alone = target(call.value("input")[1:], *rest, **carried.kwargs)
    if not all(torch.equal(one[1:], other) for one, other in zip(result, alone, strict=False)):
        return None
    return [
        w.moved(carried.step.name, w.numbers[source], part(i), value.shape[1:])
        for i, value in enumerate(result)
    ]


def _glu(w: Writer, carried: Carried, call: Call) -> int | None:
    ndim = carried.result.ndim
    x, axis = w.node(call.source("input"), ndim), call.value("dim", -1) % ndim - ndim
    if x is None or axis == -ndim:
        return None
    name, shape = carried.step.name, carried.result.shape[1:]
    value, gate = (
        w.moved(name, x, lambda v, i=i: v.chunk(2, axis)[i], shape)  # type: ignore[misc]
        for i in (0, 1)
    )
    return w.times(name, value, w.activated(name, gate, activation("sigmoid")))


def _clipped(low: float | None, high: float | None) -> Rule:
    def rule(w: Writer, carried: Carried, call: Call) -> int | None:
        x = w.node(call.source("input"), carried.result.ndim)
        least = call.value("min_val", call.value("min", low))
        most = call.value("max_val", call.value("max", high))
        if x is None or isinstance(least, Tensor) or isinstance(most, Tensor):
            return None
        return _between(w, carried.step.name, x, least, most)

    return rule


def _between(w: Writer, name: str, x: int, low: float | None, high: float | None) -> int | None:
    """The sum low + relu(x - low) - relu(x - high); a missing end is none."""
    if low is not None and high is not None and not low <= high:
        return None
    terms: list[tuple[int, int]] = []
    if low is None:
        terms.append((1, x))
    else:
        end = w.constant(low, x)
        terms += [(1, w.relu(name, w.summed(name, (1, x), (-1, end)))), (1, end)]
    if high is not None:
        end = w.constant(high, x)
        terms.append((-1, w.relu(name, w.summed(name, (1, x), (-1, end)))))
    return w.summed(name, *terms)


def _hardsigmoid(w: Writer, carried: Carried, call: Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    if x is None:
        return None
    name = carried.step.name
    inside = _between(w, name, w.summed(name, (1, x), (1, w.constant(3.0, x))), 0.0, 6.0)
    assert inside is not None
    return w.times(name, inside, w.constant(1 / 6, x))


def _hardswish(w: Writer, carried: Carried, call: Call) -> int | None:
    gate = _hardsigmoid(w, carried, call)
    if gate is None:
        return None
    return w.times(carried.step.name, gate, w.numbers[call.source("input")])


_SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _elu(w: Writer, carried: Carried, call: Call) -> int | None:
    """That of 1 times alpha, and relu times 1 - alpha, all of it times a scale."""
    x = w.node(call.source("input"), carried.result.ndim)
    alpha, scale = call.value("alpha", 1.0), call.value("scale", 1.0)
    if operation(carried.step.target) == "selu":
        alpha, scale = _SELU
    if x is None or call.value("input_scale", 1.0) != 1:
        return None
    name = carried.step.name
    smooth = w.activated(name, x, activation("celu"))
    smooth = w.times(name, smooth, w.constant(scale * alpha, x))
    kinked = w.times(name, w.relu(name, x), w.constant(scale * (1 - alpha), x))
    return w.summed(name, (1, smooth), (1, kinked))


def _prelu(w: Writer, carried: Carried, call: Call) -> int | None:
    """relu(x) - a relu(-x), a affine in t."""
    x, pair = w.node(call.source("input"), carried.result.ndim), w.given.get(call.source("weight"))
    if x is None or pair is None:
        return None
    name, axes = carried.step.name, len(w.shape(x)) - 1
    slope = w.parameters(name, tuple(v.view(-1, *[1] * axes) for v in pair))  # type: ignore[arg-type]
    below = w.relu(name, w.summed(name, (-1, x)))
    return w.summed(name, (1, w.relu(name, x)), (-1, w.times(name, below, slope)))


_ONE, _TWO = ("input",), ("input", "other")
_LAYERS: Mapping[type, tuple[Rule, tuple[str, ...]]] = {
    **dict.fromkeys((nn.RNN, nn.GRU, nn.LSTM), (recurrent_rule, ("tensors", "input", "hx"))),
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), (cell_rule, ("tensors", "input", "hx"))),
    nn.MultiheadAttention: (multihead_rule, ("tensors", "query", "key", "value")),
    **dict.fromkeys(
        (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
        (instance_layer_rule, ("tensors", "input")),
    ),
}
_RULES: Mapping[str, tuple[Rule, tuple[str, ...]]] = {
    **turning_rules,
    "add": (_signed(1), _TWO),
    "sub": (_signed(-1), _TWO),
    **dict.fromkeys(("mul", "multiply"), (_times, _TWO)),
    **dict.fromkeys(("truediv", "div", "divide"), (_quotient, _TWO)),
    **dict.fromkeys(("neg", "negative"), (_negative, _ONE)),
    "pow": (_square, ("input", "exponent")),
    "square": (_square, _ONE),
    "exp": (_curved(EXP), _ONE),
    "sqrt": (_curved(SQRT), _ONE),
    "rsqrt": (_curved(RSQRT), _ONE),
    "reciprocal": (_curved(RECIPROCAL), _ONE),
    **dict.fromkeys(("matmul", "bmm"), (_matmul, _TWO)),
    **dict.fromkeys(("cat", "concat", "concatenate"), (_concatenated, ("tensors", "dim"))),
    **dict.fromkeys(("chunk", "split", "tensor_split", "unbind"), (_parts, _ONE)),
    "embedding": (embedding_rule, ("input", "weight", "padding_idx", "max_norm")),
    "layer_norm": (layer_norm_rule, ("input", "normalized_shape", "weight", "bias", "eps")),
    "rms_norm": (layer_norm_rule, ("input", "normalized_shape", "weight", "eps")),
    "group_norm": (group_norm_rule, ("input", "num_groups", "weight", "bias", "eps")),
    "instance_norm": (
        instance_norm_rule,
        (
            *("input", "running_mean", "running_var", "weight", "bias"),
            *("use_input_stats", "momentum", "eps"),
        ),
    ),
    **dict.fromkeys(
        ("rnn_tanh", "rnn_relu", "gru", "lstm"),
        (
            recurrent_function_rule,
            (
                *("input", "hx", "params", "has_biases", "num_layers", "dropout", "train"),
                *("bidirectional", "batch_first"),
            ),
        ),
    ),
    "softmax": (softmax_rule, ("input", "dim")),
    "masked_fill": (masked_rule, ("input", "mask", "value")),
    "scaled_dot_product_attention": (
        attention_rule,
        ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"),
    ),
    "glu": (_glu, ("input", "dim")),
    "hardtanh": (_clipped(-1.0, 1.0), ("input", "min_val", "max_val")),
    "relu6": (_clipped(0.0, 6.0), _ONE),
    **dict.fromkeys(("clamp", "clip"), (_clipped(None, None), ("input", "min", "max"))),
    "hardsigmoid": (_hardsigmoid, _ONE),
    "hardswish": (_hardswish, _ONE),
    **dict.fromkeys(("elu", "selu"), (_elu, ("input", "alpha", "scale", "input_scale"))),
    "prelu": (_prelu, ("input", "weight")),
    **{
        f"conv_transpose{axes}d": (
            transposed_rule,
            (
                *("input", "weight", "bias", "stride", "padding", "output_padding"),
                *("groups", "dilation"),
            ),
        )
        for axes in (1, 2, 3)
    },
}
