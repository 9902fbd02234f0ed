r"""The layer cube: loss, gradient and Hessian in alpha, one coordinate per layer (L5).

g(alpha) = loss with layer l at (1 - alpha_l) A + alpha_l B. Its edges interpolate single layers,
its staircases cumulative ones, its diagonal the full path. On the diagonal alpha = s everywhere,
with t = 1 - s,

    d/ds loss = sum_l g_l,     d^2/ds^2 loss = sum_{l,k} g_lk

where the loss is smooth: slope and curvature of the path split into layers and pairs of layers.
*Cost.* One pass back gives d loss / d W_l for all layers, and g_l = <d loss / d W_l, B_l - A_l>;
differentiating each g_l backwards again gives a row of the Hessian. That is order 1 and order L
passes, whatever the number of parameters.

For piecewise linear activations the Hessian is that of the linear pieces; what the kinks between
them add is found in `lmctheory.layerwise.kinks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise.points.differentiable import (
    differentiable,
    loss_at,
    require_derivatives,
    twice_differentiable,
)
from lmctheory.layerwise.points.evaluation import evaluate
from lmctheory.layerwise.points.pair import Pair, pair_of
from lmctheory.networks import AnyExamples
from lmctheory.networks.calling import rows as rows_of
from lmctheory.paths.interpolation import blocks
from lmctheory.progress import tracked
from lmctheory.results import Result

__all__ = ["LayerCube", "derivatives", "layer_cube"]

_ROWS = 256
"""Examples per pass; all results of a pass are held for the passes back."""


@dataclass(frozen=True, eq=False)
class LayerCube(Result):
    """Values and derivatives at points of the layer cube.

    Attributes:
        alpha: ``[points, L]``, 0 at A and 1 at B.
        layers: names of the coordinates.
        loss: ``[points]`` mean loss over the examples.
        accuracy: ``[points]``.
        gradient: ``[points, L]`` of the loss in alpha.
        hessian: ``[points, L, L]``, None if it was not asked for.
    """

    alpha: Float[np.ndarray, "points L"]
    layers: tuple[str, ...]
    loss: Float[np.ndarray, " points"]
    accuracy: Float[np.ndarray, " points"]
    gradient: Float[np.ndarray, "points L"]
    hessian: Float[np.ndarray, "points L L"] | None


def layer_cube(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    alpha: Float[np.ndarray, "points L"],
    *,
    layers: Sequence[Layer] | None = None,
    hessian: bool = False,
) -> LayerCube:
    """Loss, gradient and Hessian at points of the layer cube, by automatic differentiation.

    Args:
        model_a: network A, of any architecture, at alpha = 0.
        model_b: network B, already aligned with A, at alpha = 1.
        data: the examples.
        alpha: ``[points, L]`` in [0, 1].
        layers: the coordinates of alpha, as `layers` or `groups` give them; all layers by default.
        hessian: whether to compute it, at the cost of L gradients.

    Returns:
        The values, in the models' own precision.

    Raises:
        TypeError: if the forward pass keeps derivatives from autograd.
        ValueError: as `evaluate`.

    Reference: theory key L5.

    Example:
        >>> import numpy as np, torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> layer_cube(a, b, data, np.full((1, 2), 0.5), hessian=True).hessian.shape
        (1, 2, 2)
    """
    values = evaluate(model_a, model_b, data, alpha, layers=layers)
    pair = pair_of(model_a, model_b, data, layers)
    gradient, second = derivatives(pair, data, alpha, hessian=hessian)
    names = tuple(layer.name for layer in pair.layers)
    return LayerCube(alpha, names, values.loss, values.accuracy, gradient, second)


def derivatives(
    pair: Pair, data: AnyExamples, alpha: Float[np.ndarray, "points L"], *, hessian: bool = False
) -> tuple[Float[np.ndarray, "points L"], Float[np.ndarray, "points L L"] | None]:
    """Gradient and, if asked for, Hessian of the mean loss in alpha."""
    require_derivatives(pair, data)
    evaluation = differentiable(pair.model)
    gradient = np.zeros(alpha.shape)
    second = np.zeros((*alpha.shape, alpha.shape[1])) if hessian else None
    for rows in blocks(len(data), _ROWS):
        x = evaluation.inputs(rows_of(data.inputs, rows))
        labels = data.labels[rows].to(evaluation.like.device)
        for i, point in enumerate(tracked(alpha, "differentiating")):
            coordinates = [evaluation.like.new_tensor(a).requires_grad_() for a in point]
            with twice_differentiable():
                loss = loss_at(pair, evaluation, coordinates, x, labels, data.loss)
                slopes = _slopes(loss, coordinates, create_graph=hessian)
                gradient[i] += _row(slopes)
                if second is not None:
                    second[i] += [_row(_slopes(slope, coordinates)) for slope in slopes]
    weight = data.loss.weight(data.labels)
    return gradient / weight, None if second is None else second / weight


def _slopes(
    value: Tensor, coordinates: list[Tensor], *, create_graph: bool = False
) -> tuple[Tensor, ...]:
    """The derivatives of a value, 0 in coordinates that it does not depend on."""
    if not value.requires_grad:
        return tuple(torch.zeros_like(a) for a in coordinates)
    return torch.autograd.grad(
        value,
        coordinates,
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )


def _row(slopes: Sequence[Tensor]) -> np.ndarray:
    return torch.stack(tuple(slopes)).detach().cpu().double().numpy()
