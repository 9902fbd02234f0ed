r"""Nearest neighbours up to a scale, gaps between clusters beyond it (R22).

*Given points.* Let u be the single-linkage ultrametric of the support: u(x, y) is the least t for
which steps of at most t lead from x to y, so that u(x, y) <= |x - y|. For every g >= 0, p > 0

    |x - y|^p >= min(|x - y|^p, g^p) + (u(x, y)^p - g^p)_+:

if |x - y| <= g, u <= g as well; if not, the right-hand side is the larger of g^p and u^p. Whatever
the matching, the first term costs what the nearest neighbour does up to g (R9). The second is
H(Q') where clusters that hold x and y meet, Q' the smallest that holds both and H(Q) =
(h_Q^p - g^p)_+ for a cluster that was joined at the distance h_Q, 0 for single points. That is half
of the sum of H(parent Q) - H(Q) over all clusters Q that hold one of x and y, and at least
|N_A(Q) - N_B(Q)| pairs have one neuron in Q, N_A and N_B the numbers of neurons. In all,

    E W_p^p >= integral_0^{g^p} E (1 - mu(B(a, r^{1/p})))^m dr
               + (1/2) sum_Q [max(h_parent, g)^p - max(h_Q, g)^p] E|mu_m(Q) - nu_m(Q)|,

over all clusters but the one that holds everything; the mean is that of `covering`. Steps between
points of the support, not of the samples, are what counts: clusters must not depend on these.
Modulo signs (S1) all this is so for the distance min(|x - y|, |x + y|).

*Mixtures.* Let x = c_i + Y and y = c_j + Y', D = |c_i - c_j| and s, s' the components of Y towards
c_j and of Y' towards c_i. As t -> t_+^2 is convex, |x - y|^2 >= (D - s - s')_+^2 is at least

    t^2 - 2 t [(s - R)_+ + (s' - R)_+],    R = (D - t)/2,

for every t >= 0. Take t = (u - 2 r)_+, u the single-linkage ultrametric of the centres and r >= 0.
Then clusters are those of labels, and a neuron takes off at most what it does in all directions:

    M >= (1/2) sum_Q [t_parent^2 - t_Q^2] E|mu_m(Q) - nu_m(Q)|
         - 4 sum_{i != j} w_i t_ij E (s_ij - R_ij)_+,     s_ij normal, of variance e' Lambda_i e.

Or, with g as above, the first part is that of max(t, g), only t_ij > g take off, and the nearest
neighbour's cost up to g is added.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist, squareform
from scipy.special import ndtr

from lmctheory.measures import Empirical, GaussianMixture
from lmctheory.measures.quotient import condensed_distances, distances
from lmctheory.rates.bound import ROUNDED_DOWN
from lmctheory.rates.upper.covering import mean_left_over

__all__ = ["MOST_POINTS", "linkage_bound", "separation_bound"]

Array = NDArray[np.float64]

MOST_POINTS = 4096
"""Points of which all distances are held at once, 67 MB."""
_SCALES = 48
"""Values of g that are tried."""
_NODES = 256
"""Squared distances at which the nearest neighbour's survival of a mixture is taken."""
_BLOCK = 2**22
"""Distances held at once besides."""
_NEVER = 42.0
"""Survival beyond m q of that is below 1e-18, and left out."""


def linkage_bound(mu: Empirical, m: int, p: float, *, signs: bool = False) -> float:
    """The bound of the module docstring for given points, at the best of several scales g.

    O(n^2 d) operations.

    Args:
        mu: the uniform law on n points, 2 <= n <= `MOST_POINTS`.
        m: number of neurons >= 1.
        p: exponent > 0.
        signs: whether the cost is modulo signs.

    Reference:
        theory keys R9, R22, S1; derived here.

    Example:
        >>> two = Empirical(np.array([[0.0], [2.0]]))
        >>> round(linkage_bound(two, 1, 2.0), 9)
        2.0
    """
    points = np.asarray(mu.points)
    n = len(points)
    apart = condensed_distances(points, signs=signs)
    clusters = _Clusters.of(apart, np.full(n, 1 / n), m)
    steps = np.quantile(clusters.heights[n:], np.linspace(0, 1, _SCALES))
    scales = np.unique(np.r_[0.0, steps, apart.max()])
    nearest = _nearest(points, scales, m, p, signs)
    gaps = [clusters.bound(scale, p) for scale in scales]
    return ROUNDED_DOWN * float(np.max(nearest + gaps))


class _Clusters:
    """A single-linkage tree: heights of its clusters, single points first; parents; E|mu - nu|."""

    def __init__(self, heights: Array, parents: NDArray[np.intp], left: Array) -> None:
        self.heights, self.parents, self.left = heights, parents, left

    @classmethod
    def of(cls, distances: Array, masses: Array, m: int) -> "_Clusters":
        """From all distances, condensed, and the masses of points."""
        n = len(masses)
        joined = linkage(distances, "single")
        parents = np.empty(2 * n - 2, dtype=np.intp)
        mass = np.r_[masses, np.empty(n - 1)]
        for k, (first, second) in enumerate(joined[:, :2].astype(np.intp)):
            parents[[first, second]] = n + k
            mass[n + k] = mass[first] + mass[second]
        left = mean_left_over(np.minimum(mass[:-1], 1.0), m)
        return cls(np.r_[np.zeros(n), joined[:, 2]], parents, left)

    def shrunk(self, by: float) -> "_Clusters":
        """The same with lower heights."""
        return _Clusters(np.maximum(self.heights - by, 0.0), self.parents, self.left)

    def bound(self, g: float, p: float) -> float:
        """(1/2) sum_Q [max(h_parent, g)^p - max(h_Q, g)^p] E|mu_m(Q) - nu_m(Q)|."""
        powers = np.maximum(self.heights, g) ** p
        return float((powers[self.parents] - powers[:-1]) @ self.left) / 2


def _nearest(points: Array, scales: Array, m: int, p: float, signs: bool) -> Array:
    """The nearest neighbour's cost up to every scale (`empirical_bound`), of those that count."""
    n = len(points)
    counted = min(n, int(_NEVER * n / m) + 2)
    missed = (1 - np.arange(1, counted) / n) ** m
    total = np.zeros(len(scales))
    rows = max(_BLOCK // n, 1)
    for start in range(0, n, rows):
        apart = distances(points[start : start + rows], points, signs=signs)
        near = np.sort(np.partition(apart, counted - 1, axis=1)[:, :counted], axis=1)
        for place, scale in enumerate(scales):
            total[place] += (np.diff(np.minimum(near, scale) ** p, axis=1) @ missed).sum()
    return total / n


def separation_bound(mu: GaussianMixture, m: int, survival: Callable[[Array], Array]) -> float:
    """The bound of the module docstring for a mixture and p = 2, at the best of several r and g.

    Args:
        mu: a mixture of two Gaussians or more.
        m: number of neurons >= 1.
        survival: of squared distances the chance that a neuron's nearest is farther, or less.

    Reference:
        theory keys R9, R22; derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> small = Gaussian(spectrum=[1e-6])
        >>> two = GaussianMixture([0.5, 0.5], np.array([[0.0], [2.0]]), [small, small])
        >>> 1.97 < separation_bound(two, 1, np.zeros_like) < 2.0
        True
    """
    means, weights = np.asarray(mu.means), np.asarray(mu.weights)
    pairs = pdist(means)
    clusters = _Clusters.of(pairs, weights, m)
    apart, linked = squareform(pairs), squareform(cophenet(linkage(pairs, "single")))
    deviations = _deviations(mu)
    squares = np.geomspace(1e-6, 1.0, _NODES) * float(pairs.max()) ** 2
    nearest = np.cumsum(np.diff(squares, prepend=0.0) * survival(squares))  # from below
    scales = [(0.0, 0.0), *zip(np.sqrt(squares[::8]), nearest[::8], strict=True)]
    best = 0.0
    for margin in np.arange(0.0, 7.0, 0.25) * deviations.max():
        t = np.maximum(linked - 2 * margin, 0.0)
        lost = 4 * weights[:, None] * t * _excess((apart - t) / 2, deviations)
        shrunk = clusters.shrunk(2 * margin)
        best = max(best, *(near + shrunk.bound(g, 2.0) - lost[t > g].sum() for g, near in scales))
    return ROUNDED_DOWN * float(best)


def _deviations(mu: GaussianMixture) -> Float[np.ndarray, "k k"]:
    """Of every component towards the mean of every other."""
    means = np.asarray(mu.means)
    steps = means - means[:, None]
    lengths = np.linalg.norm(steps, axis=2, keepdims=True)
    towards = steps / np.where(lengths > 0, lengths, 1.0)
    covariances = np.stack([component.covariance for component in mu.components])
    variances = np.einsum("ijd,ide,ije->ij", towards, covariances, towards)
    return np.asarray(np.sqrt(np.maximum(variances, 0.0)))


def _excess(threshold: Array, deviation: Array) -> Array:
    """E (s - R)_+ of a centred normal number, rounded up."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, threshold / deviation, np.inf)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        # beyond 10 the mean excess is below its density over z^2
        excess = np.where(z < 10, density - z * ndtr(-z), density / z**2)
    return np.where(z < np.inf, np.maximum(excess, 0.0) * deviation, 0.0)
