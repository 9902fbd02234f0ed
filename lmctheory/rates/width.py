r"""Widths from tolerances (R11): the bounds inverted, in expectation or with high probability.

U(m) and L(m) fall with m (R2), roughly like powers: between two widths the crossing is guessed on
doubly logarithmic axes, or halfway in turn, and growing steps from the guess close in on it.
So both widths are exact: the bound is on one side of the tolerance there and on the other one
neuron earlier.

With probability 1 - delta the deviation of R10 is added to U or taken off L. What is left of L need
not fall with m, as deviations are largest for few neurons. The width is then the largest that the
argument excludes, plus one; it is looked for downwards from the width of the expectation.
"""

from collections.abc import Callable
from itertools import cycle

import numpy as np

from lmctheory.measures import Measure
from lmctheory.measures.arguments import positive
from lmctheory.rates.bound import MAX_WIDTH
from lmctheory.rates.concentration import checked_delta, deviation
from lmctheory.rates.lower import lower_bound
from lmctheory.rates.upper import upper_bound

__all__ = ["required_width", "width_lower_bound"]

_DESCENT = 0.7
"""Ratio of the widths that are tried downwards."""


def required_width(mu: Measure, eps: float, *, delta: float | None = None, p: float = 2.0) -> int:
    """A width m with U(m) <= eps^p < U(m - 1): two such layers match within eps.

    Without delta in expectation, E W_p^p <= eps^p; with delta, W_p <= eps with probability at least
    1 - delta.

    Args:
        mu: the law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.

    Raises:
        TypeError: if no argument of `upper_bound`, or with delta of R10, applies to the law.
        ValueError: if eps <= 0, delta or p is out of range, or no width up to 10^12 is known to
            suffice.

    Reference:
        theory keys R10, R11.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> required_width(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    tolerance = _checked_tolerance(eps, delta, p)

    def bound(m: int) -> float:
        mean = upper_bound(mu, m, p).value
        return mean if delta is None else deviation(mu, m, delta, p).above(mean)

    return _first_width(bound, tolerance)


def width_lower_bound(
    mu: Measure, eps: float, *, delta: float | None = None, p: float = 2.0
) -> int:
    """A width m with L(m) <= eps^p < L(m - 1): no smaller width matches within eps.

    Without delta in expectation: E W_p^p > eps^p at every width below. With delta, the width m is
    the largest such that W_p > eps with probability at least 1 - delta for m - 1 neurons.

    Args:
        mu: the law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.

    Raises:
        TypeError: if no argument of `lower_bound`, or with delta of R10, applies to the law.
        ValueError: if eps <= 0, delta or p is out of range, or even 10^12 neurons are too few.

    Reference:
        theory keys R10, R11; compare the rate of Ferbach et al. (2024), Theorem 5.3.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> width_lower_bound(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    tolerance = _checked_tolerance(eps, delta, p)

    def mean(m: int) -> float:
        return lower_bound(mu, m, p).value

    first = _first_width(mean, tolerance)
    if delta is None:
        return first
    return _last_above(lambda m: deviation(mu, m, delta, p).below(mean(m)), tolerance, first)


def _checked_tolerance(eps: float, delta: float | None, p: float) -> float:
    if not eps > 0:
        raise ValueError(f"eps must be > 0, got {eps}")
    positive("p", p)
    if delta is not None:
        checked_delta(delta)
    return eps**p


def _first_width(bound: Callable[[int], float], tolerance: float) -> int:
    """A width m with bound(m) <= tolerance < bound(m - 1), or 1 if bound(1) <= tolerance."""
    low, above = 1, bound(1)
    if above <= tolerance:
        return 1
    high, below = 2, bound(2)
    while below > tolerance:
        if high == MAX_WIDTH:
            raise ValueError("eps is too small: no width up to 10^12 brings the bound below it")
        low, above = high, below
        high = min(8 * high, MAX_WIDTH)
        below = bound(high)
    return _narrowed(bound, tolerance, (low, above), (high, below))


def _last_above(bound: Callable[[int], float], tolerance: float, first: int) -> int:
    """A width m <= first with bound(m) <= tolerance < bound(m - 1), or 1 if none is found."""
    high, below = first, -np.inf
    low = first - 1
    while low >= 1:
        above = bound(low)
        if above > tolerance:
            return _narrowed(bound, tolerance, (low, above), (high, below))
        high, below, low = low, above, int(_DESCENT * low)
    return 1


def _narrowed(
    bound: Callable[[int], float],
    tolerance: float,
    start: tuple[int, float],
    stop: tuple[int, float],
) -> int:
    """A width m with bound(m) <= tolerance < bound(m - 1) between two widths with their bounds."""
    (low, above), (high, below) = start, stop
    for interpolate in cycle((True, False)):
        if high - low <= 1:
            break
        share = _crossing(above, below, tolerance) if interpolate else 0.5
        guess = min(max(round(low * (high / low) ** share), low + 1), high - 1)
        step = max((high - low) // 1000, 1)
        while low < guess < high:
            value = bound(guess)
            if value <= tolerance:
                high, below, guess = guess, value, guess - step
            else:
                low, above, guess = guess, value, guess + step
            step *= 4
    return high


def _crossing(above: float, below: float, tolerance: float) -> float:
    """At which share of the way a power law falls from above to the tolerance."""
    if not (tolerance > 0 and below > 0 and above < np.inf):
        return 0.5
    return float(np.log(above / tolerance) / np.log(above / below))
