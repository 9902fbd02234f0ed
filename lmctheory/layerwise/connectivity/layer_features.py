"""What the layers of A, of B and of the network between them make of the same examples."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd

from lmctheory.matching.merging.observation import hooked
from lmctheory.networks import AffineChain, activation, activation_of
from lmctheory.networks.calling import Inputs, batches, returned
from lmctheory.networks.state import copied, in_type_of, seeded
from lmctheory.paths import interpolate
from lmctheory.paths.interpolation import blocks

__all__ = ["Observation", "of_chains", "of_modules"]

_ROWS = 256
"""Examples whose features are held at one time."""


class Observation(NamedTuple):
    """One layer on some examples; features ``[n, m]``, flattened.

    Attributes:
        name: of the layer.
        depth: how many affine layers the features have passed, this one included.
        a, b: features of the two ends.
        t: those of the interpolated network.
        straight: W_A phi_A + W_B phi_B on the layer's inputs; None if it is not affine.
        crossed: W_A phi_B + W_B phi_A.
        gap: sigma(z-bar) - t sigma(z_A) - (1-t) sigma(z_B); None if it has no activation.
    """

    name: str
    depth: int
    a: Tensor
    b: Tensor
    t: Tensor
    straight: Tensor | None
    crossed: Tensor | None
    gap: Tensor | None


def of_chains(
    a: AffineChain, b: AffineChain, inputs: Tensor, t: float
) -> Iterator[list[Observation]]:
    """The layers of chains, each with its activation, in blocks of examples."""
    sigmas = (*a.activations, activation("identity"))
    for rows in blocks(len(inputs), _ROWS):
        x = inputs[rows].flatten(1).to(a.weights[0])
        phi_a = phi_b = phi_t = x
        found = []
        for i, sigma in enumerate(sigmas):
            W_a, W_b = a.weights[i].mT, b.weights[i].mT
            aa, ab, ba, bb = phi_a @ W_a, phi_b @ W_a, phi_a @ W_b, phi_b @ W_b
            z_a, z_b = aa + a.biases[i], bb + b.biases[i]
            phi_a, phi_b = sigma.apply(z_a), sigma.apply(z_b)
            W_t, bias_t = torch.lerp(W_b, W_a, t), torch.lerp(b.biases[i], a.biases[i], t)
            phi_t = sigma.apply(phi_t @ W_t + bias_t)
            gap = sigma.apply(torch.lerp(z_b, z_a, t)) - torch.lerp(phi_b, phi_a, t)
            found.append(Observation(a.names[i], i + 1, phi_a, phi_b, phi_t, aa + bb, ab + ba, gap))
        yield found


class _Call(NamedTuple):
    """One evaluation of a module without submodules."""

    name: str
    module: nn.Module
    given: Tensor
    made: Tensor


def of_modules(
    model_a: nn.Module, model_b: nn.Module, inputs: Inputs, t: float
) -> Iterator[list[Observation]]:
    """The outputs of every submodule without submodules, in the order of evaluation, in blocks."""
    a, b = _observable(model_a), _observable(model_b)
    models = (a, b, interpolate(a, b, t))
    for some in batches(inputs, _ROWS):
        calls = [_calls(model, in_type_of(model, some)) for model in models]
        affine = [int(isinstance(call.module, nn.Linear | _ConvNd)) for call in calls[0]]
        yield [
            _observation(a, b, middle, t, depth)
            for a, b, middle, depth in zip(*calls, accumulate(affine), strict=True)
        ]


def _observable(model: nn.Module) -> nn.Module:
    """A copy in float64 that overwrites no features."""
    model = copied(model).eval().double()
    for module in model.modules():
        if getattr(module, "inplace", False):
            vars(module)["inplace"] = False
    return model


def _calls(model: nn.Module, x: Inputs) -> list[_Call]:
    found: list[_Call] = []

    def keep(name: str, module: nn.Module, args: Any, _kwargs: Any, output: Any) -> None:
        leaf = next(module.children(), None) is None and ".parametrizations." not in f".{name}"
        if leaf and all(isinstance(value, Tensor) for value in (output, *args)) and args:
            # what follows may overwrite both in place
            found.append(_Call(name, module, args[0].detach().clone(), output.detach().clone()))

    with torch.no_grad(), seeded(), hooked(model, nn.Module, keep):
        returned(model, x)
    return found


def _observation(a: _Call, b: _Call, middle: _Call, t: float, depth: int) -> Observation:
    straight = crossed = gap = None
    if isinstance(a.module, nn.Linear | _ConvNd):
        straight = _linear(a.module, a.given) + _linear(b.module, b.given)
        crossed = _linear(a.module, b.given) + _linear(b.module, a.given)
        straight, crossed = straight.flatten(1), crossed.flatten(1)
    sigma = activation_of(a.module)
    if sigma is not None and sigma.name != "identity":
        bar = sigma.apply(torch.lerp(b.given, a.given, t))
        gap = (bar - torch.lerp(b.made, a.made, t)).flatten(1)
    made_a, made_b, made_t = (call.made.flatten(1) for call in (a, b, middle))
    return Observation(a.name or "(root)", depth, made_a, made_b, made_t, straight, crossed, gap)


@torch.no_grad()
def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer without its bias."""
    biases = {name: torch.zeros_like(p) for name, p in layer.named_parameters() if name == "bias"}
    return functional_call(layer, biases, (x,))
