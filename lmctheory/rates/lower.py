"""The lower side of the sandwich (R11): L(m) <= M(m)."""

from functools import lru_cache

import numpy as np

from lmctheory.measures import Gaussian
from lmctheory.rates.bound import Bound, gaussian_bound
from lmctheory.rates.small_ball import small_ball_bound

__all__ = ["lower_bound"]


def lower_bound(mu: Gaussian, m: int) -> Bound:
    """L(m) <= M(m) = E W_2^2 between two samples of m neurons.

    The largest of the small-ball arguments of R9 (isotropic, tilted, exponential moment), R7 in
    every coordinate, and their best sum over blocks of eigenspaces (superadditivity).

    Args:
        mu: the Gaussian law of a neuron.
        m: number of neurons in each sample, 1 <= m <= 10^12.

    Returns:
        The bound, in squared units of the weights, per neuron.

    Raises:
        ValueError: if m is out of range.

    Reference:
        theory keys R7, R9, R11.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(lower_bound(mu, 1000).value, 2)
        3.07
    """
    return gaussian_bound(max, _lower_terms, mu, m)


@lru_cache(maxsize=1024)
def _lower_terms(spectrum: tuple[float, ...], m: int) -> dict[str, float]:
    lam = np.array(spectrum)
    if m == 1:
        return {"2 tr": 2 * float(lam.sum())}
    return small_ball_bound(lam[lam > 0], m)
