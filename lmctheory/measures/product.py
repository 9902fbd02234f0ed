"""Laws with independent coordinates, sub-Gaussian but for one heavy-tailed contrast (D5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    exp_rounded_up,
    generator,
)
from lmctheory.measures.display import Readable
from lmctheory.measures.marginal import Marginal

__all__ = ["SubGaussianProduct"]


@dataclass(frozen=True, eq=False, repr=False)
class SubGaussianProduct(Readable):
    """Independent coordinates X_i = scale_i Z_i, with Z_i from one marginal of variance 1.

    Args:
        marginal: `Uniform()`, `TruncatedNormal(cut)`, `RademacherMixture(noise)`, or `Laplace()`,
            which is not sub-Gaussian and stands for contrast.
        scales: standard deviations ``[d]`` of the coordinates, > 0, in units of the weights.

    Attributes:
        diameter: of the support; absent if the marginal is unbounded.
        log_sobolev_constant: the marginal's times the largest squared scale; absent if infinite.

    Raises:
        TypeError: if the marginal is none, or the scales no real numbers.
        ValueError: unless the scales are a non-empty vector of positive, finite numbers.

    Reference:
        theory keys D5, R10; Ferbach et al. (2024), Section 5.5.

    Example:
        >>> from lmctheory.measures import SubGaussianProduct, TruncatedNormal
        >>> SubGaussianProduct(TruncatedNormal(cut=2.0), scales=[1.0, 2.0]).spectrum
        array([4., 1.])
    """

    marginal: Marginal
    scales: Shaped[ArrayLike, " d"] | Sequence[float]
    diameter: float = field(init=False, repr=False)
    log_sobolev_constant: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.marginal, type) or not isinstance(self.marginal, Marginal):
            raise TypeError(f"marginal must be a law on the line, got {self.marginal!r}")
        scales = array("scales", self.scales, "d").copy()
        with np.errstate(over="ignore", under="ignore"):
            squares = scales**2
        if not (np.isfinite(squares).all() and (scales > 0).all() and (squares > 0).all()):
            raise ValueError("scales must be positive and finite, and so must their squares")
        scales.setflags(write=False)
        object.__setattr__(self, "scales", scales)
        if np.isfinite(self.marginal.reach):  # a capability of some of these laws only
            diameter = float(2 * self.marginal.reach * np.linalg.norm(scales))
            object.__setattr__(self, "diameter", diameter)
        if np.isfinite(self.marginal.log_sobolev_constant):
            constant = float(self.marginal.log_sobolev_constant * scales.max() ** 2)
            object.__setattr__(self, "log_sobolev_constant", constant)

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return len(self.scales)

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Squared scales ``[d]``, decreasing."""
        return np.sort(np.square(self.scales))[::-1]

    @property
    def second_moment(self) -> float:
        """E|X|^2 = sum of squared scales."""
        return float(self.spectrum.sum())

    @property
    def density_bound(self) -> float:
        """Product over i of the marginal's bound over scale_i."""
        return exp_rounded_up(
            float(np.sum(np.log(self.marginal.density_bound) - np.log(self.scales)))
        )

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        return self.marginal.sample((m, self.dimension), rng=rng) * self.scales
