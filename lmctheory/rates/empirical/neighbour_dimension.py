"""Dimensions that distances between points show (R12): two-NN, maximum likelihood, correlation.

All three invert one law: among points of a density on d dimensions, ratios of neighbour distances
r' / r have the exponent d. What contradicts it has no estimate, and is refused:

*Repeated points* count once, and points that agree to single precision, within 10^-7 of the spread
in every coordinate, count as repeated: rounding or a little noise on duplicates is no scale of the
data. So do points within the rounding of the type that they come in.

*Lattices*, exact or perturbed, have neighbours that are (nearly) equally near: r'/r is 1, up to
rounding or noise, whose size the estimate would be. No dimension exceeds the number d of columns;
and the mean of n/2 independent logarithms ln(r'/r) of law Exp(d) is below 1/(c d) with probability
10^-6, for a known c (n/2, since neighbours share their distances). Estimates above 2 c d from n
points are refused.
"""

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist
from scipy.special import gammaincinv
from sklearn.neighbors import NearestNeighbors

from lmctheory.measures.arguments import ArrayLike, array, at_least, positive_share, precision
from lmctheory.rates.empirical.exact import MEMORY_LIMIT, require_memory

__all__ = [
    "Undefined",
    "correlation_dimension",
    "maximum_likelihood_dimension",
    "two_nn_dimension",
]

_SINGLE_PRECISION = 1e-7
"""Share of the spread within which coordinates are alike."""
_SELDOM = 1e-6
"""Chance of a sample that is refused for its regularity."""


class Undefined(ValueError):  # noqa: N818  a state of the points, not of the program
    """Points of which an estimator makes no sense, though there are enough of them."""


def two_nn_dimension(points: Shaped[ArrayLike, "m d"]) -> float:
    """Two-NN: ratios r_2/r_1 of neighbour distances follow a Pareto law with exponent d.

    The slope of -ln(1 - F) against ln(r_2/r_1) through the origin, without the largest tenth.

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).

    Raises:
        TypeError: unless the points are real numbers.
        ValueError: for points that are not finite, for fewer than three distinct ones, or if
            neighbours are more equally near than those of any sample, as on a lattice.

    Reference:
        theory key R12; Facco, d'Errico, Rodriguez and Laio (2017), Scientific Reports 7, 12140.
    """
    distances = _neighbour_distances(points, 2)
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = max(int(0.9 * len(ratios)), 1)
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / (len(ratios) + 1))
    return _plausible(float(x @ y), float(x @ x), np.shape(points)[1], len(ratios))


def maximum_likelihood_dimension(points: Shaped[ArrayLike, "m d"], neighbours: int = 10) -> float:
    """Levina and Bickel's estimator: 1/d = mean of ln(r_k/r_j), over j < k and over points.

    Averaged as inverses, which is the maximum likelihood for all points together (MacKay and
    Ghahramani, 2005).

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).
        neighbours: k >= 2; all others where there are fewer.

    Raises:
        TypeError: as `two_nn_dimension`, or if neighbours is no integer.
        ValueError: as `two_nn_dimension`, and for neighbours < 2.

    Reference:
        theory key R12; Levina and Bickel (2004), Maximum likelihood estimation of intrinsic
        dimension.
    """
    distances = _neighbour_distances(points, at_least("neighbours", neighbours, 2))
    logs = np.log(distances[:, -1:] / distances[:, :-1])
    return _plausible(logs.size, float(logs.sum()), np.shape(points)[1], len(logs))


def correlation_dimension(
    points: Shaped[ArrayLike, "m d"], fraction: float = 0.01, *, memory_limit: int = MEMORY_LIMIT
) -> float:
    """The exponent of C(r) = P(|X - X'| <= r) at small r, which is that of R9's lower bound.

    Takens' maximum likelihood 1/d = mean of ln(r_0/r) over the pairs closer than r_0.

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).
        fraction: the part of all pairs that lies within r_0, in (0, 1]; at least two pairs.
        memory_limit: bytes that the distances of all pairs may take.

    Raises:
        TypeError: as `two_nn_dimension`.
        ValueError: as `two_nn_dimension`, for a fraction out of range, and for more pairs than
            memory_limit holds.

    Reference:
        theory keys R9, R12; Takens (1985), On the numerical determination of the dimension of an
        attractor.
    """
    fraction = positive_share("fraction", fraction)
    distinct = _distinct(points)
    m, d = distinct.shape
    pairs = m * (m - 1) // 2
    require_memory(8 * pairs, memory_limit)
    distances = pdist(distinct)
    count = max(int(fraction * pairs), 2)
    distances = np.partition(distances, count - 1)[:count]
    logs = np.log(distances[-1] / distances)
    return _plausible(count - 1, float(logs.sum()), d, min(count - 1, m))


def _distinct(points: ArrayLike) -> Float[np.ndarray, "n d"]:
    """The distinct points, centred and scaled to coordinates of at most 1."""
    distinct = np.unique(array("points", points, "m d"), axis=0)
    largest = float(np.abs(distinct).max()) or 1.0
    centred = distinct / largest
    centred = centred - centred.mean(axis=0)
    spread = float(np.abs(centred).max()) or 1.0
    unit = max(_SINGLE_PRECISION, precision(points) / spread)
    distinct = _merged(centred / spread, unit * distinct.shape[1] ** 0.5)
    if len(distinct) < 3:
        raise ValueError(f"points must hold at least 3 distinct ones, got {len(distinct)}")
    return distinct


def _merged(points: np.ndarray, within: float) -> np.ndarray:
    """One point of every chain of nearest neighbours within that distance."""
    while len(points) > 1:
        near, distances = _nearest(points, 1)
        close = np.flatnonzero(distances[:, 0] <= within)
        if not close.size:
            break
        links = coo_array((np.ones(close.size), (close, near[close, 0])), shape=(len(points),) * 2)
        points = points[np.unique(connected_components(links)[1], return_index=True)[1]]
    return points


def _nearest(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other points, and how far they are.

    Not by the finder's own distances, which lose half the digits in high dimension.
    """
    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    columns = [np.linalg.norm(points - points[index], axis=1) for index in near.T]
    return near, np.stack(columns, axis=1)


def _neighbour_distances(points: ArrayLike, k: int) -> Float[np.ndarray, "n k"]:
    """Distances to the k nearest other points, increasing, all > 0."""
    distinct = _distinct(points)
    return np.sort(_nearest(distinct, min(k, len(distinct) - 1))[1], axis=1)


def _plausible(numerator: float | int, denominator: float, d: int, n: int) -> float:
    """The quotient, unless no sample of n points in d dimensions has one as large."""
    most = 2 * d * (n / 2) / float(gammaincinv(n / 2, _SELDOM))
    if not numerator < most * denominator:
        raise Undefined(
            "points must not have all neighbours equally near, as on a lattice: they are more "
            f"regular than any sample in {d} dimensions"
        )
    return float(numerator / denominator)
