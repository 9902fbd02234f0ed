"""What the function error of two matched networks with one hidden layer is made of."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from lmctheory.measures.arguments import share
from lmctheory.networks.affine import affine_chain
from lmctheory.networks.chain import require_same_architecture
from lmctheory.results import Result

__all__ = ["ErrorTerms", "error_terms"]


@dataclass(frozen=True, eq=False)
class ErrorTerms(Result):
    """The two parts of f_t - [t f_A + (1-t) f_B].

    Attributes:
        gap: ``[n, n_out]`` of activations between the ends of a pair of neurons.
        commutativity: ``[n, n_out]`` of outgoing weights that differ where activations do.
    """

    gap: Float64[Tensor, "n n_out"]
    commutativity: Float64[Tensor, "n n_out"]


def error_terms(
    model_a: nn.Module, model_b: nn.Module, inputs: Tensor, t: float = 0.5
) -> ErrorTerms:
    """The function error of networks with one hidden layer as a sum over pairs of neurons.

    With outgoing weights v_i, activations phi_i = sigma(z_i), those at t marked by t,

        f_t - [t f_A + (1-t) f_B] = sum_i v_i^t j_i - t (1-t) sum_i (v_i^A - v_i^B) (phi_i^A -
        phi_i^B),   j_i = sigma(z_i^t) - t phi_i^A - (1-t) phi_i^B,

    an identity. If neurons are exchangeable within a network and the two networks independent, the
    mean of both sums is their number times that of one pair: the part of the error that all pairs
    of networks have in common.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, already aligned with A.
        inputs: ``[n, ...]``.
        t: in [0, 1].

    Raises:
        TypeError: for what is no chain of affine maps.
        ValueError: for t outside [0, 1], any other number of hidden layers than one, or different
            architectures.

    Reference: theory key P1a.

    Example:
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(k)) for k in (0, 1))
        >>> error_terms(a, b, torch.ones(5, 4)).gap.shape
        torch.Size([5, 3])
    """
    t = share("t", t)
    a, b = (affine_chain(model).to(dtype=torch.float64) for model in (model_a, model_b))
    require_same_architecture(a, b)
    if a.depth != 1:
        raise ValueError(f"the networks must have one hidden layer, got {a.depth}")
    x, (sigma,) = inputs.flatten(1).double(), a.activations
    ((z_a, phi_a),), ((z_b, phi_b),) = a.hidden(x), b.hidden(x)
    gaps = sigma.apply(torch.lerp(z_b, z_a, t)) - torch.lerp(phi_b, phi_a, t)
    v_a, v_b = a.weights[1], b.weights[1]
    return ErrorTerms(
        gap=gaps @ torch.lerp(v_b, v_a, t).mT,
        commutativity=-t * (1 - t) * (phi_a - phi_b) @ (v_a - v_b).mT,
    )
