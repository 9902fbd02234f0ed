r"""A chain of affine maps on the diagonal of the layer cube, each row at its own point.

alpha = s in every layer: W_l(s) = A_l + s D_l, D_l = B_l - A_l, biases alike. A row is one example
x at its own s, so that thousands of points, each between other kinks, go through one product.

*Derivatives.* z_l, phi_l are pre-activations and activations, T_k = d/d alpha_k. In a pass forward

    T_l z_l = D_l phi_{l-1} + db_l,   T_k z_l = W_l T_k phi_{l-1} (k < l),
    T_k phi_l = sigma'(z_l) T_k z_l,

and a pass back gives a_l = d loss / d z_l and b_l = d loss / d phi_l = W_{l+1}^T a_{l+1}. With
f_k = T_k of the outputs, u and H gradient and Hessian of the loss in them (for the cross-entropy
p - y and diag p - p p^T, p the softmax and y the label's unit vector),

    g_k = <u, f_k>,
    g_kl = f_k^T H f_l + <a_l, D_l T_k phi_{l-1}> + <a_k, D_k T_l phi_{k-1}>
           + sum_m sum_j b_{m,j} sigma''(z_{m,j}) (T_k z_{m,j}) (T_l z_{m,j}),

where the second term stands for k < l, the third for l < k, because the logits are affine in each
alpha_l but for the bend of sigma. *Proof.* Differentiate <a, z> along the chain twice: the only
mixed terms are those of the products W_l(alpha_l) phi_{l-1} and those of sigma.

*Kinks.* A piecewise linear sigma with slope jump Delta at 0 has sigma'' = Delta delta: at a simple
zero s_0 of z_{m,j}(s), delta(z(s)) = delta(s - s_0)/|z'(s_0)| and z' = sum_k h_k with h_k =
T_k z_{m,j}, so the last sum adds the atoms b Delta h_k h_l / |sum_i h_i| at s_0 to g_kl. Summed
over k and l they are b Delta |z'|, the jump of the loss's derivative along the diagonal (L4, L5).
Where several neurons vanish at once, see `lmctheory.layerwise.kinks`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from lmctheory.networks import Activation, AffineChain, activation
from lmctheory.networks.losses import Loss
from lmctheory.paths.interpolation import blocks

__all__ = ["Diagonal", "Tangents"]

_BYTES = 2**25
"""The largest array of a pass, tangents of one layer, held at one time."""


class Tangents(NamedTuple):
    """One layer in a forward pass; rows first.

    Attributes:
        below: phi_{l-1}, ``[rows, m_{l-1}]``.
        below_tangents: T_k phi_{l-1}, ``[rows, l - 1, m_{l-1}]``.
        z: ``[rows, m_l]``.
        z_tangents: T_k z_l, ``[rows, l, m_l]``.
        slope: sigma'(z_l), ``[rows, m_l]``.
    """

    below: Tensor
    below_tangents: Tensor
    z: Tensor
    z_tangents: Tensor
    slope: Tensor


class Diagonal:
    """The networks on the diagonal of the layer cube between two chains, in float64.

    Args:
        chain_a: network A, at s = 0.
        chain_b: network B, at s = 1.
        loss: of outputs and labels.
    """

    def __init__(self, chain_a: AffineChain, chain_b: AffineChain, loss: Loss) -> None:
        self.loss = loss
        a, b = chain_a.to(dtype=torch.float64), chain_b.to(dtype=torch.float64)
        self.weights, self.biases = a.weights, a.biases
        self.dW = tuple(B - A for A, B in zip(a.weights, b.weights, strict=True))
        self.db = tuple(B - A for A, B in zip(a.biases, b.biases, strict=True))
        self.sigmas: tuple[Activation, ...] = a.activations
        self.widest = max(W.shape[0] for W in a.weights)

    def __len__(self) -> int:
        """Number of layers, the output included."""
        return len(self.weights)

    def blocks(self, rows: int, points: int = 1) -> Iterator[slice]:
        """Slices of rows, each of which stands for so many points, that keep a pass small."""
        return blocks(rows, max(1, _BYTES // (8 * self.widest * len(self) * points)))

    def pre_activations(
        self, x: Float[Tensor, "rows m0"], s: Float[Tensor, " rows"], layer: int
    ) -> list[Float[Tensor, "rows _"]]:
        """Pre-activations of all layers up to one, counted from 0."""
        phi, found = x, []
        for i in range(layer + 1):
            z = self._affine(i, phi, s[:, None])
            z += self.biases[i] + s[:, None] * self.db[i]
            found.append(z)
            phi = self._sigma(i).apply(z)
        return found

    def tangents(
        self,
        x: Float[Tensor, "rows m0"],
        s: Float[Tensor, " rows"],
        sides: Mapping[int, Tensor] | None = None,
    ) -> list[Tangents]:
        """The forward pass with its derivatives in alpha, layer by layer.

        Args:
            x: ``[rows, m_0]``.
            s: ``[rows]``.
            sides: layers that take the slopes of their activation from other pre-activations,
                ``[rows, m]``: those of one side, where z itself vanishes.
        """
        phi, T = x, x.new_zeros(len(x), 0, x.shape[1])
        passed = []
        for i in range(len(self)):
            shift = phi @ self.dW[i].mT + self.db[i]
            z = phi @ self.weights[i].mT + self.biases[i] + s[:, None] * shift
            z_tangents = torch.cat([self._affine(i, T, s[:, None, None]), shift[:, None]], dim=1)
            phi_above, slope = _derivatives(self._sigma(i), z, order=1)
            if sides and i in sides:
                slope = _derivatives(self._sigma(i), sides[i], order=1)[1]
            passed.append(Tangents(phi, T, z, z_tangents, slope))
            phi, T = phi_above, slope[:, None] * z_tangents
        return passed

    def adjoints(
        self, passed: list[Tangents], labels: Shaped[Tensor, "rows ..."], s: Float[Tensor, " rows"]
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """From the output back: (layer i, d loss / d z_i, d loss / d phi_{i-1})."""
        return self._back(passed, _slopes(self.loss, passed[-1].z, labels)[1].detach(), s)

    def _back(
        self, passed: list[Tangents], a: Tensor, s: Tensor
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        for i in reversed(range(len(self))):
            b = a @ self.weights[i] + s[:, None] * (a @ self.dW[i])
            yield i, a, b
            if i:
                a = b * passed[i - 1].slope

    def hessian(
        self,
        x: Float[Tensor, "rows m0"],
        labels: Shaped[Tensor, "rows ..."],
        s: Float[Tensor, " rows"],
    ) -> Float[Tensor, "rows L L"]:
        """g_kl of the loss of each row, without the atoms of kinks."""
        passed = self.tangents(x, s)
        f = passed[-1].z_tangents
        outputs, slopes = _slopes(self.loss, passed[-1].z, labels)
        H = torch.stack([_moved(slopes, outputs, f[:, k]) for k in range(len(self))], 1) @ f.mT
        for i, a, b in self._back(passed, slopes.detach(), s):
            mixed = (passed[i].below_tangents * (a @ self.dW[i])[:, None]).sum(-1)
            H[:, :i, i] += mixed
            H[:, i, :i] += mixed
            if i and 0 < self._sigma(i - 1).curvature < float("inf"):
                below = passed[i - 1]
                bend = b * _derivatives(self._sigma(i - 1), below.z, order=2)[2]
                T = below.z_tangents
                H[:, :i, :i] += (T * bend[:, None]) @ T.mT
        return H

    def _affine(self, i: int, phi: Tensor, s: Tensor) -> Tensor:
        return phi @ self.weights[i].mT + s * (phi @ self.dW[i].mT)

    def _sigma(self, i: int) -> Activation:
        return self.sigmas[i] if i < len(self.sigmas) else activation("identity")


def _slopes(loss: Loss, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs, and the derivatives of the losses in them, which can be differentiated again."""
    with torch.enable_grad():
        outputs = outputs.detach().requires_grad_()
        total = loss.each(outputs[None], labels).sum()
        [slopes] = torch.autograd.grad(total, outputs, create_graph=True)
    return outputs, slopes


def _moved(slopes: Tensor, outputs: Tensor, by: Tensor) -> Tensor:
    """How the slopes change as the outputs move by so much; zero where they do not depend on them.

    H is symmetric, so H f is the derivative of <slopes, f>.
    """
    if not slopes.requires_grad:
        return torch.zeros_like(outputs)
    [moved] = torch.autograd.grad(
        slopes, outputs, by, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return moved


def _derivatives(sigma: Activation, z: Tensor, order: int) -> list[Tensor]:
    """Sigma and its first derivatives, without kinks' atoms."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        found = [sigma.apply(z)]
        for _ in range(order):
            [slope] = torch.autograd.grad(
                found[-1].sum(), z, create_graph=True, allow_unused=True, materialize_grads=True
            )
            found.append(slope)
    return [values.detach() for values in found]
