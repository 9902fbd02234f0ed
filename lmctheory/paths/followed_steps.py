"""Which operations the steps are that `lmctheory.paths.following` can write down."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node as Step

from lmctheory.networks import activation
from lmctheory.networks.program import Layer, operation
from lmctheory.paths.complete_operations import (
    Attention,
    Concatenation,
    Curved,
    Embedding,
    Masked,
    NormOver,
    Product,
    Softmax,
)
from lmctheory.paths.following import Writer, is_index, without_examples
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Transposed
from lmctheory.paths.recognition import Carried
from lmctheory.paths.smooth_functions import EXP, RECIPROCAL, RSQRT, SQRT, Smooth
from lmctheory.paths.taylor_attention import Heads

__all__ = ["follow"]

Rule = Callable[[Writer, Carried, "_Call"], int | list[int] | None]


class _Call:
    """A step's arguments by name: values and, where they are steps, the steps."""

    def __init__(self, carried: Carried, names: tuple[str, ...]) -> None:
        step = carried.step
        self.values = dict(zip(names, carried.args, strict=False)) | dict(carried.kwargs)
        self.sources = dict(zip(names, step.args, strict=False)) | dict(step.kwargs)
        self.extra = carried.args[len(names) :]

    def value(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def source(self, name: str) -> Any:
        return self.sources.get(name)


def follow(writer: Writer, carried: Carried) -> bool:
    """Writes down what a step is; False if that is not known."""
    step = carried.step
    if is_index(step) and step.args[0] in writer.parts:
        places = writer.parts[step.args[0]]  # type: ignore[index]
        place = carried.args[1]
        if not -len(places) <= place < len(places):
            return False
        writer.numbers[step] = places[place]
        return True
    if isinstance(step.target, Layer):
        known = _LAYERS.get(type(step.target.module))
    else:
        known = _RULES.get(operation(step.target))
    if known is None:
        return False
    rule, names = known
    found = rule(writer, carried, _Call(carried, names))
    if isinstance(found, list):
        writer.parts[step] = found
    elif found is not None:
        writer.numbers[step] = found
    return found is not None


def _operands(w: Writer, carried: Carried, call: _Call) -> tuple[int, int] | None:
    if set(call.values) != {"input", "other"}:
        return None
    one, other = (w.node(call.source(name), carried.result.ndim) for name in ("input", "other"))
    return None if one is None or other is None else (one, other)


def _signed(sign: int) -> Rule:
    def rule(w: Writer, carried: Carried, call: _Call) -> int | None:
        both = _operands(w, carried, call)
        return both and w.summed(carried.step.name, (1, both[0]), (sign, both[1]))

    return rule


def _times(w: Writer, carried: Carried, call: _Call) -> int | None:
    both = _operands(w, carried, call)
    return both and w.times(carried.step.name, *both)


def _quotient(w: Writer, carried: Carried, call: _Call) -> int | None:
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


def _square(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    if x is None or call.value("exponent", 2) != 2:
        return None
    return w.times(carried.step.name, x, x)


def _negative(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    return x and w.summed(carried.step.name, (-1, x))


def _curved(function: Smooth) -> Rule:
    def rule(w: Writer, carried: Carried, call: _Call) -> int | None:
        x = w.node(call.source("input"), carried.result.ndim)
        return x and w.write(
            lambda node: Curved(node, function), carried.step.name, (x,), w.shape(x)
        )

    return rule


def _matmul(w: Writer, carried: Carried, call: _Call) -> int | None:
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


def _concatenated(w: Writer, carried: Carried, call: _Call) -> int | None:
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


def _parts(w: Writer, carried: Carried, call: _Call) -> list[int] | None:
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
    number = w.numbers[source]
    if not number:
        return None
    return [
        w.moved(carried.step.name, number, part(i), value.shape[1:])
        for i, value in enumerate(result)
    ]


def _embedding(w: Writer, carried: Carried, call: _Call) -> int | None:
    source, pair = call.source("input"), carried.slot(call.source("weight"))
    if source not in w.numbers or pair is None or call.value("max_norm") is not None:
        return None
    return w.write(
        lambda node: Embedding(node, *pair),
        *(carried.step.name, (w.numbers[source],), carried.result.shape[1:]),
    )


def _layer_norm(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    axes = len(call.value("normalized_shape"))
    if x is None or axes >= carried.result.ndim:
        return None
    mean = operation(carried.step.target) == "layer_norm"
    eps = call.value("eps")
    if eps is None:
        eps = 1e-5 if mean else torch.finfo(torch.float64).eps
    shape = w.shape(x)
    number = w.write(
        lambda node: NormOver(node, shape, tuple(range(-axes, 0)), eps, mean),
        *(carried.step.name, (x,), shape),
    )
    return _scaled(w, carried, call, number, lambda value: value)


def _group_norm(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    if x is None:
        return None
    channels, *sides = w.shape(x)
    groups = call.value("num_groups")
    eps = call.value("eps", 1e-5)
    number = w.write(
        lambda node: NormOver(node, (groups, channels // groups * math.prod(sides)), (-1,), eps),
        *(carried.step.name, (x,), w.shape(x)),
    )
    return _scaled(w, carried, call, number, lambda value: value.view(-1, *[1] * len(sides)))


def _instance_norm(w: Writer, carried: Carried, call: _Call) -> int | None:
    statistics = any(call.value(name) is not None for name in ("running_mean", "running_var"))
    if statistics or not call.value("use_input_stats", True):
        return None
    call.values["num_groups"] = carried.result.shape[1]
    return _group_norm(w, carried, call)


def _instance_layer(w: Writer, carried: Carried, call: _Call) -> int | None:
    layer: nn.InstanceNorm2d = carried.step.target.module  # type: ignore[union-attr]
    slots = call.source("tensors")
    if layer.track_running_stats:
        return None
    call.values |= {"eps": layer.eps, **{name: slots[name] for name in slots}}
    call.sources |= slots
    return _instance_norm(w, carried, call)


def _scaled(
    w: Writer, carried: Carried, call: _Call, number: int, shaped: Callable[[Tensor], Tensor]
) -> int | None:
    """Times gamma, plus beta, where they are."""
    for name in ("weight", "bias"):
        if call.value(name) is None:
            continue
        pair = w.given.get(call.source(name))
        if pair is None:
            return None
        ndim = carried.result.ndim
        a, b = (without_examples(shaped(value), ndim) for value in pair)
        if a is None or b is None:
            return None
        own = w.parameters(f"{carried.step.name}'s {name}", (a, b))
        number = (
            w.times(carried.step.name, number, own)
            if name == "weight"
            else w.summed(carried.step.name, (1, number), (1, own))
        )
    return number


def _softmax(w: Writer, carried: Carried, call: _Call) -> int | None:
    ndim = carried.result.ndim
    x, dim = w.node(call.source("input"), ndim), call.value("dim")
    if x is None or not isinstance(dim, int) or dim % ndim == 0:
        return None
    return w.write(
        lambda node: Softmax(node, dim % ndim - ndim), carried.step.name, (x,), w.shape(x)
    )


def _masked(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    pair = w.given.get(call.source("mask"))
    value = call.value("value")
    if x is None or pair is None or not torch.equal(*pair) or float(value) != -math.inf:
        return None
    hidden = without_examples(pair[0], carried.result.ndim)
    if hidden is None:
        return None
    return w.write(lambda node: Masked(node, hidden), carried.step.name, (x,), w.shape(x))


def _attention(w: Writer, carried: Carried, call: _Call) -> int | None:
    ndim = carried.result.ndim
    numbers = [w.node(call.source(name), ndim) for name in ("query", "key", "value")]
    if None in numbers or call.value("dropout_p", 0.0) or call.value("enable_gqa", False):
        return None
    q, k = call.value("query"), call.value("key")
    mask = None
    if call.value("attn_mask") is not None:
        pair = w.given.get(call.source("attn_mask"))
        if pair is None or not torch.equal(*pair):
            return None
        mask = without_examples(_added(pair[0]), ndim)
        if mask is None:
            return None
    elif call.value("is_causal", False):
        mask = _added(torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril())
    scale = call.value("scale")
    heads = Heads(q.shape[-1] ** -0.5 if scale is None else float(scale), mask)
    inputs = [number for number in numbers if number is not None]
    return w.write(
        lambda node: Attention(node, heads), carried.step.name, inputs, carried.result.shape[1:]
    )


def _added(mask: Tensor) -> Tensor:
    """A mask as what is added to scores."""
    if mask.dtype != torch.bool:
        return mask.double()
    return torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, -math.inf)


def _multihead(w: Writer, carried: Carried, call: _Call) -> list[int] | None:
    layer: nn.MultiheadAttention = carried.step.target.module  # type: ignore[union-attr]
    slots = call.source("tensors")
    plain = layer.batch_first and layer.bias_k is None and not layer.add_zero_attn
    if not plain or call.value("key_padding_mask") is not None:
        return None
    inputs = [w.node(call.source(name), 3) for name in ("query", "key", "value")]
    pairs = {name: carried.slot(slot) for name, slot in slots.items()}
    if None in inputs or None in pairs.values():
        return None
    name, size = layer_name(carried.step), layer.embed_dim
    held: dict[str, Any] = pairs
    if layer._qkv_same_embed_dim:
        weights = list(zip(*(W.split(size) for W in held["in_proj_weight"]), strict=True))
    else:
        weights = [held[f"{part}_proj_weight"] for part in "qkv"]
    offsets: list[Any] = [None] * 3
    if "in_proj_bias" in held:
        offsets = list(zip(*(b.split(size) for b in held["in_proj_bias"]), strict=True))
    heads, width = layer.num_heads, layer.head_dim
    taken = []
    for number, W, b in zip(inputs, weights, offsets, strict=True):
        assert number is not None
        z = w.affine(name, number, W, b)
        positions = w.shape(z)[0]
        taken.append(w.moved(name, z, _split(heads), (heads, positions, width)))
    mask = None
    if call.value("attn_mask") is not None:
        pair = w.given.get(call.source("attn_mask"))
        if pair is None or not torch.equal(*pair) or pair[0].ndim != 2:
            return None
        mask = _added(~pair[0] if pair[0].dtype == torch.bool else pair[0])
    attention = w.write(
        lambda node: Attention(node, Heads(width**-0.5, mask)), name, taken, w.shape(taken[0])
    )
    merged = w.moved(name, attention, _merged, (w.shape(attention)[1], size))
    return [w.affine(name, merged, held["out_proj.weight"], held.get("out_proj.bias"))]


def _split(heads: int) -> Callable[[Tensor], Tensor]:
    return lambda v: v.view(*v.shape[:-1], heads, v.shape[-1] // heads).transpose(-3, -2)


def _merged(v: Tensor) -> Tensor:
    return v.transpose(-3, -2).flatten(-2)


def layer_name(step: Step) -> str:
    """Of a layer that a step calls."""
    return str(getattr(step.target, "name", step.name))


def _glu(w: Writer, carried: Carried, call: _Call) -> int | None:
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
    def rule(w: Writer, carried: Carried, call: _Call) -> int | None:
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


def _hardsigmoid(w: Writer, carried: Carried, call: _Call) -> int | None:
    x = w.node(call.source("input"), carried.result.ndim)
    if x is None:
        return None
    name = carried.step.name
    inside = _between(w, name, w.summed(name, (1, x), (1, w.constant(3.0, x))), 0.0, 6.0)
    assert inside is not None
    return w.times(name, inside, w.constant(1 / 6, x))


def _hardswish(w: Writer, carried: Carried, call: _Call) -> int | None:
    gate = _hardsigmoid(w, carried, call)
    if gate is None:
        return None
    return w.times(carried.step.name, gate, w.numbers[call.source("input")])


_SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _elu(w: Writer, carried: Carried, call: _Call) -> int | None:
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


def _prelu(w: Writer, carried: Carried, call: _Call) -> int | None:
    """relu(x) - a relu(-x), a affine in t."""
    x, pair = w.node(call.source("input"), carried.result.ndim), w.given.get(call.source("weight"))
    if x is None or pair is None:
        return None
    name, axes = carried.step.name, len(w.shape(x)) - 1
    slope = w.parameters(name, tuple(v.view(-1, *[1] * axes) for v in pair))  # type: ignore[arg-type]
    below = w.relu(name, w.summed(name, (-1, x)))
    return w.summed(name, (1, w.relu(name, x)), (-1, w.times(name, below, slope)))


def _transposed(w: Writer, carried: Carried, call: _Call) -> int | None:
    x, weights = w.node(call.source("input"), carried.result.ndim), carried.pair("weight")
    axes = carried.result.ndim - 2
    groups = call.value("groups", 1)
    biases = carried.pair("bias")
    if x is None or weights is None or groups != 1 or weights[0].ndim != axes + 2:
        return None
    if biases is None:
        if call.value("bias") is not None:
            return None
        biases = (weights[0].new_zeros(weights[0].shape[1]),) * 2

    def each(name: str, default: int) -> tuple[int, ...]:
        value = call.value(name, default)
        values = tuple(value) if isinstance(value, tuple | list) else (value,)
        return values * axes if len(values) == 1 else values

    operator = Transposed(
        each("stride", 1), each("padding", 0), each("output_padding", 0), each("dilation", 1)
    )
    W_a, W_b = (W.transpose(0, 1).contiguous() for W in weights)
    b_a, b_b = biases

    def make(node: Node) -> Affine:
        return Affine(node, operator, W_a, W_b, b_a, b_b)  # type: ignore[arg-type]

    return w.write(make, carried.step.name, (x,), carried.result.shape[1:])


_ONE, _TWO = ("input",), ("input", "other")
_LAYERS: Mapping[type, tuple[Rule, tuple[str, ...]]] = {
    nn.MultiheadAttention: (_multihead, ("tensors", "query", "key", "value")),
    **dict.fromkeys(
        (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
        (_instance_layer, ("tensors", "input")),
    ),
}
_RULES: Mapping[str, tuple[Rule, tuple[str, ...]]] = {
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
    "embedding": (_embedding, ("input", "weight", "padding_idx", "max_norm")),
    "layer_norm": (_layer_norm, ("input", "normalized_shape", "weight", "bias", "eps")),
    "rms_norm": (_layer_norm, ("input", "normalized_shape", "weight", "eps")),
    "group_norm": (_group_norm, ("input", "num_groups", "weight", "bias", "eps")),
    "instance_norm": (
        _instance_norm,
        (
            *("input", "running_mean", "running_var", "weight", "bias"),
            *("use_input_stats", "momentum", "eps"),
        ),
    ),
    "softmax": (_softmax, ("input", "dim")),
    "masked_fill": (_masked, ("input", "mask", "value")),
    "scaled_dot_product_attention": (
        _attention,
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
            _transposed,
            (
                *("input", "weight", "bias", "stride", "padding", "output_padding"),
                *("groups", "dilation"),
            ),
        )
        for axes in (1, 2, 3)
    },
}
