r"""How far the straight segment between a network and its image under a symmetry is from a minimum.

*The curve* (S6). If a symmetry moves theta along a curve gamma on [0, 1] on which the loss is
constant, with |gamma''| <= K, the chord between its ends is near it,

    |gamma(t) - (1-t) gamma(0) - t gamma(1)| <= delta_t = K t(1-t) / 2,

and if the loss bends upwards by at most beta, its excess on the chord is at most |grad| delta_t +
beta delta_t^2 / 2: of first order in K where the points of the curve are no stationary points, and
beta K^2 / 128 at most where they are. For W_1 -> e^{sX} W_1, W_2 -> W_2 e^{-sX} with a normal X
(scales of neurons: diagonal; rotations: skew) K is the larger of its values at the two ends.

*One hidden layer, exactly* (S7). If the hidden neurons are multiplied by g, and outgoing weights by
its inverse, and the activation commutes with (1-t) I + t g (any g for the identity, positive
diagonal ones for relu and its like),

    f_t - f = t(1-t) U (g + g^{-1} - 2) phi:

scales e^s blow the midpoint up by cosh(s/2)^2, rotations by an angle shrink it by cos(angle/2)^2.
Where the outgoing weights are stationary the barrier of the squared loss is E|f_t - f|^2.

Reference: theory keys S6, S7; compare Zhao et al. 2025.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm

from lmctheory.measures.arguments import ArrayLike, array, number, share

__all__ = ["chord_barrier", "chord_distance", "orbit_acceleration", "orbit_error", "sagitta"]

_NORMAL = 1e-9


def orbit_acceleration(generator: ArrayLike, incoming: ArrayLike, outgoing: ArrayLike) -> float:
    """K, the largest |gamma''| of gamma(s) = (e^{sX} W_1, W_2 e^{-sX}), 0 <= s <= 1.

    Args:
        generator: X, ``[m, m]``, normal: ``numpy.diag`` of logarithms of scales, a skew matrix of
            angles, a symmetric matrix, or any other that commutes with its transpose.
        incoming: W_1, ``[m, d]``, with the biases as a column if there are any.
        outgoing: W_2, ``[k, m]``.

    Raises:
        TypeError: for arguments that are no real numbers.
        ValueError: for a generator that is not normal, or shapes that do not fit.

    Example:
        A rotation by the angle 0.1 of two neurons:

        >>> K = orbit_acceleration([[0.0, -0.1], [0.1, 0.0]], [[3.0], [0.0]], [[0.0, 4.0]])
        >>> round(K, 12)
        0.05
    """
    X, W_1, W_2 = _layer(generator, "generator", incoming, outgoing)
    if np.linalg.norm(X @ X.T - X.T @ X) > _NORMAL * np.linalg.norm(X) ** 2:
        raise ValueError("generator must commute with its transpose")
    ends = ((W_1, W_2), (expm(X) @ W_1, W_2 @ expm(-X)))
    norms = ((np.linalg.norm(X @ X @ a), np.linalg.norm(u @ X @ X)) for a, u in ends)
    return max(float(np.hypot(first, second)) for first, second in norms)


def chord_distance(acceleration: float, t: float = 0.5) -> float:
    """How far a curve is from its chord at the same t, at most: K t(1-t)/2.

    Args:
        acceleration: K >= 0, the largest norm of the curve's second derivative on [0, 1].
        t: the place, in [0, 1].

    Raises:
        TypeError: unless both are numbers.
        ValueError: if one is out of range.

    Example:
        >>> chord_distance(0.8)
        0.1
    """
    t = share("t", t)
    return number("acceleration", acceleration, least=0.0) * t * (1 - t) / 2


def sagitta(curvature: float, length: float) -> float:
    """How far the midpoints of a curve and of its chord are from each other, at most.

    (1 - cos(kappa l / 2)) / kappa, what an arc of a circle attains; kappa l^2 / 8 is more.

    Args:
        curvature: kappa >= 0, the largest one of the curve.
        length: l >= 0, of the curve, with kappa l <= pi.

    Raises:
        TypeError: unless both are numbers.
        ValueError: if one is out of range, or the curve may turn by more than pi.

    Example:
        Half of the unit circle, whose chord is a diameter:

        >>> import math
        >>> round(sagitta(1.0, math.pi), 12)
        1.0
    """
    kappa = number("curvature", curvature, least=0.0)
    l = number("length", length, least=0.0)  # noqa: E741
    if kappa * l > np.pi:
        raise ValueError(f"curvature times length must be <= pi, got {kappa * l:g}")
    half = kappa * l / 4
    # 2 sin(half)^2 / kappa, which has a limit at 0
    return float(kappa * l**2 / 8 * np.sinc(half / np.pi) ** 2)


def chord_barrier(
    acceleration: float, smoothness: float, t: float = 0.5, *, slope: float = 0.0
) -> float:
    """How much larger the loss is on the chord than on the curve, at most.

    Args:
        acceleration: K >= 0, as in `chord_distance`.
        smoothness: beta >= 0, no less than any eigenvalue of the loss's Hessian on the segments
            between points of the curve and of the chord.
        t: the place, in [0, 1].
        slope: norm of the gradient of the loss on the curve, at most; 0 for stationary points.

    Raises:
        TypeError: unless all are numbers.
        ValueError: if one is out of range.

    Example:
        >>> chord_barrier(0.8, 2.0), chord_barrier(0.8, 2.0, slope=1.0)
        (0.010000000000000002, 0.11000000000000001)
    """
    distance = chord_distance(acceleration, t)
    beta = number("smoothness", smoothness, least=0.0)
    return number("slope", slope, least=0.0) * distance + beta / 2 * distance**2


def orbit_error(
    matrix: ArrayLike, activations: ArrayLike, outgoing: ArrayLike, t: float = 0.5
) -> Float[np.ndarray, "n k"]:
    """f_t - f on the segment from a network with one hidden layer to its image: exactly.

    Args:
        matrix: g, ``[m, m]``, invertible: what multiplies the hidden neurons, while the outgoing
            weights are multiplied by its inverse. The activation must commute with it and with what
            lies between it and the identity: any g for linear networks, a positive diagonal one for
            positively homogeneous activations.
        activations: of the network before, ``[n, m]``, one row per example.
        outgoing: U, ``[k, m]``, of the network before.
        t: the place, in [0, 1]; both ends compute f.

    Returns:
        Its outputs minus f, ``[n, k]``: t(1-t) U (g + g^{-1} - 2) phi.

    Raises:
        TypeError: for arguments that are no real numbers.
        ValueError: for a singular matrix, or shapes that do not fit.

    Example:
        Of all scales e^2, the midpoint is cosh(1)^2 times too large:

        >>> import numpy as np
        >>> phi, u = np.ones((1, 2)), np.ones((1, 2)) / 2
        >>> orbit_error(np.exp(2) * np.eye(2), phi, u).round(4)
        array([[1.3811]])
        >>> round(np.cosh(1) ** 2 - 1, 4)
        np.float64(1.3811)
    """
    t = share("t", t)
    phi = array("activations", activations, "n m")
    g, phi, U = _layer(matrix, "matrix", phi.T, outgoing)
    if np.linalg.slogdet(g)[0] == 0:
        raise ValueError("matrix must be invertible")
    moved = g - np.eye(len(g))
    # g + 1/g - 2 = (g - 1)^2 / g has no cancellation near the identity
    return np.asarray(t * (1 - t) * (U @ moved @ moved @ np.linalg.solve(g, phi)).T)


def _layer(
    matrix: ArrayLike, name: str, incoming: ArrayLike, outgoing: ArrayLike
) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m d"], Float[np.ndarray, "k m"]]:
    g = array(name, matrix, "m m")
    W_1, W_2 = array("incoming", incoming, "m d"), array("outgoing", outgoing, "k m")
    m = len(g)
    if g.shape != (m, m) or len(W_1) != m or W_2.shape[1] != m:
        raise ValueError(
            f"{name} must be square, with as many rows as there are hidden neurons, "
            f"got shape {g.shape} for {len(W_1)} incoming and {W_2.shape[1]} outgoing neurons"
        )
    return g, W_1, W_2
