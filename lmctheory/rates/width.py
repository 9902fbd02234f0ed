"""Widths from tolerances (R11): the bounds inverted."""

from collections.abc import Callable

from lmctheory.measures import Gaussian
from lmctheory.rates.bound import MAX_WIDTH
from lmctheory.rates.lower import lower_bound
from lmctheory.rates.upper import upper_bound

__all__ = ["required_width", "width_lower_bound"]


def required_width(mu: Gaussian, eps: float) -> int:
    """A width m with U(m) <= eps^2 < U(m - 1): two such layers match within eps (root mean square).

    Args:
        mu: the Gaussian law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.

    Raises:
        ValueError: if eps <= 0, or no width up to 10^12 is known to suffice.

    Reference:
        theory key R11.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> required_width(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    return _first_width(lambda m: upper_bound(mu, m).value, _checked_tolerance(eps))


def width_lower_bound(mu: Gaussian, eps: float) -> int:
    """A width m with L(m) <= eps^2 < L(m - 1): no smaller width matches within eps on average.

    Args:
        mu: the Gaussian law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.

    Raises:
        ValueError: if eps <= 0, or even 10^12 neurons are too few.

    Reference:
        theory key R11; compare the rate of Ferbach et al. (2024), Theorem 5.3.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> width_lower_bound(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    return _first_width(lambda m: lower_bound(mu, m).value, _checked_tolerance(eps))


def _checked_tolerance(eps: float) -> float:
    if not eps > 0:
        raise ValueError(f"eps must be > 0, got {eps}")
    return eps**2


def _first_width(bound: Callable[[int], float], tolerance: float) -> int:
    """The end of a bisection for a bound that (by R2) may be taken as non-increasing."""
    if bound(1) <= tolerance:
        return 1
    low, high = 1, 2
    while bound(high) > tolerance:
        if high == MAX_WIDTH:
            raise ValueError("eps is too small: no width up to 10^12 brings the bound below it")
        low, high = high, min(64 * high, MAX_WIDTH)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle) <= tolerance else (middle, high)
    return high
