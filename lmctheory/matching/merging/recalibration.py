"""What is done to a network after averaging: BatchNorm's statistics, and the temperature.

BatchNorm's running statistics, averaged like weights, are those of no network: resetting them
measures those of the network as it is. Averaging also shrinks the logits, in theory by 2^{-L} where
networks are connected without any matching (theory key L8): a temperature undoes it.

**Temperature.** With logits z and b = 1/T the mean cross-entropy
``g(b) = mean_i log sum_j exp(b (z_ij - z_iy))`` is convex in b, being a mean of log-sum-exps of
affine functions. ``g'(b) = mean_i E_p(b)[z_ij - z_iy]``, p the softmax of b z, grows from
``mean_i (mean_j z_ij - z_iy)`` at b = 0 to ``mean_i (max_j z_ij - z_iy)`` as b grows. So there is a
finite minimiser b > 0 if and only if the first is negative and the second positive: the logits
favour the labels on average, but not on every example. It is the root of g'.
"""

from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import brentq
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.matching.merging.observation import (
    observed,
    require_own_parameters,
    with_flags_of,
)
from lmctheory.measures.arguments import integer
from lmctheory.networks import Examples
from lmctheory.networks.agreement import require_fit, require_inputs_fit
from lmctheory.networks.state import copied, in_type_of, seeded

__all__ = [
    "CalibratedNetwork",
    "NoBestTemperatureError",
    "calibrate_temperature",
    "reset_batch_norm",
]

_ROWS = 256
"""Examples per forward pass."""


def reset_batch_norm(
    model: nn.Module, inputs: Float[Tensor, "n ..."], batch_size: int = 256
) -> nn.Module:
    """The network with the running statistics that its BatchNorm layers have on the inputs.

    As in training, each layer normalises by the statistics of the batch while those are gathered;
    its running mean and (unbiased) variance become the means over batches of the batches',
    weighted by their sizes. Everything else is in evaluation mode.

    Args:
        model: a network with BatchNorm layers that keep running statistics; it is not changed.
        inputs: ``[n, ...]``, cut into as few batches of at most `batch_size`, almost equal, as
            possible.
        batch_size: at least 2.

    Returns:
        A new module with the model's training flags and momenta.

    Raises:
        TypeError: if batch_size is no integer.
        ValueError: if the model has no such layer, inputs are empty or not finite, or a batch would
            hold a single example.

    Reference: Izmailov et al. 2018, section 3.2; for matched networks Jordan et al. 2023.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> net = reset_batch_norm(nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2)), x)
        >>> net[0].running_mean, net[0].running_var
        (tensor([2.]), tensor([2.]))
    """
    batch_size = integer("batch_size", batch_size)
    result = copied(model).eval()
    layers = [
        module
        for module in result.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        raise ValueError("model must have a BatchNorm layer with running statistics, got none")
    require_inputs_fit(model, inputs)
    count = -(-len(inputs) // max(batch_size, 1))
    if len(inputs) // count < 2 or batch_size < 2:
        raise ValueError(
            "inputs and batch_size must give batches of at least 2 examples, got "
            f"{len(inputs)} and {batch_size}"
        )
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
    seen = 0
    with torch.no_grad(), seeded():
        for batch in torch.tensor_split(in_type_of(model, inputs), count):
            seen += len(batch)
            for layer in layers:
                layer.momentum = len(batch) / seen
            result(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    return with_flags_of(model, result)


class NoBestTemperatureError(ValueError):
    """The loss falls, or does not rise, up to an end of all temperatures."""


@dataclass(frozen=True)
class CalibratedNetwork:
    """A network whose logits were divided by a temperature.

    Attributes:
        model: the network.
        temperature: T > 0; above 1 the original was too sure of itself.
    """

    model: nn.Module = field(repr=False)
    temperature: float


def calibrate_temperature(
    model: nn.Module, inputs: Float[Tensor, "n ..."], labels: Int64[Tensor, " labels"]
) -> CalibratedNetwork:
    """Divides the logits by the temperature that minimises the mean cross-entropy, in nats.

    The weight and the bias of the output layer are divided; predicted classes stay the same. The
    minimum is global (see the module's proof) and exact up to rounding.

    Args:
        model: a classifier whose outputs are those of an `nn.Linear`; it is not changed.
        inputs: ``[n, ...]``.
        labels: ``[n]``, the classes.

    Returns:
        The new model, with the old one's training flags, and the temperature.

    Raises:
        TypeError: if the outputs are not those of an `nn.Linear`, or its parameters are tied or
            re-parametrised; for inputs or labels of another type than `Examples` takes.
        ValueError: for data that `Examples` refuses or the model does not fit.
        NoBestTemperatureError: if every label has the largest logit, the lower the better; if
            labels have no more than the average logit, the higher the better.

    Reference: Guo et al. 2017; for interpolated networks theory key L8, Ito et al. 2025.

    Example:
        >>> import math, torch
        >>> from torch import nn
        >>> net = nn.Linear(1, 2)  # logits (x, 0), right for three examples of four
        >>> with torch.no_grad():
        ...     _ = net.weight.copy_(torch.tensor([[1.0], [0.0]])), net.bias.zero_()
        >>> found = calibrate_temperature(net, torch.ones(4, 1), torch.tensor([0, 0, 0, 1]))
        >>> math.isclose(found.temperature, 1 / math.log(3))  # so that exp(1/T) = 3
        True
    """
    data = Examples(inputs, labels)
    require_fit(model, data)
    result = copied(model).eval()
    with torch.no_grad(), seeded():
        head = _output_layer(result, in_type_of(model, data.inputs[:1]))
        blocks = torch.split(data.inputs, _ROWS)
        logits = torch.cat([result(in_type_of(model, rows)) for rows in blocks]).double()
        if not torch.isfinite(logits).all():
            raise ValueError("model must have finite outputs on the inputs, got NaN or infinity")
        own = logits.gather(1, data.labels.to(logits.device)[:, None])
        temperature = 1 / _inverse_temperature(logits - own)
        for parameter in head.parameters():
            parameter.div_(temperature)
    return CalibratedNetwork(with_flags_of(model, result), temperature)


def _inverse_temperature(gaps: Float64[Tensor, "n classes"]) -> float:
    """The root b of g'(b), z_ij - z_iy being `gaps`."""

    def slope(b: float) -> float:
        return float((torch.softmax(b * gaps, dim=1) * gaps).sum(1).mean())

    if slope(0.0) >= 0:
        raise NoBestTemperatureError(
            "no temperature is best: labels must have more than the average logit of their example,"
            f" got {slope(0.0):.3g} less"
        )
    if gaps.max() <= 0:
        raise NoBestTemperatureError(
            "no temperature is best: the loss falls to 0 with it, since every label has the largest"
            " logit; inputs must include an example that the model gets wrong"
        )
    low = high = 1.0
    while slope(low) > 0:
        low, high = low / 2, low
    while slope(high) < 0:
        low, high = high, 2 * high
    # relative precision only: the scale of the logits is arbitrary
    return float(brentq(slope, low, high, xtol=1e-16 * low, rtol=1e-15))


def _output_layer(model: nn.Module, example: Tensor) -> nn.Linear:
    last: list[tuple[nn.Module, Tensor]] = []

    def keep(_: str, layer: nn.Module, output: Tensor) -> None:
        last[:] = [(layer, output)]

    with observed(model, nn.Linear, keep):
        outputs = model(example)
    if not last or last[0][1] is not outputs:
        raise TypeError("model must end in an nn.Linear whose outputs it returns as they are")
    head = cast("nn.Linear", last[0][0])
    require_own_parameters(model, "the output layer", head)
    return head
