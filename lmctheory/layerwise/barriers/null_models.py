r"""The second null model of layer-wise barriers: a random direction of the same norm (L6).

The layers of a set S of the base network X are moved towards `X + xi` instead of towards the other
network Y, where xi is Gaussian in each layer l and rescaled there to |X_l - Y_l|. So each layer
goes as far as it would towards the other network, and any difference in the loss is due to the
direction. The loss at half that distance is compared with the one where S is averaged:

    rise = loss(X + xi_S / 2) - loss(X),
    edge = loss(X + xi_S / 2) - [loss(X) + loss(X + xi_S)] / 2,
    full = loss(X + xi_S / 2) - [loss(X) + loss(Y)] / 2 = rise + [loss(X) - loss(Y)] / 2.

Averaged over the two base networks, rise and full are the same.

Running means and variances do not move: they are no free parameters, and a variance may not be
negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.layerwise._layers import layers as layers_of
from lmctheory.layerwise.barriers.selection import members, require_subsets
from lmctheory.layerwise.points.evaluation import evaluate
from lmctheory.measures.arguments import at_least
from lmctheory.networks import AnyExamples
from lmctheory.networks.agreement import require_same_state
from lmctheory.networks.data_order import require_torch_generator
from lmctheory.networks.state import copied
from lmctheory.results import Result

__all__ = ["RandomDirections", "perturbed", "random_directions"]


@dataclass(frozen=True, eq=False)
class RandomDirections(Result):
    """Losses in random directions, at half the distance between the networks.

    Attributes:
        rise: ``[draws, 2, subsets]`` from the base networks A and B.
        edge: ``[draws, 2, subsets]``.
        loss_ends: ``[2]`` of the networks A and B.
    """

    rise: Float[np.ndarray, "draws 2 subsets"]
    edge: Float[np.ndarray, "draws 2 subsets"]
    loss_ends: Float[np.ndarray, " 2"]

    @property
    def full(self) -> Float[np.ndarray, "draws 2 subsets"]:
        """The midpoint barrier against the two full networks."""
        return self.rise + (self.loss_ends - self.loss_ends[::-1])[:, None] / 2


def perturbed(model: nn.Module, other: nn.Module, *, rng: torch.Generator) -> nn.Module:
    """The network plus a Gaussian direction, in each layer as long as the way to the other network.

    Args:
        model: network X.
        other: network Y of the same architecture.
        rng: the torch generator.

    Returns:
        A new module; parameters that are one stay one, buffers are X's.

    Raises:
        TypeError: for an rng that is no torch generator.
        ValueError: if architectures differ, or weights are NaN or infinite.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> moved = perturbed(a, b, rng=rng).layers[1].weight - a.layers[1].weight
        >>> bool(moved.norm() < (b.layers[1].weight - a.layers[1].weight).norm())  # biases move too
        True
    """
    require_torch_generator(rng)
    require_same_state(model=model, other=other)
    result = copied(model)
    theirs = dict(other.named_parameters())
    for layer in layers_of(model):
        own = [(key, value) for key, value in result.named_parameters() if key in layer.keys]
        draws = [
            torch.randn(value.shape, generator=rng, dtype=value.dtype, device=rng.device).to(value)
            for _, value in own
        ]
        with torch.no_grad():
            gap = _norm([theirs[key].detach() - value for key, value in own])
            for (_, value), draw in zip(own, draws, strict=True):
                value.add_(draw, alpha=gap / _norm(draws))
    return result


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    return float(sum(tensor.double().square().sum() for tensor in tensors)) ** 0.5


def random_directions(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    subsets: Sequence[Sequence[str]] | None = None,
    *,
    draws: int = 5,
    rng: torch.Generator,
) -> RandomDirections:
    """What `layer_barriers` does, in random directions of the same norm instead.

    Args:
        model_a: network A.
        model_b: network B.
        data: the examples.
        subsets: names of layers that are moved together; every layer alone if None.
        draws: random directions for each of the two base networks, >= 1.
        rng: the torch generator that draws them.

    Returns:
        Losses at half the distance.

    Raises:
        ValueError: for draws < 1, and as `layer_barriers`.

    Reference:
        Adilova et al. 2024, section 5 (robustness of layers); key L6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> null = random_directions(a, b, data, rng=rng)
        >>> null.rise.shape
        (5, 2, 2)
    """
    draws = at_least("draws", draws, 1)
    names = tuple(layer.name for layer in layers_of(model_a))
    moved = members(names, require_subsets(subsets, names))
    alpha = np.concatenate([np.zeros((1, len(names))), moved / 2, moved])
    losses = np.array(
        [
            [
                evaluate(base, perturbed(base, other, rng=rng), data, alpha).loss
                for base, other in ((model_a, model_b), (model_b, model_a))
            ]
            for _ in range(draws)
        ]
    )
    start, (half, end) = losses[..., :1], np.split(losses[..., 1:], 2, axis=-1)
    return RandomDirections(half - start, half - (start + end) / 2, losses[0, :, 0])
