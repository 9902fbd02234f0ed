"""Loss and accuracy along the segment between two networks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.matching import reset_batch_norm
from lmctheory.measures.arguments import odd_points
from lmctheory.networks import AffineChain, AnyExamples
from lmctheory.networks.affine import find_chains
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.chain import require_same_architecture, stack_chains
from lmctheory.paths.interpolation import (
    PathLogits,
    chain_logits,
    interpolate,
    module_logits,
    require_fitting,
    require_stacks,
)
from lmctheory.results import Result

__all__ = [
    "Barrier",
    "SegmentLosses",
    "barrier",
    "barriers",
    "curve_of",
    "grid_of",
    "losses_of",
    "segment_losses",
]


@dataclass(frozen=True, eq=False, repr=False)
class Barrier(Result):
    """Loss and accuracy of theta_t = t A + (1-t) B on a grid; the last entry is A, the first B.

    Results for a stack of pairs carry a leading dimension.

    Attributes:
        t: ``[points]`` from 0 to 1, with 1/2 in the middle.
        loss: ``[..., points]`` mean loss over the examples, by the loss of the data.
        accuracy: ``[..., points]`` share of examples whose largest logit is their label's; NaN
            where a logit is, and for losses that do not judge classes.
    """

    t: Float[np.ndarray, " points"]
    loss: Float[np.ndarray, "*pairs points"]
    accuracy: Float[np.ndarray, "*pairs points"]

    @property
    def barrier(self) -> Float[np.ndarray, "*pairs points"]:
        """loss(theta_t) - [t loss(A) + (1-t) loss(B)], ``[..., points]``."""
        return self.loss - self._chord(self.loss)

    @property
    def max(self) -> np.float64 | Float[np.ndarray, "*pairs"]:
        """The signed maximum of the barrier over 0 < t < 1: the ends, always 0, would clip it."""
        return self.barrier[..., 1:-1].max(-1)

    @property
    def midpoint(self) -> np.float64 | Float[np.ndarray, "*pairs"]:
        """The barrier at t = 1/2."""
        return self.barrier[..., len(self.t) // 2]

    @property
    def accuracy_drop(self) -> Float[np.ndarray, "*pairs points"]:
        """[t accuracy(A) + (1-t) accuracy(B)] - accuracy(theta_t), ``[..., points]``."""
        return self._chord(self.accuracy) - self.accuracy

    @property
    def max_accuracy_drop(self) -> np.float64 | Float[np.ndarray, "*pairs"]:
        """The signed maximum of the accuracy drop over 0 < t < 1."""
        return self.accuracy_drop[..., 1:-1].max(-1)

    @property
    def midpoint_accuracy_drop(self) -> np.float64 | Float[np.ndarray, "*pairs"]:
        """The accuracy drop at t = 1/2."""
        return self.accuracy_drop[..., len(self.t) // 2]

    def _chord(self, values: np.ndarray) -> np.ndarray:
        return self.t * values[..., -1:] + (1 - self.t) * values[..., :1]

    def __repr__(self) -> str:
        shown = {"max": self.max, "midpoint": self.midpoint}
        if not np.isnan(self.accuracy).all():
            shown["max_accuracy_drop"] = self.max_accuracy_drop
        values = (
            f"{name}={np.array2string(np.asarray(value), precision=4, threshold=8)}"
            for name, value in shown.items()
        )
        return f"Barrier({', '.join(values)}, points={len(self.t)})"


def barrier(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    points: int = 25,
    *,
    reset_batch_norm: Float[Tensor, "n ..."] | None = None,
) -> Barrier:
    """Loss barrier between two networks: loss(theta_t) - [t loss(A) + (1-t) loss(B)].

    Chains of linear maps and activations are evaluated at all points in batched products, any
    other module point by point. Evaluation mode, the models' own precision, sums over examples in
    float64.

    BatchNorm's running statistics are interpolated like parameters: those of no network, and the
    barrier of networks with BatchNorm is larger for it (Jordan et al. 2023). With
    `reset_batch_norm` they are measured anew at every t, both ends included.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, already aligned with A.
        data: the examples on which loss and accuracy are taken, with their loss.
        points: number of equally spaced t, ends included; odd, so that 1/2 is one of them.
        reset_batch_norm: inputs, of training data, on which running statistics are measured at
            every t, see `lmctheory.matching.reset_batch_norm`; None interpolates them.

    Returns:
        The curves, ``[points]``.

    Raises:
        ValueError: for networks of different architecture or with NaN or infinite weights, that
            differ in what cannot be interpolated, inputs or labels that do not fit, an even or
            too small number of points, or `reset_batch_norm` for networks without BatchNorm.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> barrier(a, b, data, points=11).loss.shape
        (11,)
    """
    t = grid_of(points)
    outputs = _outputs(model_a, model_b, data, t, reset_batch_norm)
    return curve_of(outputs, data, t)


def curve_of(
    blocks: Iterable[PathLogits], data: AnyExamples, t: Float[Tensor, " points"]
) -> Barrier:
    """Loss and accuracy of one pair, from its outputs."""
    curves = _curves(blocks, data, t, pairs=1)
    return Barrier(curves.t, curves.loss[0], curves.accuracy[0])


@dataclass(frozen=True, eq=False)
class SegmentLosses(Result):
    """Every example at every point of a segment: what standard errors are computed from.

    Attributes:
        t: ``[points]`` from 0 to 1; t = 1 is A.
        loss: ``[points, n]``, such that their mean over the examples is the mean loss.
        hit: ``[points, n]``, likewise of the accuracy; NaN where that has no meaning.
    """

    t: Float[np.ndarray, " points"]
    loss: Float[np.ndarray, "points n"]
    hit: Float[np.ndarray, "points n"]

    def mean(self) -> Barrier:
        """Over the examples."""
        return Barrier(self.t, self.loss.mean(1), self.hit.mean(1))


def segment_losses(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    points: int = 25,
    *,
    reset_batch_norm: Float[Tensor, "n ..."] | None = None,
) -> SegmentLosses:
    """The losses whose means make `barrier`; arguments and errors are its own.

    They take 16 points * n bytes of memory.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = segment_losses(a, b, data, points=11)
        >>> bool(abs(found.loss.mean(1) - barrier(a, b, data, points=11).loss).max() < 1e-6)
        True
    """
    t = grid_of(points)
    return losses_of(_outputs(model_a, model_b, data, t, reset_batch_norm), data, t)


def losses_of(
    blocks: Iterable[PathLogits], data: AnyExamples, t: Float[Tensor, " points"]
) -> SegmentLosses:
    """Every example's, from the outputs of one pair."""
    loss, hit = torch.zeros(2, len(t), len(data), dtype=torch.float64)
    for block, losses, hits in _judged(blocks, data):
        loss[block.points, block.rows] = losses.double().cpu()
        hit[block.points, block.rows] = hits.double().cpu()
    loss *= len(data) / data.loss.weight(data.labels)
    hit *= len(data) / data.loss.counted(data.labels)
    return SegmentLosses(t.numpy(), loss.numpy(), hit.numpy())


def _outputs(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    t: Float[Tensor, " points"],
    reset_inputs: Tensor | None,
) -> Iterator[PathLogits]:
    """Outputs of one pair, checked; of chains in batched products."""
    chains = find_chains(model_a, model_b) if reset_inputs is None else None
    if chains is None:
        return _module_outputs(model_a, model_b, data, t, reset_inputs)
    require_same_architecture(*chains)
    a, b = (stack_chains([chain]) for chain in chains)
    return _chain_outputs(a, b, data, t)


def barriers(
    chain_a: AffineChain, chain_b: AffineChain, data: AnyExamples, points: int = 25
) -> Barrier:
    """`barrier` for a stack of pairs in batched products.

    Args:
        chain_a: networks A, weights ``[pairs, m_l, m_{l-1}]``.
        chain_b: networks B, aligned with A.
        data: the examples, the same for all pairs.
        points: number of equally spaced t, ends included; odd.

    Returns:
        The curves, ``[pairs, points]``.

    Raises:
        ValueError: as `barrier`, and if there is no pair dimension.
    """
    t = grid_of(points)
    require_stacks(chain_a, chain_b)
    return _curves(_chain_outputs(chain_a, chain_b, data, t), data, t, len(chain_a.weights[0]))


def _chain_outputs(
    a: AffineChain, b: AffineChain, data: AnyExamples, t: Float[Tensor, " points"]
) -> Iterator[PathLogits]:
    require_fitting(data, outputs=a.weights[-1].shape[-2], inputs=a.weights[0].shape[-1])
    return chain_logits(a, b, data.inputs, t)


def _module_outputs(
    a: nn.Module,
    b: nn.Module,
    data: AnyExamples,
    t: Float[Tensor, " points"],
    reset_inputs: Tensor | None,
) -> Iterator[PathLogits]:
    require_segment(a, b)
    if reset_inputs is None:
        require_fit(a, data)
        return module_logits(a, b, data.inputs, t)
    ends = [reset_batch_norm(model, reset_inputs) for model in (a, b)]
    require_fit(ends[0], data)
    return _reset_logits(a, b, data.inputs, t, reset_inputs)


def _reset_logits(
    a: nn.Module, b: nn.Module, inputs: Tensor, t: Tensor, reset_inputs: Tensor
) -> Iterator[PathLogits]:
    """`module_logits` with BatchNorm's statistics measured at every point."""
    for i, point in enumerate(t.tolist()):
        middle = reset_batch_norm(interpolate(a, b, point), reset_inputs)
        for block in module_logits(middle, middle, inputs, torch.ones(1)):
            yield block._replace(points=slice(i, i + 1))


def grid_of(points: int) -> Tensor:
    """So many equidistant t, checked to be an odd number."""
    return torch.linspace(0, 1, odd_points(points), dtype=torch.float64)


def _judged(
    blocks: Iterable[PathLogits], data: AnyExamples
) -> Iterator[tuple[PathLogits, Tensor, Tensor]]:
    """The blocks with losses and hits ``[points * pairs, rows]`` of their examples."""
    for block in blocks:
        outputs = block.logits.flatten(0, 1)
        labels = data.labels[block.rows].to(outputs.device)
        yield block, data.loss.each(outputs, labels), data.loss.hits(outputs, labels)


def _curves(
    blocks: Iterable[PathLogits], data: AnyExamples, t: Float[Tensor, " points"], pairs: int
) -> Barrier:
    """Loss and accuracy of stacks of pairs, ``[pairs, points]``, from their outputs."""
    loss, correct = torch.zeros(2, len(t), pairs, dtype=torch.float64)
    for block, losses, hits in _judged(blocks, data):
        where, shape = (block.points, block.pairs), block.logits.shape[:2]
        loss[where] += losses.sum(-1, dtype=torch.float64).view(shape).cpu()
        correct[where] += hits.sum(-1, dtype=torch.float64).view(shape).cpu()
    loss, correct = (
        loss / data.loss.weight(data.labels),
        correct / data.loss.counted(data.labels),
    )
    return Barrier(t.numpy(), loss.T.numpy(), correct.T.numpy())
