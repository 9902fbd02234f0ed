r"""Curvature of the loss at a network, layer by layer, in the direction of another one.

With `theta(alpha)` the point of the layer cube and g its loss, the second derivative at the network
A of the loss along the segment that moves the layers of S towards B is `1_S^T H 1_S`, where

    H_lk = d^2 g / d alpha_l d alpha_k at alpha = 0

is one L x L matrix for all S: its diagonal are single layers, the rest their interaction. (For
piecewise linear activations, at fixed activation pattern.) B may as well be `perturbed(A, B)`, a
random direction of the same norm.

The derivatives are exact: PyTorch differentiates twice in alpha, in reverse mode.
"""

import numpy as np
from jaxtyping import Float
from torch import nn

from lmctheory.layerwise.points.derivatives import derivatives
from lmctheory.layerwise.points.pair import pair_of
from lmctheory.networks import Examples

__all__ = ["layer_hessian"]


def layer_hessian(
    model_a: nn.Module, model_b: nn.Module, data: Examples
) -> Float[np.ndarray, "L L"]:
    """Second derivatives of the mean loss at A, as its layers move towards B.

    Args:
        model_a: network A.
        model_b: network B of the same architecture.
        data: the examples.

    Returns:
        H, one row and column per layer; loss units, because alpha has none.

    Raises:
        TypeError: if the forward pass keeps derivatives from autograd.
        ValueError: for networks that do not correspond, inputs or labels that do not fit.

    Reference: key L6 (curvature in the averaging direction and in random ones).

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> bool(layer_hessian(a, b, data)[1, 1] >= 0)  # the last layer: L1
        True
    """
    pair = pair_of(model_a, model_b, data)
    _, second = derivatives(pair, data, np.zeros((1, len(pair.layers))), hessian=True)
    assert second is not None
    return second[0]
