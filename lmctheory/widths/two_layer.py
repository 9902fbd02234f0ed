r"""Two layers: f(x; theta) = (1/N) sum_i sigma_*(x; theta_i), and how many neurons connect two (T).

*The network* (T2). Averaged over matched neurons, for all t and all x for which the constants hold,

    |f_t - t f_A - (1-t) f_B| <= (K/2) W_1,    and    <= (H/8) W_2^2,

each with its own optimal permutation: a smooth neuron gains a power of the rate. K and H are a
Lipschitz constant and a bound of the Hessian of sigma_*(x; .), see `neuron_gap` (T1).

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

*Modulo signs* (S1). If sigma is odd, (a, w) and (-a, -w) are the same neuron: B's may be negated
before they are joined, so that the distances above are those modulo signs. The constants hold for
negated neurons, as they depend on bounds of |a| and |w| alone. Output weights that are the same and
fixed would not be the same any more: refused.

*The loss* (T3). e = f_t - f-bar: a convex loss that is K_loss-Lipschitz in the prediction has a
barrier of at most K_loss E|e| (cross-entropy: sqrt 2); the squared loss, of at most
-t(1-t) |f_A - f_B|^2 + 2 sqrt(R(f-bar)) |e| + |e|^2.

*The width* (T4). Error below eps with probability 1 - delta as soon as W_1 <= eps over its factor,
or E(W_2) <= eps: widths for which are `lmctheory.rates.required_width`'s.
"""

import numpy as np

from lmctheory.measures import Measure, Modulo
from lmctheory.measures.arguments import number, positive, share
from lmctheory.rates import OutOfReach, upper_bound
from lmctheory.rates import required_width as required_rate_width
from lmctheory.rates.least_width import rounded_up
from lmctheory.widths.neuron_constants import (
    Neuron,
    check_law,
    neuron,
    neuron_with_fixed_output,
)

__all__ = [
    "Neuron",
    "error_bound",
    "neuron",
    "neuron_with_fixed_output",
    "required_width",
    "squared_loss_barrier",
]


def error_bound(mu: Measure, N: int, constants: Neuron, *, modulo: Modulo = None) -> float:
    """Bounds E sup over t and x of |f_t - t f_A - (1-t) f_B| for two networks of N neurons.

    Args:
        mu: law of a neuron (a, w); of w alone if the output weights are fixed.
        N: number of neurons.
        constants: see `neuron`.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Returns:
        The lesser of the factor of W_1 times E W_1 and E(sqrt(M(N))), by their upper bounds.

    Raises:
        TypeError: for an unbounded law, unless the output weights are fixed.
        ValueError: for N out of range, and for signs of an activation that is not odd, or with
            fixed output weights.

    Reference:
        theory keys T2, S1.

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=2**0.5)
        >>> error_bound(UniformCube(2), 4096, tanh) < error_bound(UniformCube(2), 64, tanh)
        True
    """
    check_law(mu, constants, modulo)
    first, second = (upper_bound(mu, N, p, modulo=modulo).value for p in (1.0, 2.0))
    return min(constants.slope * first, constants.function_error(second**0.5))


def required_width(
    eps: float,
    mu: Measure,
    constants: Neuron,
    *,
    delta: float | None = None,
    modulo: Modulo = None,
) -> int:
    """Neurons with which two networks are joined by a line within eps, for every t and x (T4).

    Args:
        eps: tolerance of the function error, > 0, in units of an output.
        mu: law of a neuron, as in `error_bound`.
        constants: see `neuron`.
        delta: failure probability in (0, 1); None asks for the mean only.
        modulo: "signs" for an odd activation, whose neurons may be negated.

    Raises:
        TypeError: for an unbounded law, unless the output weights are fixed.
        ValueError: for arguments out of range, and for signs as in `error_bound`.
        OutOfReach: a ValueError that says which eps is reached, if no width up to 10^12 is known to
            suffice.

    Reference:
        theory keys T4, S1; explicit form of the rates of Ferbach et al. (2024) and Entezari et al.
        (2022), `lmctheory.widths.paper_rates`.

    Example:
        >>> from lmctheory.measures import UniformCube
        >>> tanh = neuron("tanh", radius=1.0, output=1.0, weight_norm=2**0.5)
        >>> required_width(0.1, UniformCube(2), tanh) < required_width(0.05, UniformCube(2), tanh)
        True
    """
    eps = positive("eps", eps)
    check_law(mu, constants, modulo)
    if constants.slope == 0:  # a linear neuron has no error
        return 1
    widths, reached = [], []
    for p, tolerance in ((1.0, eps / constants.slope), (2.0, constants.distance(eps))):
        try:
            widths.append(required_rate_width(mu, tolerance, delta=delta, p=p, modulo=modulo))
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
