"""Symmetric laws on the line of variance 1, of which coordinates may be drawn (D5)."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped
from scipy.optimize.elementwise import find_root
from scipy.special import erf, erfinv, gammainc, gammaln, log_ndtr, ndtr, ndtri
from scipy.stats import truncnorm

from lmctheory.measures.arguments import ArrayLike, RandomSource, array, generator, number, positive

__all__ = [
    "Laplace",
    "Marginal",
    "RademacherMixture",
    "TruncatedNormal",
    "Uniform",
]


@runtime_checkable
class Marginal(Protocol):
    """A symmetric law on the line with mean 0 and variance 1."""

    def __hash__(self) -> int:
        """Laws are values."""
        ...

    @property
    def reach(self) -> float:
        """Largest |Z|, possibly infinite."""
        ...

    @property
    def density_bound(self) -> float:
        """An upper bound of the density."""
        ...

    @property
    def log_sobolev_constant(self) -> float:
        """C of Ent(f^2) <= 2 C E f'^2 (R10); infinite where none is known."""
        ...

    def clipped(self, rho: float) -> float:
        """E (|Z| - rho)_+^2, what clipping at +-rho moves (D5)."""
        ...

    def norm(self, q: float) -> float:
        """(E|Z|^q)^{1/q} for q >= 1, or an upper bound of it."""
        ...

    def transport(self, z: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """The odd increasing map T for which T(G) has this law, G normal: quantile(Phi(z))."""
        ...

    def sample(self, shape: tuple[int, int], *, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Uniform in [-sqrt 3, sqrt 3]."""

    @property
    def reach(self) -> float:
        """The end sqrt 3."""
        return float(np.sqrt(3))

    @property
    def density_bound(self) -> float:
        """The density 1/(2 sqrt 3)."""
        return float(1 / np.sqrt(12))

    @property
    def log_sobolev_constant(self) -> float:
        """12/pi^2, that of an interval of length 2 sqrt 3."""
        return 12 / np.pi**2

    def clipped(self, rho: float) -> float:
        """E (|Z| - rho)_+^2 = (sqrt 3 - rho)_+^3 / (3 sqrt 3)."""
        return float(max(self.reach - rho, 0.0) ** 3 / (3 * self.reach))

    def norm(self, q: float) -> float:
        """(E|Z|^q)^{1/q} = sqrt 3 (q+1)^{-1/q}."""
        return float(self.reach * (q + 1) ** (-1 / q))

    def transport(self, z: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """T(z) = sqrt 3 erf(z / sqrt 2)."""
        z = array("z", z, finite=False)
        return np.asarray(self.reach * erf(z / np.sqrt(2)))

    def sample(self, shape: tuple[int, int], *, rng: RandomSource) -> np.ndarray:
        """Independent draws."""
        return self.reach * generator(rng).uniform(-1, 1, shape)


@dataclass(frozen=True)
class TruncatedNormal:
    """A standard normal, conditioned on |Z| <= cut and rescaled to variance 1.

    Args:
        cut: > 0; with 2 this is the usual initialisation of weights.

    Raises:
        ValueError: if cut is not positive and finite.
    """

    cut: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut", positive("cut", self.cut))

    @property
    def _deviation(self) -> float:
        # E[Z^2; |Z| <= cut] is a chance of chi^2_3; scipy's own formula cancels for small cuts
        x = self.cut**2 / 2
        return float(np.sqrt(gammainc(1.5, x) / gammainc(0.5, x)))

    @property
    def _inside(self) -> float:
        return float(erf(self.cut / np.sqrt(2)))

    @property
    def reach(self) -> float:
        """The cut over the standard deviation of the truncated normal."""
        return self.cut / self._deviation

    @property
    def density_bound(self) -> float:
        """The density at 0."""
        return self._deviation / (self._inside * float(np.sqrt(2 * np.pi)))

    @property
    def log_sobolev_constant(self) -> float:
        """1/variance before rescaling: a truncated normal is a contraction of a normal."""
        return 1 / self._deviation**2

    def clipped(self, rho: float) -> float:
        """E (|Z| - rho)_+^2, at most that of a normal over the mass within the cut."""
        if rho >= self.reach:
            return 0.0
        return 2 * _normal_excess(rho * self._deviation) / (self._inside * self._deviation**2)

    def norm(self, q: float) -> float:
        """(E|Z|^q)^{1/q}, at most that of a normal, rescaled."""
        return float(min(_normal_norm(q) / self._deviation, self.reach))

    def transport(self, z: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """T(z) = Phi^{-1}(Phi(-cut) + Phi(z) (1 - 2 Phi(-cut))) over the deviation."""
        z = array("z", z, finite=False)
        share = self._inside * erf(np.abs(z) / np.sqrt(2))  # P(|Z| <= x), x the result
        tail = -ndtri(ndtr(-self.cut) + ndtr(-np.abs(z)) * self._inside)
        x = np.where(share < 0.5, np.sqrt(2) * erfinv(share), tail)  # each where it is accurate
        return np.asarray(np.sign(z) * x / self._deviation)

    def sample(self, shape: tuple[int, int], *, rng: RandomSource) -> np.ndarray:
        """Independent draws."""
        draws = truncnorm.rvs(-self.cut, self.cut, size=shape, random_state=generator(rng))
        return np.asarray(draws / self._deviation)


@dataclass(frozen=True)
class RademacherMixture:
    """A random sign plus Gaussian noise, (+-1 + noise Z)/sqrt(1 + noise^2).

    Args:
        noise: standard deviation of the noise, at least 1e-6: less is no noise in the arithmetic of
            quantiles.

    Raises:
        ValueError: if noise is below 1e-6 or not finite.
    """

    noise: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", number("noise", self.noise, least=1e-6))

    @property
    def reach(self) -> float:
        """Infinite."""
        return np.inf

    @property
    def density_bound(self) -> float:
        """Height sqrt(1 + n^2) phi(0)/(2n) (1 + e^{-1/(2n^2)}), n the noise: one bump is far."""
        bumps = (1 + np.exp(-1 / (2 * self.noise**2))) / (2 * self.noise)
        return float(np.hypot(1, self.noise) * bumps / np.sqrt(2 * np.pi))

    @property
    def log_sobolev_constant(self) -> float:
        """Infinite: none is given here."""
        return np.inf

    def clipped(self, rho: float) -> float:
        """E (|Z| - rho)_+^2, exactly: a normal around each sign."""
        h, n = float(np.hypot(1, self.noise)), self.noise
        ends = ((rho * h - sign) / n for sign in (1.0, -1.0))
        return (n / h) ** 2 * sum(_normal_excess(end) for end in ends)

    def norm(self, q: float) -> float:
        """(E|Z|^q)^{1/q} <= (1 + n (E|G|^q)^{1/q}) / sqrt(1 + n^2)."""
        return float((1 + self.noise * _normal_norm(q)) / np.hypot(1, self.noise))

    def transport(self, z: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """T(z), where the distribution function of the mixture is Phi(z)."""
        z = array("z", z, finite=False)
        below, n = -np.abs(z), self.noise

        def excess(y: np.ndarray, log_target: np.ndarray) -> np.ndarray:  # at -1 + n y
            bumps = np.logaddexp(log_ndtr(y), log_ndtr(y - 2 / n))
            return np.asarray(bumps - np.log(2) - log_target)

        slack = 1e-9 * (1 + np.abs(below))  # signs at the ends must not hang on rounding
        bracket = (below - slack, min(1 / n, 40.0) + slack)
        target = np.minimum(log_ndtr(below), -np.log(2) - 1e-15)
        y = find_root(excess, bracket, args=(target,)).x
        return np.asarray(np.sign(z) * (1 - n * y) / np.hypot(1, n))

    def sample(self, shape: tuple[int, int], *, rng: RandomSource) -> np.ndarray:
        """Independent draws."""
        rng = generator(rng)
        signs = rng.choice([-1.0, 1.0], size=shape)
        return (signs + self.noise * rng.standard_normal(shape)) / np.hypot(1, self.noise)


@dataclass(frozen=True)
class Laplace:
    """The density e^{-sqrt 2 |z|}/sqrt 2: a tail heavier than sub-Gaussian, for contrast."""

    @property
    def reach(self) -> float:
        """Infinite."""
        return np.inf

    @property
    def density_bound(self) -> float:
        """The density 1/sqrt 2 at 0."""
        return float(np.sqrt(0.5))

    @property
    def log_sobolev_constant(self) -> float:
        """Infinite: the tail is too heavy for any."""
        return np.inf

    def clipped(self, rho: float) -> float:
        """E (|Z| - rho)_+^2 = e^{-sqrt 2 rho}."""
        return float(np.exp(-np.sqrt(2) * rho))

    def norm(self, q: float) -> float:
        """(E|Z|^q)^{1/q} = Gamma(q+1)^{1/q} / sqrt 2."""
        return float(np.exp(gammaln(q + 1) / q) / np.sqrt(2))

    def transport(self, z: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """T(z) = ln(2 Phi(z)) / sqrt 2 for z <= 0."""
        z = array("z", z, finite=False)
        return np.asarray(-np.sign(z) * (log_ndtr(-np.abs(z)) + np.log(2)) / np.sqrt(2))

    def sample(self, shape: tuple[int, int], *, rng: RandomSource) -> np.ndarray:
        """Independent draws."""
        return generator(rng).laplace(scale=np.sqrt(0.5), size=shape)


def _normal_excess(rho: float) -> float:
    """E (G - rho)_+^2 = (1 + rho^2) Phi(-rho) - rho phi(rho), G normal; at most 2 phi/rho^3."""
    density = np.exp(-(rho**2) / 2) / np.sqrt(2 * np.pi)
    if rho > 5:  # there the difference cancels
        return float(2 * density / rho**3)
    return float((1 + rho**2) * ndtr(-rho) - rho * density)


def _normal_norm(q: float) -> float:
    """(E|G|^q)^{1/q} = sqrt 2 (Gamma((q+1)/2) / sqrt pi)^{1/q}."""
    return float(np.sqrt(2) * np.exp((gammaln((q + 1) / 2) - np.log(np.pi) / 2) / q))
