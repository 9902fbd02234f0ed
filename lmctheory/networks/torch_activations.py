"""Pointwise activations with the constants that the theory needs of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lmctheory.activations import KNOWN, Constants
from lmctheory.choices import require_choice

__all__ = ["Activation", "activation", "activation_called", "activation_of"]


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
_JUMP = math.exp(-20)
"""PyTorch's softplus of more than 20 is its argument."""
_KNOWN = {
    name: Activation(
        *(name, known.slopes, known.curvature, known.jerk, _APPLY[name]),
        off=_JUMP if name == "softplus" else 0.0,
    )
    for name, known in KNOWN.items()
} | {
    sigma.name: sigma
    for sigma in (
        # sigma' is extreme at z = -+2.39936, sigma'' at 0, sigma''' at z = -+1.03196
        Activation(
            "silu",
            (-0.09983932012886694, 1.0998393201288671),
            *(0.5, 0.30818151579647915),
            nn.functional.silu,
        ),
        # sigma' is extreme at -2.25638 and 1.49057, sigma'' at -.0879344, sigma''' at .715506
        Activation(
            "mish",
            (-0.11252612238946258, 1.0884981612517281),
            *(0.6442046372369726, 0.5884120448690199),
            nn.functional.mish,
        ),
        # sigma' is extreme at -+1.41850, sigma'' at 0, sigma''' at -+.787576
        Activation(
            "gelu_tanh",
            (-0.1289930686587718, 1.1289930686587719),
            *(0.7978845608028656, 0.7766914503985406),
            lambda z: nn.functional.gelu(z, approximate="tanh"),
        ),
        # minus softplus of -z
        Activation(
            "logsigmoid",
            *((0.0, 1.0), 0.25, 0.0962250448649377),
            nn.functional.logsigmoid,
        ),
        Activation("tanhshrink", (0.0, 1.0), 0.769800358919502, 2.0, nn.functional.tanhshrink),
        # z / (1 + |z|): sigma'' = -2 sign(z) (1 + |z|)^-3 jumps at 0
        Activation("softsign", (0.0, 1.0), 2.0, math.inf, nn.functional.softsign),
        Activation("celu", (0.0, 1.0), 1.0, math.inf, nn.functional.celu),
    )
}


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        ValueError: if the name is unknown.
    """
    require_choice("activation", name, sorted(_KNOWN))
    return _KNOWN[name]


def _leaky_relu(negative_slope: float = 0.01) -> Activation | None:
    return leaky_relu(negative_slope) if isinstance(negative_slope, float | int) else None


def _celu(alpha: float = 1.0) -> Activation | None:
    """max(z, 0) + min(0, alpha (e^{z/alpha} - 1)): sigma'' = e^{z/alpha}/alpha below zero."""
    if alpha == 1:
        return activation("celu")
    if not 0 < alpha < math.inf:
        return None
    return Activation(
        f"celu({alpha:g})",
        *((0.0, 1.0), 1 / alpha, math.inf),
        lambda z: _bent_celu(z, alpha),
    )


def _bent_celu(z: Tensor, alpha: float) -> Tensor:
    """As PyTorch computes it, but for its derivative, which has the precision of float32 there."""
    return torch.where(z > 0, z, alpha * torch.expm1(z.clamp(max=0.0) / alpha))


def _elu(alpha: float = 1.0, *scales: float) -> Activation | None:
    """CELU, if its slope does not jump at zero."""
    return activation("celu") if {alpha, *scales} == {1.0} else None


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> Activation | None:
    """log(1 + e^{beta z}) / beta."""
    if not (0 < beta < math.inf and threshold >= 20):
        return None
    if beta == 1:
        return activation("softplus")
    known = activation("softplus")
    return Activation(
        f"softplus({beta:g})",
        *(known.slopes, beta * known.curvature, beta**2 * known.jerk),
        lambda z: nn.functional.softplus(z, beta),
        off=_JUMP / beta,
    )


def _gelu(approximate: str = "none") -> Activation | None:
    found = {"none": "gelu", "tanh": "gelu_tanh"}.get(approximate)
    return None if found is None else activation(found)


def _plain(name: str) -> Callable[[], Activation | None]:
    return lambda: activation(name)


_CALLED: dict[str, Callable[..., Activation | None]] = {
    **{
        name: _plain(name)
        for name in ("relu", "tanh", "erf", "sigmoid", "silu", "mish", "tanhshrink", "softsign")
    },
    **dict.fromkeys(("logsigmoid", "log_sigmoid"), _plain("logsigmoid")),
    "leaky_relu": _leaky_relu,
    "celu": _celu,
    "elu": _elu,
    "softplus": _softplus,
    "gelu": _gelu,
}


def activation_called(
    name: str, args: Sequence[Any] = (), options: Mapping[str, Any] | None = None
) -> Activation | None:
    """The activation that a function of PyTorch computes.

    Args:
        name: of the function.
        args: what it is called with, beside the argument itself and `inplace`.
        options: likewise, by name.

    Returns:
        None for what is no activation, or none with known constants: such as have a kink elsewhere
        than at 0, or one beside which they are not linear.
    """
    build = _CALLED.get(name)
    if build is None:
        return None
    try:
        return build(*args, **(options or {}))
    except TypeError:  # other arguments than those
        return None


_OPTIONS: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.Tanh: ("tanh", ()),
    nn.Sigmoid: ("sigmoid", ()),
    nn.SiLU: ("silu", ()),
    nn.Mish: ("mish", ()),
    nn.Softsign: ("softsign", ()),
    nn.LogSigmoid: ("logsigmoid", ()),
    nn.Tanhshrink: ("tanhshrink", ()),
    nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
    nn.Softplus: ("softplus", ("beta", "threshold")),
    nn.GELU: ("gelu", ("approximate",)),
    nn.CELU: ("celu", ("alpha",)),
    nn.ELU: ("elu", ("alpha",)),
}
"""Of modules the function that they call, and with which of their attributes."""


def activation_of(module: nn.Module) -> Activation | None:
    """The activation that a PyTorch module computes, or None if it is none that is known here."""
    if type(module) is nn.Identity:
        return activation("identity")
    for kind in type(module).__mro__:
        if kind in _OPTIONS and kind.forward is type(module).forward:
            name, options = _OPTIONS[kind]
            return activation_called(name, [getattr(module, option) for option in options])
    return None
