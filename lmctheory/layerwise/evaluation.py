"""Loss and accuracy at any points of the layer cube, with what they have in common computed once.

The cube of two networks is alpha -> theta(alpha), layer l at (1 - alpha_l) A + alpha_l B (L5). On
the segment between A and B every parameter is new at every point; on the cube it is not. Single
layers, cumulative groups or windows of a network of L layers, which are L points each, cost about
half of L forward passes (`lmctheory.layerwise.forward`), and the 2^L corners of the cube two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.layerwise.forward import forward_of
from lmctheory.layerwise.layers import Layer
from lmctheory.layerwise.pair import pair_of, require_points
from lmctheory.networks import Examples, in_type_of
from lmctheory.paths.interpolation import blocks

__all__ = ["Evaluated", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Loss and accuracy at points of the layer cube.

    Attributes:
        loss: ``[points]`` mean cross-entropy over the examples.
        accuracy: ``[points]`` share of examples whose largest logit is their label's.
    """

    loss: Float[np.ndarray, " points"]
    accuracy: Float[np.ndarray, " points"]


def evaluate(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    alpha: Float[np.ndarray, "points L"],
    *,
    layers: Sequence[Layer] | None = None,
) -> Evaluated:
    """Loss and accuracy at points of the layer cube.

    Layer l is at (1 - alpha_l) A + alpha_l B: alpha = 0 is A, alpha = 1 is B, and alpha = 1 - t in
    every coordinate is theta_t of `lmctheory.paths.barrier`. Evaluation mode, the models' own
    precision, sums over examples in float64. Running means and variances move with their layer.

    Args:
        model_a: network A, of any architecture; what the state dict does not hold is A's.
        model_b: network B, already aligned with A.
        data: the examples.
        alpha: ``[points, L]`` in [0, 1], in any order.
        layers: the coordinates of alpha, as `layers` or `groups` give them; all layers by default.

    Returns:
        The values, in the order of alpha.

    Raises:
        ValueError: for networks of different architecture or with NaN or infinite weights, inputs
            or labels that do not fit, points outside the cube, or layers that overlap.

    Reference: theory key L5.

    Example:
        >>> import numpy as np, torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> evaluate(a, b, data, np.array([[0.5, 0.0], [0.0, 0.5]])).loss.shape
        (2,)
    """
    pair = pair_of(model_a, model_b, data, layers)
    require_points(alpha, pair)
    inputs = in_type_of(pair.model, data.inputs)
    forward = forward_of(pair, inputs[:1])
    points, places = np.unique(alpha[:, forward.order], axis=0, return_inverse=True)
    points = points[:, np.argsort(forward.order)]
    loss, correct = np.zeros((2, len(points)))
    for rows in blocks(len(data), forward.rows):
        labels = data.labels[rows].to(inputs.device)
        for i, logits in enumerate(forward.along(inputs[rows], points.tolist())):
            loss[i] += cross_entropy(logits, labels, reduction="none").sum(dtype=torch.float64)
            correct[i] += (logits.argmax(1) == labels).sum()
    places = places.reshape(-1)
    return Evaluated(loss[places] / len(data), correct[places] / len(data))
