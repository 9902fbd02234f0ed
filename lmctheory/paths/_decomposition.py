r"""What a barrier is made of: interpolating weights costs, averaging outputs gains.

f-bar is the average t f_A + (1-t) f_B of the outputs at the ends. For a loss that is convex in the
outputs, at every t,

    loss(theta_t) - chord = [loss(f_t) - loss(f-bar)] - [chord - loss(f-bar)],

chord = t loss(A) + (1-t) loss(B): what interpolation does to the outputs, less the Jensen gap of
averaging them, which is never negative. For the cross-entropy they are D - E_y and J of key B1.

Reference: theory key B1; Bae 2026.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.measures.arguments import odd_points
from lmctheory.networks import Examples
from lmctheory.paths.certified_losses import require_certified
from lmctheory.paths.reading import program_of
from lmctheory.paths.segment_search import Segment
from lmctheory.paths.taylor_outputs import Outputs
from lmctheory.results import Result

__all__ = ["Decomposition", "decompose"]


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Result):
    """The barrier and its two parts at some t, each between two numbers, rounding included.

    Attributes:
        t: ``[points]`` from 0 to 1.
        barrier: ``[points, 2]`` loss(theta_t) less the chord: at least and at most.
        interpolation: ``[points, 2]`` loss(theta_t) less the loss of the averaged outputs.
        ensemble: ``[points, 2]`` the chord less the loss of the averaged outputs: the barrier is
            the other part less this one.
    """

    t: Float[np.ndarray, " points"]
    barrier: Float[np.ndarray, "points 2"]
    interpolation: Float[np.ndarray, "points 2"]
    ensemble: Float[np.ndarray, "points 2"]

    def __repr__(self) -> str:
        worst = int(self.barrier[1:-1, 0].argmax()) + 1
        parts = (self.barrier, self.interpolation, self.ensemble)
        barrier, interpolation, ensemble = (float(part[worst].mean()) for part in parts)
        return (
            f"Decomposition(at t={self.t[worst]:.4g} of {len(self.t)}, the largest barrier: "
            f"{barrier:.4g} = {interpolation:.4g} by interpolation - {ensemble:.4g} by averaging)"
        )


def decompose(
    model_a: nn.Module, model_b: nn.Module, data: Examples, points: int = 25
) -> Decomposition:
    """The parts of the barrier: what interpolation costs, what averaging outputs would gain.

    Args:
        model_a: network A, of layers that `certify` takes; evaluation mode is used.
        model_b: network B of the same architecture, permuted or not.
        data: the examples; cross-entropy, binary cross-entropy or squared error.
        points: number of equally spaced t, ends included; odd.

    Raises:
        TypeError: naming an operation that cannot be enclosed.
        ValueError: for an even number of points, different architectures, weights that are NaN or
            infinite, inputs or labels that do not fit, and a loss without certificate.

    Reference:
        Key B1 (Bae 2026).

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> found = decompose(a, b, Examples(x, torch.arange(20) % 3), points=3)
        >>> bool((found.ensemble[:, 1] >= 0).all())
        True
    """
    t = np.linspace(0, 1, odd_points(points))
    require_certified(data)
    segment = Segment.of(program_of(model_a, model_b, data, complete=True), data)
    with torch.no_grad():
        start, end = (segment.at(time, segment.everything) for time in (0.0, 1.0))
        loss_b, loss_a = (_loss(segment, outputs) for outputs in (start, end))
        parts = []
        for time in t.tolist():
            there = _loss(segment, segment.at(time, segment.everything))
            averaged = _loss(segment, start.averaged(end, time))
            chord = time * loss_a + (1 - time) * loss_b
            parts.append([_less(there, chord), _less(there, averaged), _less(chord, averaged)])
    barrier, interpolation, ensemble = np.moveaxis(np.array(parts), 1, 0)
    return Decomposition(t, barrier, interpolation, ensemble)


def _loss(segment: Segment, outputs: Outputs) -> np.ndarray:
    return np.array(outputs.mean_loss(segment.data.loss, segment.labels))


def _less(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The difference of two intervals, rounded outward."""
    slack = 8 * np.finfo(float).eps * (np.abs(one).max() + np.abs(other).max())
    return np.array([one[0] - other[1] - slack, one[1] - other[0] + slack])
