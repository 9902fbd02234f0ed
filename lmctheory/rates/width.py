r"""Widths from tolerances (R11): the bounds inverted, in expectation or with high probability.

U(m) and L(m) fall with m (R2), roughly like powers: `least_width` finds where they cross.

With probability 1 - delta the deviation of R10 is added to U or taken off L. What is left of L need
not fall with m, as deviations are largest for few neurons. The width is then the largest that the
argument excludes, plus one; it is looked for downwards from the width of the expectation.
"""

from lmctheory.measures import Measure, Modulo
from lmctheory.measures.arguments import positive, probability
from lmctheory.rates.bound import MAX_WIDTH
from lmctheory.rates.concentration import deviation
from lmctheory.rates.least_width import OutOfReach, first_width, last_width_above, rounded_up
from lmctheory.rates.lower.sandwich_below import lower_bound
from lmctheory.rates.upper.sandwich_above import upper_bound

__all__ = ["required_width", "width_lower_bound"]


def required_width(
    mu: Measure,
    eps: float,
    *,
    delta: float | None = None,
    p: float = 2.0,
    modulo: Modulo = None,
) -> int:
    """A width m with U(m) <= eps^p < U(m - 1): two such layers match within eps.

    Without delta in expectation, E W_p^p <= eps^p; with delta, W_p <= eps with probability at least
    1 - delta.

    Args:
        mu: the law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: if no argument of `upper_bound`, or with delta of R10, applies to the law.
        ValueError: if eps <= 0, delta or p is out of range, or for an unknown modulo.
        OutOfReach: a ValueError that says which eps is reached, if no width up to 10^12 is known to
            suffice.

    Reference:
        theory keys R10, R11, S1.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> required_width(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    eps, delta, p = _checked(eps, delta, p)

    def bound(m: int) -> float:
        mean = upper_bound(mu, m, p, modulo=modulo).value
        if delta is None:
            return mean
        return deviation(mu, m, delta, p, modulo=modulo).above(mean)

    if (
        lower_bound(mu, MAX_WIDTH, p, modulo=modulo).value > eps**p
    ):  # nothing suffices, and it is said at once
        raise _insufficient(bound(MAX_WIDTH), eps, p)
    try:
        return first_width(bound, eps**p)
    except OutOfReach as reason:
        raise _insufficient(reason.reached, eps, p) from None


def _insufficient(cost: float, eps: float, p: float) -> OutOfReach:
    reached = cost ** (1 / p)
    return OutOfReach(
        reached,
        f"eps is too small: no width up to 10^12 is known to suffice, where eps = "
        f"{rounded_up(reached)} is reached, got {eps}",
    )


def width_lower_bound(
    mu: Measure,
    eps: float,
    *,
    delta: float | None = None,
    p: float = 2.0,
    modulo: Modulo = None,
) -> int:
    """A width m with L(m) <= eps^p < L(m - 1): no smaller width matches within eps.

    Without delta in expectation: E W_p^p > eps^p at every width below. With delta, the width m is
    the largest such that W_p > eps with probability at least 1 - delta for m - 1 neurons.

    Args:
        mu: the law of a neuron.
        eps: tolerance per neuron, in units of the weights, > 0.
        delta: probability of failure, between 0 and 1.
        p: exponent > 0.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: if no argument of `lower_bound`, or with delta of R10, applies to the law.
        ValueError: if eps <= 0, delta or p is out of range, or for an unknown modulo.
        OutOfReach: a ValueError that says which eps is exceeded, if even 10^12 neurons are too few.

    Reference:
        theory keys R10, R11, S1; compare the rate of Ferbach et al. (2024), Theorem 5.3.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> width_lower_bound(Gaussian(spectrum=[1.0]), 0.1)
        615
    """
    eps, delta, p = _checked(eps, delta, p)

    def mean(m: int) -> float:
        return lower_bound(mu, m, p, modulo=modulo).value

    def bound(m: int) -> float:
        if delta is None:
            return mean(m)
        return deviation(mu, m, delta, p, modulo=modulo).below(mean(m))

    try:
        first = first_width(mean, eps**p)
    except OutOfReach:
        if (left := bound(MAX_WIDTH)) > eps**p:
            raise OutOfReach(
                left ** (1 / p),
                f"eps is too small: more than 10^12 neurons are necessary, as {left ** (1 / p):.4g}"
                f" is exceeded with any fewer, got {eps}",
            ) from None
        first = MAX_WIDTH
    return first if delta is None else last_width_above(bound, eps**p, first)


def _checked(eps: float, delta: float | None, p: float) -> tuple[float, float | None, float]:
    delta = None if delta is None else probability("delta", delta)
    return positive("eps", eps), delta, positive("p", p)
