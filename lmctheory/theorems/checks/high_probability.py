"""Checks on deep networks with high probability (D8): levels of simulated errors.

A level is estimated by an order statistic that lies above it with probability 1e-11 at most.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom

from lmctheory.activations import KNOWN
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.checks.simulation import FALSE_ALARM
from lmctheory.theorems.trial import Trial
from lmctheory.widths import effective_outputs
from lmctheory.widths.deep import Ensemble, ErrorQuantile, ensemble, error_quantile
from lmctheory.widths.high_probability import chi_square_factor
from lmctheory.widths.kernels import sampled_kernels

_MANY_OUTPUTS = 10_000
_NETWORKS = 1000
"""Over which kernels are averaged, from the third layer on: in theory exact before."""
Array = Float[np.ndarray, "..."]
Bound = Callable[..., ErrorQuantile]


@dataclass(frozen=True)
class _Setting:
    """Pairs of networks on examples."""

    x: Float[np.ndarray, "n d"]
    widths: tuple[int, ...]
    activation: str
    s_w: float
    s_b: float
    t: float
    n_out: int
    delta: float

    def networks(self, rng: np.random.Generator) -> Ensemble:
        """With kernels of such widths, where infinite ones are not exact."""
        options = {"s_w": self.s_w, "s_b": self.s_b}
        kernels = None
        if len(self.widths) > 2:
            kernels = sampled_kernels(
                self.x, self.widths, self.activation, networks=_NETWORKS, rng=rng, **options
            )
        return ensemble(self.x, len(self.widths), self.activation, kernels=kernels, **options)


def _one_neuron(rng: np.random.Generator) -> _Setting:
    """On orthogonal examples: hidden layers and outputs alike are near what is said of them."""
    n, n_out = (1000, _MANY_OUTPUTS) if rng.random() < 0.5 else (100, int(rng.integers(1, 4)))
    delta = 0.5 if n_out == _MANY_OUTPUTS else float(rng.choice([0.01, 0.1]))
    return _Setting(n**0.5 * np.eye(n), (1,), "identity", 1.0, 0.0, 0.5, n_out, delta)


def _few_neurons(rng: np.random.Generator) -> _Setting:
    n, d, depth = (int(rng.integers(1, high)) for high in (6, 5, 4))
    widths = tuple(rng.integers(1, 5, size=depth).tolist())
    return _Setting(
        x=rng.standard_normal((n, d)) + rng.random(),
        widths=widths,
        activation=str(rng.choice(sorted(KNOWN))),
        s_w=float(2 ** rng.uniform(-2, 1)),
        s_b=float(rng.choice([0.0, 0.5])),
        t=float(rng.choice([0.5, 0.2, 0.9])),
        n_out=int(rng.choice([1, 10, _MANY_OUTPUTS])),
        delta=float(rng.choice([0.01, 0.1, 0.3])),
    )


def _hidden(setting: _Setting, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """phi^t, phi^A and phi^B of the last hidden layer, layers permuted to make T_l least."""
    t, sigma = setting.t, KNOWN[setting.activation].function
    middle = a = b = setting.x
    for m in setting.widths:
        W, V = rng.standard_normal((2, a.shape[1], m)) * setting.s_w / a.shape[1] ** 0.5
        c, d = setting.s_b * rng.standard_normal((2, m))
        of_a, of_b = sigma(a @ W + c), sigma(b @ V + d)
        pairs = sigma((t * (middle @ W + c))[:, :, None] + ((1 - t) * (middle @ V + d))[:, None])
        squares = t**2 * np.square(pairs - of_a[:, :, None])
        squares += (1 - t) ** 2 * np.square(pairs - of_b[:, None])
        order = linear_sum_assignment(squares.sum(axis=0))[1]
        middle, a, b = pairs[:, np.arange(m), order], of_a, of_b[:, order]
    return middle, a, b


def _squares(
    setting: _Setting, hidden: tuple[Array, Array, Array], rng: np.random.Generator
) -> float:
    """Mean squared error of an output, for drawn output weights."""
    middle, a, b = hidden
    parts = np.concatenate([setting.t * (middle - a), (1 - setting.t) * (middle - b)], axis=1)
    singular = np.linalg.svd(parts, compute_uv=False)
    chi_squares = rng.chisquare(setting.n_out, len(singular)) / setting.n_out
    return float(np.square(singular) @ chi_squares) / (parts.size / 2)


def _of_one_neuron(setting: _Setting, draws: int, rng: np.random.Generator) -> Array:
    """The same where the activation is the identity and examples are orthogonal: of rank one."""
    hidden = rng.chisquare(len(setting.x), draws) / len(setting.x) / 4
    return np.asarray(hidden * rng.chisquare(setting.n_out, draws) / setting.n_out)


def _level(draws: Array, delta: float) -> float:
    """Below what the draws exceed with probability delta, but for the rate of false alarms."""
    rank = int(binom.ppf(FALSE_ALARM, len(draws), 1 - delta)) - 1
    return float(np.sort(draws)[rank]) if rank >= 0 else 0.0


@tries("D8", counts=(24, 400))
def _levels(
    rng: np.random.Generator,
    bounded: Bound = error_quantile,
    factor: Callable[[float, float], float] = chi_square_factor,
) -> Iterator[Trial]:
    while True:
        if rng.random() < 0.5:
            setting = _one_neuron(rng)
            draws = _of_one_neuron(setting, 20_000, rng)
        else:
            setting = _few_neurons(rng)
            draws = np.array([_squares(setting, _hidden(setting, rng), rng) for _ in range(400)])
        found = bounded(
            setting.widths,
            setting.networks(rng),
            setting.delta,
            t=setting.t,
            n_out=setting.n_out,
        )
        yield Trial(_level(draws, setting.delta), found.value / setting.n_out)
        yield _given_hidden_layers(rng, factor)


def _given_hidden_layers(
    rng: np.random.Generator, factor: Callable[[float, float], float]
) -> Trial:
    """Step 3 of the proof: output weights alone are drawn, the error's covariance is known."""
    setting = _few_neurons(rng)
    middle, a, b = _hidden(setting, rng)
    k = effective_outputs(middle, a, b, t=setting.t, n_out=setting.n_out)
    parts = np.concatenate([setting.t * (middle - a), (1 - setting.t) * (middle - b)], axis=1)
    weights = np.square(np.linalg.svd(parts, compute_uv=False))
    draws = rng.chisquare(setting.n_out, (20_000, len(weights))) @ weights / setting.n_out
    larger = factor(k, setting.delta) * float(weights.sum())
    return Trial(_level(draws, setting.delta), larger)


def _no_deviation(*given: Any, **options: Any) -> ErrorQuantile:
    """As if the hidden layers' error were its mean."""
    found = error_quantile(*given, **options)
    return replace(found, value=found.value / found.hidden * found.mean)


def _wider(widths: tuple[int, ...], *given: Any, **options: Any) -> ErrorQuantile:
    return error_quantile([100 * m for m in widths], *given, **options)


breaks("D8", "the hidden layers' error is its mean")(partial(_levels, bounded=_no_deviation))
breaks("D8", "k four times as large")(
    partial(_levels, factor=lambda k, delta: chi_square_factor(4 * k, delta))
)
breaks("D8", "a hundred times the width")(partial(_levels, bounded=_wider))
