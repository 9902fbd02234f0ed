r"""The barrier split into layers and pairs of layers, exactly (L5).

On the diagonal of the layer cube, alpha = s = 1 - t in every layer, the loss's second derivative is
the sum of all entries of its Hessian g_lk in alpha, so that with G(t,s) = min(t,s)(1 - max(t,s))

    barrier(t) = sum_{l,k} B_lk(t),    B_lk(t) = - int_0^1 G(1-t, s) g_lk(s, ..., s) ds

(L4; as a distribution g_lk includes the atoms of kinks). B_ll is the curvature of layer l met along
the full path, B_lk + B_kl the interaction of l and k. They are no edge barriers.

*Chains with smooth activations:* g_lk in closed form (`diagonal`), adaptive
quadrature. *Chains with piecewise linear ones:* all kinks of every example are found
(`kinks`), g_lk is integrated between them, and each adds its atom
- G(1-t, s) b h_l h_k/|sum_j h_j|. Both are exact to the tolerance, and what remains of the measured
barrier, `residual`, is rounding. (It exceeds `error` where logits are so large that the softmax
jumps between two nodes of the quadrature: weights ten times those of trained networks.)

*Any other module.* Cut the diagonal into panels [s_i, s_{i+1}]. From one end of a panel to the
other move the layers one after another: the gradient changes in steps that telescope,

    g_l(s_{i+1}, ..., s_{i+1}) - g_l(s_i, ..., s_i) = sum_k Delta_ik g_l,

and B_lk is approximated by - sum_i G(1-t, s_{i+1/2}) Delta_ik g_l, averaged over moving the layers
from the input on and from the output on, and over (l,k) and (k,l). No kink has to be found: where
it lies between two ends the gradient changes. *Whatever the panels, the entries sum to the
trapezoidal rule for the barrier,* int_0^1 G' g' ds with g' = sum_l g_l the slope along the diagonal
(sum by parts: g'(s_i) gets the weight G(1-t, s_{i+1/2}) - G(1-t, s_{i-1/2})). Its error is O(h^2)
where g is smooth and at a kink O(h) times the jump, with signs that differ from kink to kink. So
`residual` measures the error of the sum; the two orders of moving the layers differ by errors of
the split that cancel in part, and `error` is half of the largest difference. The *split* of a kink
is found in the mean over many kinks only: each goes to the one pair of layers in whose step the
neuron changes sign. What is rare, a neuron that crosses zero slowly, |sum_j h_j| << max |h_j|, has
a large atom that converges late: expect some per cent of the largest entry, less with more examples
(measured: 9 per cent with 256 examples, three hidden layers of 20 neurons and 64 panels).

Reference: theory keys L4 and L5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise.points.derivatives import derivatives
from lmctheory.layerwise.points.evaluation import evaluate
from lmctheory.layerwise.points.pair import Pair, pair_of
from lmctheory.layerwise.second_order.kinks import diagonal_of, kinks_of, pieces
from lmctheory.layerwise.second_order.quadrature import green, integrals
from lmctheory.measures.arguments import at_least, probability
from lmctheory.networks import AnyExamples, find_chain
from lmctheory.networks.state import copied
from lmctheory.results import Result

__all__ = ["Interaction", "interaction_matrix"]


@dataclass(frozen=True, eq=False, repr=False)
class Interaction(Result):
    """The barrier at one t, split into layers and pairs of layers.

    Attributes:
        t: where on the segment.
        layers: names.
        matrix: ``[L, L]`` B_lk(t), symmetric.
        barrier: the measured barrier at t, in float64.
        error: estimate of the largest error of an entry.
    """

    t: float
    layers: tuple[str, ...]
    matrix: Float[np.ndarray, "L L"]
    barrier: float
    error: float

    @property
    def residual(self) -> float:
        """The measured barrier less the sum of the matrix."""
        return self.barrier - float(self.matrix.sum())

    @property
    def curvature(self) -> float:
        """The sum of the diagonal: curvature of single layers along the full path."""
        return float(self.matrix.trace())

    @property
    def interaction(self) -> float:
        """The sum of all other entries."""
        return float(self.matrix.sum()) - self.curvature

    def __repr__(self) -> str:
        return (
            f"Interaction(t={self.t:g}, barrier={self.barrier:.4g}: "
            f"curvature={self.curvature:.4g}, interaction={self.interaction:.4g}, "
            f"residual={self.residual:.1e}, "
            f"{len(self.layers)} layers)"
        )


def interaction_matrix(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    t: float = 0.5,
    *,
    layers: Sequence[Layer] | None = None,
    smooth: bool = False,
    panels: int = 32,
    tolerance: float = 1e-6,
) -> Interaction:
    """Splits the barrier at t into the curvature of layers and their interactions.

    Chains are split exactly, whatever their activations, with some hundred examples and layers of
    some hundred neurons in seconds to a minute. Other modules take 2 L `panels` gradients, or,
    where they are smooth and said to be, a few dozen Hessians. All in float64.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, already aligned with A, at t = 0.
        data: the examples.
        t: in (0, 1).
        layers: a partition of the layers (see `groups`); all layers by default.
        smooth: whether modules that are no chains are known to have no kinks; a wrong claim
            shows in the residual.
        panels: of the diagonal, for modules that are neither chains nor smooth; at least 2.
        tolerance: of the quadrature, relative to the largest entry.

    Returns:
        The matrix, beside the measured barrier.

    Raises:
        ValueError: for t outside (0, 1), fewer than 2 panels, a tolerance <= 0, layers that do not
            hold everything that is moved, a single layer, and as `evaluate` and `kinks`.

    Reference: theory key L5.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> abs(interaction_matrix(a, b, data).residual) < 1e-12
        True
    """
    t, panels = probability("t", t), at_least("panels", panels, 2)
    if not tolerance > 0:
        raise ValueError(f"tolerance must be > 0, got {tolerance}")
    a, b = (copied(model).eval().double() for model in (model_a, model_b))
    data = data.to(dtype=torch.float64)
    pair = pair_of(a, b, data, layers)
    _require_partition(pair)
    chain = find_chain(a)
    if chain is not None:
        split = _of_chains(a, b, data, t, tolerance, _membership(pair, chain.names))
    elif smooth:
        split = _of_smooth(pair, data, t, tolerance)
    else:
        split = _of_steps(pair, data, t, panels)
    corners = np.outer([0.0, 1 - t, 1.0], np.ones(len(pair.layers)))
    ends = evaluate(a, b, data, corners, layers=pair.layers).loss
    barrier = float(ends[1] - (t * ends[0] + (1 - t) * ends[2]))
    return Interaction(
        t, tuple(layer.name for layer in pair.layers), split.matrix, barrier, split.error
    )


class _Split(NamedTuple):
    """The matrix, and the estimated error of its entries."""

    matrix: np.ndarray
    error: float


def _require_partition(pair: Pair) -> None:
    moved = {key for layer in pair.layers for key in layer.keys}
    left = [key for key, A in pair.state_a.items() if A.is_floating_point() and key not in moved]
    if left:
        raise ValueError(f"layers must hold all parameters, but {left[0]!r} is in none")
    if len(pair.layers) < 2:
        raise ValueError("layers must be at least two, or nothing can interact, got one")


def _green(t: float, s: np.ndarray) -> np.ndarray:
    """G(1-t, s)."""
    [values] = green(np.array([1 - t]), s)
    return values


def _membership(pair: Pair, names: Sequence[str]) -> np.ndarray:
    """``[L, chain's layers]`` 1 where a layer of the chain belongs to one of the pair's."""
    return (
        np.array([[f"{name}.weight" in layer.keys for name in names] for layer in pair.layers])
        * 1.0
    )


def _of_chains(
    a: nn.Module, b: nn.Module, data: AnyExamples, t: float, tolerance: float, member: np.ndarray
) -> _Split:
    diagonal, x = diagonal_of(a, b, data)
    found = kinks_of(diagonal, x, data.labels)
    n, weight = len(data), data.loss.weight(data.labels)
    # the kernel has a kink of its own, at alpha = 1 - t
    example, start, end = pieces(
        n,
        np.concatenate([found.example, np.arange(n)]),
        np.concatenate([found.alpha, np.full(n, 1 - t)]),
    )

    def integrand(piece: np.ndarray, s: np.ndarray) -> np.ndarray:
        values = np.empty((len(s), len(member), len(member)))
        for rows in diagonal.blocks(len(s)):
            which = torch.from_numpy(example[piece[rows]])
            H = diagonal.hessian(x[which], data.labels[which], torch.from_numpy(s[rows]))
            values[rows] = member @ H.numpy() @ member.T
        return values * (-_green(t, s) / weight)[:, None, None]

    smooth = integrals(integrand, start, end, tolerance)
    atoms = member @ found.atoms(_green(t, found.alpha)) @ member.T
    return _Split(smooth.value[0] - atoms, float(smooth.error.max()))


def _of_smooth(pair: Pair, data: AnyExamples, t: float, tolerance: float) -> _Split:
    def integrand(_: np.ndarray, s: np.ndarray) -> np.ndarray:
        _, H = derivatives(pair, data, np.outer(s, np.ones(len(pair.layers))), hessian=True)
        assert H is not None
        return -_green(t, s)[:, None, None] * H

    found = integrals(integrand, np.array([0.0, 1 - t]), np.array([1 - t, 1.0]), tolerance)
    return _Split(found.value[0], float(found.error.max()))


def _of_steps(pair: Pair, data: AnyExamples, t: float, panels: int) -> _Split:
    ends = np.unique([*np.linspace(0, 1, panels + 1), 1 - t])  # the kernel has a kink there
    L = len(pair.layers)
    moved = np.tri(L + 1, L, -1)  # after k steps the first k layers
    staircases = np.stack([moved, moved[:, ::-1]])
    alpha = ends[:-1, None, None, None] + np.diff(ends)[:, None, None, None] * staircases
    points, places = np.unique(alpha.reshape(-1, L), axis=0, return_inverse=True)
    gradient = derivatives(pair, data, points)[0][places.reshape(-1)].reshape(alpha.shape)
    weights = -_green(t, (ends[1:] + ends[:-1]) / 2)
    forward, backward = np.einsum("p,pokl->okl", weights, np.diff(gradient, axis=2))
    splits = [(B + B.T) / 2 for B in (forward, backward[::-1])]
    return _Split((splits[0] + splits[1]) / 2, float(np.abs(splits[0] - splits[1]).max() / 2))
