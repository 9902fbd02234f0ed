"""The loss as a function of alpha that PyTorch can differentiate twice, for any module.

Three operations are in the way. Normalisation by running statistics has no derivative in those,
which move with their layer; the fused kernel of weight normalisation has a second derivative that
is wrong (PyTorch 2.13); the fused kernels of attention have none. The first two are replaced by
their formulas, the third by PyTorch's unfused form.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrizations import _WeightNorm

from lmctheory.layerwise.points.pair import Pair
from lmctheory.networks import AnyExamples
from lmctheory.networks.calling import Inputs, rows
from lmctheory.networks.derivatives import require_slopes
from lmctheory.networks.losses import Loss
from lmctheory.networks.state import Evaluation, copied

__all__ = ["differentiable", "loss_at", "require_derivatives", "twice_differentiable"]

_TRIED = 8
"""Examples on which derivatives are compared with differences."""


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


def differentiable(model: nn.Module) -> Evaluation:
    """A network in evaluation mode, differentiable in all of its state."""
    model = copied(model)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, _NormBase) and module.running_mean is not None:
            if not name:
                return Evaluation(_FixedNorm(module))
            model.set_submodule(name, _FixedNorm(module))
        elif isinstance(module, _WeightNorm):
            model.set_submodule(name, _UnfusedWeightNorm(module))
    return Evaluation(model)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within it, attention is computed by operations that have a second derivative."""
    with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        yield


def loss_at(
    pair: Pair,
    evaluation: Evaluation,
    alpha: list[Tensor],
    inputs: Inputs,
    labels: Tensor,
    loss: Loss,
) -> Tensor:
    """Sum of the losses at alpha, as a function of it.

    Args:
        pair: the networks.
        evaluation: of the forward pass, see `differentiable`.
        alpha: one number per layer.
        inputs: ``[n, ...]``.
        labels: ``[n, ...]``.
        loss: that they are taken by.
    """
    state = dict(pair.state_a)
    for column, coordinate in enumerate(alpha):
        state |= pair.moved(column, coordinate)
    return loss.each(evaluation(inputs, state)[None], labels).sum()


def require_derivatives(pair: Pair, data: AnyExamples) -> None:
    """Refuses networks whose forward pass keeps derivatives in alpha from autograd.

    Args:
        pair: the networks.
        data: the examples, of which the first few are used.

    Raises:
        TypeError: naming the layer, and what differences of the loss say.
    """
    pair = _in_double(pair)
    evaluation = differentiable(pair.model)
    x = evaluation.inputs(rows(data.inputs, slice(_TRIED)))
    labels = data.labels[:_TRIED].to(evaluation.like.device)
    require_slopes(
        lambda alpha: loss_at(pair, evaluation, alpha, x, labels, data.loss),
        [f"layer {layer.name!r}" for layer in pair.layers],
        evaluation.like,
        twice_differentiable(),
    )


def _in_double(pair: Pair) -> Pair:
    def cast(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: value.double() if value.is_floating_point() else value
            for name, value in state.items()
        }

    model = copied(pair.model).double()
    return Pair(model, cast(pair.state_a), cast(pair.state_b), pair.layers)
