r"""Bounds from simulated costs (R2, R10): true with a stated probability, near the truth.

Costs at a width say something about all larger ones, or all smaller ones, by R2; how far they stray
from their means, R10 says (`concentration`).

n independent pairs of samples at width w are 2wn neurons; the mean W of their W_2 has the Lipschitz
constant sqrt(2/(w n)). With s = sqrt(4 C ln(1/delta) / (w n)) and R2, each with probability
1 - delta,

    M(m) <= M(w) <= (W + s)^2 + 2 C / w   for m >= w,      M(m) >= M(w) >= (W - s)_+^2   for m <= w,

and for bounded support with the mean of W_2^2 and s = D^2 sqrt(ln(1/delta) / (w n)),
M(m) <= mean + s for m >= w and M(m) >= mean - s for m <= w. Where both apply, delta is shared.
"""

from collections.abc import Callable

import numpy as np

from lmctheory.measures import Bounded, LogSobolev, Measure, Modulo
from lmctheory.measures.arguments import RandomSource, at_least, generator, probability
from lmctheory.rates.bound import Bound
from lmctheory.rates.concentration import Deviation, deviation
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost

__all__ = ["simulated_lower_bound", "simulated_upper_bound", "upper_bound_from_costs"]


def simulated_upper_bound(
    mu: Measure,
    m: int,
    *,
    width: int,
    repeats: int,
    delta: float,
    modulo: Modulo = None,
    rng: RandomSource,
) -> Bound:
    """M(m) at most, with probability 1 - delta, from exact costs simulated at a smaller width.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample.
        width: simulated width w, 1 <= w <= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10, S1.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_upper_bound(mu, 1000, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.771 < bound.value < 2.2
        True
    """
    m, width = at_least("m", m, 1), at_least("width", width, 1)
    if not width <= m:
        raise ValueError(f"width must be <= m = {m}, got {width}")
    costs = _simulated(mu, width, repeats, delta, modulo, rng)
    return upper_bound_from_costs(costs, mu, width=width, delta=delta, modulo=modulo)


def upper_bound_from_costs(
    costs: Estimate, mu: Measure, *, width: int, delta: float, modulo: Modulo = None
) -> Bound:
    """M(width) at most, with probability 1 - delta, from exact costs that are known already.

    Args:
        costs: of independent pairs of samples from mu.
        mu: a law of bounded support, or with a log-Sobolev constant.
        width: number of neurons in each sample.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for costs that are modulo signs.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R10, S1.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> costs = matching_cost(mu, 200, repeats=4, rng=rng)
        >>> upper_bound_from_costs(costs, mu, width=200, delta=0.01).value > costs.mean
        True
    """
    return _from_costs(costs, mu, width, delta, modulo, _above, min)


def simulated_lower_bound(
    mu: Measure,
    m: int,
    *,
    width: int,
    repeats: int,
    delta: float,
    modulo: Modulo = None,
    rng: RandomSource,
) -> Bound:
    """M(m) at least, with probability 1 - delta, from exact costs simulated at a larger width.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample, >= 1.
        width: simulated width w >= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10, S1; the mirror image of the upper bound, derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_lower_bound(mu, 100, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.9 < bound.value < 2.2
        True
    """
    m, width = at_least("m", m, 1), at_least("width", width, 1)
    if not width >= m:
        raise ValueError(f"width must be >= m = {m}, got {width}")
    costs = _simulated(mu, width, repeats, delta, modulo, rng)
    return _from_costs(costs, mu, width, delta, modulo, _below, max)


def _simulated(
    mu: Measure, width: int, repeats: int, delta: float, modulo: Modulo, rng: RandomSource
) -> Estimate:
    deviation(mu, width, delta, modulo=modulo)  # refuses what is wrong before the work
    return matching_cost(mu, width, repeats=repeats, modulo=modulo, rng=generator(rng))


def _above(costs: Estimate, one: Deviation) -> dict[str, float]:
    n = len(costs.draws) ** 0.5
    distance = float(np.sqrt(costs.draws).mean()) + one.distance / n
    terms = {"R2 simulated, W": distance**2 + one.variance}
    return terms | {"R2 simulated, W^2": costs.mean + one.power / n}


def _below(costs: Estimate, one: Deviation) -> dict[str, float]:
    n = len(costs.draws) ** 0.5
    distance = float(np.sqrt(costs.draws).mean()) - one.distance / n
    terms = {"R2 simulated, W": max(distance, 0.0) ** 2}
    return terms | {"R2 simulated, W^2": max(costs.mean - one.power / n, 0.0)}


def _from_costs(
    costs: Estimate,
    mu: Measure,
    width: int,
    delta: float,
    modulo: Modulo,
    terms_of: Callable[[Estimate, Deviation], dict[str, float]],
    best: Callable[..., str],
) -> Bound:
    width, delta = at_least("width", width, 1), probability("delta", delta)
    both = isinstance(mu, Bounded) and isinstance(mu, LogSobolev)
    one = deviation(mu, width, delta / 2 if both else delta, modulo=modulo)
    known = {
        "R2 simulated, W": np.isfinite(one.distance),
        "R2 simulated, W^2": np.isfinite(one.power),
    }
    terms = {key: value for key, value in terms_of(costs, one).items() if known[key]}
    key = best(terms, key=lambda name: terms[name])
    assumptions = (
        f"neurons independent, from one {type(mu).__name__}",
        f"holds with probability {1 - delta:g} over {len(costs.draws)} simulated pairs at width"
        f" {width}",
    )
    return Bound(terms[key], key, terms, assumptions, failure=delta)
