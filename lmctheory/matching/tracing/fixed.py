"""Why layers stay as they are: every layer with parameters that no group moves has its reason."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from lmctheory.matching.groups import Symmetry
from lmctheory.matching.tracing.labelling import Labelling

__all__ = ["SINGLE", "unmoved"]

SINGLE = "it has a single neuron"


def unmoved(
    labelling: Labelling, found: Symmetry, parameters: Mapping[str, Tensor]
) -> dict[str, str]:
    """`Symmetry.fixed`, with every layer that no group acts on; one number is no layer.

    Args:
        labelling: what the trace found.
        found: the groups, and what is fixed of the neurons that layers make.
        parameters: by their names.
    """
    layers: dict[str, list[str]] = defaultdict(list)
    for name, tensor in parameters.items():
        if tensor.numel() > 1:
            layers[_owner(name)].append(name)
    moved = {action.parameter for group in found.groups for action in group.actions}
    fixed = dict(found.fixed)
    for layer, names in layers.items():
        if moved.isdisjoint(names):
            own = {fixed.pop(name) for name in names if name in fixed}
            known = any(f"{other}.".startswith(f"{layer}.") for other in fixed)
            if own or not known:
                fixed[layer] = min(own) if own else _reason(labelling, names, parameters)
    return fixed


def _owner(name: str) -> str:
    """The layer that a parameter belongs to; of one that belongs to none its name."""
    layer, inside, _ = name.partition(".parametrizations.")
    return layer if inside else name.rpartition(".")[0] or name


def _reason(labelling: Labelling, names: list[str], parameters: Mapping[str, Tensor]) -> str:
    axes = [(axis, found) for axis, found in labelling.axes.items() if axis[0] in names]
    if not axes:
        return "the outputs do not depend on it"
    if all(len(parameters[name]) == 1 for name in names):
        return SINGLE
    neurons = labelling.neurons
    for _, found in axes:
        if found.labels is not None:
            for origin in np.unique(neurons.origins_of(found.labels)).tolist():
                if origin in neurons.reasons:
                    return neurons.reasons[origin]
    return "what it computes with are inputs, or neurons that cannot move"
