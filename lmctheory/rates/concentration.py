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

*Simulation.* n independent pairs of samples at width w are 2wn neurons; the mean W of their W_2 has
the Lipschitz constant sqrt(2/(w n)). With s = sqrt(4 C ln(1/delta) / (w n)) and R2, each with
probability 1 - delta,

    M(m) <= M(w) <= (W + s)^2 + 2 C / w   for m >= w,      M(m) >= M(w) >= (W - s)_+^2   for m <= w,

and for bounded support with the mean of W_2^2 and s = D^2 sqrt(ln(1/delta) / (w n)),
M(m) <= mean + s for m >= w and M(m) >= mean - s for m <= w. Where both apply, delta is shared.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Bounded, LogSobolev, Measure
from lmctheory.measures.arguments import at_least, positive
from lmctheory.rates.bound import Bound
from lmctheory.rates.monte_carlo import Estimate, matching_cost

__all__ = [
    "Deviation",
    "checked_delta",
    "deviation",
    "simulated_lower_bound",
    "simulated_upper_bound",
]


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


def deviation(mu: Measure, m: int, delta: float, p: float = 2.0) -> Deviation:
    """What W_p between two samples of m neurons may add to its mean, or lack, by R10.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample, >= 1.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.

    Raises:
        TypeError: if the law has neither a diameter nor, for p >= 1, a log-Sobolev constant.
        ValueError: if an argument is out of range.

    Reference:
        theory key R10; McDiarmid (1989), Ledoux (2001).

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> round(deviation(Gaussian(spectrum=[1.0]), 400, 0.05).distance, 3)
        0.173
    """
    at_least("m", m, 1)
    checked_delta(delta)
    positive("p", p)
    power = distance = variance = np.inf
    if isinstance(mu, Bounded):
        power = mu.diameter**p * np.sqrt(-np.log(delta) / m)
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
    mu: Measure, m: int, *, width: int, repeats: int, delta: float, rng: np.random.Generator
) -> Bound:
    """M(m) at most, with probability 1 - delta, from exact costs simulated at a smaller width.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample.
        width: simulated width w, 1 <= w <= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_upper_bound(mu, 1000, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.771 < bound.value < 2.2
        True
    """
    if not width <= operator.index(m):
        raise ValueError(f"width must be <= m = {m}, got {width}")
    return _simulated(mu, width, repeats, delta, rng, _above, min)


def simulated_lower_bound(
    mu: Measure, m: int, *, width: int, repeats: int, delta: float, rng: np.random.Generator
) -> Bound:
    """M(m) at least, with probability 1 - delta, from exact costs simulated at a larger width.

    Args:
        mu: a law of bounded support, or with a log-Sobolev constant.
        m: number of neurons in each sample, >= 1.
        width: simulated width w >= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10; the mirror image of the upper bound, derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_lower_bound(mu, 100, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.9 < bound.value < 2.2
        True
    """
    at_least("m", operator.index(m), 1)
    if not width >= m:
        raise ValueError(f"width must be >= m = {m}, got {width}")
    return _simulated(mu, width, repeats, delta, rng, _below, max)


def checked_delta(delta: float) -> None:
    """Refuses a probability outside (0, 1).

    Raises:
        ValueError: naming what came.
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta must lie between 0 and 1, got {delta}")


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


def _simulated(
    mu: Measure,
    width: int,
    repeats: int,
    delta: float,
    rng: np.random.Generator,
    terms_of: Callable[[Estimate, Deviation], dict[str, float]],
    best: Callable[..., str],
) -> Bound:
    checked_delta(delta)
    both = isinstance(mu, Bounded) and isinstance(mu, LogSobolev)
    one = deviation(mu, width, delta / 2 if both else delta)
    costs = matching_cost(mu, width, repeats=repeats, rng=rng)
    known = {
        "R2 simulated, W": np.isfinite(one.distance),
        "R2 simulated, W^2": np.isfinite(one.power),
    }
    terms = {key: value for key, value in terms_of(costs, one).items() if known[key]}
    key = best(terms, key=lambda name: terms[name])
    assumptions = (
        f"neurons independent, from one {type(mu).__name__}",
        f"holds with probability {1 - delta:g} over {repeats} simulated pairs at width {width}",
    )
    return Bound(terms[key], key, terms, assumptions)
