"""A network seen as a chain of affine maps: what matching, barriers and certificates work on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.networks.torch_activations import Activation

__all__ = [
    "SAME_ARCHITECTURE",
    "AffineChain",
    "gaussian_inputs",
    "require_finite",
    "require_same_architecture",
    "stack_chains",
]

SAME_ARCHITECTURE = "model_a and model_b must have the same architecture"


@dataclass(frozen=True)
class AffineChain:
    """A network seen as affine maps with pointwise activations between them.

    Parameters may carry leading batch dimensions: a stack of networks is again a chain.

    Attributes:
        names: qualified names of the linear submodules, from input to output.
        weights: W_1, ..., W_{L+1}, each ``[..., m_l, m_{l-1}]``.
        biases: b_1, ..., b_{L+1}, each ``[..., m_l]`` (zeros where the layer has none).
        activations: sigma after layers 1, ..., L.
    """

    names: tuple[str, ...]
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activations: tuple[Activation, ...]

    @property
    def depth(self) -> int:
        """Number L of hidden layers."""
        return len(self.activations)

    def to(self, *, dtype: torch.dtype) -> "AffineChain":
        """The same chain in another floating-point type."""
        return AffineChain(
            self.names,
            tuple(W.to(dtype) for W in self.weights),
            tuple(b.to(dtype) for b in self.biases),
            self.activations,
        )

    def hidden(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pre-activations and activations ``(z_l, phi_l)``, each ``[..., n, m_l]``, l = 1..L.

        Like outputs in the type of the inputs, to which one layer at a time is converted.
        """
        layers = []
        for W, b, sigma in zip(self.weights, self.biases, self.activations, strict=False):
            z = _affine(x, W, b)
            x = sigma.apply(z)
            layers.append((z, x))
        return layers

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs ``[..., n, n_out]`` of inputs ``[n, m_0]``."""
        hidden = self.hidden(x)
        last = hidden[-1][1] if hidden else x
        return _affine(last, self.weights[-1], self.biases[-1])

    def __getitem__(self, networks: "int | slice") -> "AffineChain":
        """Some networks of a stack; an integer takes one out."""
        return AffineChain(
            self.names,
            tuple(W[networks] for W in self.weights),
            tuple(b[networks] for b in self.biases),
            self.activations,
        )


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x @ weight.to(x.dtype).mT + bias.to(x.dtype).unsqueeze(-2)


def gaussian_inputs(chain: AffineChain, count: int) -> Float64[Tensor, "n d"]:
    """Inputs to try a chain with, the same ones each time, on its device."""
    W = chain.weights[0]
    rng = torch.Generator().manual_seed(0)
    return torch.randn(count, W.shape[-1], generator=rng, dtype=torch.float64).to(W.device)


def stack_chains(chains: Sequence[AffineChain]) -> AffineChain:
    """Chains of one architecture as one, with a leading dimension ``[len(chains), ...]``."""
    first = chains[0]
    return AffineChain(
        first.names,
        tuple(torch.stack(layer) for layer in zip(*(c.weights for c in chains), strict=True)),
        tuple(torch.stack(layer) for layer in zip(*(c.biases for c in chains), strict=True)),
        first.activations,
    )


def require_finite(chain: AffineChain, argument: str) -> None:
    """Refuses NaN and infinite weights.

    Raises:
        ValueError: naming the argument and the layer.
    """
    for name, W, b in zip(chain.names, chain.weights, chain.biases, strict=True):
        if not (_is_finite(W) and _is_finite(b)):
            raise ValueError(f"{argument} has NaN or infinite weights in layer {name!r}")


def _is_finite(tensor: Tensor) -> bool:
    # a sum is finite only if all of it is, and takes a fortieth of the time
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def require_same_architecture(chain_a: AffineChain, chain_b: AffineChain) -> None:
    """Refuses two chains that cannot be aligned or interpolated, and weights that are not finite.

    Raises:
        ValueError: naming the first layer that differs, or that is not finite.
    """
    if chain_a.depth != chain_b.depth:
        raise ValueError(
            f"{SAME_ARCHITECTURE}, but model_a has {chain_a.depth} hidden layers "
            f"and model_b has {chain_b.depth}"
        )
    for name, W_a, W_b in zip(chain_a.names, chain_a.weights, chain_b.weights, strict=True):
        if (W_a.dtype, W_a.device) != (W_b.dtype, W_b.device):
            raise ValueError(
                f"model_a and model_b must have one type and device, but layer {name!r} has "
                f"{W_a.dtype} on {W_a.device} in model_a and {W_b.dtype} on {W_b.device} in model_b"
            )
        if W_a.shape != W_b.shape:
            raise ValueError(
                f"{SAME_ARCHITECTURE}, but the weights of layer {name!r} have shape "
                f"{tuple(W_a.shape)} in model_a and {tuple(W_b.shape)} in model_b"
            )
    sigmas = zip(chain_a.names, chain_a.activations, chain_b.activations, strict=False)
    for name, sigma_a, sigma_b in sigmas:
        if sigma_a != sigma_b:
            raise ValueError(
                f"{SAME_ARCHITECTURE}, but layer {name!r} is followed by "
                f"{sigma_a.name} in model_a and {sigma_b.name} in model_b"
            )
    require_finite(chain_a, "model_a")
    require_finite(chain_b, "model_b")
