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

*Modulo signs* (S1) points x and -x are one, distances are min(|x - y|, |x + y|), and the origin
stays where it is. A density keeps its dimension, since pairs of points are identified one to one;
what lies in +-1 copies, a cluster and its mirror image, is one cluster.
"""

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaincinv
from sklearn.neighbors import NearestNeighbors

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, array, at_least, positive_share, precision
from lmctheory.measures.quotient import by_signs, condensed_distances
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


def two_nn_dimension(points: Shaped[ArrayLike, "m d"], *, modulo: Modulo = None) -> float:
    """Two-NN: ratios r_2/r_1 of neighbour distances follow a Pareto law with exponent d.

    The slope of -ln(1 - F) against ln(r_2/r_1) through the origin, without the largest tenth.

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: unless the points are real numbers.
        ValueError: for points that are not finite, for fewer than three distinct ones, or if
            neighbours are more equally near than those of any sample, as on a lattice; for an
            unknown modulo.

    Reference:
        theory keys R12, S1; Facco, d'Errico, Rodriguez and Laio (2017), Scientific Reports 7,
        12140.
    """
    distances = _neighbour_distances(points, 2, by_signs(modulo))
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = max(int(0.9 * len(ratios)), 1)
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / (len(ratios) + 1))
    return _plausible(float(x @ y), float(x @ x), np.shape(points)[1], len(ratios))


def maximum_likelihood_dimension(
    points: Shaped[ArrayLike, "m d"], neighbours: int = 10, *, modulo: Modulo = None
) -> float:
    """Levina and Bickel's estimator: 1/d = mean of ln(r_k/r_j), over j < k and over points.

    Averaged as inverses, which is the maximum likelihood for all points together (MacKay and
    Ghahramani, 2005).

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).
        neighbours: k >= 2; all others where there are fewer.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Raises:
        TypeError: as `two_nn_dimension`, or if neighbours is no integer.
        ValueError: as `two_nn_dimension`, and for neighbours < 2.

    Reference:
        theory keys R12, S1; Levina and Bickel (2004), Maximum likelihood estimation of intrinsic
        dimension.
    """
    neighbours = at_least("neighbours", neighbours, 2)
    distances = _neighbour_distances(points, neighbours, by_signs(modulo))
    logs = np.log(distances[:, -1:] / distances[:, :-1])
    return _plausible(logs.size, float(logs.sum()), np.shape(points)[1], len(logs))


def correlation_dimension(
    points: Shaped[ArrayLike, "m d"],
    fraction: float = 0.01,
    *,
    modulo: Modulo = None,
    memory_limit: int = MEMORY_LIMIT,
) -> float:
    """The exponent of C(r) = P(|X - X'| <= r) at small r, which is that of R9's lower bound.

    Takens' maximum likelihood 1/d = mean of ln(r_0/r) over the pairs closer than r_0.

    Args:
        points: sample ``[m, d]``; repeated ones count once (module docstring).
        fraction: the part of all pairs that lies within r_0, in (0, 1]; at least two pairs.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        memory_limit: bytes that the distances of all pairs may take.

    Raises:
        TypeError: as `two_nn_dimension`.
        ValueError: as `two_nn_dimension`, for a fraction out of range, and for more pairs than
            memory_limit holds.

    Reference:
        theory keys R9, R12, S1; Takens (1985), On the numerical determination of the dimension of
        an attractor.
    """
    fraction = positive_share("fraction", fraction)
    signs = by_signs(modulo)
    distinct = _distinct(points, signs)
    m, d = distinct.shape
    pairs = m * (m - 1) // 2
    require_memory(8 * pairs * (1 + signs), memory_limit)
    distances = condensed_distances(distinct, signs=signs)
    count = max(int(fraction * pairs), 2)
    distances = np.partition(distances, count - 1)[:count]
    logs = np.log(distances[-1] / distances)
    return _plausible(count - 1, float(logs.sum()), d, min(count - 1, m))


def _distinct(points: ArrayLike, signs: bool) -> Float[np.ndarray, "n d"]:
    """The distinct points, centred (but modulo signs) and scaled to coordinates of at most 1."""
    found = array("points", points, "m d")
    if signs:
        first = np.take_along_axis(found, (found != 0).argmax(axis=1)[:, None], axis=1)
        found = np.where(first < 0, -found, found)
    distinct = np.unique(found, axis=0)
    largest = float(np.abs(distinct).max()) or 1.0
    centred = distinct / largest
    if not signs:
        centred = centred - centred.mean(axis=0)
    spread = float(np.abs(centred).max()) or 1.0
    unit = max(_SINGLE_PRECISION, precision(points) / spread)
    distinct = _merged(centred / spread, unit * distinct.shape[1] ** 0.5, signs)
    if len(distinct) < 3:
        raise ValueError(f"points must hold at least 3 distinct ones, got {len(distinct)}")
    return distinct


def _merged(points: np.ndarray, within: float, signs: bool) -> np.ndarray:
    """One point of every chain of nearest neighbours within that distance."""
    while len(points) > 1:
        near, distances = _nearest(points, 1, signs)
        close = np.flatnonzero(distances[:, 0] <= within)
        if not close.size:
            break
        links = coo_array((np.ones(close.size), (close, near[close, 0])), shape=(len(points),) * 2)
        points = points[np.unique(connected_components(links)[1], return_index=True)[1]]
    return points


def _nearest(points: np.ndarray, k: int, signs: bool) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other points, and how far they are.

    Not by the finder's own distances, which lose half the digits in high dimension.
    """
    if signs:
        return _nearest_modulo_signs(points, k)
    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    columns = [np.linalg.norm(points - points[index], axis=1) for index in near.T]
    return near, np.stack(columns, axis=1)


def _nearest_modulo_signs(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Among the points and their negatives, of which each counts once and its own image never."""
    n = len(points)
    finder = NearestNeighbors(n_neighbors=2 * k + 2).fit(np.r_[points, -points])
    found = finder.kneighbors(points, return_distance=False) % n
    seen = found == np.arange(n)[:, None]
    for j in range(1, found.shape[1]):
        seen[:, j] |= (found[:, :j] == found[:, j : j + 1]).any(axis=1)
    order = np.argsort(seen, axis=1, kind="stable")[:, :k]  # k others at least are left
    near = np.take_along_axis(found, order, axis=1)
    columns = [
        np.minimum(
            np.linalg.norm(points - points[index], axis=1),
            np.linalg.norm(points + points[index], axis=1),
        )
        for index in near.T
    ]
    return near, np.stack(columns, axis=1)


def _neighbour_distances(points: ArrayLike, k: int, signs: bool) -> Float[np.ndarray, "n k"]:
    """Distances to the k nearest other points, increasing, all > 0."""
    distinct = _distinct(points, signs)
    return np.sort(_nearest(distinct, min(k, len(distinct) - 1), signs)[1], axis=1)


def _plausible(numerator: float | int, denominator: float, d: int, n: int) -> float:
    """The quotient, unless no sample of n points in d dimensions has one as large."""
    most = 2 * d * (n / 2) / float(gammaincinv(n / 2, _SELDOM))
    if not numerator < most * denominator:
        raise Undefined(
            "points must not have all neighbours equally near, as on a lattice: they are more "
            f"regular than any sample in {d} dimensions"
        )
    return float(numerator / denominator)
