r"""A mean from below: of any X >= 0, such as what a matching costs in another metric.

min(X, cap) / cap lies in [0, 1]; by Hoeffding (1963, Theorem 1), with mu its mean and kl the
divergence of Bernoulli laws, the mean of n draws is q or more with probability at most
exp(-n kl(q, mu)), q >= mu. So E X >= cap mu with probability 1 - delta, for the mu <= q that solves
n kl(q, mu) = ln(1/delta): some 5 % below the mean for 256 draws that scatter little and
delta = 10^-3.
"""

from math import fsum

import numpy as np
from jaxtyping import Shaped
from scipy.optimize import brentq
from scipy.special import rel_entr

from lmctheory.measures.arguments import ArrayLike, array, positive, probability

__all__ = ["mean_lower_bound"]

_EPS = float(np.finfo(np.float64).eps)


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
