r"""Neurons near a set of low dimension (D4): cheap to match until the distance to it shows.

A neuron is y + xi, y from a law of dimension k, xi the distance to it, E|xi|^2 <= eta^2. Match the
y's optimally and let the xi's follow. By the triangle inequality in L2,

    M(m) <= (M_k(m)^{1/2} + 2 eta)^2,

and if xi is independent of y with mean zero, the pairing is independent of it:

    M(m) <= M_k(m) + 2 eta^2.

The first term falls like m^{-2/k} (k >= 3), until it is 2 eta^2: the crossover, at a width of about
eta^{-k}. Beyond, the bound stops, and the full dimension takes over.
"""

from lmctheory.measures import Measure
from lmctheory.measures.arguments import number, positive
from lmctheory.rates import OutOfReach, required_width, upper_bound
from lmctheory.rates.least_width import rounded_up

__all__ = ["crossover_width", "low_dimensional_bound"]


def low_dimensional_bound(mu: Measure, m: int, eta: float, *, independent: bool = False) -> float:
    """Bounds the matching cost M(m) of neurons within eta of a law of low dimension.

    Args:
        mu: law of y, on the set of low dimension.
        m: number of neurons in each sample.
        eta: root mean square distance >= 0, in units of the weights.
        independent: whether the rest is independent of y, with mean zero.

    Raises:
        ValueError: for eta < 0 or not finite, or m out of range.

    Reference:
        theory key D4; explicit form of Ferbach et al. (2024), Theorem 5.4.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> plane = Gaussian(spectrum=[1.0, 1.0])
        >>> round(low_dimensional_bound(plane, 1000, 0.1, independent=True), 3)
        0.086
    """
    eta = number("eta", eta, least=0.0)
    near = upper_bound(mu, m).value
    root = float(near**0.5 + 2 * eta)
    return near + 2 * eta * eta if independent else root * root


def crossover_width(mu: Measure, eta: float) -> int:
    """The width at which U of the law of low dimension has fallen to 2 eta^2, about eta^{-k}.

    Args:
        mu: law of y, on the set of low dimension.
        eta: root mean square distance > 0, in units of the weights.

    Raises:
        ValueError: for eta <= 0 or not finite.
        OutOfReach: a ValueError that says which eta is reached, if the width exceeds 10^12.

    Reference:
        theory key D4.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> plane = Gaussian(spectrum=[1.0, 1.0])
        >>> crossover_width(plane, 0.2) > 4 * crossover_width(plane, 0.4)
        True
    """
    eta = positive("eta", eta)
    try:
        return required_width(mu, 2**0.5 * eta)
    except OutOfReach as reason:
        reached = reason.reached / 2**0.5
        raise OutOfReach(
            reached,
            f"eta is too small: the width exceeds 10^12, where eta = {rounded_up(reached)} is "
            f"reached, got {eta}",
        ) from None
