r"""Layer-wise barriers (L6): some layers are interpolated, the others stay.

Of a base network X (A or B) and the other one Y, the layers of a set S are moved: `theta_t` has
t X + (1-t) Y in S and X elsewhere, so that t = 1 is X and t = 0 the *layer-swapped* network X_S.
There are two things to measure the loss on the way against,

    full barrier(t) = loss(theta_t) - [t loss(X) + (1-t) loss(Y)],
    edge barrier(t) = loss(theta_t) - [t loss(X) + (1-t) loss(X_S)],

the two full networks (Adilova et al.'s Definition 2 is the first at t = 1/2) and the two ends of
the segment, of which X_S was never trained. Their difference is no property of the path, but of
its end: `full barrier(t) = edge barrier(t) + (1-t) [loss(X_S) - loss(Y)]`. For a deep linear
network and a single layer the edge barrier is <= 0 (L1), the full barrier anything. If S is all
layers they are the same, the barrier of the whole path.

**Share.** If the barrier were in proportion to the number of layers moved, that of w of the L+1
layers would be w/(L+1) of the full path's; if to the number of parameters, their share of it. (The
other null model, a random direction of the same norm, is in `null_models`.)

**Curvature.** At t = 1/2 the edge barrier is -1/8 of the second difference
`[loss(X) - 2 loss(theta_{1/2}) + loss(X_S)] / (1/2)^2` of the loss along the segment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise._layers import layers as layers_of
from lmctheory.layerwise.barriers.curves import Curves, above_chord, grid
from lmctheory.layerwise.barriers.selection import Subset, members, moving_windows, require_subsets
from lmctheory.layerwise.points.example_losses import example_losses
from lmctheory.networks import AnyExamples
from lmctheory.networks.agreement import require_same_state
from lmctheory.results import Result

__all__ = ["LayerBarriers", "layer_barriers", "parameter_counts", "windows"]


@dataclass(frozen=True, eq=False, repr=False)
class LayerBarriers(Result):
    """What some layers do to loss and accuracy when they alone are interpolated.

    Attributes:
        layers: names of all layers, from the input on.
        parameters: ``[L]`` how many each layer has; tied ones count once.
        subsets: the layers that are moved together.
        loss: ``[2, subsets, points]`` from the base networks A and B.
        full: barriers of the loss against the two full networks.
        edge: against the base network and the layer-swapped one.
        full_accuracy: likewise of the accuracy, [t acc(X) + (1-t) acc(Y)] - acc(theta_t).
        edge_accuracy: likewise.
        path: of the loss if all layers are moved: one subset.
        loss_ends: ``[2]`` of the full networks A and B.
    """

    layers: tuple[str, ...]
    parameters: Int[np.ndarray, " L"]
    subsets: tuple[Subset, ...]
    loss: Float[np.ndarray, "2 subsets points"]
    full: Curves
    edge: Curves
    full_accuracy: Curves
    edge_accuracy: Curves
    path: Curves
    loss_ends: Float[np.ndarray, " 2"]

    @property
    def t(self) -> Float[np.ndarray, " points"]:
        """Where on the segment; t = 1 is the base network."""
        return self.full.t

    @property
    def layer_share(self) -> Float[np.ndarray, " subsets"]:
        """w/(L+1), the part of the layers that is moved."""
        return members(self.layers, self.subsets).mean(1)

    @property
    def parameter_share(self) -> Float[np.ndarray, " subsets"]:
        """The part of the parameters that is moved."""
        moved = members(self.layers, self.subsets)
        return moved @ self.parameters / self.parameters.sum()

    @property
    def share(self) -> Float[np.ndarray, "2 subsets points"]:
        """The first null model: w/(L+1) of the full path's barrier."""
        return self.layer_share[:, None] * self.path.value

    @property
    def rise(self) -> Float[np.ndarray, "2 subsets"]:
        """loss(theta_{1/2}) - loss(X): the base network's robustness against the averaging."""
        return self.loss[..., len(self.t) // 2] - self.loss_ends[:, None]

    def by_window(
        self, values: Float[np.ndarray, "... subsets"]
    ) -> Float[np.ndarray, "... starts lengths"]:
        """Values of the subsets that are windows, by first layer and by length less 1, else NaN."""
        table = np.full((*values.shape[:-1], len(self.layers), len(self.layers)), np.nan)
        for i, subset in enumerate(self.subsets):
            start = self.layers.index(subset[0])
            if subset == self.layers[start : start + len(subset)]:
                table[..., start, len(subset) - 1] = values[..., i]
        return table

    def __repr__(self) -> str:
        worst = self.full.max.max(0)
        largest = sorted(zip(worst, self.subsets, strict=True), reverse=True)[:3]
        shown = ", ".join(f"{'+'.join(subset)}: {value:.4g}" for value, subset in largest)
        return f"LayerBarriers({len(self.subsets)} subsets, largest full barriers {shown})"


def parameter_counts(model: nn.Module, layers: Sequence[Layer]) -> Int[np.ndarray, " L"]:
    """Parameters of each layer; tied ones count once, buffers do not."""
    sizes = {key: value.numel() for key, value in model.named_parameters()}
    return np.array([sum(sizes.get(key, 0) for key in layer.keys) for layer in layers])


def layer_barriers(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    subsets: Sequence[Sequence[str]] | None = None,
    *,
    points: int = 9,
) -> LayerBarriers:
    """Barriers of single layers, or of groups of them, from either network (L6).

    Args:
        model_a: network A, of any architecture.
        model_b: network B, already aligned with A.
        data: the examples on which losses and accuracies are taken.
        subsets: names of layers (see `layers`) that are moved together, for each subset; every
            layer alone if None. For others see `cumulative`, `moving_windows`, `random_groups`.
        points: number of equally spaced t, ends included; odd, so that 1/2 is one of them.

    Returns:
        The barriers, subset by subset in the order given, from both base networks.

    Raises:
        ValueError: for a subset that is empty, or names an unknown layer or one twice; an even or
            too small number of points; networks, inputs or labels that do not fit.

    Reference:
        Adilova et al. 2024, Definition 2; key L6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = layer_barriers(a, b, data)
        >>> found.subsets
        (('layers.0',), ('layers.1',))
        >>> bool((found.edge.max[:, 1] <= 0).all())  # the last layer: L1
        True
    """
    require_same_state(model_a=model_a, model_b=model_b)
    layers = layers_of(model_a)
    names = tuple(layer.name for layer in layers)
    chosen = require_subsets(subsets, names)
    t = grid(points)
    losses, hits = _on_edges(model_a, model_b, data, members(names, (*chosen, names)), t)
    means = losses.mean(-1, dtype=np.float64)
    subset, whole = slice(None, -1), slice(-1, None)
    return LayerBarriers(
        layers=names,
        parameters=parameter_counts(model_a, layers),
        subsets=chosen,
        loss=means[:, subset],
        full=above_chord(losses[:, subset], losses[:, whole, 0], t),
        edge=above_chord(losses[:, subset], losses[:, subset, 0], t),
        full_accuracy=-above_chord(hits[:, subset], hits[:, whole, 0], t),
        edge_accuracy=-above_chord(hits[:, subset], hits[:, subset, 0], t),
        path=above_chord(losses[:, whole], losses[:, whole, 0], t),
        loss_ends=means[:, -1, -1],
    )


def windows(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    lengths: Sequence[int] | None = None,
    *,
    points: int = 9,
) -> LayerBarriers:
    """`layer_barriers` of all moving windows: w consecutive layers, for every w.

    Single layers and the groups that grow from the input or from the output are among them;
    `LayerBarriers.by_window` sorts values by start and length.

    Args:
        model_a: network A.
        model_b: network B.
        data: the examples.
        lengths: w; 1, ..., L+1 if None.
        points: as there.

    Raises:
        ValueError: as there, and for lengths outside 1..L+1.

    Reference: key L6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 8, 3), rng=rng), MLP((4, 8, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = windows(a, b, data)
        >>> len(found.subsets), found.by_window(found.full.midpoint).shape
        (6, (2, 3, 3))
    """
    names = [layer.name for layer in layers_of(model_a)]
    subsets = moving_windows(names, lengths)
    return layer_barriers(model_a, model_b, data, subsets, points=points)


def _on_edges(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    moved: np.ndarray,
    t: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and hits ``[2, subsets, points, n]`` on the segments from both base networks."""
    from_a = (1 - t)[:, None] * moved[:, None]
    alpha = np.stack([from_a, 1 - from_a])
    found = example_losses(model_a, model_b, data, alpha.reshape(-1, alpha.shape[-1]))
    shape = (*alpha.shape[:-1], len(data))
    return found.loss.reshape(shape), found.hit.reshape(shape)
