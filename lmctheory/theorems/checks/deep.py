"""Checks on deep networks with independent neurons (D)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log10
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from lmctheory.activations import KNOWN
from lmctheory.measures import (
    Gaussian,
    Laplace,
    LowRankPlusNoise,
    Marginal,
    Measure,
    Modulo,
    RademacherMixture,
    TruncatedNormal,
    Uniform,
)
from lmctheory.rates import upper_bound
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.checks.simulation import slack
from lmctheory.theorems.trial import Trial
from lmctheory.widths.deep import DeepBound, Ensemble, ensemble, error_bound
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.kernels import sampled_kernels
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.low_dimension import low_dimensional_bound
from lmctheory.widths.non_gaussian import gaussian_parts, non_gaussian_cost
from lmctheory.widths.paper_rates import (
    Tower,
    entezari_two_layer,
    ferbach_deep,
    ferbach_two_layer,
)
from lmctheory.widths.simulated import simulated_error_bound

_NETWORKS = 100
"""Networks over which kernels are averaged, from the third layer on: in theory exact before."""
_MARGINALS: tuple[Marginal, ...] = (
    Uniform(),
    TruncatedNormal(cut=2.0),
    RademacherMixture(noise=1.0),
    Laplace(),
)
_STOREY = 1e-6
"""What a tower leaves out one storey below a top that was above 10^6."""
Array = Float[np.ndarray, "..."]


@dataclass(frozen=True)
class _Setting:
    """Examples, widths, and how many pairs of networks are drawn.

    Where one neuron reads many directions there is nothing to match, and costs scatter little; on
    one line there is an exact bound. D's bounds are attained there by the identity.
    """

    x: Float[np.ndarray, "n d"]
    widths: tuple[int, ...]
    pairs: int


def _setting(rng: np.random.Generator) -> _Setting:
    kind = rng.random()
    if kind < 0.2:
        return _Setting(rng.standard_normal((24, 100)), (1,), 2048)
    if kind < 0.4:
        return _Setting(rng.standard_normal((12, 1)), (int(rng.integers(1, 9)),), 2048)
    # examples with a mean and a few directions, as images have
    d, depth = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    x = rng.standard_normal((12, d)) * 0.6 ** np.arange(d) + rng.random()
    return _Setting(x, tuple(rng.integers(1, 17, size=depth).tolist()), 128)


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _match(a: Array, b: Array) -> np.ndarray:
    """By pair of networks the neurons of b ``[pairs, n, m]`` in the order of a's."""
    products = a.swapaxes(1, 2) @ b
    return np.array([linear_sum_assignment(one, maximize=True)[1] for one in products])


def _aligned(a: Array, b: Array, rows: Array, modulo: Modulo) -> Array:
    """B's rows in the order, and with the signs, in which pre-activations b are nearest to a."""
    if modulo is None:
        return np.take_along_axis(rows, _match(a, b)[:, None], axis=2)
    products = a.swapaxes(1, 2) @ b
    order = np.array([linear_sum_assignment(np.abs(one), maximize=True)[1] for one in products])
    matched = np.take_along_axis(products, order[:, :, None], axis=2)[:, :, 0]
    signs = np.where(matched < 0, -1.0, 1.0)
    return np.asarray(np.take_along_axis(rows, order[:, None], axis=2) * signs[:, None])


def _rows(pairs: int, fan_in: int, m: int, rng: np.random.Generator, s_w: float = 2**0.5) -> Array:
    return rng.standard_normal((pairs, fan_in, m)) * s_w / fan_in**0.5


def _affine(a: Array, rows: Array) -> Array:
    """Pre-activations; the last coordinate of a row is its bias."""
    return np.asarray(a @ rows[:, :-1] + rows[:, -1:])


def _errors(
    setting: _Setting,
    t: float,
    rng: np.random.Generator,
    sigma: Callable[[Array], Array],
    s_w: float,
    s_b: float,
    modulo: Modulo,
    matched: bool,
) -> Float[np.ndarray, " pairs"]:
    """Of pairs of networks at t, means over data and output weights."""
    a = b = middle = setting.x[None]
    for m in setting.widths:
        shape = (setting.pairs, a.shape[2], m)
        biases = s_b * rng.standard_normal((2, setting.pairs, 1, m))
        W_a, W_b = (np.concatenate([_rows(*shape, rng, s_w), own], axis=1) for own in biases)
        if matched:
            mean = (a + b) / 2
            W_b = _aligned(_affine(mean, W_a), _affine(mean, W_b), W_b, modulo)
        middle = sigma(_affine(middle, t * W_a + (1 - t) * W_b))
        a, b = sigma(_affine(a, W_a)), sigma(_affine(b, W_b))
    squares = t**2 * (middle - a) ** 2 + (1 - t) ** 2 * (middle - b) ** 2
    return np.asarray(squares.mean(axis=(1, 2)))


def _below(draws: Array, bound: float) -> Trial:
    return Trial(float(draws.mean()), bound, slack(draws))


def _networks(
    setting: _Setting, activation: str, s_w: float, s_b: float, rng: np.random.Generator
) -> Ensemble:
    x, depth = setting.x, len(setting.widths)
    kernels = None
    if depth > 2:
        kernels = sampled_kernels(
            x, setting.widths, activation, s_w=s_w, s_b=s_b, networks=_NETWORKS, rng=rng
        )
    return ensemble(x, depth, activation, s_w=s_w, s_b=s_b, kernels=kernels)


Bounded = Callable[..., DeepBound]


def _deep_trials(
    rng: np.random.Generator, bounded: Bounded = error_bound, *, matched: bool = True
) -> Iterator[Trial]:
    names = ["identity"] * 3 + sorted(KNOWN)
    while True:
        activation, s_w = str(rng.choice(names)), float(2 ** rng.uniform(-2, 2))
        s_b = float(rng.choice([0.0, 0.0, 0.5]))
        yield matched_networks(activation, s_w, rng, s_b=s_b, bounded=bounded, matched=matched)


def matched_networks(
    activation: str,
    s_w: float,
    rng: np.random.Generator,
    modulo: Modulo = None,
    *,
    s_b: float = 0.0,
    bounded: Bounded = error_bound,
    matched: bool = True,
) -> Trial:
    """D1 on random data, at a random t."""
    setting, t = _setting(rng), float(rng.uniform(0.1, 0.9))
    sigma = KNOWN[activation].function
    draws = _errors(setting, t, rng, sigma, s_w, s_b, modulo, matched)
    networks = _networks(setting, activation, s_w, s_b, rng)
    return _below(draws, bounded(setting.widths, networks, t=t, modulo=modulo).value)


def _of_wider(widths: Sequence[int], networks: Ensemble, **options: Any) -> DeepBound:
    return error_bound([2 * m for m in widths], networks, **options)


tries("D1", counts=(40, 600))(_deep_trials)
breaks("D1", "matching costs of twice the widths")(partial(_deep_trials, bounded=_of_wider))
breaks("D1", "layers are not matched")(partial(_deep_trials, matched=False))


@tries("D1s", counts=(25, 250))
def _simulated_deep(rng: np.random.Generator, wider: int = 1) -> Iterator[Trial]:
    """The bound itself fails with probability 1e-11."""

    def bounded(widths: Sequence[int], networks: Ensemble, **options: Any) -> DeepBound:
        widths = [wider * m for m in widths]
        return simulated_error_bound(widths, networks, repeats=32, delta=1e-11, rng=rng, **options)

    yield from _deep_trials(rng, bounded)


breaks("D1s", "matchings of twice the widths")(partial(_simulated_deep, wider=2))


@tries("D2", counts=(25, 300))
def _lower(
    rng: np.random.Generator, fewer: int = 1, *, columns_known: bool = False
) -> Iterator[Trial]:
    """Given the layers below, with the permutation that is optimal behind A's activations."""
    while True:
        setting = _setting(rng)
        phi, m = setting.x, setting.widths[-1]
        for width in setting.widths[:-1]:
            phi = _relu(phi @ _rows(1, phi.shape[1], width, rng)[0])
        n, fan_in = phi.shape
        (bound,) = matching_lower_bounds([phi @ phi.T / fan_in], [-(-m // fewer)])
        W_a, W_b = (_rows(setting.pairs, fan_in, m, rng) for _ in range(2))
        if columns_known:  # B's columns in the order of A's first row
            ranks = W_a[:, :, 0].argsort(axis=1).argsort(axis=1)
            order = np.take_along_axis(W_b[:, :, 0].argsort(axis=1), ranks, axis=1)
            W_b = np.take_along_axis(W_b, order[:, :, None], axis=1)
        z_a, z_b = phi @ W_a, phi @ W_b
        costs = np.square(z_a - _aligned(z_a, z_b, z_b, None)).sum(axis=(1, 2)) / (n * m)
        yield Trial(bound, float(costs.mean()), slack(costs))


breaks("D2", "L of half the neurons")(partial(_lower, fewer=2))
breaks("D2", "columns permuted jointly with the rows")(partial(_lower, columns_known=True))


def _iterated_logarithm(tower: Tower, times: int) -> float:
    value = tower.top
    for _ in range(tower.height - times):
        value = 10**value
    for _ in range(times - tower.height):
        value = log10(value)
    return value


@tries("D3", counts=(40, 20_000))
def _towers(
    rng: np.random.Generator,
    deep: Callable[..., list[Tower]] = ferbach_deep,
    old: Callable[[float, int], Tower] = entezari_two_layer,
) -> Iterator[Trial]:
    """Iterated logarithms of the rates, both ways."""
    while True:
        m_0, eps = int(rng.integers(5, 30)), float(10 ** rng.uniform(-4, -0.5))
        T = rng.uniform(1, 10, size=3)
        logs = np.log10(T / eps)
        first = m_0 * logs[0]
        second = first + log10(logs[1])
        # of a number that may be too large for one, beside which the rest vanishes
        third = log10(10**second + log10(logs[2])) if second < 300 else second
        towers = deep(eps, m_0, 3, T.tolist())
        pairs = [
            *(
                (_iterated_logarithm(tower, k), y)
                for k, (tower, y) in enumerate(
                    zip(towers, (first, second, third), strict=True), start=1
                )
            ),
            (_iterated_logarithm(ferbach_two_layer(eps, m_0), 1), -m_0 * log10(eps)),
            (_iterated_logarithm(old(eps, m_0), 1), -(2 * m_0 + 4) * log10(eps)),
        ]
        for computed, expected in pairs:
            yield Trial(computed, float(expected), _STOREY)
            yield Trial(float(expected), computed, _STOREY)


breaks("D3", "T_l / eps^2")(
    partial(_towers, deep=lambda eps, m_0, depth, T: ferbach_deep(eps**2, m_0, depth, T))
)
breaks("D3", "eps^{-2 m_0 - 6} for eps^{-2 m_0 - 4}")(
    partial(_towers, old=lambda eps, m_0: entezari_two_layer(eps, m_0 + 1))
)


def _costs(law: Measure, m: int, rng: np.random.Generator) -> Float[np.ndarray, " draws"]:
    """Of optimal matchings; many more draws where there is nothing to match."""
    draws = 2048 if m == 1 else 128
    a, b = (law.sample(draws * m, rng=rng).reshape(draws, m, -1) for _ in range(2))
    return _matching_costs(a, b)


def _matching_costs(a: Array, b: Array) -> Float[np.ndarray, " draws"]:
    matched = _aligned(a.swapaxes(1, 2), b.swapaxes(1, 2), b.swapaxes(1, 2), None)
    return np.asarray(np.square(a - matched.swapaxes(1, 2)).sum(axis=2).mean(axis=1))


@tries("D4", counts=(40, 1000))
def _low_dimension(
    rng: np.random.Generator,
    bounded: Callable[..., float] = low_dimensional_bound,
    *,
    called_independent: bool = False,
) -> Iterator[Trial]:
    """A rest that is independent of y; and one that is a multiple of it."""
    while True:
        m, rank = (1, 20) if rng.random() < 0.3 else (int(rng.integers(2, 32)), 0)
        rank = rank or int(rng.integers(1, 4))
        eta, near = float(rank**0.5 * 10 ** rng.uniform(-2, 0)), Gaussian(spectrum=np.ones(rank))
        noisy = LowRankPlusNoise(rank, rank + 20, eta)
        yield _below(_costs(noisy, m, rng), bounded(near, m, eta, independent=True))
        larger = Gaussian(spectrum=np.full(rank, (1 + eta / rank**0.5) ** 2))
        bound = bounded(near, m, eta, independent=called_independent)
        yield _below(_costs(larger, m, rng), bound)


def _less_noise(mu: Measure, m: int, eta: float, *, independent: bool) -> float:
    return low_dimensional_bound(mu, m, eta / 2**0.5, independent=independent)


breaks("D4", "eta^2 in place of 2 eta^2")(partial(_low_dimension, bounded=_less_noise))
breaks("D4", "a rest that depends on y called independent")(
    partial(_low_dimension, called_independent=True)
)


Cost = Callable[[Gaussian, int], float]


@tries("D5", counts=(30, 500))
def _non_gaussian(
    rng: np.random.Generator, cost: Callable[[Marginal], Cost] = non_gaussian_cost
) -> Iterator[Trial]:
    while True:
        marginal = _MARGINALS[int(rng.integers(len(_MARGINALS)))]
        setting = _setting(rng)
        x, m, pairs = setting.x, setting.widths[0], setting.pairs
        law = Gaussian(covariance=x @ x.T / len(x) / x.shape[1])
        samples = marginal.sample((2 * pairs * m, x.shape[1]), rng=rng)
        a, b = (samples @ x.T / (len(x) * x.shape[1]) ** 0.5).reshape(2, pairs, m, -1)
        yield _below(_matching_costs(a, b), cost(marginal)(law, m))


def _gaussian_part_alone(marginal: Marginal) -> Cost:
    def cost(law: Gaussian, m: int) -> float:
        return min(variance * upper_bound(law, m).value for variance, _ in gaussian_parts(marginal))

    return cost


breaks("D5", "2 (1 - v) tr Lambda dropped")(partial(_non_gaussian, cost=_gaussian_part_alone))


@tries("D6", counts=(40, 600))
def _dropout(
    rng: np.random.Generator, bounded: Bounded = dropout_bound, *, doubled: bool = False
) -> Iterator[Trial]:
    names = ["identity"] * 3 + sorted(KNOWN)
    while True:
        drawn, activation = _setting(rng), str(rng.choice(names))
        setting = replace(drawn, widths=tuple(2 * m for m in drawn.widths))
        draws = _reduced_errors(setting, KNOWN[activation].function, rng, doubled=doubled)
        networks = _networks(setting, activation, 2**0.5, 0.0, rng)
        yield _below(draws, bounded(setting.widths, networks).value)


def _reduced_errors(
    setting: _Setting,
    sigma: Callable[[Array], Array],
    rng: np.random.Generator,
    *,
    doubled: bool,
) -> Float[np.ndarray, " pairs"]:
    whole = merged = setting.x[None]
    for m in setting.widths:
        W = _rows(setting.pairs, whole.shape[2], m, rng)
        z = (whole + merged) @ W
        partner = _match(z[:, :, m // 2 :], z[:, :, : m // 2])
        kept = sigma(merged @ W[:, :, : m // 2])
        taken_over = np.take_along_axis(kept, partner[:, None], axis=2)
        whole, merged = sigma(whole @ W), np.concatenate([kept, taken_over], axis=2)
    if doubled:
        merged = np.concatenate([2 * kept, np.zeros_like(kept)], axis=2)
    return np.asarray(np.square(merged - whole).mean(axis=(1, 2)))


def _kept_more(widths: Sequence[int], networks: Ensemble) -> DeepBound:
    return dropout_bound([2 * m for m in widths], networks)


breaks("D6", "M(m) in place of M(m/2)")(partial(_dropout, bounded=_kept_more))
breaks("D6", "outgoing weights doubled")(partial(_dropout, doubled=True))
