"""The uniform law in a ball."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import betainc

from lmctheory.measures.arguments import (
    at_least,
    exp_rounded_up,
    log_ball_volume,
    nonnegative,
    positive,
)
from lmctheory.measures.lattice import dyadic_cells

__all__ = ["UniformBall"]


@dataclass(frozen=True)
class UniformBall:
    """The uniform law in the ball of a given radius in R^d around 0.

    It is also the image of the sphere of the same radius in R^{d+2} under the projection to d
    coordinates, which is 1-Lipschitz.

    Args:
        dimension: d >= 1.
        radius: r > 0, in units of the weights.

    Raises:
        TypeError: if the dimension is no integer.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R5, R9.

    Example:
        >>> from lmctheory.measures import UniformBall
        >>> UniformBall(2, radius=2.0).spectrum
        array([1., 1.])
    """

    dimension: int
    radius: float = 1.0

    def __post_init__(self) -> None:
        at_least("dimension", self.dimension, 1)
        positive("radius", self.radius)

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues r^2/(d+2) of the covariance ``[d]``."""
        return np.full(self.dimension, self.radius**2 / (self.dimension + 2))

    @property
    def second_moment(self) -> float:
        """E|X|^2 = r^2 d/(d+2)."""
        return float(self.spectrum.sum())

    @property
    def diameter(self) -> float:
        """2 r."""
        return 2 * self.radius

    @property
    def density_bound(self) -> float:
        """The density 1/(v_d r^d)."""
        log_volume = log_ball_volume(self.dimension) + self.dimension * np.log(self.radius)
        return exp_rounded_up(-log_volume)

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        at_least("m", m, 1)
        x: Float[np.ndarray, "m d"] = rng.standard_normal((m, self.dimension))
        norms = self.radius * rng.random((m, 1)) ** (1 / self.dimension)
        return x * (norms / np.linalg.norm(x, axis=1, keepdims=True))

    def distance_cdf(self, r: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """P(|X - X'| <= r), exactly.

        With x = r/radius: x^d I_{1-x^2/4}((d+1)/2, 1/2) + I_{x^2/4}((d+1)/2, (d+1)/2), by parts
        from the density d x^{d-1} I_{1-x^2/4}((d+1)/2, 1/2), I the regularised incomplete beta
        function: two unit balls at distance x overlap in that fraction of their volume.
        """
        nonnegative("r", r)
        x, half = np.minimum(r / self.radius, 2.0), (self.dimension + 1) / 2
        return x**self.dimension * betainc(half, 0.5, 1 - x**2 / 4) + betainc(half, half, x**2 / 4)

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Dyadic cells of the enclosing cube that meet the ball, and their diameters (R5)."""
        cells, sides = dyadic_cells(self.dimension, levels, shell=False)
        return cells, self.radius * np.minimum(sides * np.sqrt(self.dimension), 2.0)
