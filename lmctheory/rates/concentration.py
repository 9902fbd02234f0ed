r"""Concentration (R10): how far a matching cost strays from its mean.

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
"""

from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Bounded, LogSobolev, Measure, Modulo
from lmctheory.measures.arguments import at_least, positive, probability, raised
from lmctheory.measures.extreme_sizes import moderate, times_power
from lmctheory.measures.quotient import by_signs, quotient_diameter

__all__ = ["Deviation", "deviation"]


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
    mu, size = moderate(mu, p)
    power = distance = variance = np.inf
    if isinstance(mu, Bounded):
        diameter = quotient_diameter(mu) if signs else mu.diameter
        power = raised(diameter, p) * np.sqrt(-np.log(delta) / m)
    if isinstance(mu, LogSobolev) and p >= 1:
        share = 2 * mu.log_sobolev_constant / m ** (2 / max(2, p))
        variance, distance = share, np.sqrt(-2 * share * np.log(delta))
    if np.isinf(power) and np.isinf(distance):
        raise TypeError(
            f"R10 needs a law with a diameter, or for p >= 1 with a log_sobolev_constant, "
            f"{type(mu).__name__} has none for p = {p:g}"
        )
    power = times_power(float(power), size, p)
    return Deviation(p, power, float(distance * size), times_power(float(variance), size, 2.0))
