"""What certificates share: the layers of two ends, norms, and a bound of rounding errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lmctheory.networks import Activation, AffineChain, activation

__all__ = [
    "EPS",
    "NORM_INFLATION",
    "Layer",
    "layers_of",
    "length",
    "margin_loss",
    "rounding",
    "spreads",
]

EPS = torch.finfo(torch.float64).eps
NORM_INFLATION = 1 + 1e-9
"""Computed operator norms are inflated by it."""

_TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True)
class Layer:
    """One layer of A and of B, and what depends on their weights only.

    Attributes:
        sigma: its activation, the identity at the output.
        W_a, W_b, b_a, b_b: its weights and biases.
        frobenius: the larger Frobenius norm of the two ends.
        offset: the larger bias norm.
    """

    sigma: Activation
    W_a: Tensor
    W_b: Tensor
    b_a: Tensor
    b_b: Tensor
    frobenius: float
    offset: float

    def at(self, t: float) -> Tensor:
        """W^t."""
        return torch.lerp(self.W_b, self.W_a, t)


def layers_of(a: AffineChain, b: AffineChain) -> list[Layer]:
    """The layers of two chains of one architecture, the output with the identity."""
    sigmas = (*a.activations, activation("identity"))
    return [
        Layer(
            sigma,
            W_a,
            W_b,
            b_a,
            b_b,
            frobenius=max(float(length(W.flatten())) for W in (W_a, W_b)),
            offset=max(float(length(b)) for b in (b_a, b_b)),
        )
        for sigma, W_a, W_b, b_a, b_b in zip(
            sigmas, a.weights, b.weights, a.biases, b.biases, strict=True
        )
    ]


def length(vectors: Tensor) -> Tensor:
    """Euclidean norms along the last axis; squares neither overflow nor underflow."""
    scale = vectors.abs().amax(dim=-1, keepdim=True)
    unit = vectors / torch.where(scale > 0, scale, 1.0)
    return unit.norm(dim=-1) * scale.squeeze(-1)


def spreads(W: Tensor) -> Tensor:
    """|w_i - w_j| for the rows of W, ``[classes, classes]``."""
    # the default forms the Gram matrix, which loses small differences
    return torch.cdist(W, W, compute_mode="donot_use_mm_for_euclid_dist") * NORM_INFLATION


def rounding(
    layers: Sequence[Layer], norms: Float[Tensor, " n"], ends: Sequence[Tensor], s: Sequence[Tensor]
) -> Float[Tensor, "layers n"]:
    """What floating-point arithmetic can add to an error or take from its bound, layer by layer.

    Args:
        layers: of the two ends.
        norms: of the inputs.
        ends: for each layer the larger of |phi_l^A| and |phi_l^B|, ``[n]`` each.
        s: for each layer a bound of |phi_l^t - phi-bar_l|.

    With w the layer's Frobenius and beta its bias norm, which bound every network on the segment,
    and P_l a bound of |phi_l| in all of them, the usual forward analysis of one layer,
    `e_l = Lip (w e_{l-1} + (m_{l-1} + 16) eps (w P_{l-1} + beta)) + 16 eps P_l`, bounds the error
    of a computed phi_l; the 16 covers interpolating weights and evaluating sigma. The terms of C1,
    C1' and C2 computed in a layer err by at most 4 e_l, a measured deviation by 2 e_l, and earlier
    errors are carried on by the factor Lip w that e_l contains already: 8 (l+1) e_l in total.
    Each of the m_{l-1} products of a neuron may underflow, which adds the smallest normal number.
    """
    e, P = torch.zeros_like(norms), norms
    allowances = []
    for i, (layer, end, deviation) in enumerate(zip(layers, ends, s, strict=True), start=1):
        unit = (layer.W_a.shape[-1] + 16) * EPS
        underflow = layer.W_a.shape[-1] * _TINY
        e = layer.sigma.lipschitz * (
            layer.frobenius * e + unit * (layer.frobenius * P + layer.offset) + underflow
        )
        P = end + deviation + 8 * (i + 1) * e
        e = e + 16 * EPS * P
        allowances.append(8 * (i + 1) * e)
    return torch.stack(allowances)


def margin_loss(margins: Tensor) -> Tensor:
    """log(1 + sum_j e^{m_j}), rounded up: a sum of k exponentials errs by at most k eps."""
    loss = torch.logaddexp(margins.logsumexp(-1), margins.new_zeros(()))
    return loss + 4 * margins.shape[-1] * EPS * (1 + loss)
