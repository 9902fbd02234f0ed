r"""How far a network can leave the chord when a single layer is interpolated (L3).

Let `A_k` be A with layer k of B, and `theta_t = t A + (1-t) A_k`. The inputs of layer k are the
same at both ends and the weights of all other layers too, so every commutativity residual
`(W_l^A - W_l^{A_k})(phi_{l-1}^A - phi_{l-1}^{A_k})` of C1 is zero: one of its factors is. What
remains of C1 is

    s_l = Lip_l |W_l^A| s_{l-1} + J_l for l > k,   s_k = J_k,
    |f_t - f-bar| <= sum_{j=k}^{L} J_j prod_{i=j+1}^{L+1} Lip_i |W_i^A|,

with `J_j` the weak-additivity gap between A and A_k in layer j. It is zero if sigma is linear or if
k = L+1, where L1 applies. In the same way C1' is a sharper bound of the function error, and C3 of
the loss.

With a convex loss of Lipschitz constant K in the outputs (sqrt 2 for the cross-entropy, whose
gradient is p - e_y),

    edge barrier(t) = loss(theta_t) - [t loss(A) + (1-t) loss(A_k)] <= K mean |f_t - f-bar|,
    layer barrier(t) = loss(theta_t) - [t loss(A) + (1-t) loss(B)]
                     = edge barrier(t) + (1-t) [loss(A_k) - loss(B)],

the second against the two full models: its last term is no property of the path, but of its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.networks import AffineChain, Examples, affine_chain, evaluation_mode
from lmctheory.networks.chain import require_same_architecture, stack_chains
from lmctheory.paths import Certificate, certificates
from lmctheory.paths.certified_losses import certified_loss
from lmctheory.results import Result

__all__ = ["LayerBounds", "layer_bounds"]


@dataclass(frozen=True, eq=False, repr=False)
class LayerBounds(Result):
    """Upper bounds for the interpolation of single layers, from A towards B.

    Attributes:
        names: of the layers k = 1..L+1.
        certificates: of the segment from A to A_k, for each k; everything below is read from them.
        lipschitz: constant K of the loss in the outputs; infinite for the squared error, of which
            only the bounds from C3 are left.
        loss_a, loss_b: mean loss of the two full models.
        loss_swapped: ``[L+1]`` that of A_k.
    """

    names: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    lipschitz: float
    loss_a: float
    loss_b: float
    loss_swapped: Float[np.ndarray, " layers"]

    @property
    def t(self) -> Float[np.ndarray, "*t"]:
        """Where on the segment; t = 1 is A."""
        return self.certificates[0].t

    @property
    def function_error(self) -> Float[np.ndarray, "layers *t n"]:
        """L3: sum_{j>=k} J_j prod_{i>j} Lip_i |W_i^A|, a bound of |f_t - f-bar|."""
        return np.stack([found.function_error_c1 for found in self.certificates])

    @property
    def vector_function_error(self) -> Float[np.ndarray, "layers *t n"]:
        """The same with the vectors of layer k kept (C1'): never larger, one operator norm less."""
        return np.stack([found.function_error for found in self.certificates])

    @property
    def lipschitz_edge_barrier(self) -> Float[np.ndarray, "layers ..."]:
        """L3 as stated: sqrt 2 times the mean of `function_error`."""
        return _times(self.lipschitz, self.function_error.mean(-1))

    @property
    def edge_barrier(self) -> Float[np.ndarray, "layers ..."]:
        """Bound of the edge barrier: L3's, or C3's if it is smaller (it may be negative)."""
        certified = np.stack([found.barrier for found in self.certificates])
        vector = _times(self.lipschitz, self.vector_function_error.mean(-1))
        return np.minimum(certified, np.minimum(vector, self.lipschitz_edge_barrier))

    @property
    def layer_barrier(self) -> Float[np.ndarray, "layers ..."]:
        """Bound of the layer barrier, the baseline of which is the two full models."""
        return self.edge_barrier + np.multiply.outer(self.loss_swapped - self.loss_b, 1 - self.t)

    def __repr__(self) -> str:
        worst = self.edge_barrier.reshape(len(self.names), -1).max(-1)
        values = ", ".join(
            f"{name}<={value:.4g}" for name, value in zip(self.names, worst, strict=True)
        )
        return f"LayerBounds(edge barriers: {values})"


def layer_bounds(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    t: float | Sequence[float] | Float[np.ndarray, " points"] = 0.5,
) -> LayerBounds:
    """Bounds function error and loss when one layer of A is interpolated towards B's (L3).

    Args:
        model_a: the base model A, at t = 1, a chain of linear maps and activations.
        model_b: network B of the same architecture, permuted or not.
        data: the examples.
        t: one number in [0, 1], or a grid.

    Returns:
        The bounds for every layer; for the base model B exchange the two arguments.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: if t leaves [0, 1], the architectures differ, weights are NaN or infinite, or
            inputs or labels do not fit.

    Reference:
        Key L3 (derived from C1); the layer barrier is that of Adilova et al. 2024, Definition 2.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> bounds = layer_bounds(a, b, data, t=[0.25, 0.5])
        >>> bounds.function_error.shape
        (2, 2, 20)
        >>> bool(bounds.function_error[-1].max() < 1e-9)  # the last layer: L1
        True
    """
    a, b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    require_same_architecture(a, b)
    swapped = [exchanged(a, b, [k]) for k in range(a.depth + 1)]
    found = certificates(stack_chains([a] * len(swapped)), stack_chains(swapped), data, t)
    return LayerBounds(
        names=a.names,
        certificates=tuple(found),
        lipschitz=certified_loss(data.loss).lipschitz,
        loss_a=_loss(a, data),
        loss_b=_loss(b, data),
        loss_swapped=np.array([_loss(chain, data) for chain in swapped]),
    )


def _times(lipschitz: float, errors: np.ndarray) -> np.ndarray:
    """Without a constant nothing is known, not even of no error."""
    return lipschitz * errors if np.isfinite(lipschitz) else np.full_like(errors, np.inf)


def _loss(chain: AffineChain, data: Examples) -> float:
    chain = chain.to(dtype=torch.float64)
    outputs = chain(data.inputs.flatten(1).to(chain.weights[0]))
    return float(data.loss.mean(outputs, data.labels.to(outputs.device)))
