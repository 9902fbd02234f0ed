"""REPAIR: the statistics of every channel, put back to what they are between the two ends.

Averaging two aligned networks shrinks the variance of what a neuron receives, because the parts in
which the two differ cancel. REPAIR gives a channel's pre-activation z the mean and the standard
deviation ``m* = t m_A + (1-t) m_B``, ``s* = t s_A + (1-t) s_B`` interpolated between the ends.

Where z has mean m and standard deviation s, ``z' = r z + (m* - r m)`` with ``r = s*/s`` has those:
it is what the layer computes with weights ``r w`` and bias ``r b + (m* - r m)``. Layers are taken
in the order in which they are evaluated, each measured on the corrected outputs of those before it,
so that all hold in the end; one pass does it, because a corrected layer passes its corrected
outputs on. At an end of the segment ``s* = s`` and ``m* = m``: r = 1, and nothing changes.
"""

from typing import NamedTuple, TypeAlias, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.matching.merging.observation import (
    observed,
    require_own_parameters,
    with_flags_of,
)
from lmctheory.measures.arguments import share
from lmctheory.networks.agreement import require_inputs_fit, require_same_state
from lmctheory.networks.state import copied, in_type_of, seeded

__all__ = ["repair"]

Layer: TypeAlias = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.GroupNorm | nn.LayerNorm
"""What can be corrected: each output channel has its own weight and bias."""

_CHANNELS_FIRST = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.GroupNorm


def repair(
    model: nn.Module,
    model_a: nn.Module,
    model_b: nn.Module,
    inputs: Float[Tensor, "n ..."],
    t: float = 0.5,
) -> nn.Module:
    """REPAIR: each channel gets the mean and standard deviation interpolated between the ends.

    Corrected are the outputs of `nn.Linear`, `nn.Conv1d` to `nn.Conv3d`, `nn.GroupNorm` and
    `nn.LayerNorm` with parameters, over examples and positions, all but the last one evaluated;
    the projections inside `nn.MultiheadAttention` are no such layers and stay as they are.
    A layer without bias can only be rescaled: its standard deviations are met, its means are not.
    A channel that is constant can only be shifted: its mean is met, its standard deviation is not.

    Args:
        model: the network to correct, usually theta_t; it is not changed.
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, aligned with A.
        inputs: ``[n, ...]``. Each network takes them in one pass, so they must fit in memory; a few
            thousand give the statistics well enough.
        t: where on the segment the model is, in [0, 1].

    Returns:
        A new module; at t = 1 A comes back unchanged, at t = 0 B.

    Raises:
        TypeError: if a layer is used twice, or its parameters are tied or re-parametrised.
        ValueError: for different architectures, NaN or infinite weights or inputs, no inputs,
            t outside [0, 1], or BatchNorm layers, for which `reset_batch_norm` does the same.

    Reference: Jordan et al. 2023.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b, middle = (MLP((4, 8, 3), rng=rng) for _ in range(3))
        >>> x = torch.randn(100, 4, generator=rng)
        >>> spread = [net.layers[0](x).std(0).mean() for net in (repair(middle, a, b, x), a, b)]
        >>> bool(torch.isclose(spread[0], (spread[1] + spread[2]) / 2))
        True
    """
    t = share("t", t)
    require_same_state(model=model, model_a=model_a, model_b=model_b)
    require_inputs_fit(model, inputs)
    if any(isinstance(module, _BatchNorm) for module in model.modules()):
        raise ValueError("model must have no BatchNorm layers to be repaired: use reset_batch_norm")
    a, b = (_moments(copied(end).eval(), inputs) for end in (model_a, model_b))
    result = copied(model).eval()
    corrected = list(a)[:-1]  # the last is the output layer
    for name in corrected:
        require_own_parameters(result, repr(name), result.get_submodule(name))

    def correct(name: str, layer: nn.Module, output: Tensor) -> Tensor | None:
        if name not in corrected:
            return None
        return _correct(cast("Layer", layer), output, a[name].between(b[name], t))

    with observed(result, Layer, correct), torch.no_grad(), seeded():
        result(in_type_of(model, inputs))
    return with_flags_of(model, result)


class _Moments(NamedTuple):
    """Of a layer's channels: means and standard deviations, float64."""

    mean: Tensor
    deviation: Tensor

    def between(self, other: "_Moments", t: float) -> "_Moments":
        """T times these and 1 - t times the others."""
        mean, deviation = (torch.lerp(b, a, t) for a, b in zip(self, other, strict=True))
        return _Moments(mean, deviation)


def _moments(model: nn.Module, inputs: Tensor) -> dict[str, _Moments]:
    """Of every correctable layer, in the order in which they are evaluated."""
    found: dict[str, _Moments] = {}

    def measure(name: str, layer: nn.Module, output: Tensor) -> None:
        if layer.weight is not None:
            if name in found:
                raise TypeError(f"model must use every layer once, but it uses {name!r} twice")
            found[name] = _measured(cast("Layer", layer), output)

    with observed(model, Layer, measure), torch.no_grad(), seeded():
        model(in_type_of(model, inputs))
    return found


def _channels_last(layer: Layer, output: Tensor) -> Tensor:
    return output.movedim(1, -1) if isinstance(layer, _CHANNELS_FIRST) else output


def _measured(layer: Layer, output: Tensor) -> _Moments:
    channels = layer.weight.ndim if isinstance(layer, nn.LayerNorm) else 1
    samples = _channels_last(layer, output).double().flatten(0, -1 - channels)
    variance, mean = torch.var_mean(samples, dim=0, correction=0)
    return _Moments(mean, variance.sqrt())


def _correct(layer: Layer, output: Tensor, target: _Moments) -> Tensor:
    """Gives the layer its target on the very inputs that led to `output`; returns the new one."""
    now = _measured(layer, output)
    constant = now.deviation <= torch.finfo(output.dtype).eps * now.mean.abs()
    scale = torch.where(constant, 1.0, target.deviation / now.deviation)
    layer.weight.mul_(scale.view(*scale.shape, *[1] * (layer.weight.ndim - scale.ndim)))
    shift = torch.zeros_like(scale)
    if layer.bias is not None:
        shift = target.mean - scale * now.mean
        layer.bias.copy_(scale * layer.bias + shift)
    corrected = (_channels_last(layer, output) * scale + shift).to(output.dtype)
    return corrected.movedim(-1, 1) if isinstance(layer, _CHANNELS_FIRST) else corrected
