"""What one task measures: pairs of random relu networks, joined by a line after matchings.

The initialisation is that of Entezari et al. (2022), Theorem 3.1: weights uniform in [-1, 1] over
the root of the number of inputs of their layer, no biases, one output, |x|^2 = d. With one hidden
layer f = h^{-1/2} sum_i a_i relu(<u_i, x>), a uniform in [-1, 1] and u in a cube: T7 and T8 hold,
with a factor E a^2 = 1/3, as inputs on the sphere have Sigma = I. Relus are homogeneous: what is
said relative to the outputs is the same for rows of any variance, He's as well (D1, D5, D7).

*Matchings* with one hidden layer: by hidden weights u; by all weights (a, u), in units in which
both are of one size; and from there on by swaps that lessen the error at given inputs, which see
the signs of a and make errors of neurons cancel: what they reach is judged at other inputs. Deep:
the package's matchings by weights and by activations, and that of D1, layer by layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.measures import Uniform, UniformCube, UniformSphere
from lmctheory.networks import Examples
from lmctheory.paths import barrier, interpolate
from lmctheory.rates import optimal_permutation
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths import non_gaussian_cost, two_layer
from lmctheory.widths.deep import ensemble, error_bound
from lmctheory.widths.lower import error_between, last_layer_bound, unsigned_error_bound
from simulations.initial_networks import DeepTask, LayerTask, last_layers, relu_network

__all__ = [
    "CANCELLING",
    "DEEP_MATCHINGS",
    "MATCHINGS",
    "Aligned",
    "Deep",
    "Layer",
    "Task",
    "cost_of",
    "run_deep",
    "run_layer",
]

MATCHINGS = ("none", "hidden", "all", "cancelling")
DEEP_MATCHINGS = ("none", "weight", "activation")
CANCELLING = 512
"""Largest width at which swaps are tried."""
_INPUTS = 400
"""On which errors and losses are taken, others for every pair."""
_DEEP_INPUTS = 200
"""Of D1's kernels, whose cost grows with their cube."""
_SEEN = 256
"""Inputs that swaps look at."""
_NEAR, _SWEEPS = 32, 10
"""Partners that are tried for a swap, and how often for every neuron."""
_STARTS, _STEPS = 16, 20
"""Of the search for the input with the largest error."""
_POINTS = 9

Task = LayerTask | DeepTask


@dataclass(frozen=True)
class Aligned:
    """After one matching, by pair; losses are squared errors from a third such network.

    Attributes:
        error: mean square over inputs of f_{1/2} - (f_A + f_B) / 2.
        largest: the largest size of it that was found on the sphere.
        midpoint: barrier at t = 1/2.
        barrier: the largest over t.
    """

    error: list[float]
    largest: list[float]
    midpoint: list[float]
    barrier: list[float]


@dataclass(frozen=True)
class Layer:
    """Errors with one hidden layer, and their bounds.

    Attributes:
        aligned: by matching.
        scale: E f^2.
        lower: of the mean squared error of permutations that do not see output weights (T7).
        upper: of the best of these (T7).
        unsigned: of those that see the sizes of output weights, but not their signs (T8).
        supremum: of the mean of the largest error over t and x, matched by all weights (T2, T4).
    """

    aligned: Mapping[str, Aligned]
    scale: float
    lower: float
    upper: float
    unsigned: float
    supremum: float


@dataclass(frozen=True)
class Deep:
    """Errors of deep networks, and their bounds.

    Attributes:
        aligned: by matching.
        scale: mean square of the outputs of all networks.
        layerwise: squared errors over E f^2 of pairs matched layer by layer, mean over output
            weights.
        lower: of the same, whatever the matching (D7), by pair.
        upper: of the same, over pairs (D1, D5).
    """

    aligned: Mapping[str, Aligned]
    scale: float
    layerwise: list[float]
    lower: list[float]
    upper: float


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, LayerTask):
        swaps = task.pairs * task.width / 500 if task.width <= CANCELLING else 0.0
        return 2 + task.pairs * (0.4 + 4 * (task.width / 2048) ** 2.3) + swaps
    return 2 + task.pairs * (0.5 + task.depth * (task.width / 512) ** 2)


def run_layer(task: LayerTask) -> Layer:
    """Joins pairs after every matching, and bounds the errors in advance."""
    rng = np.random.default_rng(entropy_of(task))
    found: dict[str, list[_Seen]] = {}
    for _ in range(task.pairs):
        a, b, teacher = (_network(task.inputs, task.width, 1, rng) for _ in range(3))
        x = _sphere(_INPUTS, task.inputs, rng)
        for name, order in _orders(a, b, task, rng).items():
            found.setdefault(name, []).append(_seen(a, _reordered(b, order), teacher, x))
    law = UniformCube(task.inputs, side=2 / task.inputs**0.5)
    bounds = error_between(law, task.width)
    return Layer(
        {name: _aligned(ones) for name, ones in found.items()},
        scale=bounds.scale / 3,
        lower=bounds.lower / 3,
        upper=bounds.upper / 3,
        unsigned=unsigned_error_bound(law, task.width) / 3,
        supremum=_supremum(task.inputs, task.width),
    )


def run_deep(task: DeepTask) -> Deep:
    """The same for several layers."""
    rng = np.random.default_rng(entropy_of(task))
    found: dict[str, list[_Seen]] = {}
    squares = []
    for _ in range(task.pairs):
        a, b, teacher = (_network(task.inputs, task.width, task.depth, rng) for _ in range(3))
        x = _sphere(_INPUTS, task.inputs, rng)
        squares += [float(one(x).square().mean()) for one in (a, b, teacher)]
        for name in DEEP_MATCHINGS:
            order = None if name == "none" else match(a, b, name, x)
            aligned = b if order is None else order.apply(b)
            found.setdefault(name, []).append(_seen(a, aligned, teacher, x))
    layerwise, lower, upper = _layer_by_layer(task, rng)
    return Deep(
        {name: _aligned(ones) for name, ones in found.items()},
        float(np.mean(squares)),
        layerwise,
        lower,
        upper,
    )


def _network(d: int, width: int, depth: int, rng: np.random.Generator) -> nn.Sequential:
    """Of Entezari et al.'s law."""
    widths = (d, *[width] * depth, 1)
    reach = [fan_in**-0.5 for fan_in in widths]
    shapes = zip(reach, pairwise(widths), strict=False)
    return relu_network(*(rng.uniform(-r, r, (m, fan_in)) for r, (fan_in, m) in shapes))


def _sphere(n: int, d: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(d**0.5 * UniformSphere(d).sample(n, rng=rng))


def _neurons(network: nn.Sequential) -> tuple[np.ndarray, np.ndarray]:
    """Output weights a ``[h, 1]``, of size 1, and hidden weights u ``[h, d]``."""
    hidden, out = network[0].weight, network[2].weight
    assert isinstance(hidden, Tensor)
    assert isinstance(out, Tensor)
    return out.T.numpy() * len(hidden) ** 0.5, hidden.numpy()


def _orders(
    a: nn.Sequential, b: nn.Sequential, task: LayerTask, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    (out_a, u_a), (out_b, u_b) = _neurons(a), _neurons(b)
    whole_a, whole_b = np.c_[out_a, u_a], np.c_[out_b, u_b]
    orders = {
        "none": np.arange(task.width),
        "hidden": optimal_permutation(u_a, u_b),
        "all": optimal_permutation(whole_a, whole_b),
    }
    if task.width <= CANCELLING:
        x = _sphere(_SEEN, task.inputs, rng).numpy()
        orders["cancelling"] = _swapped(whole_a, whole_b, orders["all"], x, rng)
    return orders


def _reordered(network: nn.Sequential, order: np.ndarray) -> nn.Sequential:
    out, hidden = network[2].weight, network[0].weight
    assert isinstance(hidden, Tensor)
    assert isinstance(out, Tensor)
    return relu_network(hidden.numpy()[order], out.numpy()[:, order])


def _swapped(
    a: Float[np.ndarray, "h k"],
    b: Float[np.ndarray, "h k"],
    order: np.ndarray,
    x: Float[np.ndarray, "n d"],
    rng: np.random.Generator,
) -> np.ndarray:
    """An order to which swaps of near partners lead, each the best of its kind for the error at x.

    Args:
        a: neurons (a, u) of A.
        b: those of B.
        order: where to start.
        x: inputs.
        rng: gives the order in which neurons are tried.
    """
    order, m = order.copy(), len(a)
    near = cKDTree(a).query(a, min(_NEAR + 1, m))[1].reshape(m, -1)[:, 1:]
    outputs_a, outputs_b = (one[:, :1] * np.maximum(one[:, 1:] @ x.T, 0) for one in (a, b))

    def gaps(i: np.ndarray, j: np.ndarray) -> Float[np.ndarray, "k n"]:
        middle = (a[i] + b[j]) / 2
        joined = middle[..., :1] * np.maximum(middle[..., 1:] @ x.T, 0)
        return joined - (outputs_a[i] + outputs_b[j]) / 2

    held = gaps(np.arange(m), order)
    total = held.sum(axis=0)
    for _ in range(_SWEEPS):
        for i in rng.permutation(m):
            others = near[i]
            ours, theirs = gaps(np.full(len(others), i), order[others]), gaps(others, order[i])
            changed = total - held[i] - held[others] + ours + theirs
            squares = np.einsum("kn,kn->k", changed, changed)
            best = int(squares.argmin()) if len(others) else 0
            if len(others) and squares[best] < total @ total:
                j = others[best]
                order[i], order[j] = order[j], order[i]
                held[i], held[j], total = ours[best], theirs[best], changed[best]
    return order


@dataclass(frozen=True)
class _Seen:
    """One pair after one matching, see `Aligned`."""

    error: float
    largest: float
    midpoint: float
    barrier: float


def _aligned(ones: list[_Seen]) -> Aligned:
    def each(name: str) -> list[float]:
        return [getattr(one, name) for one in ones]

    return Aligned(each("error"), each("largest"), each("midpoint"), each("barrier"))


def _seen(a: nn.Module, b: nn.Module, teacher: nn.Module, x: Tensor) -> _Seen:
    middle = interpolate(a, b, 0.5)

    def error(z: Tensor) -> Tensor:
        return (middle(z) - (a(z) + b(z)) / 2).squeeze(1)

    at_inputs = error(x)
    starts = x[at_inputs.abs().topk(_STARTS).indices]
    curve = barrier(a, b, Examples(x, teacher(x), loss="squared"), points=_POINTS)
    return _Seen(
        float(at_inputs.square().mean()),
        _largest(error, starts),
        float(curve.midpoint),
        float(curve.max),
    )


def _largest(error: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """The largest size of an error on the sphere that ascent from inputs x leads to.

    The error is linear on cones: in each it is largest in the direction of its gradient, which is
    tried first, and then half-way as long as that is no gain.
    """
    radius = x[0].norm()
    best = error(x).abs()
    share = torch.ones_like(best)
    for _ in range(_STEPS):
        z = x.clone().requires_grad_()
        [slope] = torch.autograd.grad(error(z).abs().sum(), z)
        aim = slope * (radius / slope.norm(dim=1, keepdim=True).clamp_min(1e-300))
        moved = x + share[:, None] * (aim - x)
        moved = moved * (radius / moved.norm(dim=1, keepdim=True).clamp_min(1e-300))
        there = error(moved).abs()
        gained = there > best
        x, best = torch.where(gained[:, None], moved, x), torch.where(gained, there, best)
        share = torch.where(gained, torch.ones_like(share), share / 2)
    return float(best.max())


def _supremum(d: int, width: int) -> float:
    """T2's bound of the mean error, for all t and x: h^{1/2} times that of a mean over neurons.

    In units in which a neuron (a / sqrt d, u) is uniform in a cube.
    """
    law = UniformCube(d + 1, side=2 / d**0.5)
    constants = two_layer.neuron("relu", radius=d**0.5, output=d**-0.5, weight_norm=1.0)
    return (d * width) ** 0.5 * two_layer.error_bound(law, width, constants)


def _layer_by_layer(
    task: DeepTask, rng: np.random.Generator
) -> tuple[list[float], list[float], float]:
    """Errors after D1's matching, D7's bound for the same pairs, and D1's, all over E f^2."""
    x = _sphere(_DEEP_INPUTS, task.inputs, rng).numpy()

    def rows(m: int, fan_in: int) -> np.ndarray:
        reach = (6 / fan_in) ** 0.5  # of variance 2 / fan_in
        return rng.uniform(-reach, reach, (m, fan_in))

    last = last_layers(x, task, rows)
    nets = ensemble(x, task.depth)
    cost = non_gaussian_cost(Uniform())
    bound = error_bound((task.width,) * task.depth, nets, matching_cost=cost)
    return (
        [layer.errors[0] / bound.scale for layer in last],
        [last_layer_bound(*layer.activations) / bound.scale for layer in last],
        bound.value / bound.scale,
    )
