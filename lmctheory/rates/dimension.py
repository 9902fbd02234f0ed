"""How many dimensions a law of weights really has (R12).

Three estimators look at a spectrum, three at the distances between points, and one at the measured
cost. They disagree for good reasons: the first see the largest directions, the others the smallest
scale that the sample resolves.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist
from sklearn.neighbors import NearestNeighbors

from lmctheory.rates.curve import Curve
from lmctheory.rates.exact import MEMORY_LIMIT, require_memory

__all__ = [
    "compare_dimensions",
    "correlation_dimension",
    "entropy_rank",
    "maximum_likelihood_dimension",
    "participation_ratio",
    "principal_components",
    "stable_rank",
    "two_nn_dimension",
    "wasserstein_dimension",
]

Matrix = Float[np.ndarray, "d d"] | Float[np.ndarray, " d"]
"""A symmetric positive semidefinite matrix ``[d, d]``, or its eigenvalues ``[d]``."""


def participation_ratio(S: Matrix) -> float:
    """tr(S)^2 / tr(S^2), between 1 and the rank; d for a multiple of the identity.

    The "approximate dimension" of Ferbach et al. (2024), Figure 2.

    Args:
        S: a symmetric positive semidefinite matrix ``[d, d]``, or its eigenvalues ``[d]``.

    Raises:
        ValueError: if S is zero, not finite, or no square matrix or vector.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> participation_ratio(np.eye(3))
        3.0
    """
    S = _scaled(S)
    trace = np.trace(S) if S.ndim == 2 else S.sum()
    return float(trace**2 / (S**2).sum())


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
    spectrum = _spectrum(S)
    return float(spectrum.sum() / spectrum[0])


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
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got {fraction}")
    share = np.cumsum(_spectrum(S))
    return int(np.searchsorted(share, fraction * share[-1] * (1 - 1e-12))) + 1


def two_nn_dimension(points: Float[np.ndarray, "m d"]) -> float:
    """Two-NN: ratios r_2/r_1 of neighbour distances follow a Pareto law with exponent d.

    The slope of -ln(1 - F) against ln(r_2/r_1) through the origin, without the largest tenth.
    Duplicated points count once.

    Args:
        points: sample ``[m, d]``.

    Raises:
        ValueError: for points that are not finite, for fewer than three distinct ones, or if
            every point has two equally near neighbours, as on a lattice.

    Reference:
        theory key R12; Facco, d'Errico, Rodriguez and Laio (2017), Scientific Reports 7, 12140.
    """
    distances = _neighbour_distances(points, 2)
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = max(int(0.9 * len(ratios)), 1)
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / (len(ratios) + 1))
    return _quotient(float(x @ y), float(x @ x))


def maximum_likelihood_dimension(points: Float[np.ndarray, "m d"], neighbours: int = 10) -> float:
    """Levina and Bickel's estimator: 1/d = mean of ln(r_k/r_j), over j < k and over points.

    Averaged as inverses, which is the maximum likelihood for all points together (MacKay and
    Ghahramani, 2005). Duplicated points count once.

    Args:
        points: sample ``[m, d]``.
        neighbours: k >= 2; all others where there are fewer.

    Raises:
        ValueError: as `two_nn_dimension`, and for neighbours < 2.

    Reference:
        theory key R12; Levina and Bickel (2004), Maximum likelihood estimation of intrinsic
        dimension.
    """
    if neighbours < 2:
        raise ValueError(f"neighbours must be >= 2, got {neighbours}")
    distances = _neighbour_distances(points, neighbours)
    logarithms = np.log(distances[:, -1:] / distances[:, :-1])
    return _quotient(logarithms.size, float(logarithms.sum()))


def correlation_dimension(
    points: Float[np.ndarray, "m d"], fraction: float = 0.01, *, memory_limit: int = MEMORY_LIMIT
) -> float:
    """The exponent of C(r) = P(|X - X'| <= r) at small r, which is that of R9's lower bound.

    Takens' maximum likelihood 1/d = mean of ln(r_0/r) over the pairs closer than r_0. Duplicated
    points count once.

    Args:
        points: sample ``[m, d]``.
        fraction: the part of all pairs that lies within r_0, in (0, 1]; at least two pairs.
        memory_limit: bytes that the distances of all pairs may take.

    Raises:
        ValueError: as `two_nn_dimension`, for a fraction out of range, and for more pairs than
            memory_limit holds.

    Reference:
        theory keys R9, R12; Takens (1985), On the numerical determination of the dimension of an
        attractor.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got {fraction}")
    distinct = _distinct(points)
    pairs = len(distinct) * (len(distinct) - 1) // 2
    require_memory(8 * pairs, memory_limit)
    distances = pdist(distinct)
    distances = distances[distances > 0]  # distinct points may be closer than a float can tell
    count = min(max(int(fraction * pairs), 2), len(distances))
    distances = np.partition(distances, count - 1)[:count]
    return _quotient(count - 1, np.log(distances[-1] / distances).sum())


def wasserstein_dimension(curve: Curve) -> float:
    """-p / slope of ln M against ln m: the dimension that the measured cost sees.

    For d < 2p the cost of a sample that fills R^d falls like 1/sqrt(m) or faster: it is at most 2p
    then, whatever d.

    Raises:
        ValueError: as `Curve.power_law`, and if the cost does not fall.

    Reference:
        theory key R12; Weed and Bach (2019), Bernoulli 25, 2620-2648.
    """
    slope = curve.power_law().slope
    if not slope < 0:
        raise ValueError(f"curve must fall with the width, got the slope {slope:g}")
    return -curve.p / slope


def compare_dimensions(points: Float[np.ndarray, "m d"]) -> dict[str, float]:
    """Every estimator that needs only a sample, side by side.

    Args:
        points: sample ``[m, d]``.

    Returns:
        The estimates by name; the first four from the sample's covariance.

    Raises:
        ValueError: as `two_nn_dimension`.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).random((500, 2)) @ np.eye(2, 10)
        >>> {name: round(value) for name, value in compare_dimensions(plane).items()}["two-NN"]
        2
    """
    neighbours = {
        "two-NN": two_nn_dimension(points),
        "maximum likelihood": maximum_likelihood_dimension(points),
        "correlation": correlation_dimension(points),
    }
    variances = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    return {
        "participation ratio": participation_ratio(variances),
        "stable rank": stable_rank(variances),
        "entropy rank": entropy_rank(variances),
        "principal components (95 %)": float(principal_components(variances)),
    } | neighbours


def _scaled(S: np.ndarray) -> np.ndarray:
    """S, checked, over its largest entry, so that no square overflows."""
    if S.ndim == 2 and S.shape[0] != S.shape[1]:
        raise ValueError(f"S must be square, got shape {S.shape}")
    if not np.isfinite(S).all():
        raise ValueError("S must be finite, got NaN or infinity")
    scale = np.abs(S).max(initial=0.0)
    if scale == 0:
        raise ValueError("S must not be zero: a constant has no dimension")
    return S / scale


def _spectrum(S: np.ndarray) -> np.ndarray:
    """Eigenvalues up to scale, decreasing, rounding below zero removed."""
    S = _scaled(S)
    return np.maximum(np.sort(np.linalg.eigvalsh(S) if S.ndim == 2 else S)[::-1], 0.0)


def _distinct(points: np.ndarray) -> np.ndarray:
    """The distinct points, centred and scaled to coordinates of at most 1."""
    if not np.isfinite(points).all():
        raise ValueError("points must be finite, got NaN or infinity")
    distinct = np.unique(points, axis=0)
    if len(distinct) < 3:
        raise ValueError(f"points must hold at least 3 distinct ones, got {len(distinct)}")
    distinct = distinct / np.abs(distinct).max()
    distinct = distinct - distinct.mean(axis=0)
    return distinct / np.abs(distinct).max()


def _neighbour_distances(points: np.ndarray, k: int) -> np.ndarray:
    """Distances to the k nearest other points, increasing, all > 0."""
    distinct = _distinct(points)
    k = min(k, len(distinct) - 1)
    near = NearestNeighbors(n_neighbors=k).fit(distinct).kneighbors(return_distance=False)
    # not the finder's own distances, which lose half the digits in high dimension
    columns = [np.linalg.norm(distinct - distinct[index], axis=1) for index in near.T]
    distances = np.sort(np.stack(columns, axis=1), axis=1)
    return distances[distances[:, 0] > 0]  # distinct points may be closer than a float can tell


def _quotient(numerator: float | int, denominator: float) -> float:
    if not denominator > 0:
        raise ValueError("points must not have all neighbours equally near, as on a lattice")
    return float(numerator / denominator)
