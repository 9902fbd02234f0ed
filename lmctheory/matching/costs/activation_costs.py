"""What it costs to align two neurons by what they compute on data."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int
from torch import Tensor, nn

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs.neuron_features import Cost, Features, incoming
from lmctheory.matching.groups import Action, PermutationGroup
from lmctheory.matching.orders import selected

__all__ = ["activation", "pre_activation"]


def activation(
    inputs_a: Mapping[str, Float64[Tensor, "_ _"]],
    inputs_b: Mapping[str, Float64[Tensor, "_ _"]],
    *,
    correlation: bool = False,
) -> Cost:
    """Activations after the non-linearity: gain mean over rows of phi_A phi_B^T.

    Taken where the group's first outgoing weight reads them. Neurons that no weight reads (the
    channels in which queries meet keys) are described by what they write, see `pre_activation`,
    with what their weights read.

    B's other permutations do not matter: they leave the function of every neuron as it is and
    change only the order in which the next layer reads them.

    Args:
        inputs_a: inputs ``[rows, m_{l-1}]`` of each weight of A: `layer_inputs`, or for bounded
            memory `compressed_responses`.
        inputs_b: those of B, in its original order, rows corresponding.
        correlation: scales every neuron to norm one; with centred inputs the gain is Pearson's
            correlation. A neuron that never varies then gains nothing with any other.

    Reference: Ferbach et al. 2024 and Ainsworth et al. 2023, activation matching; Li et al. 2015,
        by correlation.
    """

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        known = [a for a in group.actions if a.parameter in inputs_a]  # weights of layers
        reading = next((a for a in known if a.reads and a.within is None), None)
        made = [a for a in incoming(group) if a in known]
        if reading is not None:
            seen = _seen(reading, pair, inputs_a, inputs_b)
        elif made:
            seen = _computed(made[0], pair, inputs_a, inputs_b)
        else:
            return []
        return [_unit(seen) if correlation else seen]

    return cost


def pre_activation(
    outputs_a: Mapping[str, Float64[Tensor, "_ _"]],
    outputs_b: Mapping[str, Float64[Tensor, "_ _"]],
    *,
    correlation: bool = False,
) -> Cost:
    """Activations before the non-linearity, of every weight that makes the neurons; gains add up.

    Args:
        outputs_a: outputs ``[rows, m_l]`` of each weight of A: `layer_outputs`, or
            `compressed_responses` with ``before=True``.
        outputs_b: those of B, in its original order, rows corresponding.
        correlation: see `activation`.
    """

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        made = (a for a in incoming(group) if a.parameter in outputs_a)
        seen = [_seen(action, pair, outputs_a, outputs_b) for action in made]
        return [_unit(features) if correlation else features for features in seen]

    return cost


def _columns(seen: Tensor, index: Int[np.ndarray, " n"], size: int) -> Tensor:
    """The columns of so many neurons, a row for each neuron, in mean over the rows."""
    return selected(seen, 1, index).mT.reshape(size, -1) * len(seen) ** -0.5


def _seen(
    action: Action, pair: Alignment, in_a: Mapping[str, Tensor], in_b: Mapping[str, Tensor]
) -> Features:
    """The neurons among the entries of a weight's axis, which are the columns of what is seen."""
    a, b = in_a[action.parameter], in_b[action.parameter]
    entries = pair.entries(action.parameter, action.axis, b.shape[1])
    same_width = a.shape[1] == b.shape[1]
    index = entries[action.index] if same_width else entries
    size = len(action.positions)
    return Features(
        _columns(a, action.index, size),
        _columns(b, index, size if same_width else len(index)),
        negated=action.negated,
    )


def _computed(
    action: Action, pair: Alignment, in_a: Mapping[str, Tensor], in_b: Mapping[str, Tensor]
) -> Features:
    """What rows (of a transposed weight columns) make, without bias, of what it reads.

    Of a kernel each place by itself: the responses are not added up.
    """
    name = action.parameter
    entries = pair.entries(name, 1 - action.axis, in_b[name].shape[1])
    read_b = selected(in_b[name], 1, entries)
    found = []
    for weight, read in ((pair.a[name], in_a[name]), (pair.b[name], read_b)):
        places = weight.shape[2:].numel()
        rows = action.rows(weight).reshape(len(action.positions), -1, read.shape[1], places)
        found.append((rows.mT @ read.mT).flatten(1) * len(read) ** -0.5)
    a, b = found
    return Features(a, b, negated=action.negated)


def _unit(features: Features) -> Features:
    a, b = (nn.functional.normalize(x, dim=1, eps=1e-12) for x in (features.a, features.b))
    return replace(features, a=a, b=b)
