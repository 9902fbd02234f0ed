"""How neurons pass the functions of torch: what each requires of them, and what it returns.

A rule is sound if every permutation that meets its requirements commutes with the operation. The
kinds are few: pointwise operations move all their arguments alike; reductions do not see the order
of what they reduce; contractions pair two axes and sum over them; movements only put entries
elsewhere (`movements`); windows leave the axes before the window alone.
"""

from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch._ops import OpOverload

from lmctheory.matching.tracing.attention import multihead_attention
from lmctheory.matching.tracing.contractions import (
    addmm,
    attention,
    bilinear,
    einsum,
    embedding,
    linear,
    matmul,
)
from lmctheory.matching.tracing.convolutions import conv
from lmctheory.matching.tracing.folding import Folded, settled
from lmctheory.matching.tracing.labelling import Call, Labelling, Rule, Value, unlabelled
from lmctheory.matching.tracing.movements import MOVEMENTS, movement
from lmctheory.matching.tracing.normalisations import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    prelu,
    weight_norm,
)
from lmctheory.matching.tracing.pointwise import pointwise
from lmctheory.matching.tracing.recurrent import (
    States,
    recurrent,
    recurrent_cell,
    recurrent_function,
)
from lmctheory.networks.program import Layer, operation

__all__ = ["rule_of"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POINTWISE = _words(
    """
    abs absolute acos add addcdiv addcmul asin asinh atan atan2 bitwise_and bitwise_not bitwise_or
    celu ceil clamp clamp_max clamp_min clip copysign cos cosh div divide elu eq erf erfc exp exp2
    expm1 fill floor floordiv floor_divide fmod ge gelu gt hardshrink hardsigmoid hardswish hardtanh
    hypot iadd imul isfinite isnan isub itruediv le leaky_relu lerp log log10 log1p log2 logaddexp
    logical_and logical_not logical_or logical_xor logsigmoid logit lt masked_fill maximum minimum
    mish mul multiply nan_to_num ne neg negative pos positive pow reciprocal relu relu6 remainder
    round rsqrt rsub selu sigmoid sign silu sin sinc sinh softplus softshrink softsign sqrt square
    sub subtract tan tanh tanhshrink threshold true_divide truediv trunc where xlogy
    """
)
"""Functions and methods that compute every entry from the entries at its place."""

_SAME = _words(
    """
    bfloat16 clone contiguous cpu cuda detach double float half log_softmax normalize
    requires_grad softmax softmin to type type_as
    """
)
"""Those whose result moves as their first argument does, whatever the others are."""

_ALONG = _words("log_softmax normalize softmax softmin")
"""Those among them that compute with all entries along an axis."""

_REDUCTIONS = _words("all amax amin any logsumexp mean nanmean nansum norm prod std sum var")
_WINDOWS = {
    f"{kind}_pool{size}d": size
    for kind in ("adaptive_avg", "adaptive_max", "avg", "lp", "max")
    for size in (1, 2, 3)
}
_CONSTANTS = _words("zeros ones full empty zeros_like ones_like full_like new_zeros")
_DROPOUTS = _words("dropout dropout1d dropout2d dropout3d alpha_dropout")
_SHAPES = _words("size sym_size dim ndimension numel stride is_floating_point __len__ len")
_ATTRIBUTES = _words("shape ndim device dtype requires_grad is_cuda itemsize")
_TRANSPOSED = frozenset(("T", "mT"))


def rule_of(target: Any) -> Rule | None:
    """The rule of an operation; None if it is not known."""
    if isinstance(target, Layer):
        return _LAYERS.get(type(target.module))
    if not _is_known_library(target):
        return None
    name = operation(target)
    if name in _RULES:
        return _RULES[name]
    kinds: tuple[tuple[Any, Rule], ...] = (
        (_POINTWISE, pointwise),
        (_SAME, same),
        (_REDUCTIONS, _reduction),
        (MOVEMENTS, movement),
        (_CONSTANTS, _constant),
        (_DROPOUTS, _dropout),
        (_SHAPES, _shape),
    )
    for names, rule in kinds:
        if name in names:
            return rule
    return window(_WINDOWS[name]) if name in _WINDOWS else None


def _is_known_library(target: Any) -> bool:
    if isinstance(target, OpOverload):
        return target.namespace == "aten"
    module = getattr(target, "__module__", None) or "torch"
    known = ("torch", "_operator", "operator", "builtins", "math")
    return not isinstance(target, ModuleType) and module.split(".")[0] in known


def same(labelling: Labelling, call: Call) -> Any:
    """The result moves as the first argument does."""
    first = call.args[0]
    if isinstance(first, Folded):
        if call.operation in _ALONG:
            position = 2 if call.operation == "normalize" else 1
            axis = call.argument(position, "dim", 1)
            if not isinstance(axis, int):
                return None
            along = axis % first.tensor.ndim in first.axes
            if along and settled(labelling, first, axis, call.name) is None:
                return None
        return first.holding(call.result)
    return Value(call.result, first.labels) if isinstance(first, Value) else None


def gated(labelling: Labelling, call: Call) -> Any:
    """The first half of an axis times a function of the second: both move alike."""
    dim = call.argument(1, "dim", -1)
    x = call.args[0]

    def halves(tensor: Tensor) -> Any:
        return tensor.chunk(2, dim)

    parts = movement(labelling, Call(call.name, halves, (x,), {}, halves(x.tensor)))
    return pointwise(labelling, Call(call.name, call.run, parts, {}, call.result))


def _getitem(labelling: Labelling, call: Call) -> Any:
    collection, index = call.args
    if isinstance(collection, States):
        return collection.item(labelling, call)
    return movement(labelling, call) if isinstance(collection, Value) else collection[index]


def _axes(dim: Any, ndim: int) -> set[int] | None:
    if dim is None:
        return set(range(ndim))
    axes = [dim] if isinstance(dim, int) else dim
    if not isinstance(axes, Sequence) or not all(isinstance(axis, int) for axis in axes):
        return None
    return {axis % ndim for axis in axes}


def _reduction(labelling: Labelling, call: Call) -> Any:
    """What is reduced may be in any order; of heads the channels alone."""
    x = call.args[0]
    position = 2 if call.operation.endswith("norm") else 1
    dim = call.argument(position, "dim", call.kwargs.get("axis"))
    axes = _axes(dim, x.tensor.ndim)
    if axes is None or not isinstance(call.result, Tensor):
        return None
    if isinstance(x, Folded):
        channel = axes & set(x.axes)
        heads = settled(labelling, x, min(channel), call.name) if len(channel) == 1 else None
        if heads is None:
            return None
        known = list(x.plain)
        known[heads.axis] = heads.atoms
    else:
        known = list(x.labels)
    kept = [labels for axis, labels in enumerate(known) if axis not in axes]
    if call.result.ndim == x.tensor.ndim:  # keepdim
        kept = [None if axis in axes else labels for axis, labels in enumerate(known)]
    return Value(call.result, tuple(kept)) if len(kept) == call.result.ndim else None


def _extremum(labelling: Labelling, call: Call) -> Any:
    """Of two tensors, of a whole one, or along an axis that is fixed: its index is returned too."""
    x, other = call.args[0], call.argument(1, "dim")
    if other is None:
        return unlabelled(call.result)
    if isinstance(other, Value):
        return pointwise(labelling, call)
    axis = other % x.tensor.ndim
    if x.labels[axis] is not None:
        return None
    values, indices = call.result
    keep = values.ndim == x.tensor.ndim
    labels = tuple(found for a, found in enumerate(x.labels) if keep or a != axis)
    return type(call.result)((Value(values, labels), Value(indices, labels)))


def window(size: int | None) -> Rule:
    """Windows slide along the last axes, which are fixed; None is all after examples and channels.

    The other axes are left alone.
    """

    def rule(labelling: Labelling, call: Call) -> Any:
        x = call.args[0]
        if not isinstance(call.result, Tensor):
            return None
        first = 2 if size is None else x.tensor.ndim - size
        for labels in x.labels[first:]:
            labelling.neurons.fix(labels, f"{call.name} slides along it")
        return Value(call.result, (*x.labels[:first], *(None,) * (x.tensor.ndim - first)))

    return rule


def _constant(labelling: Labelling, call: Call) -> Any:
    """Equal entries may be in any order."""
    labels = (labelling.neurons.fresh(n) if n > 1 else None for n in call.result.shape)
    return Value(call.result, tuple(labels))


def _dropout(labelling: Labelling, call: Call) -> Any:
    """The identity, unless it is told to drop."""
    training = call.argument(2, "training", default=True)
    return None if training else same(labelling, call)


def _shape(_: Labelling, call: Call) -> Any:
    return call.result


def _attribute(labelling: Labelling, call: Call) -> Any:
    name = call.args[1]
    if name in _TRANSPOSED:
        return movement(labelling, call)
    return call.result if name in _ATTRIBUTES else None


_RULES: dict[str, Rule] = {
    "_weight_norm": weight_norm,
    "addmm": addmm,
    "batch_norm": batch_norm,
    "bilinear": bilinear,
    "bmm": matmul,
    "conv1d": conv(1),
    "conv2d": conv(2),
    "conv3d": conv(3),
    "conv_transpose1d": conv(1, transposed=True),
    "conv_transpose2d": conv(2, transposed=True),
    "conv_transpose3d": conv(3, transposed=True),
    "einsum": einsum,
    "embedding": embedding,
    "getattr": _attribute,
    "glu": gated,
    "getitem": _getitem,
    "group_norm": group_norm,
    "interpolate": window(None),
    "layer_norm": layer_norm,
    "linear": linear,
    "matmul": matmul,
    "max": _extremum,
    "min": _extremum,
    "mm": matmul,
    "prelu": prelu,
    "rms_norm": layer_norm,
    **dict.fromkeys(("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"), recurrent_cell),
    **dict.fromkeys(("rnn_tanh", "rnn_relu", "lstm", "gru"), recurrent_function),
    "scaled_dot_product_attention": attention,
    "_assert": _shape,
}

_LAYERS: dict[type[nn.Module], Rule] = {
    nn.MultiheadAttention: multihead_attention,
    **dict.fromkeys((nn.RNN, nn.LSTM, nn.GRU), recurrent),
    **dict.fromkeys((nn.RNNCell, nn.LSTMCell, nn.GRUCell), recurrent_cell),
    nn.InstanceNorm1d: partial(instance_norm, size=1),
    nn.InstanceNorm2d: partial(instance_norm, size=2),
    nn.InstanceNorm3d: partial(instance_norm, size=3),
}
