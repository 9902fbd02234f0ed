"""Pointwise activations with the constants that the theory needs of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

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


_KNOWN = {
    sigma.name: sigma
    for sigma in (
        Activation("identity", lambda z: z, (1.0, 1.0), 0.0, 0.0),
        Activation("relu", torch.relu, (0.0, 1.0), float("inf"), float("inf")),
        # max |tanh''| = 4 / (3 sqrt 3), at tanh^2 = 1/3; tanh''' = -2 at 0
        Activation("tanh", torch.tanh, (0.0, 1.0), 0.769800358919502, 2.0),
        # max |sigmoid''| = 1 / (6 sqrt 3); sigmoid''' = -1/8 at 0
        Activation("sigmoid", torch.sigmoid, (0.0, 0.25), 0.0962250448649377, 0.125),
        Activation("softplus", nn.functional.softplus, (0.0, 1.0), 0.25, 0.0962250448649377),
        # z Phi(z): sigma' = Phi + z phi is extreme at z = -+ sqrt 2, sigma'' = phi (2 - z^2) at 0,
        # sigma''' = phi (z^3 - 4z) at z^2 = (7 - sqrt 33)/2
        Activation(
            "gelu",
            nn.functional.gelu,
            (-0.1289041452, 1.1289041452),
            0.797884560802866,
            0.778769635056,
        ),
    )
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
