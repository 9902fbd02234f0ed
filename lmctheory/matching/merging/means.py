"""Averages of aligned networks."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lmctheory.matching._symmetry import SomeNetwork
from lmctheory.networks import AffineChain
from lmctheory.networks.state import placed, slots

__all__ = ["average"]


def average(models: Sequence[SomeNetwork], weights: Sequence[float]) -> SomeNetwork:
    """sum_k weights[k] theta_k of networks of one architecture, taken in float64.

    Floating-point buffers (running means and variances) are averaged like parameters; all others,
    and the training flags, are the first network's.
    """
    first = models[0]

    def combined(tensors: Sequence[Tensor]) -> Tensor:
        stack = torch.stack(list(tensors)).detach()
        factors = torch.tensor(weights, dtype=torch.float64, device=stack.device)
        return torch.tensordot(factors, stack.to(torch.float64), 1).to(stack.dtype)

    if isinstance(first, AffineChain):
        return replace(
            first,
            weights=tuple(map(combined, zip(*(m.weights for m in models), strict=True))),
            biases=tuple(map(combined, zip(*(m.biases for m in models), strict=True))),
        )
    states = [slots(model) for model in models if isinstance(model, nn.Module)]
    means = {
        key: combined([state[key] for state in states]) if value.is_floating_point() else value
        for key, value in states[0].items()
    }
    result: SomeNetwork = placed(first, means)
    return result
