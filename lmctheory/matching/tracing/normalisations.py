"""How neurons pass normalisations, and what else acts channel by channel."""

from typing import Any

from lmctheory.matching.tracing.contractions import layer_of
from lmctheory.matching.tracing.folding import Folded, beside, combined, settled
from lmctheory.matching.tracing.labelling import Blocks, Call, Labelling, Slot, Value

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "prelu", "weight_norm"]


def batch_norm(labelling: Labelling, call: Call) -> Any:
    """Channels, each by statistics and factors of its own."""
    x = call.argument(0, "input")
    channels = x.labels[1]
    names = ("running_mean", "running_var", "weight", "bias")
    for position, name in enumerate(names, start=1):
        channels = labelling.axis(call.argument(position, name), 0, labels=channels)
    return Value(call.result, (x.labels[0], channels, *x.labels[2:]))


def instance_norm(labelling: Labelling, call: Call, size: int) -> Any:
    """Channels of each example, over as many axes; there may be no axis of examples."""
    tensors, x = call.args[:2]
    channel = x.tensor.ndim - size - 1
    for labels in x.labels[channel + 1 :]:
        labelling.neurons.fix(labels, f"{call.name} averages over it")
    channels = x.labels[channel]
    for name in ("weight", "bias", "running_mean", "running_var"):
        channels = labelling.axis(tensors.get(name), 0, labels=channels)
    return Value(call.result, (*x.labels[:channel], channels, *x.labels[channel + 1 :]))


def layer_norm(labelling: Labelling, call: Call) -> Any:
    """The last axes together, entry by entry scaled and shifted."""
    x, weight, bias = (call.argument(i, n) for i, n in ((0, "input"), (2, "weight"), (3, "bias")))
    if isinstance(x, Folded):
        return _of_heads(labelling, x, call.argument(1, "normalized_shape"), (weight, bias), call)
    labels = list(x.labels)
    for value in (weight, bias):
        if isinstance(value, Value):  # after its weight rms_norm takes a number
            for back in range(1, value.tensor.ndim + 1):
                axis = value.tensor.ndim - back
                labels[-back] = labelling.axis(value, axis, labels=labels[-back])
    return Value(call.result, tuple(labels))


def _of_heads(
    labelling: Labelling, x: Folded, shape: Any, factors: tuple[Any, ...], call: Call
) -> Any:
    """The channels of each head together, by factors that all heads share."""
    heads = settled(labelling, x, -1, call.name) if len(shape) == 1 else None
    if heads is None:
        return None
    for value in factors:
        if isinstance(value, Value):
            name = layer_of(value)
            beside(labelling, heads, labelling.axis(value, 0, name=name), call.name)
    return x.holding(call.result)


def group_norm(labelling: Labelling, call: Call) -> Any:
    """Blocks of channels, each by statistics of its own."""
    x, weight, bias = (call.argument(i, n) for i, n in ((0, "input"), (2, "weight"), (3, "bias")))
    groups: int = call.argument(1, "num_groups")
    channels = x.labels[1]
    size = x.tensor.shape[1]
    if 1 < groups < size and channels is not None:
        name = layer_of(weight) if isinstance(weight, Slot) else call.name
        grid = labelling.neurons.fresh(size, blocks=groups)
        reason = f"the groups of {name!r} hold entries that cannot move with them"
        channels = labelling.neurons.unify(channels, grid, reason)
        labelling.blocks.append(Blocks(name, None, (grid.reshape(groups, -1),)))
    for value in (weight, bias):
        channels = labelling.axis(value, 0, labels=channels)
    return Value(call.result, (x.labels[0], channels, *x.labels[2:]))


def prelu(labelling: Labelling, call: Call) -> Any:
    """One slope for all, or one for each channel."""
    x, weight = call.argument(0, "input"), call.argument(1, "weight")
    if weight.tensor.numel() == 1 or x.tensor.ndim < 2:
        return Value(call.result, x.labels)
    channels = labelling.axis(weight, 0, labels=x.labels[1])
    return Value(call.result, (x.labels[0], channels, *x.labels[2:]))


def weight_norm(labelling: Labelling, call: Call) -> Any:
    """G v/|v|, the norm being taken over all axes of v but one."""
    direction, size = call.args[:2]
    dim = call.argument(2, "dim", 0)
    labels = list(direction.labels)
    if dim != -1:
        labels[dim] = labelling.neurons.unify(labels[dim], size.labels[dim], combined(call.name))
    return Value(call.result, tuple(labels))
