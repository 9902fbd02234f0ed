"""A network with some layers of another: the ends of a layer-wise segment."""

from collections.abc import Collection
from dataclasses import replace

from torch import Tensor

from lmctheory.networks import AffineChain

__all__ = ["exchanged"]


def exchanged(chain_a: AffineChain, chain_b: AffineChain, layers: Collection[int]) -> AffineChain:
    """A with the weights and biases of B in the layers of those indices, 0 being the first."""

    def mix(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(b[i] if i in layers else own for i, own in enumerate(a))

    return replace(
        chain_a,
        weights=mix(chain_a.weights, chain_b.weights),
        biases=mix(chain_a.biases, chain_b.biases),
    )
