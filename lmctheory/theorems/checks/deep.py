"""Checks on deep networks with independent neurons (D)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from lmctheory.activations import KNOWN
from lmctheory.measures import (
    Gaussian,
    Laplace,
    LowRankPlusNoise,
    Marginal,
    Modulo,
    RademacherMixture,
    TruncatedNormal,
    Uniform,
)
from lmctheory.theorems._registry import tries
from lmctheory.theorems.checks.simulation import simulated, slack
from lmctheory.theorems.trial import Trial
from lmctheory.widths.deep import ensemble, error_bound
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.kernels import sampled_kernels
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.low_dimension import low_dimensional_bound
from lmctheory.widths.non_gaussian import non_gaussian_cost

_PAIRS = 64
"""Pairs of networks per trial."""
_NETWORKS = 100
"""Networks over which kernels are averaged."""
_MARGINALS: tuple[Marginal, ...] = (
    Uniform(),
    TruncatedNormal(cut=2.0),
    RademacherMixture(noise=1.0),
    Laplace(),
)
Array = Float[np.ndarray, "n m"]


def _data(rng: np.random.Generator) -> Array:
    """Examples with a mean and a few directions, as images have."""
    d = int(rng.integers(2, 9))
    return rng.standard_normal((12, d)) * 0.6 ** np.arange(d) + rng.random()


def _widths(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(2 * m for m in rng.integers(4, 17, size=int(rng.integers(1, 4))).tolist())


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _match(a: Array, b: Array) -> np.ndarray:
    return np.asarray(linear_sum_assignment(a.T @ b, maximize=True)[1])


def _aligned(a: Array, b: Array, rows: np.ndarray, modulo: Modulo) -> np.ndarray:
    """B's rows in the order, and with the signs, in which pre-activations b are nearest to a."""
    if modulo is None:
        return np.asarray(rows[:, _match(a, b)])
    products = a.T @ b
    perm = linear_sum_assignment(np.abs(products), maximize=True)[1]
    signs = np.where(products[np.arange(len(perm)), perm] < 0, -1.0, 1.0)
    return np.asarray(rows[:, perm] * signs)


def _rows(fan_in: int, m: int, rng: np.random.Generator, s_w: float = 2**0.5) -> np.ndarray:
    return rng.standard_normal((fan_in, m)) * s_w / fan_in**0.5


@dataclass(frozen=True)
class _Line:
    """A matched pair: output error at t, and the cost and gram of every layer behind A."""

    error: float
    costs: tuple[float, ...]
    grams: tuple[Float[np.ndarray, "n n"], ...]


def _line(
    x: Array,
    widths: Sequence[int],
    t: float,
    rng: np.random.Generator,
    sigma: Callable[[Array], Array] = _relu,
    s_w: float = 2**0.5,
    modulo: Modulo = None,
) -> _Line:
    a = b = middle = x
    costs, grams = [], []
    for fan_in, m in pairwise((x.shape[1], *widths)):
        W_a, W_b = _rows(fan_in, m, rng, s_w), _rows(fan_in, m, rng, s_w)
        W_b = _aligned((a + b) @ W_a, (a + b) @ W_b, W_b, modulo)
        costs.append(float(((a @ (W_a - W_b)) ** 2).mean()))
        grams.append(a @ a.T / fan_in)
        middle = sigma(middle @ (t * W_a + (1 - t) * W_b))
        a, b = sigma(a @ W_a), sigma(b @ W_b)
    error = (t**2 * (middle - a) ** 2 + (1 - t) ** 2 * (middle - b) ** 2).mean()
    return _Line(float(error), tuple(costs), tuple(grams))


def _below(draws: Sequence[float], bound: float) -> Trial:
    return Trial(float(np.mean(draws)), bound, slack(draws))


@tries("D1")
def _deep(rng: np.random.Generator) -> Iterator[Trial]:
    names = sorted(KNOWN)
    while True:
        activation, s_w = names[int(rng.integers(len(names)))], float(2 ** rng.uniform(-2, 2))
        yield matched_networks(activation, s_w, rng)


def matched_networks(
    activation: str, s_w: float, rng: np.random.Generator, modulo: Modulo = None
) -> Trial:
    """D1 on random data, at a random t."""
    x, widths, t = _data(rng), _widths(rng), float(rng.uniform(0.1, 0.9))
    sigma = KNOWN[activation].function
    draws = [_line(x, widths, t, rng, sigma, s_w, modulo).error for _ in range(_PAIRS)]
    kernels = sampled_kernels(x, widths, activation, s_w=s_w, networks=_NETWORKS, rng=rng)
    networks = ensemble(x, len(widths), activation, s_w=s_w, kernels=kernels)
    return _below(draws, error_bound(widths, networks, t=t, modulo=modulo).value)


@tries("D2")
def _lower(rng: np.random.Generator) -> Iterator[Trial]:
    """The permutation that is optimal behind phi-bar; a random layer; 16 pairs, as L takes time."""
    while True:
        x, widths = _data(rng), _widths(rng)
        layer = int(rng.integers(len(widths)))
        lines = [_line(x, widths, 0.5, rng) for _ in range(_PAIRS // 4)]
        lower = [matching_lower_bounds([line.grams[layer]], [widths[layer]])[0] for line in lines]
        costs = [line.costs[layer] for line in lines]
        allowed = slack([cost - low for cost, low in zip(costs, lower, strict=True)])
        yield Trial(float(np.mean(lower)), float(np.mean(costs)), allowed)


@tries("D4")
def _low_dimension(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        rank, eta = int(rng.integers(1, 4)), float(10 ** rng.uniform(-2, 0))
        near, m = Gaussian(spectrum=np.ones(rank)), int(rng.integers(2, 64))
        law = LowRankPlusNoise(rank, 12, eta)
        for independent in (True, False):
            bound = low_dimensional_bound(near, m, eta, independent=independent)
            yield simulated(law, m, bound, rng=rng)


@tries("D5")
def _non_gaussian(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        marginal = _MARGINALS[int(rng.integers(len(_MARGINALS)))]
        x, m = _data(rng), int(rng.integers(2, 64))
        law = Gaussian(covariance=x @ x.T / len(x) / x.shape[1])
        samples = marginal.sample((2 * _PAIRS * m, x.shape[1]), rng=rng)
        neurons = (samples @ x.T / (len(x) * x.shape[1]) ** 0.5).reshape(_PAIRS, 2, m, -1)
        costs = [float(((a - b[_match(a.T, b.T)]) ** 2).sum() / m) for a, b in neurons]
        yield _below(costs, non_gaussian_cost(marginal)(law, m))


@tries("D6")
def _dropout(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        x, widths = _data(rng), _widths(rng)
        draws = [_reduced_error(x, widths, rng) for _ in range(_PAIRS)]
        kernels = sampled_kernels(x, widths, networks=_NETWORKS, rng=rng)
        yield _below(draws, dropout_bound(widths, ensemble(x, len(widths), kernels=kernels)).value)


def _reduced_error(x: Array, widths: Sequence[int], rng: np.random.Generator) -> float:
    whole = merged = x
    for fan_in, m in pairwise((x.shape[1], *widths)):
        W = _rows(fan_in, m, rng)
        z = (whole + merged) @ W
        partner = _match(z[:, m // 2 :], z[:, : m // 2])
        kept = _relu(merged @ W[:, : m // 2])
        whole, merged = _relu(whole @ W), np.concatenate([kept, kept[:, partner]], axis=1)
    return float(((merged - whole) ** 2).mean())
