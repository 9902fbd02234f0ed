"""The form of a network in which redundant neurons are zero."""

import numpy as np
import torch
from torch import nn

from lmctheory.matching._symmetry import parameters
from lmctheory.matching.redundant.finding import examined, require_data
from lmctheory.matching.redundant.trying import with_rows
from lmctheory.networks.calling import Inputs
from lmctheory.networks.data import AnyExamples
from lmctheory.networks.state import placed

__all__ = ["reduced"]


def reduced(
    model: nn.Module,
    data: Inputs | AnyExamples | None = None,
    *,
    by_data: bool = False,
    tolerance: float = 1e-6,
) -> nn.Module:
    """The same function with redundant neurons of zero weights.

    The first of duplicates takes over the outgoing weights of the others, biases take over what
    constants give. What then is silent, or was, gets zero incoming weights as well, unless a
    normalisation sees it. Networks that differ by copies of neurons and dead ones alone become
    equal up to the order of their neurons, which `match` finds.

    Args:
        model: any module of which `symmetry` finds the groups; it is copied, not changed.
        data: inputs or examples, see `redundancy`.
        by_data: whether what is redundant for these data alone is used as well; the function is
            kept on them only.
        tolerance: see `redundancy`.

    Raises:
        TypeError: if the model cannot be traced, or data are needed to do so.
        ValueError: for weights or data that are not finite, `by_data` without data, another
            tolerance, or one so large that the function would change by more than 1e-5 of the
            largest output.

    Reference: theory key S4; Simsek et al. 2021.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> with torch.no_grad():
        ...     for one in (net[0].weight, net[0].bias):
        ...         one[1] = one[0]
        >>> least = reduced(net)
        >>> bool(torch.isclose(least[2].weight[0, 0], net[2].weight.sum()))
        True
        >>> least[2].weight[0, 1].item(), least[0].weight[1].tolist()
        (0.0, [0.0, 0.0, 0.0])
    """
    require_data(data, by_data=by_data)
    found = examined(model, data, tolerance)
    sets = found.sets(by_data=by_data)
    held = dict(found.held)
    zeros = {name: torch.zeros_like(held[name]) for name in parameters(model) if name in held}
    for group in found.symmetry.groups:
        own = [one for one in sets if one.group == group.name]
        if not own:
            continue
        for reader in found.readers[group.name]:
            V = reader.stacked(held).clone()
            for rows, factors in reader.relations(own, held):
                total = torch.from_numpy(factors) @ V[rows]
                V[rows] = 0
                V[rows[0]] = total / factors[0] if factors[0] else total
            held |= reader.unstacked(V, held)
        gone = [one.neurons[len(one.neurons) - one.removable :] for one in own]
        quiet = with_rows(group, np.concatenate(gone), held, zeros)
        if found.trial.stays(found.moved(held | quiet)):
            held |= quiet
    moved = found.moved(held)
    found.change(moved)
    return placed(model, moved)
