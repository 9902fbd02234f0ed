r"""Barrier and curvature along the path: an identity (L4).

With g(t) = loss(theta_t) and G(t,s) = min(t,s) (1 - max(t,s)),

    barrier(t) = - int_0^1 G(t,s) g''(s) ds - sum_k G(t,s_k) [g'](s_k).

*Proof.* h = barrier has h(0) = h(1) = 0 and h'' = g''. Where g is smooth, two integrations by parts
give `int G(t,s) h''(s) ds = -h(t)`, since dG/ds jumps by -1 at s = t. At a kink s_k the integral of
h'' over the two sides misses `[h'](s_k) = [g'](s_k)`, which enters with the weight G(t,s_k).

So the barrier is a weighted mean of minus the curvature met on the path, most heavily near t. With
*smooth* activations the sum is empty. With piecewise linear ones and a finite data set, g is smooth
but at the finitely many s at which the pre-activation of some neuron vanishes for some example: it
then passes from one linear piece of sigma to the other, and with z' its rate of change there,

    [g'](s_k) = (b / n) (beta - alpha) |z'|,

b the derivative of that example's loss in the neuron's activation, alpha and beta the slopes below
and above zero: the slope of the activation along the path changes from alpha z' to beta z' where z
grows, and from beta z' to alpha z' where it falls. For the ReLU, g'' is the curvature at fixed
activation patterns, and the kinks are what pattern changes add. (Where neurons of several layers
vanish at one place, `lmctheory.layerwise.kinks` says which z' is meant.)

Networks that are no chains are differentiated twice in t by PyTorch, in reverse mode: forward mode
twice is silently wrong for LayerNorm (PyTorch 2.13). Where they have kinks these are not looked
for: the residual is what they add.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.layerwise.points.differentiable import (
    differentiable,
    loss_at,
    require_derivatives,
    twice_differentiable,
)
from lmctheory.layerwise.points.pair import Pair, pair_of
from lmctheory.layerwise.second_order.diagonal import Diagonal
from lmctheory.layerwise.second_order.kinks import Kinks, diagonal_of, kinks_of, pieces
from lmctheory.layerwise.second_order.quadrature import NODES, green, integrals, solution
from lmctheory.measures.arguments import at_least, probability
from lmctheory.networks import AnyExamples
from lmctheory.networks.affine import find_chains
from lmctheory.networks.calling import rows as rows_of
from lmctheory.networks.state import Evaluation, copied
from lmctheory.paths.interpolation import blocks
from lmctheory.progress import tracked
from lmctheory.results import Result

__all__ = ["Curvature", "curvature"]

_MODULE_ROWS = 256


@dataclass(frozen=True, eq=False, repr=False)
class Curvature(Result):
    """The barrier, and the curvature that it is made of; t = 1 is A.

    Attributes:
        t: ``[points]`` from 0 to 1.
        loss: ``[points]`` mean loss at theta_t.
        second_derivative: ``[points]`` loss''(t), at a kink that of one side.
        smooth: ``[points]`` - int G(t,s) loss''(s) ds.
        kinked: ``[points]`` - sum_k G(t,s_k) [loss'](s_k); zero where no kinks were looked for.
        quadrature_error: estimated error of any entry of `smooth`.
        kinks: the kinks on the path; None for networks that are no chains.
    """

    t: Float[np.ndarray, " points"]
    loss: Float[np.ndarray, " points"]
    second_derivative: Float[np.ndarray, " points"]
    smooth: Float[np.ndarray, " points"]
    kinked: Float[np.ndarray, " points"]
    quadrature_error: float
    kinks: Kinks | None = field(default=None)

    @property
    def barrier(self) -> Float[np.ndarray, " points"]:
        """loss(theta_t) - [t loss(A) + (1-t) loss(B)], measured."""
        return self.loss - self.t * self.loss[-1] - (1 - self.t) * self.loss[0]

    @property
    def residual(self) -> Float[np.ndarray, " points"]:
        """Measured barrier less both sums: zero but for rounding and quadrature.

        For networks that are no chains it is what their kinks add, if they have any.
        """
        return self.barrier - self.smooth - self.kinked

    def __repr__(self) -> str:
        peak = 1 + int(np.argmax(self.barrier[1:-1]))
        found = "not looked for" if self.kinks is None else f"{len(self.kinks)}"
        return (
            f"Curvature(at t={self.t[peak]:.4g}: barrier={self.barrier[peak]:.4g}, "
            f"smooth={self.smooth[peak]:.4g}, kinked={self.kinked[peak]:.4g}, "
            f"residual={self.residual[peak]:.2g}; kinks: {found})"
        )


def curvature(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    points: int = 25,
    *,
    rtol: float = 1e-9,
    evaluations: int = 2000,
) -> Curvature:
    """Second derivative of the loss along the path, and the barrier as its weighted mean (L4).

    Everything is float64. For chains with piecewise linear activations every example is integrated
    between its own kinks, all of which are found; seconds for some hundred examples. Other networks
    are differentiated by PyTorch, at a cost that `evaluations` bounds.

    Args:
        model_a: network A, at t = 1; evaluation mode is used.
        model_b: network B, at t = 0, already aligned with A.
        data: the examples.
        points: number of equally spaced t, ends included.
        rtol: of the quadrature, relative to the largest integral of loss'' between two points.
        evaluations: of loss'' at most, for networks that are no chains. One takes about ten forward
            passes of all examples; the first look takes 15 (points - 1), and is refined until
            `rtol` or this is reached, which `quadrature_error` shows. Smooth networks need little
            more than the first look; behind kinks, of which there are many, it does not end.

    Returns:
        Both sides of the identity, and their difference.

    Raises:
        TypeError: if the forward pass keeps derivatives from autograd.
        ValueError: for fewer than 3 points, rtol outside (0, 1), too few evaluations, networks
            of different architecture or with NaN or infinite weights, data that do not fit, or a
            piecewise linear activation behind a smooth one.

    Reference:
        Key L4 (derived); compare Singh et al. 2024, who relate the two without the identity.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = curvature(a, b, data, points=5)
        >>> bool(abs(found.residual).max() < 1e-9), bool(found.kinked.min() < 0)
        (True, True)
    """
    points, rtol = at_least("points", points, 3), probability("rtol", rtol)
    alpha = np.linspace(0, 1, points)
    if find_chains(model_a, model_b) is None:
        first = NODES * (points - 1)
        if evaluations < first:
            raise ValueError(
                f"evaluations must be >= {first} for so many points, got {evaluations}"
            )
        return _of_modules(model_a, model_b, data, alpha, rtol, evaluations)
    diagonal, x = diagonal_of(model_a, model_b, data)
    return _of_chains(diagonal, x, data.labels.to(x.device), alpha, rtol)


def _of_chains(
    diagonal: Diagonal, x: Tensor, labels: Tensor, alpha: np.ndarray, rtol: float
) -> Curvature:
    everyone = np.arange(len(x))
    grid = np.tile(everyone, len(alpha)), np.repeat(alpha, len(x))
    found = kinks_of(diagonal, x, labels)
    cuts = pieces(len(x), np.append(found.example, grid[0]), np.append(found.alpha, grid[1]))
    second = partial(_second_derivatives, diagonal, x, labels)
    weight = diagonal.loss.weight(labels)
    moments = integrals(
        lambda piece, s: _with_moment(second(cuts.example[piece], s), s),
        cuts.start,
        cuts.end,
        rtol,
        np.searchsorted(alpha, (cuts.start + cuts.end) / 2) - 1,
    )
    return Curvature(
        t=alpha,
        loss=_losses(diagonal, x, labels, *grid).reshape(len(alpha), -1).sum(1)[::-1] / weight,
        second_derivative=second(*grid).reshape(len(alpha), -1).sum(1)[::-1] / weight,
        smooth=solution(alpha, moments.value)[::-1] / weight,
        kinked=-(green(alpha, found.alpha) @ found.jump)[::-1],
        quadrature_error=float(moments.error.sum()) / weight,
        kinks=found,
    )


def _second_derivatives(
    diagonal: Diagonal, x: Tensor, labels: Tensor, example: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """Second derivatives of single examples, each at a place of its own."""
    found = np.empty(len(alpha))
    for rows in diagonal.blocks(len(alpha)):
        s, chosen = torch.from_numpy(alpha[rows]).to(x), torch.from_numpy(example[rows])
        hessian = diagonal.hessian(x[chosen], labels[chosen], s)
        found[rows] = hessian.sum((1, 2)).cpu().numpy()
    return found


def _losses(
    diagonal: Diagonal, x: Tensor, labels: Tensor, example: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    found = np.empty(len(alpha))
    for rows in diagonal.blocks(len(alpha)):
        s, chosen = torch.from_numpy(alpha[rows]).to(x), torch.from_numpy(example[rows])
        outputs = diagonal.pre_activations(x[chosen], s, len(diagonal) - 1)[-1]
        found[rows] = diagonal.loss.each(outputs[None], labels[chosen])[0].cpu().numpy()
    return found


def _of_modules(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    alpha: np.ndarray,
    rtol: float,
    evaluations: int,
) -> Curvature:
    wide_a, wide_b = (copied(model).double() for model in (model_a, model_b))
    pair = pair_of(wide_a, wide_b, data)
    require_derivatives(pair, data)
    jet = partial(_jet, pair, differentiable(pair.model), data)

    def jets(places: np.ndarray) -> np.ndarray:
        return np.array([jet(s) for s in tracked(places.tolist(), "differentiating twice")])

    loss, second = jets(alpha).T
    moments = integrals(
        lambda _, places: _with_moment(jets(places)[:, 1], places),
        alpha[:-1],
        alpha[1:],
        rtol,
        np.arange(len(alpha) - 1),
        evaluations=evaluations,
    )
    smooth, none = solution(alpha, moments.value)[::-1], np.zeros_like(alpha)
    return Curvature(alpha, loss[::-1], second[::-1], smooth, none, float(moments.error.sum()))


def _with_moment(values: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Values f and s f, ``[points, 2]``."""
    return np.stack([values, s * values], axis=-1)


def _jet(
    pair: Pair, evaluation: Evaluation, data: AnyExamples, alpha: float
) -> tuple[float, float]:
    """Loss and its second derivative where all layers are at alpha."""
    total = np.zeros(2)
    for rows in blocks(len(data), _MODULE_ROWS):
        x = evaluation.inputs(rows_of(data.inputs, rows))
        labels = data.labels[rows].to(evaluation.like.device)
        with twice_differentiable():
            s = evaluation.like.new_tensor(alpha, requires_grad=True)
            loss = loss_at(pair, evaluation, [s] * len(pair.layers), x, labels, data.loss)
            [slope] = torch.autograd.grad(loss, s, create_graph=True)
            [second] = torch.autograd.grad(slope, s)
        total += (loss.item(), second.item())
    mean: list[float] = (total / data.loss.weight(data.labels)).tolist()
    return mean[0], mean[1]
