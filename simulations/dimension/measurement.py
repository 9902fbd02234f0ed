"""What one task measures: pairs of two-layer networks whose hidden weights have one of the laws.

Neurons are matched by hidden weights, optimally. The *cost* is the mean square distance of
partners. The *error* is that of f = m^{-1/2} sum_i u_i relu(<w_i, x>) at t = 1/2, mean over
independent output weights u and inputs x ~ N(0, I), over E f^2 (T7). The *barrier* is that of
networks with equal output weights, f = (1/m) sum_i relu(<w_i, x>), whose errors cannot cancel (T10,
T11), for the squared loss and labels from very many neurons of the same law; it stands over the
mean loss of A and B. Were there no error, it would be -1/2: the average of two networks is better
than they are.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from lmctheory.measures import HasSpectrum, Measure
from lmctheory.networks import Examples
from lmctheory.paths import barrier
from lmctheory.rates import OutOfReach, lower_bound, optimal_permutation, upper_bound
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths import crossover_width, low_dimensional_bound
from lmctheory.widths.lower import error_between
from simulations.dimension.laws import LAWS
from simulations.initial_networks import relu_network

__all__ = [
    "Crossover",
    "CrossoverTask",
    "Measured",
    "Task",
    "WidthTask",
    "cost_of",
    "run",
    "run_crossover",
]

_INPUTS = 200
_TEACHER = 32768
"""Neurons that stand for infinitely many."""
_POINTS = 3


@dataclass(frozen=True)
class WidthTask:
    """Pairs of networks of one law and width.

    Attributes:
        law: of `LAWS`.
        width: m.
        draws: of pairs.
        seed: of all of them.
    """

    law: str
    width: int
    draws: int
    seed: int


@dataclass(frozen=True)
class CrossoverTask:
    """D4's crossover of one law with noise; nothing is drawn.

    Attributes:
        law: of `LAWS`.
        seed: of the study.
    """

    law: str
    seed: int


Task = WidthTask | CrossoverTask


@dataclass(frozen=True)
class Crossover:
    """Where U of the law without noise is 2 eta^2: a width, or None beyond 10^12."""

    width: int | None


@dataclass(frozen=True)
class Measured:
    """By pair, and what is known in advance.

    Attributes:
        cost: of matching.
        error: squared, over E f^2.
        barrier: at t = 1/2, over the mean loss of both networks.
        unmatched: the same without matching.
        lower: L of the cost.
        upper: U of the cost.
        near: D4's bound of it; None without noise.
        error_lower: T7, over E f^2.
        error_upper: likewise.
        scale: what the cost is without matching.
    """

    cost: list[float]
    error: list[float]
    barrier: list[float]
    unmatched: list[float]
    lower: float
    upper: float
    near: float | None
    error_lower: float
    error_upper: float
    scale: float

    def mean(self, what: str) -> Mean:
        """Over pairs."""
        return Mean.over(getattr(self, what))


def cost_of(task: Task) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, CrossoverTask):
        return 5.0
    return 1 + task.draws * (0.05 + (task.width / 1600) ** 2.3)


def run_crossover(task: CrossoverTask) -> Crossover:
    """Searches for the width."""
    law = LAWS[task.law]
    try:
        return Crossover(crossover_width(law.near, law.eta))
    except OutOfReach:
        return Crossover(None)


def run(task: WidthTask) -> Measured:
    """Draws pairs, and computes the bounds."""
    rng = np.random.default_rng(entropy_of(task))
    law = LAWS[task.law]
    data = _examples(law.measure, rng)
    drawn = [_pair(law.measure, task.width, data, rng) for _ in range(task.draws)]
    cost, error, joined, unmatched = (list(column) for column in zip(*drawn, strict=True))
    assert isinstance(law.measure, HasSpectrum)
    bounds = error_between(law.measure, task.width)
    noise = law.eta > 0
    near = low_dimensional_bound(law.near, task.width, law.eta, independent=True) if noise else None
    return Measured(
        cost,
        error,
        joined,
        unmatched,
        lower=lower_bound(law.measure, task.width).value,
        upper=upper_bound(law.measure, task.width).value,
        near=near,
        error_lower=bounds.lower / bounds.scale,
        error_upper=bounds.upper / bounds.scale,
        scale=2 * float(np.sum(law.measure.spectrum)),
    )


def _examples(mu: Measure, rng: np.random.Generator) -> Examples:
    x = rng.standard_normal((_INPUTS, mu.dimension))
    labels = np.maximum(x @ mu.sample(_TEACHER, rng=rng).T, 0).mean(axis=1, keepdims=True)
    return Examples(torch.from_numpy(x), torch.from_numpy(labels), loss="squared")


def _pair(
    mu: Measure, m: int, data: Examples, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    a, b = (mu.sample(m, rng=rng) for _ in range(2))
    x = data.inputs.numpy()
    matched = b[optimal_permutation(a, b)]
    cost = float(np.square(a - matched).sum(axis=1).mean())
    return cost, _error(a, matched, x), _barrier(a, matched, data), _barrier(a, b, data)


def _error(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], x: Float[np.ndarray, "n d"]
) -> float:
    """Mean over output weights of variance 1, over E f^2."""
    middle, *ends = (np.maximum(x @ w.T, 0) for w in ((a + b) / 2, a, b))
    square = sum(float(np.square(middle - end).mean()) for end in ends) / 4
    return square / float(np.square(ends).mean())


def _barrier(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], data: Examples) -> float:
    first, second = (relu_network(w, np.full((1, len(w)), 1 / len(w))) for w in (a, b))
    curve = barrier(first, second, data, points=_POINTS)
    return float(curve.midpoint / (curve.loss[0] + curve.loss[-1]) * 2)
