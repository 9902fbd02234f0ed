r"""One neuron on a segment: the gap between its value and the chord (T1, T1b).

tau = t(1-t). Along the segment from v to u, at distance d = |u - v|, a neuron is a function of one
variable s in [0, 1]: g(s) = sigma_*(v + s(u - v)). With the triangle
k(s) = min(s, t) (1 - max(s, t)), of height tau,

    g(t) - t g(1) - (1-t) g(0) = - int_0^1 k(s) dg'(s).

*Both constants at once* (derived; sharp). Let the slopes of g lie in an interval of length b d, and
let |g''| <= H d^2. What dg' puts where k is large counts most: |g''| = H d^2 on {k > (1-l) tau}, of
length l, until the slopes are used up, H d^2 l = b d. There k is (1 - l/2) tau on average:

    |gap| <= tau B(d),    B(d) = H d^2 l (1 - l/2),    l = min(1, b / (H d)),

that is H d^2 / 2 up to d = b / H and b d - b^2 / (2 H) beyond: Huber's function. The neuron that
attains it has g'' = H d^2 on that set and 0 elsewhere. The two ends are known:

- T1: b = 2 K for a K-Lipschitz neuron; 2 tau K d without a Hessian, tau H d^2 / 2 for short d;
- T1b: b = beta - alpha for a pointwise sigma with slopes in [alpha, beta], d = |z - z'|: half of T1
  for ReLU and tanh.

B is increasing, and concave as a function of d^2: averaged over matched neurons it is at most B at
their root-mean-square distance.

*ReLU.* Where z and z' have opposite signs the gap is largest at the kink, and is then
h(z, z') = |z||z'| / (|z| + |z'|) <= |z - z'| / 4; otherwise it is 0.
"""

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.activations import pointwise
from lmctheory.measures.arguments import ArrayLike, array, nonnegative, number, share

__all__ = ["activation_gap_bound", "largest_gap", "neuron_gap_bound", "relu_gap"]

Array = Float[np.ndarray, "*n"]
Distances = Shaped[ArrayLike, "*n"] | float


def largest_gap(distance: Distances, spread: float, curvature: float) -> Array:
    """B(d), four times what the gap can be at t = 1/2, where it can be largest.

    Args:
        distance: d >= 0 ``[*n]``.
        spread: b >= 0, the length of an interval that holds all slopes.
        curvature: H >= 0, a bound of the second derivative; infinite at a kink.

    Returns:
        ``[*n]``.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for negative arguments or NaN.

    Example:
        >>> largest_gap(2.0, spread=1.0, curvature=1.0)
        array(1.5)
    """
    distance = nonnegative("distance", distance)
    spread = number("spread", spread, least=0.0, finite=False)
    curvature = number("curvature", curvature, least=0.0, finite=False)
    if np.isinf(curvature):
        return np.asarray(spread * distance)
    turn = spread / curvature if curvature else np.inf
    short, rest = np.minimum(distance, turn), np.maximum(distance - turn, 0.0)
    return np.asarray(curvature * short * short / 2 + spread * rest)  # H short <= b: no overflow


def neuron_gap_bound(
    distance: Distances, t: float, *, lipschitz: float, curvature: float = np.inf
) -> Array:
    """Bounds |sigma_*(tu + (1-t)v) - t sigma_*(u) - (1-t) sigma_*(v)| at |u - v| = d (T1).

    Args:
        distance: d >= 0 ``[*n]``.
        t: where on the segment, in [0, 1].
        lipschitz: K, of the neuron in its parameters, on the segment.
        curvature: H, a bound of its Hessian there; infinite if there is none.

    Returns:
        ``[*n]``, never more than 2 t(1-t) K d and t(1-t) H d^2 / 2.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for negative arguments, or t outside [0, 1].

    Reference:
        theory key T1.

    Example:
        >>> neuron_gap_bound(2.0, 0.5, lipschitz=1.0)
        array(1.)
        >>> neuron_gap_bound(0.5, 0.5, lipschitz=1.0, curvature=1.0)
        array(0.03125)
    """
    return np.asarray(_weight(t) * largest_gap(distance, 2 * lipschitz, curvature))


def activation_gap_bound(distance: Distances, t: float, activation: str) -> Array:
    """Bounds |sigma(z-bar) - t sigma(z) - (1-t) sigma(z')| at |z - z'| = d (T1b).

    Args:
        distance: d >= 0 ``[*n]``.
        t: where on the segment, in [0, 1].
        activation: a name, see `lmctheory.activations.pointwise`.

    Returns:
        ``[*n]``, never more than (beta - alpha) t(1-t) d.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for an unknown activation, a negative distance, or t outside [0, 1].

    Reference:
        theory key T1b.

    Example:
        >>> activation_gap_bound(2.0, 0.5, "relu")
        array(0.5)
    """
    sigma = pointwise(activation)
    alpha, beta = sigma.slopes
    return np.asarray(_weight(t) * largest_gap(distance, beta - alpha, sigma.curvature))


def relu_gap(z: Shaped[ArrayLike, "*n"], z_prime: Shaped[ArrayLike, "*n"]) -> Array:
    """The largest gap of a ReLU over all t: |z||z'| / (|z| + |z'|) if z z' < 0, else 0 (T1b).

    Args:
        z: pre-activations of A ``[*n]``.
        z_prime: pre-activations of B ``[*n]``.

    Returns:
        ``[*n]``.

    Raises:
        TypeError: unless all are real numbers.
        ValueError: for NaN or infinity.

    Reference:
        theory key T1b.

    Example:
        >>> import numpy as np
        >>> relu_gap(np.array([1.0, 1.0]), np.array([-1.0, 2.0]))
        array([0.5, 0. ])
    """
    z, z_prime = array("z", z), array("z_prime", z_prime)
    apart = np.sign(z) * np.sign(z_prime) < 0  # their product may underflow
    size = np.where(apart, np.abs(z) + np.abs(z_prime), 1.0)
    return np.where(apart, np.abs(z) / size * np.abs(z_prime), 0.0)


def _weight(t: float) -> float:
    t = share("t", t)
    return t * (1 - t)
