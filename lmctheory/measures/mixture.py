"""A mixture of Gaussians: clustered neurons."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import ndtr

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    generator,
    nonnegative,
    precision,
)
from lmctheory.measures.covariance import centred
from lmctheory.measures.display import Readable, brief
from lmctheory.measures.gaussian import Gaussian

__all__ = ["GaussianMixture"]


@dataclass(frozen=True, eq=False, repr=False)
class GaussianMixture(Readable):
    """X = mean_I + Y_I, where I = i with probability w_i and Y_i ~ component i.

    Args:
        weights: probabilities w ``[k]``, > 0, of sum 1.
        means: ``[k, d]``.
        components: k centred Gaussians on R^d, each given by its spectrum or its covariance.

    Raises:
        TypeError: unless weights and means hold real numbers, and all components are Gaussians.
        ValueError: if the weights are no probabilities, the means not finite, or sizes differ.

    Reference:
        theory keys R5, R9.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Gaussian, GaussianMixture
        >>> one = Gaussian(spectrum=[1.0])
        >>> mu = GaussianMixture([0.5, 0.5], np.array([[-2.0], [2.0]]), [one, one])
        >>> mu.spectrum
        array([5.])
    """

    weights: Shaped[ArrayLike, " k"] | Sequence[float]
    means: Shaped[ArrayLike, "k d"]
    components: Sequence[Gaussian]

    def __post_init__(self) -> None:
        weights, means = array("weights", self.weights, "k"), array("means", self.means, "k d")
        slack = max(1e-9, len(weights) * precision(self.weights))
        if not (weights > 0).all() or abs(weights.sum() - 1) > slack:
            raise ValueError(f"weights must be positive with sum 1, got {brief(weights)}")
        if len(means) != len(weights):
            raise ValueError(f"means must be one per weight, got shape {means.shape}")
        others = [type(one).__name__ for one in self.components if not isinstance(one, Gaussian)]
        if others:
            raise TypeError(f"components must be Gaussians, got one of type {others[0]}")
        dimensions = [component.dimension for component in self.components]
        if dimensions != [means.shape[1]] * len(weights):
            raise ValueError(
                f"components must be {len(weights)} Gaussians of dimension {means.shape[1]}, "
                f"got dimensions {dimensions}"
            )
        for name, values in (("weights", weights / weights.sum()), ("means", means.copy())):
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "components", tuple(self.components))

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return int(np.shape(self.means)[1])

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the covariance within and between the clusters ``[d]``, decreasing."""
        w = np.asarray(self.weights)
        between = np.sqrt(w)[:, None] * centred(self.means, w)
        within = sum(w_i * c.covariance for w_i, c in zip(w, self.components, strict=True))
        return Gaussian(covariance=within + between.T @ between).spectrum

    @property
    def second_moment(self) -> float:
        """E|X|^2 = sum_i w_i (|mean_i|^2 + tr Lambda_i)."""
        moments = [c.second_moment for c in self.components]
        return float(np.asarray(self.weights) @ (np.square(self.means).sum(axis=1) + moments))

    @property
    def density_bound(self) -> float:
        """Sum of the components' bounds."""
        return float(np.asarray(self.weights) @ [c.density_bound for c in self.components])

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        chosen = rng.choice(len(self.components), size=m, p=self.weights)
        x: Float[np.ndarray, "m d"] = self.means[chosen]
        for i in np.unique(chosen):
            members = chosen == i
            x[members] += self.components[i].sample(int(members.sum()), rng=rng)
        return x

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """An upper bound of P(|X - X'| <= r).

        Given clusters i and j, X - X' ~ N(delta, C), C the sum of their covariances. A ball around
        0 has the more mass the nearer delta is to 0 (Anderson), and less than the slab that
        contains it, orthogonal to delta: both bound it.
        """
        r = nonnegative("r", r)
        total = np.zeros_like(r)
        for w, mean, first in zip(self.weights, self.means, self.components, strict=True):
            for v, other, second in zip(self.weights, self.means, self.components, strict=True):
                half = (first.covariance + second.covariance) / 2
                around = Gaussian(covariance=half).distance_cdf(r)
                total += w * v * np.minimum(around, _slab(r, mean - other, 2 * half))
        return np.minimum(total, 1.0)


def _slab(r: np.ndarray, delta: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """P(|Y| <= r) for the component Y of N(delta, covariance) along delta."""
    distance = np.linalg.norm(delta)
    if distance == 0:
        return np.ones_like(r)
    direction = delta / distance
    variance = direction @ covariance @ direction
    if variance <= 0:  # by rounding
        return (r >= distance).astype(np.float64)
    deviation = np.sqrt(variance)
    return ndtr((r - distance) / deviation) - ndtr((-r - distance) / deviation)
