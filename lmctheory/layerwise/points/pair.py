"""Two networks and the layers that are moved from one to the other: the layer cube's corners."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise._layers import layers as layers_of
from lmctheory.networks import AnyExamples
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.state import copied, slots

__all__ = ["Pair", "pair_of", "require_points"]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two networks of one architecture in evaluation mode, and the layers that are moved.

    Attributes:
        model: a copy of network A, whose forward pass is used.
        state_a: its slots, at the corner alpha = 0.
        state_b: network B's, at the corner alpha = 1.
        layers: one per coordinate of alpha; all else is A's.
    """

    model: nn.Module
    state_a: Mapping[str, Tensor]
    state_b: Mapping[str, Tensor]
    layers: tuple[Layer, ...]

    def moved(self, column: int, alpha: float | Tensor) -> dict[str, Tensor]:
        """Parameters and buffers of one layer at (1 - alpha) A + alpha B."""
        return {
            key: torch.lerp(self.state_a[key], self.state_b[key], alpha)
            for key in self.layers[column].keys
        }


def pair_of(
    model_a: nn.Module, model_b: nn.Module, data: AnyExamples, layers: Sequence[Layer] | None = None
) -> Pair:
    """Two networks, checked.

    Args:
        model_a: network A.
        model_b: network B.
        data: the examples that they are to be evaluated on.
        layers: that are moved; all by default.

    Raises:
        ValueError: as `require_segment` and `require_fit`; for layers without parameters, with
            entries that the networks do not have, or with an entry in common.
    """
    require_segment(model_a, model_b)
    state_a, state_b = slots(model_a), slots(model_b)
    chosen = layers_of(model_a) if layers is None else tuple(layers)
    keys = [key for layer in chosen for key in layer.keys]
    unknown = [key for key in keys if key not in state_a]
    if unknown:
        raise ValueError(f"layers must name entries of the networks' state, got {unknown[0]!r}")
    if not chosen or len(set(keys)) < len(keys):
        raise ValueError(
            "layers must name at least one layer, and no parameter twice, got "
            f"{[layer.name for layer in chosen]}"
        )
    require_fit(model_a, data)
    return Pair(copied(model_a).eval(), state_a, state_b, chosen)


def require_points(alpha: np.ndarray, pair: Pair) -> None:
    """Refuses points that do not lie in the layer cube.

    Raises:
        ValueError: for another number of coordinates than layers, or coordinates outside [0, 1].
    """
    if alpha.ndim != 2 or alpha.shape[1] != len(pair.layers):
        raise ValueError(
            f"alpha must have {len(pair.layers)} columns, one per layer, got shape {alpha.shape}"
        )
    outside = alpha[~((alpha >= 0) & (alpha <= 1))]
    if len(outside):
        raise ValueError(f"alpha must lie in [0, 1], got {outside[0]:g}")
