"""How neurons pass `nn.MultiheadAttention`.

Heads are blocks, see `convolutions`: a query's channels move with those of its keys, values with
what reads them.
"""

from typing import Any, cast

import numpy as np
from torch import nn

from lmctheory.matching.tracing.labelling import Blocks, Call, Labelling, Value, unlabelled
from lmctheory.matching.tracing.neurons import Labels
from lmctheory.networks.program import Layer

__all__ = ["multihead_attention"]


def multihead_attention(labelling: Labelling, call: Call) -> Any:
    """Heads side by side; None for masks of each head, and where weights of each are returned."""
    layer = cast("Layer", call.run)
    module, name = cast("nn.MultiheadAttention", layer.module), layer.name
    tensors = call.args[0]
    inputs = tuple(call.argument(i, n) for i, n in enumerate(("query", "key", "value"), start=1))
    mask = call.argument(6, "attn_mask")
    if mask is not None and mask.tensor.ndim > 2:
        return None
    if call.result[1] is not None and not call.argument(7, "average_attn_weights", default=True):
        return None
    for x in inputs:
        for labels in x.labels[:-1]:
            labelling.neurons.fix(labels, f"{call.name} attends along it")
    heads, width = module.num_heads, module.embed_dim
    fresh = labelling.neurons.fresh
    matched = fresh(width, f"{name}.qk", blocks=heads)
    carried = fresh(width, f"{name}.value", blocks=heads)
    projected = (matched, matched, carried)
    together = tensors.get("in_proj_weight")
    if together is None:
        parts = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        for part, rows, x in zip(parts, projected, inputs, strict=True):
            labelling.axis(tensors[part], 0, labels=rows, role="made")
            labelling.axis(tensors[part], 1, labels=x.labels[-1], role="read")
    else:
        labelling.axis(together, 0, labels=np.concatenate(projected), role="made")
        _read_together(labelling, together, [x.labels[-1] for x in inputs])
    labelling.axis(tensors.get("in_proj_bias"), 0, labels=np.concatenate(projected))
    for extra, rows in (("bias_k", matched), ("bias_v", carried)):
        labelling.axis(tensors.get(extra), 2, labels=rows)
    out = tensors["out_proj.weight"]
    labelling.axis(out, 1, labels=carried, role="read")
    outputs = labelling.axis(out, 0, name=f"{name}.out_proj", role="made")
    outputs = labelling.axis(tensors.get("out_proj.bias"), 0, labels=outputs)
    labelling.blocks.append(
        Blocks(name, name, (matched.reshape(heads, -1), carried.reshape(heads, -1)))
    )
    attended, weights = call.result
    return Value(attended, (*(None,) * (attended.ndim - 1), outputs)), unlabelled(weights)


def _read_together(labelling: Labelling, weight: Value, read: list[Labels | None]) -> None:
    """Parts of one weight, one below the other, that read different inputs or the same one."""
    if all(labels is read[0] for labels in read):
        labelling.axis(weight, 1, labels=read[0], role="read")
        return
    height = len(weight.tensor) // len(read)
    for k, labels in enumerate(read):
        within = (k * height, (k + 1) * height)
        labelling.axis(weight, 1, labels=labels, within=within, role="read")
