"""How many dimensions a law of weights really has (R12).

Three estimators look at a spectrum, three at the distances between points, and one at the measured
cost. They disagree for good reasons: the first see the largest directions, the others the smallest
scale that the sample resolves.
"""

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, array, positive_share
from lmctheory.measures.covariance import centred, eigenvalues
from lmctheory.measures.quotient import by_signs
from lmctheory.rates.empirical.curve import Curve
from lmctheory.rates.empirical.neighbour_dimension import (
    Undefined,
    correlation_dimension,
    maximum_likelihood_dimension,
    two_nn_dimension,
)

__all__ = [
    "compare_dimensions",
    "entropy_rank",
    "participation_ratio",
    "principal_components",
    "stable_rank",
    "wasserstein_dimension",
]

Matrix = Shaped[ArrayLike, "d d"] | Shaped[ArrayLike, " d"]
"""A symmetric positive semidefinite matrix ``[d, d]``, or its eigenvalues ``[d]``."""


def participation_ratio(S: Matrix) -> float:
    """tr(S)^2 / tr(S^2), between 1 and the rank; d for a multiple of the identity.

    The "approximate dimension" of Ferbach et al. (2024), Figure 2.

    Args:
        S: a symmetric positive semidefinite matrix ``[d, d]``, or its eigenvalues ``[d]``.

    Raises:
        TypeError: unless S holds real numbers.
        ValueError: if S is zero, not finite, not symmetric, has a negative eigenvalue (beyond the
            rounding of its type), or is no square matrix or vector.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> participation_ratio(np.eye(3))
        3.0
    """
    spectrum = _spectrum(S)
    return float(spectrum.sum() ** 2 / (spectrum**2).sum())


def stable_rank(S: Matrix) -> float:
    """tr(S) / lambda_1, between 1 and the rank.

    Args:
        S: as in `participation_ratio`.

    Raises:
        ValueError: as `participation_ratio`.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> stable_rank(np.array([2.0, 1.0, 1.0]))
        2.0
    """
    return float(_spectrum(S).sum())


def entropy_rank(S: Matrix) -> float:
    """exp(-sum q_i ln q_i), q = spectrum / trace: the effective rank of Roy and Vetterli (2007).

    Args:
        S: as in `participation_ratio`.

    Raises:
        ValueError: as `participation_ratio`.

    Reference:
        theory key R12; Roy and Vetterli (2007), The effective rank.

    Example:
        >>> import numpy as np
        >>> round(entropy_rank(np.eye(3)), 12)
        3.0
    """
    q = _spectrum(S)
    q = q[q > 0] / q.sum()
    return float(np.exp(-(q * np.log(q)).sum()))


def principal_components(S: Matrix, fraction: float = 0.95) -> int:
    """The fewest principal components that hold this fraction of the variance.

    Args:
        S: as in `participation_ratio`.
        fraction: in (0, 1].

    Raises:
        ValueError: as `participation_ratio`, and for a fraction out of range.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> principal_components(np.array([90.0, 6.0, 4.0]))
        2
    """
    fraction = positive_share("fraction", fraction)
    share = np.cumsum(_spectrum(S))
    return int(np.searchsorted(share, fraction * share[-1] * (1 - 1e-12))) + 1


def wasserstein_dimension(curve: Curve) -> float:
    """-p / slope of ln M against ln m: the dimension that the measured cost sees.

    For d < 2p the cost of a sample that fills R^d falls like 1/sqrt(m) or faster: it is at most 2p
    then, whatever d.

    Raises:
        ValueError: as `Curve.power_law`, and if the cost does not fall, or by no more than its
            error: the interval of the slope must lie below 0.

    Reference:
        theory key R12; Weed and Bach (2019), Bernoulli 25, 2620-2648.
    """
    law = curve.power_law()
    if not law.interval[1] < 0:
        raise ValueError(f"curve must fall with the width, beyond its errors, got the {law}")
    return -curve.p / law.slope


def compare_dimensions(
    points: Shaped[ArrayLike, "m d"], *, modulo: Modulo = None
) -> dict[str, float]:
    """Every estimator that needs only a sample, side by side.

    Args:
        points: sample ``[m, d]``.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Returns:
        The estimates by name, the first four from the sample's covariance, or modulo signs from its
        second moments, which signs do not change; NaN for an estimator
        that makes no sense of these points, such as two-NN on a lattice.

    Raises:
        TypeError: as `two_nn_dimension`.
        ValueError: for points that are not finite, for fewer than three distinct ones, or an
            unknown modulo.

    Reference:
        theory keys R12, S1.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).random((500, 2)) @ np.eye(2, 10)
        >>> {name: round(value) for name, value in compare_dimensions(plane).items()}["two-NN"]
        2
    """
    signs = by_signs(modulo)
    found = {}
    for name, estimator in _OF_POINTS.items():
        try:
            found[name] = estimator(points, modulo=modulo)
        except Undefined:
            found[name] = float("nan")
    x = array("points", points, "m d")
    x = x / np.abs(x).max()
    variances = np.linalg.svd(x if signs else centred(x), compute_uv=False) ** 2
    return {
        "participation ratio": participation_ratio(variances),
        "stable rank": stable_rank(variances),
        "entropy rank": entropy_rank(variances),
        "principal components (95 %)": float(principal_components(variances)),
    } | found


_OF_POINTS = {
    "two-NN": two_nn_dimension,
    "maximum likelihood": maximum_likelihood_dimension,
    "correlation": correlation_dimension,
}


def _spectrum(S: Matrix) -> Float[np.ndarray, " d"]:
    """Eigenvalues in units of the largest, decreasing, none below zero."""
    values = eigenvalues("S", S)
    if values[0] == 0:
        raise ValueError("S must not be zero: a constant has no dimension")
    return values / values[0]
