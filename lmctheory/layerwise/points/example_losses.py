"""Loss and hit of every single example at points of the layer cube: what errors are computed from.

The standard error of a difference of two mean losses on the same examples is that of the mean of
the differences, which is often far smaller than either loss's own. It takes the examples' losses,
not their means.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.layerwise.points.evaluation import Walk
from lmctheory.layerwise.points.pair import pair_of
from lmctheory.networks import AnyExamples

__all__ = ["ExampleLosses", "example_losses"]


@dataclass(frozen=True, eq=False)
class ExampleLosses:
    """Every example at every point of the layer cube.

    Attributes:
        loss: ``[points, n]``, such that their mean is the mean loss.
        hit: ``[points, n]`` 1 where the largest logit is the label's, else 0; NaN where a logit is,
            and for losses that do not judge classes.
    """

    loss: Float[np.ndarray, "points n"]
    hit: Float[np.ndarray, "points n"]


def example_losses(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    alpha: Float[np.ndarray, "points L"],
) -> ExampleLosses:
    """The losses whose means `evaluate` gives; they take points * n numbers of memory.

    Args:
        model_a: network A, at alpha = 0.
        model_b: network B, at alpha = 1.
        data: the examples.
        alpha: ``[points, L]`` in [0, 1], one coordinate per layer, in any order.

    Returns:
        Losses and hits, in the order of alpha and of the data, in the networks' precision.

    Raises:
        ValueError: as `evaluate`.

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
    walk = Walk(pair_of(model_a, model_b, data), data, alpha)
    found = torch.empty(len(walk.points), len(data), dtype=walk.dtype)
    hit = torch.empty(len(walk.points), len(data), dtype=torch.float32)
    for i, rows, outputs, labels in walk:
        found[i, rows] = data.loss.each(outputs[None], labels)[0].cpu()
        hit[i, rows] = data.loss.hits(outputs[None], labels)[0].cpu()
    found *= len(data) / data.loss.weight(data.labels)
    hit *= len(data) / data.loss.counted(data.labels)
    return ExampleLosses(found.numpy()[walk.places], hit.numpy()[walk.places])
