r"""The constants of a neuron that T2 needs, on the convex hull of all neurons and for all inputs.

sigma_*(x; (a, w)) = a sigma(<w, x>), |x| <= R, |a| <= a_max, |w| <= w_max (a bias is a
coordinate of w and x gets a coordinate 1: R^2 + 1). With z = <w, x>, |z| <= R w_max, the gradient
(sigma(z), a sigma'(z) x) and the Hessian [[0, sigma' x^T], [sigma' x, a sigma'' x x^T]] give

    K = sqrt(S^2 + (a_max Lip R)^2),  S = sup |sigma| on |z| <= R w_max,
    H = (q + sqrt(q^2 + 4 p^2)) / 2,  p = Lip R,  q = a_max sup|sigma''| R^2.

If all output weights are the same and stay fixed, only w moves: K = a Lip R, H = q.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from lmctheory.activations import pointwise
from lmctheory.measures import Bounded, Measure, Modulo
from lmctheory.measures.arguments import number, positive
from lmctheory.measures.quotient import by_signs
from lmctheory.widths.neuron_gap import largest_gap
from lmctheory.widths.odd import is_odd

__all__ = ["Neuron", "check_law", "check_signs", "neuron", "neuron_with_fixed_output"]


@dataclass(frozen=True)
class Neuron:
    """What T2 needs of a neuron: constants on the convex hull of all neurons, for all inputs.

    Attributes:
        lipschitz: K, in the parameters.
        curvature: H, a bound of the Hessian in the parameters; infinite if sigma has a kink.
        spread: a_max (beta - alpha) R, how far the slopes in w are apart while a stays.
        bend: a_max sup|sigma''| R^2, the curvature in w while a stays.
        mixed: Lip R, the curvature in a and w together; 0 if the output weights are fixed.
        odd: whether sigma is odd, so that neurons may be negated.
    """

    lipschitz: float
    curvature: float
    spread: float
    bend: float
    mixed: float
    odd: bool = False

    @property
    def everywhere(self) -> bool:
        """Whether they hold for neurons of any size, so that their law may be unbounded."""
        return self.mixed == 0

    @property
    def slope(self) -> float:
        """The factor of W_1 in the bound of the function error."""
        return self.spread / 4 if self.everywhere else self.lipschitz / 2

    def function_error(self, distance: float) -> float:
        """E(d): bounds the function error of two networks matched at root-mean-square distance d.

        Args:
            distance: d >= 0, W_2 of the matched neurons, in units of the weights.

        Returns:
            A bound for every t and x, in units of an output; concave in d^2.

        Raises:
            ValueError: if the distance is negative.
        """
        distance = number("distance", distance, least=0.0, finite=False)
        bound = float(largest_gap(distance, self.spread, self.bend))
        if not self.everywhere:
            product = bound + self.mixed * distance * distance / 2
            bound = min(product, float(largest_gap(distance, 2 * self.lipschitz, self.curvature)))
        return bound / 4

    def distance(self, eps: float) -> float:
        """The distance d with E(d) = eps > 0; infinite for a linear neuron.

        Raises:
            ValueError: unless eps is positive.
        """
        eps = positive("eps", eps)
        if self.slope == 0:
            return np.inf
        far = 1.0
        while self.function_error(far) < eps:
            far *= 4
        while self.function_error(far / 4) >= eps:
            far /= 4
        # in units of far, as no absolute tolerance suits all distances
        share = brentq(lambda u: self.function_error(u * far) / eps - 1, 0.25, 1.0, xtol=1e-13)
        return float(share * far)


def neuron(activation: str, *, radius: float, output: float, weight_norm: float) -> Neuron:
    """The constants of (a, w) -> a sigma(<w, x>).

    Args:
        activation: a name, see `lmctheory.activations.pointwise`.
        radius: R, a bound of |x|; with biases sqrt(R^2 + 1).
        output: a_max, a bound of |a|.
        weight_norm: w_max, a bound of |w|, the bias included.

    Raises:
        TypeError: for a bound that is no number.
        ValueError: for an unknown activation, or a bound that is not positive and finite: for
            unbounded neurons (Gaussian ones, say) K is infinite.

    Reference:
        theory keys T1, T2.

    Example:
        >>> round(neuron("tanh", radius=1.0, output=2.0, weight_norm=5.0).lipschitz, 3)
        2.236
    """
    radius, output, weight_norm = _bounded(radius=radius, output=output, weight_norm=weight_norm)
    fixed = neuron_with_fixed_output(activation, radius=radius, output=output)
    sigma = pointwise(activation)
    p, q, reach = sigma.lipschitz * radius, fixed.bend, radius * weight_norm
    # every known sigma is monotone on z > 0, and |sigma(-z)| is largest at its ends or below that
    size = float(np.abs(sigma.function(np.array([-reach, reach]))).max())
    curvature = (q + float(np.hypot(q, 2 * p))) / 2
    lipschitz = float(np.hypot(size, output * p))
    return Neuron(lipschitz, curvature, fixed.spread, q, mixed=p, odd=is_odd(activation))


def neuron_with_fixed_output(activation: str, *, radius: float, output: float) -> Neuron:
    """The constants of w -> a sigma(<w, x>), a being the same for all neurons of both networks.

    Args:
        activation: a name, see `lmctheory.activations.pointwise`.
        radius: R, a bound of |x|; with biases sqrt(R^2 + 1).
        output: |a|.

    Raises:
        TypeError: for a bound that is no number.
        ValueError: for an unknown activation, or a bound that is not positive and finite.

    Reference:
        theory keys T1, T2.

    Example:
        >>> neuron_with_fixed_output("relu", radius=2.0, output=1.0).lipschitz
        2.0
    """
    radius, output = _bounded(radius=radius, output=output)
    sigma = pointwise(activation)
    alpha, beta = sigma.slopes
    curvature = output * sigma.curvature * radius * radius
    lipschitz, spread = (output * slope * radius for slope in (sigma.lipschitz, beta - alpha))
    return Neuron(lipschitz, curvature, spread, curvature, mixed=0.0)


def _bounded(**bounds: float) -> list[float]:
    try:
        return [positive(name, value) for name, value in bounds.items()]
    except ValueError as error:
        raise ValueError(f"{error}: T2 needs bounded neurons") from None


def check_law(mu: Measure, constants: Neuron, modulo: Modulo) -> None:
    """Refuses laws that T2 says nothing about, and signs that neurons must keep.

    Raises:
        TypeError: for an unbounded law, unless the output weights are fixed.
        ValueError: for signs of an activation that is not odd, or with fixed output weights.
    """
    check_signs(constants, modulo)
    if not constants.everywhere and not isinstance(mu, Bounded):
        raise TypeError(
            f"T2 needs neurons of bounded support where output weights vary, but "
            f"{type(mu).__name__} has no diameter"
        )


def check_signs(constants: Neuron, modulo: Modulo) -> None:
    """Refuses signs that neurons must keep.

    Raises:
        ValueError: for signs of an activation that is not odd, or with fixed output weights.
    """
    if by_signs(modulo) and constants.everywhere:
        raise ValueError(
            "modulo must be None for fixed output weights, which negated neurons would change"
        )
    if by_signs(modulo) and not constants.odd:
        raise ValueError("modulo must be None, as the neurons' activation is not known to be odd")
