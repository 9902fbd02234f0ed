"""Pointwise activations with the constants that the theory needs of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from lmctheory.activations import KNOWN, Constants
from lmctheory.choices import require_choice

__all__ = ["Activation", "activation", "activation_of"]


@dataclass(frozen=True)
class Activation(Constants):
    """A pointwise map on tensors, and its constants.

    Attributes:
        apply: sigma, elementwise on a tensor of any shape.
        off: by how much that may differ from sigma but for rounding.
    """

    apply: Callable[[Tensor], Tensor] = field(repr=False, compare=False)
    off: float = 0.0

    @cached_property
    def is_odd(self) -> bool:
        """Whether sigma(-z) = -sigma(z), as it is computed at 128 points, up to rounding."""
        z = torch.linspace(0, 8, 128, dtype=torch.float64)
        there, back = self.apply(z), self.apply(-z)
        return bool((there + back).abs().max() <= 1e-14 * there.abs().max())

    @cached_property
    def is_homogeneous(self) -> bool:
        """Whether sigma(c z) = c sigma(z) for c > 0, as it is computed for three c."""
        z = torch.linspace(-8, 8, 129, dtype=torch.float64)
        there = self.apply(z)
        gaps = [(self.apply(c * z) - c * there).abs().max() / c for c in (1e-3, 3.0, 1e3)]
        return bool(max(gaps) <= 1e-14 * there.abs().max())


def leaky_relu(negative_slope: float) -> Activation:
    """sigma(z) = max(z, 0) + a min(z, 0)."""
    slopes = (min(negative_slope, 1.0), max(negative_slope, 1.0))
    return Activation(
        f"leaky_relu({negative_slope:g})",
        slopes,
        float("inf"),
        float("inf"),
        lambda z: nn.functional.leaky_relu(z, negative_slope),
    )


_APPLY: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus,
    "gelu": nn.functional.gelu,
}
_OFF = {"softplus": math.exp(-20)}
"""PyTorch's softplus of more than 20 is its argument."""
_KNOWN = {
    name: Activation(
        name, known.slopes, known.curvature, known.jerk, _APPLY[name], _OFF.get(name, 0.0)
    )
    for name, known in KNOWN.items()
}


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        ValueError: if the name is unknown.
    """
    require_choice("activation", name, sorted(_KNOWN))
    return _KNOWN[name]


_MODULES: dict[type[nn.Module], str] = {
    nn.Identity: "identity",
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
}


def activation_of(module: nn.Module) -> Activation | None:
    """The activation that a PyTorch module computes, or None if it is none that is known here."""
    match module:
        case nn.LeakyReLU():
            return leaky_relu(module.negative_slope)
        case nn.Softplus() if module.beta == 1 and module.threshold >= 20:
            return activation("softplus")
        case nn.GELU() if module.approximate == "none":
            return activation("gelu")
        case _:
            name = _MODULES.get(type(module))
            return None if name is None else activation(name)
