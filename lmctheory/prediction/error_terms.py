"""What the function error of two matched networks with one hidden layer is made of."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from lmctheory.measures.arguments import share
from lmctheory.networks import AffineChain
from lmctheory.networks.affine import affine_chain
from lmctheory.networks.chain import require_same_architecture
from lmctheory.results import Result

__all__ = ["ErrorSizes", "ErrorTerms", "chain_error_sizes", "error_sizes", "error_terms"]


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


@dataclass(frozen=True)
class ErrorSizes(Result):
    """How large the function error is, and would be if neurons' errors did not add up.

    Attributes:
        whole: E|f_1/2 - (f_A + f_B)/2|^2, mean over examples.
        incoherent: sum over the last hidden neurons of the mean square of what each contributes.
        scale: (E|f_A|^2 + E|f_B|^2) / 2.
    """

    whole: float
    incoherent: float
    scale: float

    @property
    def error(self) -> float:
        """Root mean square error, relative to that of the outputs; NaN for outputs of zero."""
        return (self.whole / self.scale) ** 0.5 if self.scale else float("nan")

    @property
    def coherence(self) -> float:
        """The error over what it were for uncorrelated neurons, up to m^1/2; NaN for 0 / 0."""
        return (self.whole / self.incoherent) ** 0.5 if self.incoherent else float("nan")


def error_sizes(model_a: nn.Module, model_b: nn.Module, inputs: Tensor) -> ErrorSizes:
    """The function error at the midpoint, whole and neuron by neuron.

    With outgoing weights v_i and activations phi_i of the last hidden layer, whatever lies before
    it, f_1/2 - (f_A + f_B)/2 = sum_i e_i,

        e_i = (v_i^A + v_i^B)/2 (phi_i^1/2 - (phi_i^A + phi_i^B)/2) - (v_i^A - v_i^B)/4 (phi_i^A -
        phi_i^B).

    If the e_i were uncorrelated, as they are for independent output weights, the mean square were
    sum_i E|e_i|^2, the incoherent part, which D1 bounds. Independent e_i of mean E e give 1 + (m-1)
    |E e|^2 / E|e|^2 times that: a small bias counts in wide layers.

    Args:
        model_a: network A.
        model_b: network B, already aligned with A.
        inputs: ``[n, ...]``.

    Raises:
        TypeError: for what is no chain of affine maps.
        ValueError: for networks without hidden layers, or different architectures.

    Reference: theory keys P1a, D1.

    Example:
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((4, 8, 8, 3), rng=torch.Generator().manual_seed(k)) for k in (0, 1))
        >>> sizes = error_sizes(a, b, torch.ones(5, 4))
        >>> 0 < sizes.coherence < 8**0.5
        True
    """
    a, b = (affine_chain(model).to(dtype=torch.float64) for model in (model_a, model_b))
    require_same_architecture(a, b)
    if a.depth == 0:
        raise ValueError("the networks must have a hidden layer, got none")
    return chain_error_sizes(a, b, inputs.flatten(1).double())


def chain_error_sizes(a: AffineChain, b: AffineChain, x: Float[Tensor, "n d"]) -> ErrorSizes:
    """`error_sizes` of chains of one architecture with a hidden layer, unchecked."""
    middle = _midpoint(a, b)
    phi_a, phi_b, phi = (chain.hidden(x)[-1][1] for chain in (a, b, middle))
    curved, gap = phi - (phi_a + phi_b) / 2, phi_a - phi_b
    v, dv = middle.weights[-1], (b.weights[-1] - a.weights[-1]) / 4
    parts = curved.square() @ v.square().sum(0) + gap.square() @ dv.square().sum(0)
    parts += 2 * (curved * gap) @ (v * dv).sum(0)
    return ErrorSizes(
        whole=_mean_square(curved @ v.mT + gap @ dv.mT),
        incoherent=max(0.0, float(parts.mean())),
        scale=(_mean_square(a(x)) + _mean_square(b(x))) / 2,
    )


def _midpoint(a: AffineChain, b: AffineChain) -> AffineChain:
    weights, biases = (
        tuple((u + v) / 2 for u, v in zip(of_a, of_b, strict=True))
        for of_a, of_b in ((a.weights, b.weights), (a.biases, b.biases))
    )
    return AffineChain(a.names, weights, biases, a.activations)


def _mean_square(outputs: Tensor) -> float:
    return float(outputs.square().sum(-1).mean())
