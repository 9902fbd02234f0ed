"""The loss as a function of alpha that PyTorch can differentiate twice, for any module.

Three operations are in the way. Normalisation by running statistics has no derivative in those,
which move with their layer; the fused kernel of weight normalisation has a second derivative that
is wrong (PyTorch 2.13); the fused kernels of attention have none. The first two are replaced by
their formulas, the third by PyTorch's unfused form.
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
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrizations import _WeightNorm

from lmctheory.layerwise.pair import Pair

__all__ = ["differentiable", "loss_at", "twice_differentiable"]


class _FixedNorm(nn.Module):
    """Running statistics in evaluation mode: gamma (x - mean)/sqrt(var + eps) + beta."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: _NormBase) -> None:
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


class _UnfusedWeightNorm(nn.Module):
    """Weight normalisation: g v/|v|, the norm over all but one dimension, or (-1) over all."""

    def __init__(self, norm: _WeightNorm) -> None:
        super().__init__()
        self.dim = norm.dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        others = [dim for dim in range(v.ndim) if dim != self.dim]
        return v * (g / v.square().sum(others, keepdim=True).sqrt())


def differentiable(model: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, differentiable in all of its state."""
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, _NormBase) and module.running_mean is not None:
            if not name:
                return _FixedNorm(module)
            model.set_submodule(name, _FixedNorm(module))
        elif isinstance(module, _WeightNorm):
            model.set_submodule(name, _UnfusedWeightNorm(module))
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
