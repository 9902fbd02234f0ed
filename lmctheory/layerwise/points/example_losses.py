"""Loss and hit of every single example at points of the layer cube: what errors are computed from.

The standard error of a difference of two mean losses on the same examples is that of the mean of
the differences, which is often far smaller than either loss's own. It takes the examples' losses,
not their means.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from lmctheory.choices import require_choice
from lmctheory.layerwise.points.evaluation import Walk
from lmctheory.layerwise.points.pair import pair_of
from lmctheory.networks import Examples
from lmctheory.networks.losses import hits

__all__ = ["LOSSES", "ExampleLosses", "example_losses"]


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, reduction="none")


def _squared(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs - one_hot(labels, outputs.shape[1])).square().sum(1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": _cross_entropy,
    "squared": _squared,
}
"""From outputs ``[n, classes]`` and labels ``[n]`` to losses ``[n]``; "squared" is the |f - e_y|^2
of L1's example and of L2, with e_y the label's unit vector."""


@dataclass(frozen=True, eq=False)
class ExampleLosses:
    """Every example at every point of the layer cube.

    Attributes:
        loss: ``[points, n]``.
        hit: ``[points, n]`` 1 where the largest logit is the label's, else 0; NaN where a logit is.
    """

    loss: Float[np.ndarray, "points n"]
    hit: Float[np.ndarray, "points n"]


def example_losses(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    alpha: Float[np.ndarray, "points L"],
    *,
    loss: str = "cross-entropy",
) -> ExampleLosses:
    """The losses whose means `evaluate` gives; they take points * n numbers of memory.

    Args:
        model_a: network A, at alpha = 0.
        model_b: network B, at alpha = 1.
        data: the examples.
        alpha: ``[points, L]`` in [0, 1], one coordinate per layer, in any order.
        loss: "cross-entropy" or "squared".

    Returns:
        Losses and hits, in the order of alpha and of the data, in the networks' precision.

    Raises:
        ValueError: as `evaluate`, and for another loss.

    Reference: theory key L5.

    Example:
        >>> import numpy as np, torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> example_losses(a, b, data, np.array([[0.5, 0.0], [0.0, 0.5]])).loss.shape
        (2, 20)
    """
    require_choice("loss", loss, LOSSES)
    walk = Walk(pair_of(model_a, model_b, data), data, alpha)
    found = torch.empty(len(walk.points), len(data), dtype=walk.dtype)
    hit = torch.empty(len(walk.points), len(data), dtype=torch.float32)
    for i, rows, logits, labels in walk:
        found[i, rows] = LOSSES[loss](logits, labels).cpu()
        hit[i, rows] = hits(logits.mT, labels).cpu()
    return ExampleLosses(found.numpy()[walk.places], hit.numpy()[walk.places])
