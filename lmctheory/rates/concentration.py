r"""Concentration (R10): how far a matching cost strays from its mean; simulated bounds (R2).

*Bounded support, diameter D.* Replacing one of the 2m neurons moves W_p^p by at most D^p/m. By
McDiarmid's inequality, for either tail, P(W_p^p >= E W_p^p + s) <= exp(-m s^2 / D^{2p}).

*Log-Sobolev constant C* (C = lambda_1 for a Gaussian): for p >= 1, W_p is a function of all 2m
neurons with the Lipschitz constant sqrt 2 m^{-1/max(2, p)}, as (sum |x_i|^p / m)^{1/p} is at most
|x| / sqrt m for p <= 2 and |x| m^{-1/p} beyond. By Herbst's argument, for either tail,

    P(W_p >= E W_p + s) <= exp(-m^{2/max(2, p)} s^2 / (4 C)),

and by Poincare's inequality, with the same constant, Var W_p <= 2 C m^{-2/max(2, p)}. It is W_p
and not W_p^p that is concentrated here: E W_p <= (E W_p^p)^{1/p} serves the upper tail, and for
p = 2 the lower one is served by

    (E W_2)^2 = E W_2^2 - Var W_2 >= E W_2^2 - 2 C / m.

Constants: r^2/(d-1) on the sphere, a^2/pi^2 on the cube, r^2/(d+1) in the ball (a projection of the
sphere in R^{d+2}); an L-Lipschitz image has L^2 C.

*Modulo signs* (S1) both hold as they stand: McDiarmid's inequality in any metric space, with the
diameter of the quotient, and Herbst's argument as W_p has the Lipschitz constant still.

*Simulation.* n independent pairs of samples at width w are 2wn neurons; the mean W of their W_2 has
the Lipschitz constant sqrt(2/(w n)). With s = sqrt(4 C ln(1/delta) / (w n)) and R2, each with
probability 1 - delta,

    M(m) <= M(w) <= (W + s)^2 + 2 C / w   for m >= w,      M(m) >= M(w) >= (W - s)_+^2   for m <= w,

and for bounded support with the mean of W_2^2 and s = D^2 sqrt(ln(1/delta) / (w n)),
M(m) <= mean + s for m >= w and M(m) >= mean - s for m <= w. Where both apply, delta is shared.

*Any X >= 0*, such as what a matching costs in another metric. min(X, cap) / cap lies in [0, 1]; by
Hoeffding (1963, Theorem 1), with mu its mean and kl the divergence of Bernoulli laws, the mean of n
draws is q or more with probability at most exp(-n kl(q, mu)), q >= mu. So E X >= cap mu with
probability 1 - delta, for the mu <= q that solves n kl(q, mu) = ln(1/delta): some 5 % below the
mean for 256 draws that scatter little and delta = 10^-3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum

import numpy as np
from jaxtyping import Shaped
from scipy.optimize import brentq
from scipy.special import rel_entr

from lmctheory.measures import Bounded, LogSobolev, Measure, Modulo
from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    generator,
    positive,
    probability,
)
from lmctheory.measures.quotient import by_signs, quotient_diameter
from lmctheory.rates.bound import Bound
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost

__all__ = [
    "Deviation",
    "deviation",
    "mean_lower_bound",
    "simulated_lower_bound",
    "simulated_upper_bound",
    "upper_bound_from_costs",
]


_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Deviation:
    """How far W_p may lie from its mean, each with probability 1 - delta and on either side.

    Attributes:
        p: the exponent.
        power: s with W_p^p <= E W_p^p + s; infinite if nothing is known.
        distance: s with W_p <= E W_p + s; infinite if nothing is known.
        variance: an upper bound of Var W_p; infinite if nothing is known.
    """

    p: float
    power: float
    distance: float
    variance: float

    def above(self, mean: float) -> float:
        """A bound of W_p^p with probability 1 - delta, from an upper bound of its mean."""
        root = mean ** (1 / self.p) + self.distance
        return float(min(mean + self.power, root**self.p))

    def below(self, mean: float) -> float:
        """A lower bound of W_p^p with probability 1 - delta, from a lower bound of its mean."""
        by_power = mean - self.power
        if self.p != 2:  # E W_p is known to be near (E W_p^p)^{1/p} for p = 2 only
            return float(max(by_power, 0.0))
        root = np.sqrt(max(mean - self.variance, 0.0)) - self.distance
        return float(max(by_power, max(root, 0.0) ** 2, 0.0))


def deviation(
    mu: Measure, m: int, delta: float, p: float = 2.0, *, modulo: Modulo = None
) -> Deviation:
    """What W_p between two samples of m neurons may add to its mean, or lack, by R10.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample, >= 1.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: if the law has neither a diameter nor, for p >= 1, a log-Sobolev constant.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R10, S1; McDiarmid (1989), Ledoux (2001).

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> round(deviation(Gaussian(spectrum=[1.0]), 400, 0.05).distance, 3)
        0.173
    """
    m, p, delta = at_least("m", m, 1), positive("p", p), probability("delta", delta)
    signs = by_signs(modulo)
    power = distance = variance = np.inf
    if isinstance(mu, Bounded):
        diameter = quotient_diameter(mu) if signs else mu.diameter
        power = diameter**p * np.sqrt(-np.log(delta) / m)
    if isinstance(mu, LogSobolev) and p >= 1:
        share = 2 * mu.log_sobolev_constant / m ** (2 / max(2, p))
        variance, distance = share, np.sqrt(-2 * share * np.log(delta))
    if np.isinf(power) and np.isinf(distance):
        raise TypeError(
            f"R10 needs a law with a diameter, or for p >= 1 with a log_sobolev_constant, "
            f"{type(mu).__name__} has none for p = {p:g}"
        )
    return Deviation(p, float(power), float(distance), float(variance))


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
    deviation(mu, width, delta, modulo=modulo)  # refuses what is wrong before the work
    rng = generator(rng)
    costs = matching_cost(mu, width, repeats=repeats, modulo=modulo, rng=rng)
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
    deviation(mu, width, delta, modulo=modulo)  # refuses what is wrong before the work
    rng = generator(rng)
    costs = matching_cost(mu, width, repeats=repeats, modulo=modulo, rng=rng)
    return _from_costs(costs, mu, width, delta, modulo, _below, max)


def mean_lower_bound(draws: Shaped[ArrayLike, " n"], cap: float, delta: float) -> float:
    """E X at least, with probability 1 - delta, for any X >= 0, from independent draws of it.

    Rounded down: the bound is not above that of exact arithmetic.

    Args:
        draws: X_1, ..., X_n ``[n]``, >= 0.
        cap: > 0, chosen without looking at the draws; near the mean is good.
        delta: probability of failure, between 0 and 1.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for no draws, negative or infinite ones, a cap <= 0, delta out of range.

    Reference:
        Hoeffding (1963), Theorem 1.

    Example:
        >>> round(mean_lower_bound(np.ones(100), 1.0, 0.05), 4)  # 0.05 ** (1 / 100)
        0.9705
    """
    x = array("draws", draws, "n", least=0.0)
    cap, delta = positive("cap", cap), probability("delta", delta)
    # every rounding error is at most a few eps of what it is an error of: so much is taken off
    q = fsum(np.minimum(x / cap, 1.0)) / len(x) * (1 - 4 * _EPS)
    needed = -float(np.log(delta)) / len(x) * (1 + 16 * _EPS) + 16 * _EPS

    def missing(mu: float) -> float:
        return float(rel_entr(q, mu) + rel_entr(1 - q, 1 - mu)) - needed

    # kl(q, mu) >= -q ln mu - ln 2
    surely = float(np.exp(-(needed + np.log(2)) * (1 + 8 * _EPS) / max(q, 1e-300)))
    least = max(surely, 1e-300)
    if missing(least) <= 0:  # by rounding, as at q = 1/2 the bound is sharp, or out of range
        return cap * surely * (1 - 4 * _EPS)
    root = brentq(lambda u: missing(np.exp(u)), np.log(least), np.log(q), xtol=1e-14)
    mean = float(np.exp(root))
    while missing(mean) < 0:  # beyond the root, by the solver's tolerance
        mean *= 1 - 1e-14
    return cap * mean * (1 - 4 * _EPS)


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
