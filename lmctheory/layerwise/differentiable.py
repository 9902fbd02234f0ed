"""The loss as a function of alpha that PyTorch can differentiate twice, for any module.

Two operations are in the way: `batch_norm` has no derivative in its running statistics, which move
with their layer, and the fused kernels of attention have no second derivative. The first is
replaced by its formula, the second by PyTorch's unfused form.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.layerwise.pair import Pair

__all__ = ["differentiable", "loss_at", "twice_differentiable"]


class _FixedNorm(nn.Module):
    """BatchNorm in evaluation mode, written out: gamma (x - mean)/sqrt(var + eps) + beta."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        def per_channel(values: Tensor) -> Tensor:
            return values.view(-1, *[1] * (x.ndim - 2))

        scale = (self.running_var + self.eps).rsqrt()
        x = (x - per_channel(self.running_mean)) * per_channel(scale)
        if self.weight is not None:
            x = x * per_channel(self.weight) + per_channel(self.bias)
        return x


def differentiable(model: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, differentiable in all of its state."""
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            if not name:
                return _FixedNorm(module)
            model.set_submodule(name, _FixedNorm(module))
    return model


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within it, attention is computed by operations that have a second derivative."""
    with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        yield


def loss_at(
    pair: Pair, model: nn.Module, alpha: list[Tensor], inputs: Tensor, labels: Tensor
) -> Tensor:
    """Sum of the cross-entropies at alpha, as a function of it.

    Args:
        pair: the networks.
        model: whose forward pass is used, see `differentiable`.
        alpha: one number per layer.
        inputs: ``[n, ...]``.
        labels: ``[n]``.
    """
    state = dict(pair.state_a)
    for column, coordinate in enumerate(alpha):
        state |= pair.moved(column, coordinate)
    logits = cast("Tensor", functional_call(model, state, (inputs,), tie_weights=False))
    return cross_entropy(logits, labels, reduction="sum")
