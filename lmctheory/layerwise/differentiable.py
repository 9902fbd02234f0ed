"""The loss as a function of alpha that PyTorch can differentiate twice, for any module.

*What autograd does not see.* A forward pass may keep derivatives from PyTorch (`detach`, `no_grad`,
numbers taken out of tensors), which then says 0, or something, where there is a slope: differences
of the loss itself show it.

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
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrizations import _WeightNorm

from lmctheory.layerwise.pair import Pair
from lmctheory.networks import Evaluation, Examples, copied, wide

__all__ = ["differentiable", "loss_at", "require_derivatives", "twice_differentiable"]

_TRIED = 8
"""Examples on which derivatives are compared with differences."""

_PLACES = (0.37, 0.61, 0.18)
"""Where on the diagonal: at one of them a kink might lie."""

_STEP = 1e-7
"""Of the differences; small, for there may be thousands of kinks on the way from A to B."""

_AGREEMENT = 1e-2
"""Relative; a derivative that is missing is off by far more."""


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
    pair: Pair, evaluation: Evaluation, alpha: list[Tensor], inputs: Tensor, labels: Tensor
) -> Tensor:
    """Sum of the cross-entropies at alpha, as a function of it.

    Args:
        pair: the networks.
        evaluation: of the forward pass, see `differentiable`.
        alpha: one number per layer.
        inputs: ``[n, ...]``.
        labels: ``[n]``.
    """
    state = dict(pair.state_a)
    for column, coordinate in enumerate(alpha):
        state |= pair.moved(column, coordinate)
    return cross_entropy(wide(evaluation(inputs, state)), labels, reduction="sum")


def require_derivatives(pair: Pair, data: Examples) -> None:
    """Refuses networks whose forward pass keeps derivatives in alpha from autograd.

    Args:
        pair: the networks.
        data: the examples, of which the first few are used.

    Raises:
        TypeError: naming the layer, and what differences of the loss say.
    """
    pair = _in_double(pair)
    evaluation = differentiable(pair.model)
    x = evaluation.inputs(data.inputs[:_TRIED])
    labels = data.labels[:_TRIED].to(x.device)
    for place in _PLACES:
        found, expected = _slopes_at(pair, evaluation, place, x, labels)
        allowed = _AGREEMENT * expected.abs() + 1e-5 * expected.abs().max() + 1e-7
        wrong = ((found - expected).abs() > allowed).nonzero().flatten().tolist()
        if not wrong:
            return
    k = wrong[0]
    raise TypeError(
        "the forward pass keeps derivatives from autograd (by detach or no_grad, say): in layer "
        f"{pair.layers[k].name!r} the loss has slope {float(expected[k]):.3g}, but autograd gives "
        f"{float(found[k]):.3g}"
    )


def _in_double(pair: Pair) -> Pair:
    def cast(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: value.double() if value.is_floating_point() else value
            for name, value in state.items()
        }

    model = copied(pair.model).double()
    return Pair(model, cast(pair.state_a), cast(pair.state_b), pair.layers)


def _slopes_at(
    pair: Pair, evaluation: Evaluation, place: float, x: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss's slopes ``[L]`` in alpha, by autograd and by differences."""
    alpha = [x.new_tensor(place).requires_grad_() for _ in pair.layers]
    with twice_differentiable():
        loss = loss_at(pair, evaluation, alpha, x, labels)
        found = torch.zeros(len(alpha), dtype=x.dtype, device=x.device)
        if loss.requires_grad:
            slopes = torch.autograd.grad(loss, alpha, allow_unused=True, materialize_grads=True)
            found = torch.stack(slopes)
    expected = torch.zeros_like(found)
    with torch.no_grad():
        for column in range(len(alpha)):
            sides = []
            for step in (_STEP, -_STEP):
                moved = [a + step * (k == column) for k, a in enumerate(alpha)]
                sides.append(loss_at(pair, evaluation, moved, x, labels))
            expected[column] = (sides[0] - sides[1]) / (2 * _STEP)
    return found, expected
