"""Norms, attention, embeddings and transposed convolutions among the steps of a program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node as Step

from lmctheory.networks.program import operation
from lmctheory.paths.complete_operations import Attention, Masked, NormOver, Softmax
from lmctheory.paths.following import Call, Found, Writer, without_examples
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Convolution, Transposed
from lmctheory.paths.parameters import Embedding
from lmctheory.paths.recognition import Carried, along_axes
from lmctheory.paths.taylor_attention import Heads

__all__ = [
    "attention_rule",
    "embedding_rule",
    "group_norm_rule",
    "instance_layer_rule",
    "instance_norm_rule",
    "layer_norm_rule",
    "masked_rule",
    "multihead_rule",
    "softmax_rule",
    "transposed_rule",
]


def embedding_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Rows of a table that is a slot."""
    source, pair = call.source("input"), carried.slot(call.source("weight"))
    if source not in w.numbers or pair is None or call.value("max_norm") is not None:
        return None
    return w.write(
        lambda node: Embedding(node, pair),
        *(carried.step.name, (w.numbers[source],), carried.result.shape[1:]),
    )


def layer_norm_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Layer norms and root-mean-square norms."""
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


def group_norm_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Group norms."""
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


def instance_norm_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Instance norms without running statistics."""
    statistics = any(call.value(name) is not None for name in ("running_mean", "running_var"))
    if statistics or not call.value("use_input_stats", True):
        return None
    call.values["num_groups"] = carried.result.shape[1]
    return group_norm_rule(w, carried, call)


def instance_layer_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """The modules of instance norms."""
    layer: nn.InstanceNorm2d = carried.step.target.module  # type: ignore[union-attr]
    slots = call.source("tensors")
    if layer.track_running_stats:
        return None
    call.values |= {"eps": layer.eps, **{name: slots[name] for name in slots}}
    call.sources |= slots
    return instance_norm_rule(w, carried, call)


def _scaled(
    w: Writer, carried: Carried, call: Call, number: int, shaped: Callable[[Tensor], Tensor]
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


def softmax_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Along an axis other than the examples'."""
    ndim = carried.result.ndim
    x, dim = w.node(call.source("input"), ndim), call.value("dim")
    if x is None or not isinstance(dim, int) or dim % ndim == 0:
        return None
    return w.write(
        lambda node: Softmax(node, dim % ndim - ndim), carried.step.name, (x,), w.shape(x)
    )


def masked_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Minus infinity where a mask that is the same in A and B says so."""
    x = w.node(call.source("input"), carried.result.ndim)
    pair = w.given.get(call.source("mask"))
    value = call.value("value")
    if x is None or pair is None or not torch.equal(*pair) or float(value) != -math.inf:
        return None
    hidden = without_examples(pair[0], carried.result.ndim)
    if hidden is None:
        return None
    return w.write(lambda node: Masked(node, hidden), carried.step.name, (x,), w.shape(x))


def attention_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """PyTorch's function."""
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


def multihead_rule(w: Writer, carried: Carried, call: Call) -> list[Found] | None:
    """PyTorch's module, its batch first: projections, heads, and what they are taken to."""
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


def transposed_rule(w: Writer, carried: Carried, call: Call) -> int | None:
    """Transposed convolutions."""
    x, weights = w.node(call.source("input"), carried.result.ndim), carried.pair("weight")
    axes = carried.result.ndim - 2
    groups, biases = call.value("groups", 1), carried.pair("bias")
    if x is None or weights is None or weights[0].ndim != axes + 2:
        return None
    if biases is None:
        if call.value("bias") is not None:
            return None
        biases = (weights[0].new_zeros(groups * weights[0].shape[1]),) * 2

    def along(name: str, usual: int) -> tuple[int, ...]:
        return along_axes(call.value(name, usual), axes)

    sides = tuple(carried.result.shape[2:])
    adjoint = Convolution(
        along("stride", 1), along("padding", 0), along("dilation", 1), groups, sides
    )
    operator = Transposed(adjoint, along("output_padding", 0))
    W_a, W_b = (operator.turned(W) for W in weights)
    b_a, b_b = biases

    def make(node: Node) -> Affine:
        return Affine(node, operator, W_a, W_b, b_a, b_b)  # type: ignore[arg-type]

    return w.write(make, carried.step.name, (x,), carried.result.shape[1:])
