"""How neurons pass the layers of torch.nn: what acts on their parameters.

Grouped convolutions, group norms and attention treat blocks of neurons alike, each block by itself:
neurons can be exchanged inside a block, and whole blocks with each other. They hand their blocks to
`Labelling.blocks`; `assembly` finds out which blocks can be exchanged in the network as a whole.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from lmctheory.matching.tracing.labelling import (
    Blocks,
    Call,
    Labelling,
    Role,
    Rule,
    Value,
    unlabelled,
)
from lmctheory.matching.tracing.movements import movement
from lmctheory.matching.tracing.neurons import Labels
from lmctheory.matching.tracing.operations import gated, pointwise, same, window

__all__ = ["layer_rule"]

_POINTWISE = (
    *(nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh),
    *(nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid),
    *(nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Threshold),
    *(nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity),
)
_SAME = (nn.LogSoftmax, nn.Softmax, nn.Softmin)
_MOVEMENTS = (nn.ChannelShuffle, nn.Flatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.Unflatten)
_PADS = (
    *(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ReflectionPad1d, nn.ReflectionPad2d),
    *(nn.ReflectionPad3d, nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    *(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
)
_WINDOWS: dict[type[nn.Module], int] = {
    getattr(nn, f"{kind}Pool{size}d"): size
    for kind in ("AdaptiveAvg", "AdaptiveMax", "Avg", "LP", "Max")
    for size in (1, 2, 3)
}
_UPSAMPLINGS = (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d)
_LINEARS = (nn.Linear, nn.modules.linear.NonDynamicallyQuantizableLinear)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BATCH_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)

_LayerRule = Callable[[Labelling, Call, Any, str], Any]


def layer_rule(module: nn.Module, name: str) -> Rule | None:
    """The rule of a layer; None if its type is not exactly one of torch's that are known."""
    kind = type(module)
    if kind in _WINDOWS:
        return window(_WINDOWS[kind])
    for kinds, rule in _SIMPLE:
        if kind in kinds:
            return rule
    for kinds, layer in _LAYERS:
        if kind in kinds:
            return lambda labelling, call: layer(labelling, call, module, name)
    return None


def _linear(labelling: Labelling, call: Call, module: nn.Linear, name: str) -> Value:
    x = call.args[0]
    rows = labelling.axis(module.weight, 0, name=name, role="made")
    labelling.axis(module.weight, 1, labels=x.labels[-1], role="read")
    rows = labelling.axis(module.bias, 0, labels=rows)
    labelling.see(name, -1, x.labels[-1], written=False)
    labelling.see(name, -1, rows, written=True)
    return Value(call.result, (*x.labels[:-1], rows))


def _convolution(labelling: Labelling, call: Call, module: Any, name: str) -> Value | None:
    x = call.args[0]
    channel = x.tensor.ndim - len(module.kernel_size) - 1  # there may be no axis of examples
    for labels in x.labels[channel + 1 :]:
        labelling.neurons.fix(labels, f"{call.name} slides along it")
    inputs = x.labels[channel]
    weight, groups = module.weight, module.groups
    sums, rows = (0, 1) if type(module) in _TRANSPOSED else (1, 0)
    if groups == 1:
        outputs = labelling.axis(weight, rows, name=name, role="made")
        labelling.axis(weight, sums, labels=inputs, role="read")
    elif groups == module.in_channels == module.out_channels:
        outputs = labelling.axis(weight, 0, labels=inputs, role="made")
    else:
        outputs = _grouped(labelling, module, inputs, name, reads_rows=sums == 0)
    outputs = labelling.axis(module.bias, 0, labels=outputs)
    labelling.see(name, channel, inputs, written=False)
    labelling.see(name, channel, outputs, written=True)
    spatial = (None,) * len(module.kernel_size)
    return Value(call.result, (*x.labels[:channel], outputs, *spatial))


def _grouped(
    labelling: Labelling, module: Any, inputs: Labels | None, name: str, *, reads_rows: bool
) -> Labels:
    """Groups of channels that are convolved apart; their weights lie along axis 0."""
    groups, weight = module.groups, module.weight
    fresh = labelling.neurons.fresh
    read = fresh(module.in_channels, blocks=groups)
    labelling.neurons.unify(read, inputs, f"the groups of {name!r} read entries that cannot move")
    made = fresh(module.out_channels, name, blocks=groups)
    along, across = (read, made) if reads_rows else (made, read)
    roles: tuple[Role, Role] = ("read", "made") if reads_rows else ("made", "read")
    labelling.axis(weight, 0, labels=along, role=roles[0])
    height, width = weight.shape[0] // groups, weight.shape[1]
    for k in range(groups):
        labelling.axis(
            weight,
            1,
            labels=across[k * width : (k + 1) * width],
            within=(k * height, (k + 1) * height),
            role=roles[1],
        )
    grids = (read.reshape(groups, -1), made.reshape(groups, -1))
    labelling.blocks.append(Blocks(name, None, grids))
    return made


def _batch_norm(labelling: Labelling, call: Call, module: Any, _: str) -> Value:
    x = call.args[0]
    channel = 1 if x.tensor.ndim == 2 or isinstance(module, _BATCH_NORMS[:4]) else None
    if channel is None:  # instance norms take single examples too
        channel = x.tensor.ndim - _instance_size(module) - 1
        for labels in x.labels[channel + 1 :]:
            labelling.neurons.fix(labels, f"{call.name} averages over it")
    channels = x.labels[channel]
    for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
        channels = labelling.axis(tensor, 0, labels=channels)
    return Value(call.result, (*x.labels[:channel], channels, *x.labels[channel + 1 :]))


def _instance_size(module: nn.Module) -> int:
    return int(type(module).__name__[-2])


def _layer_norm(labelling: Labelling, call: Call, module: Any, _: str) -> Value:
    x = call.args[0]
    labels = list(x.labels)
    for back in range(1, len(module.normalized_shape) + 1):
        for tensor in (module.weight, getattr(module, "bias", None)):
            if tensor is not None:
                labels[-back] = labelling.axis(tensor, tensor.ndim - back, labels=labels[-back])
    return Value(call.result, tuple(labels))


def _group_norm(labelling: Labelling, call: Call, module: nn.GroupNorm, name: str) -> Value:
    x = call.args[0]
    channels = x.labels[1]
    groups, size = module.num_groups, module.num_channels
    if 1 < groups < size and channels is not None:
        grid = labelling.neurons.fresh(size, blocks=groups)
        reason = f"the groups of {name!r} hold entries that cannot move with them"
        channels = labelling.neurons.unify(channels, grid, reason)
        labelling.blocks.append(Blocks(name, None, (grid.reshape(groups, -1),)))
    for tensor in (module.weight, module.bias):
        channels = labelling.axis(tensor, 0, labels=channels)
    return Value(call.result, (x.labels[0], channels, *x.labels[2:]))


def _embedding(labelling: Labelling, call: Call, module: nn.Embedding, name: str) -> Value:
    index = call.args[0]
    labelling.axis(module.weight, 0, labels=None)
    columns = labelling.axis(module.weight, 1, name=name, role="made")
    labelling.see(name, -1, columns, written=True)
    return Value(call.result, (*index.labels, columns))


def _prelu(labelling: Labelling, call: Call, module: nn.PReLU, _: str) -> Value:
    x = call.args[0]
    if module.num_parameters == 1 or x.tensor.ndim < 2:
        return Value(call.result, x.labels)
    channels = labelling.axis(module.weight, 0, labels=x.labels[1])
    return Value(call.result, (x.labels[0], channels, *x.labels[2:]))


def _glu(labelling: Labelling, call: Call, module: nn.GLU, _: str) -> Any:
    return gated(labelling, replace(call, args=(*call.args, module.dim)))


def _attention(labelling: Labelling, call: Call, module: Any, name: str) -> Any:
    """Heads: a query's channels move with those of its keys; values with what reads them."""
    inputs = tuple(call.argument(i, n) for i, n in enumerate(("query", "key", "value")))
    masks = (call.argument(3, "key_padding_mask"), call.argument(5, "attn_mask"))
    if masks[1] is not None and masks[1].tensor.ndim > 2:
        return None  # a mask for each head
    if call.result[1] is not None and not call.argument(6, "average_attn_weights", default=True):
        return None  # weights of each head
    for x in inputs:
        for labels in x.labels[:-1]:
            labelling.neurons.fix(labels, f"{call.name} attends along it")
    heads, width = module.num_heads, module.embed_dim
    fresh = labelling.neurons.fresh
    matched = fresh(width, f"{name}.qk", blocks=heads)
    carried = fresh(width, f"{name}.value", blocks=heads)
    projected = (matched, matched, carried)
    for part, (rows, x) in enumerate(zip(projected, inputs, strict=True)):
        if module.in_proj_weight is None:
            weight = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)[part]
            labelling.axis(weight, 0, labels=rows, role="made")
            labelling.axis(weight, 1, labels=x.labels[-1], role="read")
    if module.in_proj_weight is not None:
        labelling.axis(module.in_proj_weight, 0, labels=np.concatenate(projected), role="made")
        _read_together(labelling, module.in_proj_weight, [x.labels[-1] for x in inputs])
    labelling.axis(module.in_proj_bias, 0, labels=np.concatenate(projected))
    for extra, rows in ((module.bias_k, matched), (module.bias_v, carried)):
        labelling.axis(extra, 2, labels=rows)
    labelling.axis(module.out_proj.weight, 1, labels=carried, role="read")
    outputs = labelling.axis(module.out_proj.weight, 0, name=f"{name}.out_proj", role="made")
    outputs = labelling.axis(module.out_proj.bias, 0, labels=outputs)
    labelling.blocks.append(
        Blocks(name, name, (matched.reshape(heads, -1), carried.reshape(heads, -1)))
    )
    labelling.see(name, -1, inputs[0].labels[-1], written=False)
    if inputs[0] is inputs[1] is inputs[2]:  # else what they read cannot be put side by side
        labelling.see(name, -1, np.concatenate(projected), written=True)
    labelling.see(f"{name}.out_proj", -1, carried, written=False)
    labelling.see(f"{name}.out_proj", -1, outputs, written=True)
    attended, weights = call.result
    return Value(attended, (*(None,) * (attended.ndim - 1), outputs)), unlabelled(weights)


def _read_together(labelling: Labelling, weight: Tensor, read: list[Labels | None]) -> None:
    """Parts of one weight, one below the other, that read different inputs or the same one."""
    if all(labels is read[0] for labels in read):
        labelling.axis(weight, 1, labels=read[0], role="read")
        return
    height = len(weight) // len(read)
    for k, labels in enumerate(read):
        within = (k * height, (k + 1) * height)
        labelling.axis(weight, 1, labels=labels, within=within, role="read")


_SIMPLE: tuple[tuple[tuple[type[nn.Module], ...], Rule], ...] = (
    (_POINTWISE, pointwise),
    (_SAME, same),
    ((*_MOVEMENTS, *_PADS), movement),
    (_UPSAMPLINGS, window(None)),
)
_LAYERS: tuple[tuple[tuple[type[nn.Module], ...], _LayerRule], ...] = (
    (_LINEARS, _linear),
    ((*_CONVOLUTIONS, *_TRANSPOSED), _convolution),
    (_BATCH_NORMS, _batch_norm),
    ((nn.LayerNorm, nn.RMSNorm), _layer_norm),
    ((nn.GroupNorm,), _group_norm),
    ((nn.Embedding,), _embedding),
    ((nn.PReLU,), _prelu),
    ((nn.GLU,), _glu),
    ((nn.MultiheadAttention,), _attention),
)
