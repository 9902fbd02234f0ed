r"""The uniform law in a ball.

It is the image of the sphere of the same radius in R^{d+2} under x -> (x_1..x_d), and the first d
coordinates of Brownian motion on that sphere are a diffusion of their own, with carre du champ
|grad f|^2 - (x . grad f)^2 / r^2 <= |grad f|^2. Its eigenfunctions are the orthogonal polynomials
of the ball: those of degree k, binom(k + d - 1, k) of them, have the eigenvalue k (k + d) / r^2.
So R6 applies with the heat trace of a d-dimensional space, not of the (d + 1)-dimensional sphere:
functions of x_1..x_d have the same H^-1 norm on the ball as on the sphere, and projecting
transport from the sphere bounds W_2 there, with the constant c_{d+1} of the sphere (R6b).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import betainc, gammaln

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    at_least,
    exp_rounded_up,
    generator,
    log_ball_volume,
    nonnegative,
    positive,
    raised,
)
from lmctheory.measures.hopf_lax import hopf_lax_constant
from lmctheory.measures.lattice import dyadic_cells

__all__ = ["UniformBall"]

_MANY_TERMS = 2**15
"""Beyond this many terms of the heat trace an integral bounds their sum, too large by 1e-4."""


@dataclass(frozen=True)
class UniformBall:
    """The uniform law in the ball of a given radius in R^d around 0.

    Args:
        dimension: d >= 1.
        radius: r > 0, in units of the weights.

    Raises:
        TypeError: if the dimension is no integer, or the radius no number.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R5, R6, R6b, R9, R10.

    Example:
        >>> from lmctheory.measures import UniformBall
        >>> UniformBall(2, radius=2.0).spectrum
        array([1., 1.])
    """

    dimension: int
    radius: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", at_least("dimension", self.dimension, 1))
        object.__setattr__(self, "radius", positive("radius", self.radius))

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues r^2/(d+2) of the covariance ``[d]``."""
        return np.full(self.dimension, raised(self.radius, 2.0) / (self.dimension + 2))

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

    @property
    def semigroup_constant(self) -> float:
        """c_{d+1} of R6b."""
        return hopf_lax_constant(self.dimension + 1)

    @property
    def log_sobolev_constant(self) -> float:
        """r^2/(d+1), that of the sphere in R^{d+2} (R10)."""
        return raised(self.radius, 2.0) / (self.dimension + 1)

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        x: Float[np.ndarray, "m d"] = rng.standard_normal((m, self.dimension))
        norms = self.radius * rng.random((m, 1)) ** (1 / self.dimension)
        return x * (norms / np.linalg.norm(x, axis=1, keepdims=True))

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """P(|X - X'| <= r), exactly.

        With x = r/radius: x^d I_{1-x^2/4}((d+1)/2, 1/2) + I_{x^2/4}((d+1)/2, (d+1)/2), by parts
        from the density d x^{d-1} I_{1-x^2/4}((d+1)/2, 1/2), I the regularised incomplete beta
        function: two unit balls at distance x overlap in that fraction of their volume.
        """
        r = nonnegative("r", r)
        x, half = np.minimum(r / self.radius, 2.0), (self.dimension + 1) / 2
        tail = betainc(half, 0.5, 1 - x**2 / 4)
        with np.errstate(divide="ignore"):  # in logarithms: x^d overflows beyond 1000 dimensions
            overlap = np.exp(self.dimension * np.log(x) + np.log(tail))
        return overlap + betainc(half, half, x**2 / 4)

    def heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """Heat trace sum_k binom(k+d-1, k) e^{-k(k+d)s/r^2}, rounded up at tiny times."""
        return self._heat_trace(s, 1)

    def even_heat_trace(self, s: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """The sum of the heat trace over even k only, rounded up at tiny times (S1)."""
        return self._heat_trace(s, 2)

    def _heat_trace(self, s: ArrayLike, step: int) -> np.ndarray:
        """Over every k, or every second one."""
        s = nonnegative("s", s)
        times = s.ravel() / raised(self.radius, 2.0)
        traces = [_unit_heat_trace(self.dimension, float(u), step) for u in times]
        return np.array(traces).reshape(s.shape)

    def mean_squared_displacement(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """D(t) = 2 r^2 d/(d+2) (1 - e^{-(d+1)t/r^2})."""
        t = nonnegative("t", t)
        square = raised(self.radius, 2.0)
        return -2 * self.second_moment * np.expm1(-(self.dimension + 1) * t / square)

    def contraction(self, t: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """L_t = e^{-(d+1)t/r^2}: the coordinates are eigenfunctions."""
        t = nonnegative("t", t)
        return np.exp(-(self.dimension + 1) * t / raised(self.radius, 2.0))

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Dyadic cells of the enclosing cube that meet the ball, and their diameters (R5)."""
        cells, sides = dyadic_cells(self.dimension, levels, shell=False)
        return cells, self.radius * np.minimum(sides * np.sqrt(self.dimension), 2.0)


def _unit_heat_trace(d: int, u: float, step: int) -> float:
    """The heat trace of the unit ball, over every k or every second one.

    With y = k + d/2, k(k+d) = y^2 - d^2/4 and binom(k+d-1, k) <= y^{d-1}/(d-1)!, as (k+1)..(k+d-1)
    have the mean y. The sum of a unimodal function is at most its integral, over the step, and its
    maximum.
    """
    if u == 0:
        return np.inf
    # y sqrt(u) is spread like chi_d / sqrt 2, which exceeds this by chance e^-42
    terms = int(min((np.sqrt(d / 2) + 6.5) / np.sqrt(u), _MANY_TERMS)) + 2
    with np.errstate(over="ignore"):
        if terms > _MANY_TERMS:
            scale = d**2 * u / 4 - gammaln(d)
            integral = np.exp(scale + gammaln(d / 2) - d / 2 * np.log(u)) / 2
            mode = (d - 1) / 2  # of y^2 u
            maximum = np.exp(scale + (mode * np.log(mode / u) if d > 1 else 0.0) - mode)
            return float(integral / step + maximum)
        k = np.arange(step, terms, step, dtype=np.float64)
        log_number = gammaln(k + d) - gammaln(k + 1) - gammaln(d)
        return 1 + float(np.exp(log_number - k * (k + d) * u).sum())
