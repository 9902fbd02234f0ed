"""Small networks: activations, architectures, data, and the training of many at once."""

from lmctheory.networks.activations import Activation, activation, activation_of
from lmctheory.networks.mlp import MLP, AffineChain, affine_chain, require_finite

__all__ = [
    "MLP",
    "Activation",
    "AffineChain",
    "activation",
    "activation_of",
    "affine_chain",
    "require_finite",
]
