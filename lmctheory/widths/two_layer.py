r"""Two layers: f(x; theta) = (1/N) sum_i sigma_*(x; theta_i), and how many neurons connect two (T).

*The network* (T2). Averaged over matched neurons, for all t and all x for which the constants hold,

    |f_t - t f_A - (1-t) f_B| <= (K/2) W_1,    and    <= (H/8) W_2^2,

each with its own optimal permutation: a smooth neuron gains a power of the rate. K and H are a
Lipschitz constant and a bound of the Hessian of sigma_*(x; .), see `neuron_gap` (T1).

*Constants.* sigma_*(x; (a, w)) = a sigma(<w, x>), |x| <= R, |a| <= a_max, |w| <= w_max (a bias is a
coordinate of w and x gets a coordinate 1: R^2 + 1). With z = <w, x>, |z| <= R w_max, the gradient
(sigma(z), a sigma'(z) x) and the Hessian [[0, sigma' x^T], [sigma' x, a sigma'' x x^T]] give

    K = sqrt(S^2 + (a_max Lip R)^2),  S = sup |sigma| on |z| <= R w_max,
    H = (q + sqrt(q^2 + 4 p^2)) / 2,  p = Lip R,  q = a_max sup|sigma''| R^2.

If all output weights are the same and stay fixed, only w moves: K = a Lip R, H = q.

*One bound for every distance* (derived). The covariance of two points with weights t and 1-t is
t(1-t) times the product of their differences. So the gap of a product a sigma(z) is

    a_t {sigma(z_t) - t sigma(z) - (1-t) sigma(z')} - t(1-t) (a - a') (sigma(z) - sigma(z')),

hence, with B of `neuron_gap` for the slopes [alpha, beta] of sigma, |a - a'||w - w'| <= d^2 / 2 and
d the distance of the two neurons, at most t(1-t) {a_max B(R d) + Lip R d^2 / 2}. This is concave in
d^2, and so is the general t(1-t) B(d) for the spread 2 K and the curvature H. Averaged over neurons
that are matched optimally for p = 2, by Jensen's inequality,

    |f_t - f-bar| <= E(W_2),   E(d) = min{ B_{2K, H}(d), a_max B(R d) + Lip R d^2 / 2 } / 4,

sample by sample, and in expectation with d^2 = M(N). To first order a pair of ReLU networks pays
a_max R / 4 per unit of distance, where K/2 >= a_max R / 2. If all output weights are the same and
fixed, E(d) = a B(R d) / 4, and (K/2) W_1 becomes (beta - alpha)/4 a R W_1.

*The loss* (T3). e = f_t - f-bar: a convex loss that is K_loss-Lipschitz in the prediction has a
barrier of at most K_loss E|e| (cross-entropy: sqrt 2); the squared loss, of at most
-t(1-t) |f_A - f_B|^2 + 2 sqrt(R(f-bar)) |e| + |e|^2.

*The width* (T4). Error below eps with probability 1 - delta as soon as W_1 <= eps over its factor,
or E(W_2) <= eps: widths for which are `lmctheory.rates.required_width`'s.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from lmctheory.activations import pointwise
from lmctheory.measures.arguments import number, positive, share
from lmctheory.measures.measure import Bounded, Measure
from lmctheory.rates import OutOfReach, upper_bound
from lmctheory.rates import required_width as required_rate_width
from lmctheory.rates.least_width import rounded_up
from lmctheory.widths.neuron_gap import largest_gap

__all__ = [
    "Neuron",
    "error_bound",
    "neuron",
    "neuron_with_fixed_output",
    "required_width",
    "squared_loss_barrier",
]


@dataclass(frozen=True)
class Neuron:
    """What T2 needs of a neuron: constants on the convex hull of all neurons, for all inputs.

    Attributes:
        lipschitz: K, in the parameters.
        curvature: H, a bound of the Hessian in the parameters; infinite if sigma has a kink.
        spread: a_max (beta - alpha) R, how far the slopes in w are apart while a stays.
        bend: a_max sup|sigma''| R^2, the curvature in w while a stays.
        mixed: Lip R, the curvature in a and w together; 0 if the output weights are fixed.
    """

    lipschitz: float
    curvature: float
    spread: float
    bend: float
    mixed: float

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
    return Neuron(float(np.hypot(size, output * p)), curvature, fixed.spread, q, mixed=p)


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


def _check_law(mu: Measure, constants: Neuron) -> None:
    if not constants.everywhere and not isinstance(mu, Bounded):
        raise TypeError(
            f"T2 needs neurons of bounded support where output weights vary, but "
            f"{type(mu).__name__} has no diameter"
        )


def error_bound(mu: Measure, N: int, constants: Neuron) -> float:
    """Bounds E sup over t and x of |f_t - t f_A - (1-t) f_B| for two networks of N neurons.

    Args:
        mu: law of a neuron (a, w); of w alone if the output weights are fixed.
        N: number of neurons.
        constants: see `neuron`.

    Returns:
        The lesser of the factor of W_1 times E W_1 and E(sqrt(M(N))), by their upper bounds.

    Raises:
        TypeError: for an unbounded law, unless the output weights are fixed.
        ValueError: for N out of range.

    Reference:
        theory key T2.

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=2**0.5)
        >>> error_bound(UniformCube(2), 4096, tanh) < error_bound(UniformCube(2), 64, tanh)
        True
    """
    _check_law(mu, constants)
    first, second = (upper_bound(mu, N, p).value for p in (1.0, 2.0))
    return min(constants.slope * first, constants.function_error(second**0.5))


def required_width(
    eps: float, mu: Measure, constants: Neuron, *, delta: float | None = None
) -> int:
    """Neurons with which two networks are joined by a line within eps, for every t and x (T4).

    Args:
        eps: tolerance of the function error, > 0, in units of an output.
        mu: law of a neuron, as in `error_bound`.
        constants: see `neuron`.
        delta: failure probability in (0, 1); None asks for the mean only.

    Raises:
        TypeError: for an unbounded law, unless the output weights are fixed.
        ValueError: for arguments out of range.
        OutOfReach: a ValueError that says which eps is reached, if no width up to 10^12 is known to
            suffice.

    Reference:
        theory key T4; explicit form of the rates of Ferbach et al. (2024) and Entezari et al.
        (2022), `lmctheory.widths.paper_rates`.

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=2**0.5)
        >>> required_width(0.1, UniformCube(2), tanh) < required_width(0.05, UniformCube(2), tanh)
        True
    """
    eps = positive("eps", eps)
    _check_law(mu, constants)
    if constants.slope == 0:  # a linear neuron has no error
        return 1
    widths, reached = [], []
    for p, tolerance in ((1.0, eps / constants.slope), (2.0, constants.distance(eps))):
        try:
            widths.append(required_rate_width(mu, tolerance, delta=delta, p=p))
        except OutOfReach as reason:
            reached.append(reason.reached)
    if not widths:
        first, second = reached
        least = min(constants.slope * first, constants.function_error(second))
        raise OutOfReach(
            least,
            f"eps is too small: no width up to 10^12 is known to suffice, where eps = "
            f"{rounded_up(least)} is reached, got {eps}",
        )
    return min(widths)


def squared_loss_barrier(
    function_error: float, chord_risk: float, disagreement: float = 0.0, t: float = 0.5
) -> float:
    """Bounds the barrier of the squared loss at t by the function error (T3).

    Args:
        function_error: a bound of |f_t - f-bar| in L2 of the data.
        chord_risk: mean of |f-bar - y|^2, summed over outputs.
        disagreement: |f_A - f_B| in L2 of the data; 0 gives away its negative term.
        t: where on the line, in [0, 1].

    Raises:
        TypeError: unless all are numbers.
        ValueError: for negative or infinite arguments, or t outside [0, 1].

    Reference:
        theory key T3.

    Example:
        >>> round(squared_loss_barrier(0.1, 0.25), 12)
        0.11
    """
    function_error = number("function_error", function_error, least=0.0, finite=False)
    chord_risk = number("chord_risk", chord_risk, least=0.0, finite=False)
    disagreement, t = number("disagreement", disagreement, least=0.0), share("t", t)
    cross = 2 * float(np.sqrt(chord_risk)) * function_error
    return -t * (1 - t) * disagreement**2 + cross + function_error**2
