"""Pointwise activations with the constants that the theory needs of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lmctheory.activations import KNOWN

__all__ = ["Activation", "activation", "activation_of"]


@dataclass(frozen=True)
class Activation:
    """A pointwise map sigma and its constants.

    Attributes:
        name: the field's name for it.
        apply: sigma, elementwise on a tensor of any shape.
        slopes: ``(alpha, beta)``, bounds on the derivative: alpha <= sigma' <= beta (T1b).
        curvature: an upper bound of ``|sigma''|``; infinite where sigma has a kink.
        jerk: an upper bound of ``|sigma'''|``; infinite where sigma has a kink.
    """

    name: str
    apply: Callable[[Tensor], Tensor] = field(repr=False, compare=False)
    slopes: tuple[float, float]
    curvature: float
    jerk: float

    @property
    def lipschitz(self) -> float:
        """The Lipschitz constant max(|alpha|, |beta|)."""
        return max(abs(slope) for slope in self.slopes)


def leaky_relu(negative_slope: float) -> Activation:
    """sigma(z) = max(z, 0) + a min(z, 0)."""
    slopes = (min(negative_slope, 1.0), max(negative_slope, 1.0))
    return Activation(
        f"leaky_relu({negative_slope:g})",
        lambda z: nn.functional.leaky_relu(z, negative_slope),
        slopes,
        float("inf"),
        float("inf"),
    )


_APPLY: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus,
    "gelu": nn.functional.gelu,
}
_KNOWN = {
    name: Activation(name, apply, KNOWN[name].slopes, KNOWN[name].curvature, KNOWN[name].jerk)
    for name, apply in _APPLY.items()
}


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in _KNOWN:
        raise ValueError(f"activation must be one of {sorted(_KNOWN)}, got {name!r}")
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
