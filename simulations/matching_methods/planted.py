"""Planted permutations: B is A in another order plus noise, and the order has to be found.

Every parameter tensor W gets Gaussian noise of deviation size * rms(W), so that `size` is the ratio
of the norms of noise and network. Whatever the noise, the best answer is known.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import Matching, permute, symmetry
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.merging.composition import occupation
from lmctheory.matching.objectives import LOSS, MidpointLoss
from lmctheory.networks import Examples
from simulations.matching_methods.methods import BY_LOSS, CURVES, solve
from simulations.matching_methods.tasks import Recovery

__all__ = ["NOISES", "is_tied", "noisy", "recovery", "shares"]

NOISES = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Norm of the noise over that of the network."""

_TIED = 1e-20
"""Mean squared distance below which a method sees no difference: rounding, squared."""

_ROUNDING = 1e-9
"""Of a loss."""


def recovery(model: nn.Module, train: Examples, methods: Sequence[str], seed: int) -> Recovery:
    """The share of neurons recovered, for each method a list over `NOISES`.

    Args:
        model: A.
        train: the examples that methods may use.
        methods: to try; those too slow for a curve without noise only.
        seed: of permutations and noise.
    """
    example = train.inputs[:2]
    groups = symmetry(model, example)
    rng = np.random.default_rng(seed)
    planted = {group.name: rng.permutation(group.size) for group in groups.groups}
    other = permute(model, planted, groups)
    recovered: dict[str, list[float]] = {name: [] for name in methods}
    tied = {}
    for size in NOISES:
        disturbed = noisy(other, size, rng=torch.Generator().manual_seed(seed))
        for name in methods:
            if size == 0 or name in CURVES:
                found = solve(name, model, disturbed, train)
                home = shares(model, example, planted, found.permutations)
                recovered[name].append(float(home.mean()))
                if size == 0:
                    tied[name] = is_tied(found, model, train)
    return Recovery(recovered, tied)


def is_tied(found: Matching, model: nn.Module, train: Examples) -> bool:
    """Whether a matching of A with its copy is as good as the planted one, up to rounding."""
    if found.method != LOSS:
        return max(found.cost.values()) <= _TIED
    objective = MidpointLoss.of(model, train[:BY_LOSS])
    own = {name: p.detach().double() for name, p in model.named_parameters()}
    return found.trace[-1] >= float(objective(own, own)) - _ROUNDING


def noisy(model: nn.Module, size: float, *, rng: torch.Generator) -> nn.Module:
    """A copy with Gaussian noise on every parameter, relative to its root mean square."""
    result = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in result.parameters():
            noise = torch.randn(parameter.shape, generator=rng, dtype=parameter.dtype)
            parameter.add_(size * parameter.square().mean().sqrt() * noise)
    return result


def shares(
    model: nn.Module,
    example: Tensor,
    planted: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
) -> np.ndarray:
    """For every neuron of A whether its copy in B was aligned with it, all groups together.

    Groups that move blocks count as neurons, and neurons inside blocks must be in the right block.
    """
    pair = side_by_side(model, model, example)
    there, back = (
        occupation(replace(pair, orders=permutations)) for permutations in (planted, found)
    )
    return there[back] == np.arange(len(there))
