"""What the midpoint of two potentials recovers when a few of its weights are fitted anew.

Everything is fitted to the mean of both functions on one half of the molecules and judged on the
other half, and the other way round.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from simulations.potentials.aligned import NAMES, atoms_of, by_element, energies, repaired, total
from simulations.potentials.energy import Energy

__all__ = ["RECOVERIES", "recovered"]

_RIDGE = 1e-4
"""Of the mean eigenvalue."""

Fitted = Callable[[Energy, Energy, Energy, Tensor], Energy]
"""From the midpoint, both ends and the inputs of one half of the molecules."""


def recovered(
    fit: Fitted,
    middle: Energy,
    a: Energy,
    b: Energy,
    inputs: Float[Tensor, "n atoms k"],
    half: Bool[Tensor, " n"],
) -> Float[Tensor, "n 1"]:
    """Energies by what is fitted on the other half of the molecules.

    Args:
        fit: one of `RECOVERIES`.
        middle: the midpoint.
        a: potential A.
        b: potential B, aligned with A.
        inputs: molecules.
        half: whether each belongs to the first half.
    """
    found = torch.zeros(len(inputs), 1, dtype=inputs.dtype)
    for fitted, judged in ((half, ~half), (~half, half)):
        found[judged] = total(fit(middle, a, b, inputs[fitted]), inputs[judged])
    return found


def _as_it_is(middle: Energy, _a: Energy, _b: Energy, _inputs: Tensor) -> Energy:
    return middle


def _repair(middle: Energy, a: Energy, b: Energy, inputs: Tensor) -> Energy:
    return repaired(middle, a, b, inputs, own=False)


def _repair_own(middle: Energy, a: Energy, b: Energy, inputs: Tensor) -> Energy:
    return repaired(middle, a, b, inputs, own=True)


def _scaled(middle: Energy, a: Energy, b: Energy, inputs: Tensor) -> Energy:
    """Each element's output times a number plus another, by least squares over molecules."""
    outputs = [part.sum(1) for part in energies(middle, inputs).values()]
    columns = torch.cat([torch.stack(outputs, 1), inputs[:, :, -len(NAMES) :].sum(1)], 1)
    mean = (total(a, inputs) + total(b, inputs)) / 2
    found = torch.linalg.lstsq(columns, mean, driver="gelsd").solution[:, 0]
    factors = {name: found[k :: len(NAMES)] for k, name in enumerate(NAMES)}

    def rescaled(name: str, net: nn.Module) -> nn.Module:
        factor, shift = factors[name]
        return _with_last(net, lambda weight, bias: (factor * weight, factor * bias + shift))

    return by_element(middle, rescaled)


def _repair_and_scale(middle: Energy, a: Energy, b: Energy, inputs: Tensor) -> Energy:
    return _scaled(_repair_own(middle, a, b, inputs), a, b, inputs)


def _last_layer(middle: Energy, a: Energy, b: Energy, inputs: Tensor) -> Energy:
    """Each element's output weights by ridge regression over its atoms, towards what they are."""
    atoms = atoms_of(inputs)

    def refitted(name: str, net: nn.Module) -> nn.Module:
        x = atoms[name]
        off = (getattr(a, name)(x) + getattr(b, name)(x)) / 2 - net(x)
        assert isinstance(net, nn.Sequential)
        features = torch.cat([net[:-1](x), torch.ones_like(off)], 1)
        gram = features.mT @ features
        ridge = _RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
        change = torch.linalg.solve(gram + ridge, features.mT @ off)[:, 0]
        return _with_last(net, lambda weight, bias: (weight + change[:-1], bias + change[-1]))

    return by_element(middle, refitted)


def _with_last(
    net: nn.Module, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> nn.Module:
    """The network with another last layer; the others are shared."""
    assert isinstance(net, nn.Sequential)
    last = net[-1]
    assert isinstance(last, nn.Linear)
    fresh = nn.Linear(last.in_features, last.out_features, dtype=last.weight.dtype)
    weight, bias = change(last.weight.detach(), last.bias.detach())
    fresh.weight.data, fresh.bias.data = weight, bias
    return nn.Sequential(*list(net)[:-1], fresh)


RECOVERIES: Mapping[str, Fitted] = {
    "as it is": _as_it_is,
    "REPAIR, jointly": _repair,
    "REPAIR, own atoms": _repair_own,
    "scale and shift": _scaled,
    "REPAIR, scale and shift": _repair_and_scale,
    "last layer": _last_layer,
}
"""By what is fitted: nothing; means and deviations of neurons; two numbers for each element; both;
all output weights."""
