"""What one task measures: the least function error over permutations, at t = 1/2, untrained relus.

*One hidden layer*: inputs x ~ N(0, I_d), all means over x by arc-cosine kernels, no sampling; the
least over permutations that do not see output weights is an assignment problem. *Deep*: He's
initialisation, inputs on the sphere, layers matched from the input on behind the mean activations.
*Signs*: one output and given normal output weights: the least over permutations that do not see
them, and the least that annealing by exact swaps finds over all permutations.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from lmctheory.measures import Gaussian
from lmctheory.rates import OutOfReach
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths import sampled_kernels
from lmctheory.widths.deep import ensemble, error_bound
from lmctheory.widths.lower import (
    error_between,
    last_layer_bound,
    necessary_width,
    sufficient_width,
    unsigned_error_bound,
)
from simulations.initial_networks import DeepTask, LayerTask, last_layers

__all__ = [
    "Bounded",
    "SignTask",
    "Signs",
    "Task",
    "WidthTask",
    "Widths",
    "cost_of",
    "run_deep",
    "run_layer",
    "run_signs",
    "run_widths",
]

INPUTS = 200
"""Inputs of deep networks and of networks whose signs are seen."""
_NETWORKS = 50
"""Over which kernels of deep networks are averaged."""
_SWEEPS = 60
"""Of annealing, each of m^2 proposed swaps."""


@dataclass(frozen=True)
class SignTask:
    """Pairs of networks with one hidden layer whose output weights are given.

    Attributes:
        inputs: d.
        width: m.
        signed: pairs, how many; annealing takes time.
        seed: of all draws.
    """

    inputs: int
    width: int
    signed: int
    seed: int


@dataclass(frozen=True)
class WidthTask:
    """Widths from tolerances; nothing is drawn.

    Attributes:
        inputs: d.
        tolerances: rho, of the squared error over the mean square of the outputs.
    """

    inputs: int
    tolerances: list[float]


Task = LayerTask | DeepTask | SignTask | WidthTask


@dataclass(frozen=True)
class Widths:
    """By tolerance (T7).

    Attributes:
        necessary: neurons.
        sufficient: neurons; None where no number is known to suffice.
    """

    necessary: list[int]
    sufficient: list[int | None]


@dataclass(frozen=True)
class Bounded:
    """Squared errors per output, the mean over output weights.

    Attributes:
        least: by pair, of the best permutation; of deep networks, of the one that is found.
        lower: what no permutation that does not see output weights undercuts (T7), by pair for deep
            networks (D7).
        upper: what the best does not exceed in the mean (T7, D1).
        unsigned: what none undercuts that sees their sizes (T8); None for deep networks.
        scale: mean square of the outputs.
    """

    least: list[float]
    lower: list[float]
    upper: float
    unsigned: float | None
    scale: float


@dataclass(frozen=True)
class Signs:
    """Squared errors of one output, by pair.

    Attributes:
        blind: of the permutation that is best for the mean over output weights.
        found: the least that is found over all permutations.
        lower: T7, which holds in the mean for permutations that do not see output weights.
        scale: mean square of the outputs.
    """

    blind: list[float]
    found: list[float]
    lower: float
    scale: float


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, LayerTask):
        return 1 + task.pairs * (task.width / 1000) ** 2.5
    if isinstance(task, DeepTask):
        return 1 + task.depth * task.pairs * (task.width / 500) ** 2.5
    if isinstance(task, WidthTask):
        return 20.0 * len(task.tolerances)
    return 1e-5 * task.signed * _SWEEPS * task.width**2


def _kernel(
    products: Float[np.ndarray, "m k"], a: Float[np.ndarray, "m 1"], b: Float[np.ndarray, "1 k"]
) -> Float[np.ndarray, "m k"]:
    """E relu(<w, x>) relu(<w', x>) from <w, w'> and the norms."""
    sizes = a * b
    cosine = np.clip(products / np.where(sizes > 0, sizes, 1.0), -1.0, 1.0)
    angle = np.arccos(cosine)
    return sizes * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine) / (2 * np.pi)


def _mean_costs(
    w: Float[np.ndarray, "m d"], v: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "m m"]:
    """T7's c of all pairs at t = 1/2: (E (s_t - s)^2 + E (s_t - s')^2) / 4."""
    a, b = (np.square(side).sum(axis=1) for side in (w, v))
    products = w @ v.T
    middle = np.sqrt(np.maximum(a[:, None] + 2 * products + b, 0.0)) / 2
    norms_a, norms_b = np.sqrt(a)[:, None], np.sqrt(b)[None]
    with_a = _kernel((a[:, None] + products) / 2, norms_a, middle)
    with_b = _kernel((b + products) / 2, middle, norms_b)
    return (middle**2 + (a[:, None] + b) / 2 - 2 * (with_a + with_b)) / 4


def run_layer(task: LayerTask) -> Bounded:
    """The least error of every pair, and the bounds."""
    rng = np.random.default_rng(entropy_of(task))
    law = Gaussian(spectrum=np.ones(task.inputs))
    least = []
    for _ in range(task.pairs):
        costs = _mean_costs(*rng.standard_normal((2, task.width, task.inputs)))
        rows, columns = linear_sum_assignment(costs)
        least.append(float(costs[rows, columns].mean()))
    found = error_between(law, task.width)
    unsigned = unsigned_error_bound(law, task.width)
    return Bounded(least, [found.lower] * task.pairs, found.upper, unsigned, found.scale)


def run_deep(task: DeepTask) -> Bounded:
    """The error of every pair after matching layer by layer, and the bounds."""
    rng = np.random.default_rng(entropy_of(task))
    x = rng.standard_normal((INPUTS, task.inputs))
    x *= np.sqrt(task.inputs) / np.linalg.norm(x, axis=1, keepdims=True)
    widths = (task.width,) * task.depth

    def rows(m: int, fan_in: int) -> np.ndarray:
        return (rng.standard_normal((fan_in, m)) * np.sqrt(2 / fan_in)).T

    last = last_layers(x, task, rows)
    kernels = sampled_kernels(x, widths, networks=_NETWORKS, rng=rng)
    bound = error_bound(widths, ensemble(x, task.depth, kernels=kernels))
    lower = [last_layer_bound(*layer.activations) for layer in last]
    return Bounded([layer.errors[0] for layer in last], lower, bound.value, None, bound.scale)


def run_widths(task: WidthTask) -> Widths:
    """Widths that are necessary, and that suffice."""
    mu = Gaussian(spectrum=np.ones(task.inputs))
    enough: list[int | None] = []
    for rho in task.tolerances:
        try:
            enough.append(sufficient_width(rho, mu))
        except OutOfReach:
            enough.append(None)
    return Widths([necessary_width(rho, mu) for rho in task.tolerances], enough)


def run_signs(task: SignTask) -> Signs:
    """Pairs with given output weights, matched blindly and by annealing."""
    rng = np.random.default_rng(entropy_of(task))
    blind, found = zip(*(_signed_pair(task, rng) for _ in range(task.signed)), strict=True)
    bounds = error_between(Gaussian(spectrum=np.ones(task.inputs)), task.width)
    return Signs(list(blind), list(found), bounds.lower, bounds.scale)


def _signed_pair(task: SignTask, rng: np.random.Generator) -> tuple[float, float]:
    w, v = rng.standard_normal((2, task.width, task.inputs))
    u, o = rng.standard_normal((2, task.width, 1))
    half = rng.standard_normal((INPUTS // 2, task.inputs))
    x = np.r_[half, -half]  # as the theorem has it, x ~ -x
    s, s_prime = np.maximum(w @ x.T, 0), np.maximum(v @ x.T, 0)
    s_t = np.maximum((w[:, None] + v) @ x.T / 2, 0.0)
    errors = (u[:, None] + o) / 2 * s_t - (u * s / 2)[:, None] - o * s_prime / 2
    means = (np.square(s_t - s[:, None]) + np.square(s_t - s_prime)).mean(axis=2) / 4
    _, order = linear_sum_assignment(means)
    errors /= np.sqrt(task.width)
    start = errors[np.arange(task.width), order].sum(axis=0)
    least = _annealed(errors, order, rng)
    return float(np.square(start).mean()), least


def _annealed(
    errors: Float[np.ndarray, "m m n"], order: np.ndarray, rng: np.random.Generator
) -> float:
    """The least mean square of a sum of errors that swaps of two partners lead to."""
    order, m = order.copy(), len(order)
    total = errors[np.arange(m), order].sum(axis=0)
    value = best = float(np.square(total).mean())
    accept = _cooling(m * float(np.square(errors).mean()))
    for sweep in range(_SWEEPS):
        for i, j in rng.integers(m, size=(m * m, 2)):
            moved = errors[i, order[j]] + errors[j, order[i]]
            changed = total + moved - errors[i, order[i]] - errors[j, order[j]]
            then = float(np.square(changed).mean())
            if i != j and accept(then - value, sweep, float(rng.random())):
                order[i], order[j] = order[j], order[i]
                total, value = changed, then
                best = min(best, value)
    return best


def _cooling(first: float) -> Callable[[float, int, float], bool]:
    """Accepts what gets better, and worse with a temperature that falls from a first one."""

    def accept(rise: float, sweep: int, uniform: float) -> bool:
        temperature = first * 10.0 ** (-6 * sweep / _SWEEPS)
        return rise < 0 or uniform < np.exp(-rise / temperature)

    return accept
