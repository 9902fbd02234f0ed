r"""Bounds from simulated costs (R2, R10, R20): true with a stated probability, near the truth.

Costs at a width say something about all larger ones, or all smaller ones, by R2. F is the mean of
the costs W = W_2^2 of n independent pairs of samples at width w.

*Log-Sobolev constant C* (R20). Where W is differentiable in the 2w neurons, its squared gradient is
8 W / w: it bounds itself. With k = 4 C / w, Herbst's argument for min(W, R), R -> infinity, gives

    ln E e^{tW} <= t M / (1 - kt),  0 < t < 1/k,      ln E e^{-tW} <= -t M / (1 + kt),  t > 0,

and Chernoff's bound for the mean of n of them, each with probability 1 - delta,

    M(m) <= M(w) <= (sqrt F + s)^2   for m >= w,      M(m) >= M(w) >= (sqrt F - s)_+^2   for m <= w,
    s = sqrt(4 C ln(1/delta) / (w n)).

*Bounded support, diameter D* (R10): with s = D^2 sqrt(ln(1/delta) / (w n)), M(m) <= F + s for
m >= w and M(m) >= F - s for m <= w. Where both apply, delta is shared.

*How many costs.* With r = sqrt F / s the first interval is a share 1 - ((r - 1) / (r + 1))^2 of its
upper end, with r = F / s the second one 2 / (1 + r). Both are at most g if F is at least L and s is
small enough beside L. So n follows from g and a lower bound L of M(m), without a look at any cost,
and the interval holds as often as it says; only whether F is above L is left to chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Bounded, LogSobolev, Measure, Modulo
from lmctheory.measures.arguments import RandomSource, at_least, generator, probability
from lmctheory.rates.bound import Bound, all_but
from lmctheory.rates.concentration import Deviation, deviation
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost
from lmctheory.rates.lower.sandwich_below import lower_bound
from lmctheory.results import Result

__all__ = [
    "SimulatedInterval",
    "simulated_interval",
    "simulated_lower_bound",
    "simulated_upper_bound",
    "upper_bound_from_costs",
]

_SELF, _SUPPORT = "R20 simulated", "R10 simulated"
_REPEATS = 16


@dataclass(frozen=True, repr=False)
class SimulatedInterval(Result):
    """Both ends of a matching cost, from the same simulated costs.

    Attributes:
        lower: M(m) at least, and at every smaller width.
        upper: M(m) at most, and at every larger width.
        costs: what was simulated.
    """

    lower: Bound
    upper: Bound
    costs: Estimate

    @property
    def failure(self) -> float:
        """The probability with which M(m) may lie outside."""
        return self.lower.failure + self.upper.failure

    @property
    def gap(self) -> float:
        """(upper - lower) / upper; 0 for a zero cost."""
        return 1 - self.lower.value / self.upper.value if self.upper.value else 0.0

    def __repr__(self) -> str:
        ends = f"{self.lower.value:.6g} to {self.upper.value:.6g}"
        return f"<SimulatedInterval: {ends}, with probability {all_but(self.failure)}>"


def simulated_interval(
    mu: Measure,
    m: int,
    *,
    delta: float = 0.01,
    repeats: int | None = None,
    gap: float | None = None,
    modulo: Modulo = None,
    rng: RandomSource,
) -> SimulatedInterval:
    """Encloses M(m) with probability 1 - delta, from exact costs simulated at this width.

    Half of delta for either end: alone, each holds with probability 1 - delta / 2.

    Args:
        mu: a law with a log-Sobolev constant (R20), or of bounded support (R10), whose interval is
            much wider.
        m: number of neurons in each sample, >= 1.
        delta: probability of failure, between 0 and 1.
        repeats: number of independent pairs of samples, >= 1; 16 unless a gap is asked for.
        gap: asked for, between 0 and 1: as many pairs as it takes by the lower bound L (R11), which
            knows nothing of what is drawn. Found is a smaller one, unless costs are below L.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        Both ends, in squared units of the weights, per neuron.

    Raises:
        TypeError: if the law has neither a log-Sobolev constant nor a diameter.
        ValueError: if an argument is out of range, both repeats and a gap are given, or L is 0
            where a gap is asked for.

    Reference:
        theory keys R2, R10, R20, S1; derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> found = simulated_interval(Gaussian(spectrum=[1.0] * 10), 200, gap=0.1, rng=0)
        >>> found.gap < 0.1
        True
    """
    m, delta = at_least("m", m, 1), probability("delta", delta)
    if gap is not None:
        if repeats is not None:
            raise ValueError(f"repeats must be left out where a gap is asked for, got {repeats}")
        repeats = _enough(mu, m, delta / 2, probability("gap", gap), modulo)
    elif repeats is None:
        repeats = _REPEATS
    costs = _simulated(mu, m, repeats, delta / 2, modulo, rng)
    lower, upper = (
        _from_costs(costs, mu, m, delta / 2, modulo, terms, best)
        for terms, best in ((_below, max), (_above, min))
    )
    return SimulatedInterval(lower, upper, costs)


def _enough(mu: Measure, m: int, delta: float, gap: float, modulo: Modulo) -> int:
    """How many costs make the interval a share `gap` of its upper end, if they are above L."""
    one = deviation(mu, m, delta / 2 if _both(mu) else delta, modulo=modulo)
    least = lower_bound(mu, m, modulo=modulo).value
    if least == 0:
        raise ValueError(f"gap must be left out where the lower bound of the cost is 0, got {gap}")
    left = (1 - gap) ** 0.5
    for_roots = one.distance**2 / least * ((1 + left) / (1 - left)) ** 2
    for_means = (one.power / least * (2 / gap - 1)) ** 2
    return max(int(np.ceil(min(for_roots, for_means))), 1)


def _both(mu: Measure) -> bool:
    return isinstance(mu, Bounded) and isinstance(mu, LogSobolev)


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
        theory keys R2, R10, R20, S1.

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
        theory keys R10, R20, S1.

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
        theory keys R2, R10, R20, S1; the mirror image of the upper bound, derived here.

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
    return {_SELF: (costs.mean**0.5 + one.distance / n) ** 2, _SUPPORT: costs.mean + one.power / n}


def _below(costs: Estimate, one: Deviation) -> dict[str, float]:
    n = len(costs.draws) ** 0.5
    root, mean = costs.mean**0.5 - one.distance / n, costs.mean - one.power / n
    return {_SELF: max(root, 0.0) ** 2, _SUPPORT: max(mean, 0.0)}


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
    one = deviation(mu, width, delta / 2 if _both(mu) else delta, modulo=modulo)
    known = {_SELF: np.isfinite(one.distance), _SUPPORT: np.isfinite(one.power)}
    terms = {key: value for key, value in terms_of(costs, one).items() if known[key]}
    key = best(terms, key=lambda name: terms[name])
    assumptions = (
        f"neurons independent, from one {type(mu).__name__}",
        f"holds with probability {all_but(delta)} over {len(costs.draws)} simulated pairs at width"
        f" {width}",
    )
    return Bound(terms[key], key, terms, assumptions, failure=delta)
