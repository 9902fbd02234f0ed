r"""What means of even features say about costs modulo signs (S1), in place of the samples' means.

If G is even and |G(x) - G(y)| <= |x - y|, hence <= min(|x - y|, |x + y|), the cost modulo signs is
at least that of the images, and that at least the distance of their means: for p >= 2

    E W_p^p >= (2 tr Cov G(X) / m)^{p/2}.

*Moduli.* G(x) = (|x_1|, .., |x_d|) in any orthonormal basis: tr Cov = E|X|^2 - sum_i (E|X_i|)^2.

*Squares.* G(x) = x x^T / (sqrt 2 |x|): with c = |cos| of the angle between x and y,
2 |G(x) - G(y)|^2 = |x|^2 + |y|^2 - 2 |x||y| c^2, which is at most 1 + c <= 2 times
|x|^2 + |y|^2 - 2 |x||y| c. tr Cov = (E|X|^2 - |E x x^T / |x||^2) / 2.
"""

from functools import singledispatch

import numpy as np
from scipy.special import ndtr

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Measure,
    UniformBall,
    UniformSphere,
)
from lmctheory.measures.quotient import leading_axes
from lmctheory.rates.bound import NotApplicable
from lmctheory.rates.one_neuron import mean_cosine, mean_norm

__all__ = ["even_variance"]

_EPS = float(np.finfo(np.float64).eps)


@singledispatch
def even_variance(mu: Measure) -> float:
    """Tr Cov G(X) for the better of the two features, in squared units of the weights.

    Args:
        mu: a law without independent coordinates; of those R7 says more, in every coordinate.

    Raises:
        NotApplicable: if the features' means are not known for this law.
    """
    raise NotApplicable(f"known means of even features, {type(mu).__name__} has none")


@even_variance.register(UniformBall)
@even_variance.register(UniformSphere)
def _(mu: UniformBall | UniformSphere) -> float:
    d, norm = mu.dimension, mean_norm(mu)
    moduli = mu.second_moment - d * (norm * mean_cosine(d)) ** 2
    return float(max(moduli, (mu.second_moment - norm**2 / d) / 2))


@even_variance.register
def _(mu: Empirical) -> float:
    """Rounded down: far from 0, or without any variance, rounding would be all that is left."""
    points = np.asarray(mu.points)
    n, d = points.shape
    top = float(np.abs(points).max()) or 1.0
    x = points / top
    norms = np.linalg.norm(x, axis=1)
    square = float((norms**2).mean())
    moduli = np.abs(x @ leading_axes(x).T)
    # the deviation of computed moduli is off by the root mean square of their errors at most
    deviations = np.std(moduli, axis=0) - 4 * (n + d) * _EPS * np.sqrt(square)
    roots = x / np.sqrt(np.where(norms > 0, norms, 1.0))[:, None]
    singular = np.linalg.svd(roots, compute_uv=False)
    squares = (square - float((singular**4).sum()) / n**2) / 2 - 4 * (n + d) * _EPS * square
    return top**2 * max(float(np.square(np.maximum(deviations, 0.0)).sum()), squares, 0.0)


@even_variance.register
def _(mu: GaussianMixture) -> float:
    """Moduli along the axes of the second moment: means of folded normals."""
    weights = np.asarray(mu.weights)
    roots = [_root(component) for component in mu.components]
    points = np.vstack([np.asarray(mu.means), *roots])
    shares = np.r_[weights, np.repeat(weights, [len(root) for root in roots])]
    total = 0.0
    for axis in leading_axes(points, shares):
        means = np.asarray(mu.means) @ axis
        deviations = np.array([np.linalg.norm(root @ axis) for root in roots])
        square = weights @ (means**2 + deviations**2)
        total += float(square - (weights @ _mean_modulus(means, deviations)) ** 2)
        total -= 16 * len(points) * _EPS * float(square)
    return max(total, 0.0)


def _root(law: Gaussian) -> np.ndarray:
    """Rows r with sum r r^T the covariance."""
    values, axes = np.linalg.eigh(law.covariance)
    return np.asarray((axes * np.sqrt(np.maximum(values, 0.0))).T)


def _mean_modulus(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """E|N(mean, deviation^2)|."""
    z = means / np.where(deviations > 0, deviations, 1.0)
    spread = deviations * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + means * (1 - 2 * ndtr(-z))
    return np.where(deviations > 0, spread, np.abs(means))
