r"""Neurons up to sign (S1): what an odd activation makes of a law.

If sigma is odd, a neuron whose incoming and outgoing weights are all negated computes the same: the
neurons of a network are points of R^d modulo +-1, at the distance min(|x - y|, |x + y|), and

    M_s(m) = E min over permutations pi and signs s of (1/m) sum_i |a_i - s_i b_pi(i)|^p

is E W_p^p there. What holds in any metric space holds as it stands: R1, R2, McDiarmid's inequality
(R10), W_p <= W_q for p <= q. x -> +-x does not raise distances, so that upper bounds of costs and
log-Sobolev constants of a law stay valid.

*Folding.* Whatever the signs that are given to neurons, by any function of each: the cost without
signs of the laws folded so is an upper bound.

*Diameter.* min(|x - y|, |x + y|)^2 <= |x|^2 + |y|^2, the mean of the two squares: for a support of
diameter D that is symmetric, where |x| <= D/2, it is at most D / sqrt 2.
"""

from functools import singledispatch
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist, pdist

from lmctheory.choices import require_choice
from lmctheory.measures.ball import UniformBall
from lmctheory.measures.cube import UniformCube
from lmctheory.measures.empirical import Empirical
from lmctheory.measures.gaussian import Gaussian
from lmctheory.measures.measure import Bounded, Measure
from lmctheory.measures.mixture import GaussianMixture
from lmctheory.measures.product import SubGaussianProduct
from lmctheory.measures.sphere import UniformSphere

__all__ = [
    "Modulo",
    "Symmetric",
    "by_signs",
    "condensed_distances",
    "distances",
    "folded",
    "leading_axes",
    "quotient_diameter",
    "symmetrised",
]

Modulo = Literal["signs"] | None
"""What neurons are compared modulo: their signs, or nothing but their order."""
Symmetric = Gaussian | SubGaussianProduct | UniformBall | UniformCube | UniformSphere
"""Laws of which X and -X are one, by construction."""


def by_signs(modulo: object) -> bool:
    """Whether neurons are compared up to their signs.

    Raises:
        ValueError: unless modulo is None or "signs".
    """
    require_choice("modulo", modulo, (None, "signs"))
    return modulo is not None


def distances(
    x: Float[np.ndarray, "m d"],
    y: Float[np.ndarray, "n d"],
    *,
    signs: bool,
    metric: Literal["euclidean", "sqeuclidean"] = "euclidean",
) -> Float[np.ndarray, "m n"]:
    """How far every x is from every y ``[m, n]``.

    Args:
        x: points ``[m, d]``.
        y: points ``[n, d]``.
        signs: whether distances are modulo signs.
        metric: the distance, or its square.
    """
    apart: Float[np.ndarray, "m n"] = cdist(x, y, metric)
    return np.minimum(apart, cdist(x, -y, metric), out=apart) if signs else apart


def condensed_distances(
    points: Float[np.ndarray, "n d"], *, signs: bool
) -> Float[np.ndarray, " pairs"]:
    """Of all pairs of points, each once, in the order of SciPy's `pdist`.

    Args:
        points: ``[n, d]``, n >= 1.
        signs: whether distances are modulo signs.
    """
    apart: Float[np.ndarray, " pairs"] = pdist(points)
    if signs:
        summed = [cdist(points[k : k + 1], -points[k + 1 :])[0] for k in range(len(points))]
        np.minimum(apart, np.concatenate(summed), out=apart)
    return apart


def leading_axes(
    points: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " n"] | None = None
) -> Float[np.ndarray, "k d"]:
    """Axes of the second moment, the largest first; points folded at the first are least spread.

    Args:
        points: ``[n, d]``, of any size.
        weights: probabilities ``[n]``; equal ones by default.

    Returns:
        Orthonormal rows ``[min(n, d), d]``.
    """
    unit = points / (np.abs(points).max() or 1.0)
    if weights is not None:
        unit = unit * np.sqrt(weights)[:, None]
    return np.linalg.svd(unit, full_matrices=False)[2]


def folded(
    points: Float[np.ndarray, "n d"], axis: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "n d"]:
    """The points, negated where they lie on the negative side of an axis; no rounding."""
    return np.where((points @ axis < 0)[:, None], -points, points)


def symmetrised(mu: Measure) -> Measure | None:
    """The law of X or -X, with probability 1/2 each; None if it is no law of this package."""
    if isinstance(mu, Symmetric):
        return mu
    if isinstance(mu, Empirical):
        points = np.asarray(mu.points)
        return Empirical(np.r_[points, -points])
    if isinstance(mu, GaussianMixture):
        weights, means = np.asarray(mu.weights), np.asarray(mu.means)
        components = [*mu.components, *mu.components]
        return GaussianMixture(np.r_[weights, weights] / 2, np.r_[means, -means], components)
    return None


@singledispatch
def quotient_diameter(mu: Bounded) -> float:
    """The diameter of the support modulo signs, or an upper bound of it.

    Args:
        mu: a law of bounded support.
    """
    return mu.diameter / 2**0.5 if isinstance(mu, Symmetric) else mu.diameter


@quotient_diameter.register
def _(mu: Empirical) -> float:
    points = np.asarray(mu.points)
    squares = np.square(points).sum(axis=1)
    largest = float(np.sqrt(2 * squares.max())) * (1 + 1e-15 * points.shape[1])
    return min(mu.diameter, largest)
