"""Loss and accuracy at any points of the layer cube, with what they have in common computed once.

The cube of two networks is alpha -> theta(alpha), layer l at (1 - alpha_l) A + alpha_l B (L5). On
the segment between A and B every parameter is new at every point; on the cube it is not. Single
layers, cumulative groups or windows of a network of L layers, which are L points each, cost about
half of L forward passes (`forward`), and the 2^L corners of the cube two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise.points.forward import forward_of
from lmctheory.layerwise.points.pair import Pair, pair_of, require_points
from lmctheory.networks import AnyExamples
from lmctheory.networks.calling import rows as rows_of
from lmctheory.networks.losses import wide
from lmctheory.networks.state import in_type_of
from lmctheory.paths.interpolation import blocks
from lmctheory.results import Result

__all__ = ["Evaluated", "Walk", "evaluate"]


@dataclass(frozen=True, eq=False)
class Evaluated(Result):
    """Loss and accuracy at points of the layer cube.

    Attributes:
        loss: ``[points]`` mean loss over the examples.
        accuracy: ``[points]`` share of examples whose largest logit is their label's; NaN where a
            logit is, and for losses that do not judge classes.
    """

    loss: Float[np.ndarray, " points"]
    accuracy: Float[np.ndarray, " points"]


def evaluate(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
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
    walk = Walk(pair_of(model_a, model_b, data, layers), data, alpha)
    loss, correct = np.zeros((2, len(walk.points)))
    for i, _, outputs, labels in walk:
        loss[i] += data.loss.each(outputs[None], labels).sum(dtype=torch.float64)
        correct[i] += data.loss.hits(outputs[None], labels).sum(dtype=torch.float64)
    return Evaluated(
        loss[walk.places] / data.loss.weight(data.labels),
        correct[walk.places] / data.loss.counted(data.labels),
    )


class Walk:
    """Outputs at all points, each once, in the order in which they have most in common.

    Iterating gives, for every block of examples and every distinct point, the point's number, the
    rows, the outputs and the labels.

    Attributes:
        points: the distinct points.
        places: for each point asked for its number among them.
        like: a tensor of the outputs' type, on their device.
    """

    def __init__(self, pair: Pair, data: AnyExamples, alpha: Float[np.ndarray, "points L"]) -> None:
        require_points(alpha, pair)
        self.data, self.inputs = data, in_type_of(pair.model, data.inputs)
        self.forward = forward_of(pair, rows_of(self.inputs, slice(1)))
        held = pair.state_a.values()
        self.like = next((t for t in held if t.is_floating_point()), torch.empty(0))
        order = self.forward.order
        points, places = np.unique(alpha[:, order], axis=0, return_inverse=True)
        self.points, self.places = points[:, np.argsort(order)], places.reshape(-1)

    @property
    def dtype(self) -> torch.dtype:
        """Of the outputs that it gives."""
        return torch.promote_types(self.like.dtype, torch.float32)

    def __iter__(self) -> Iterator[tuple[int, slice, Tensor, Tensor]]:
        for rows in blocks(len(self.data), self.forward.rows):
            labels = self.data.labels[rows].to(self.like.device)
            along = self.forward.along(rows_of(self.inputs, rows), self.points.tolist())
            for i, outputs in enumerate(along):
                yield i, rows, wide(outputs), labels
