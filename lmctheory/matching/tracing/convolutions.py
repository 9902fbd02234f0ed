"""How neurons pass convolutions.

The groups of a grouped one treat blocks of channels alike, each block by itself: channels can be
exchanged inside a block, and whole blocks with each other. They are handed to `Labelling.blocks`;
`assembly` finds out which blocks can be exchanged in the network as a whole.
"""

from typing import Any

from lmctheory.matching.tracing.contractions import layer_of
from lmctheory.matching.tracing.labelling import Blocks, Call, Labelling, Role, Rule, Value
from lmctheory.matching.tracing.neurons import Labels

__all__ = ["conv"]


def conv(size: int, *, transposed: bool = False) -> Rule:
    """A convolution over so many axes."""

    def rule(labelling: Labelling, call: Call) -> Any:
        x, weight, bias = (call.argument(i, n) for i, n in enumerate(("input", "weight", "bias")))
        groups = call.argument(6, "groups", 1)
        channel = x.tensor.ndim - size - 1  # there may be no axis of examples
        for labels in x.labels[channel + 1 :]:
            labelling.neurons.fix(labels, f"{call.name} slides along it")
        inputs = x.labels[channel]
        for axis in range(2, size + 2):
            labels = labelling.axis(weight, axis, labels=None)
            labelling.neurons.fix(labels, f"{call.name} slides along it")
        outputs = _channels(labelling, weight, inputs, groups, transposed=transposed)
        outputs = labelling.axis(bias, 0, labels=outputs)
        return Value(call.result, (*x.labels[:channel], outputs, *(None,) * size))

    return rule


def _channels(
    labelling: Labelling, weight: Value, inputs: Labels | None, groups: int, *, transposed: bool
) -> Labels | None:
    """The channels that come out."""
    sums, rows = (0, 1) if transposed else (1, 0)
    if groups == 1:
        outputs = labelling.axis(weight, rows, name=layer_of(weight), role="made")
        labelling.axis(weight, sums, labels=inputs, role="read")
        return outputs
    if groups == len(weight.tensor) and weight.tensor.shape[1] == 1:
        return labelling.axis(weight, 0, labels=inputs, role="made")
    return _grouped(labelling, weight, inputs, groups, reads_rows=transposed)


def _grouped(
    labelling: Labelling, weight: Value, inputs: Labels | None, groups: int, *, reads_rows: bool
) -> Labels:
    """Groups of channels that are convolved apart; their weights lie along axis 0."""
    name = layer_of(weight)
    fresh = labelling.neurons.fresh
    height, width = weight.tensor.shape[0] // groups, weight.tensor.shape[1]
    counts = (groups * height, groups * width)
    reading, making = counts if reads_rows else counts[::-1]
    read = fresh(reading, blocks=groups)
    labelling.neurons.unify(read, inputs, f"the groups of {name!r} read entries that cannot move")
    made = fresh(making, name, blocks=groups)
    along, across = (read, made) if reads_rows else (made, read)
    roles: tuple[Role, Role] = ("read", "made") if reads_rows else ("made", "read")
    labelling.axis(weight, 0, labels=along, role=roles[0])
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
