"""What every law of neurons offers, and what only some of them do.

A capability is a protocol: ``isinstance(mu, Bounded)`` says whether a law has it.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

__all__ = [
    "Bounded",
    "Diffusive",
    "EvenDiffusive",
    "HasDensity",
    "HasDistanceLaw",
    "HasSpectrum",
    "LogSobolev",
    "Measure",
    "Partitioned",
    "require_law",
]


@runtime_checkable
class Measure(Protocol):
    """A law of one neuron's weight vector on R^d."""

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        ...

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``."""
        ...


@runtime_checkable
class HasSpectrum(Protocol):
    """A law with a known covariance: M(m) <= 2 tr Cov."""

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the covariance ``[d]``, decreasing."""
        ...

    @property
    def second_moment(self) -> float:
        """E|X|^2, in squared units of the weights."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A law of bounded support (R10)."""

    @property
    def diameter(self) -> float:
        """Euclidean diameter of the support, or an upper bound of it."""
        ...


@runtime_checkable
class HasDensity(Protocol):
    """A law with a density with respect to Lebesgue measure on R^d (R9)."""

    @property
    def density_bound(self) -> float:
        """An upper bound of the density, infinite if it has none; never underflows to 0."""
        ...


@runtime_checkable
class HasDistanceLaw(Protocol):
    """A law whose correlation integral is known or bounded (R9)."""

    def distance_cdf(self, r: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """P(|X - X'| <= r) for r >= 0, or an upper bound of it."""
        ...


@runtime_checkable
class Diffusive(Protocol):
    """The invariant law of a reversible diffusion with carre du champ <= |grad f|^2 (R6)."""

    @property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the covariance ``[d]``, decreasing."""
        ...

    @property
    def semigroup_constant(self) -> float:
        """The c of W_2^2(f mu, mu) <= c ||f - 1||^2_{H^-1}: at most 4 (R6b)."""
        ...

    def heat_trace(self, s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """The heat trace tr P_s >= 1, infinite where it overflows."""
        ...

    def mean_squared_displacement(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """D(t) = E|X_t - X_0|^2 in stationarity."""
        ...

    def contraction(self, t: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """L_t, a Lipschitz constant of y -> E[X_0 | X_t = y]."""
        ...


@runtime_checkable
class EvenDiffusive(Measure, Diffusive, Protocol):
    """A symmetric law with a diffusion that commutes with x -> -x (R6 modulo signs, S1)."""

    def even_heat_trace(self, s: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """The part of the heat trace that even eigenfunctions have."""
        ...


@runtime_checkable
class LogSobolev(Protocol):
    """A law with a logarithmic Sobolev inequality Ent(f^2) <= 2 C E|grad f|^2 (R10)."""

    @property
    def log_sobolev_constant(self) -> float:
        """C, in squared units of the weights; lambda_1 for a Gaussian."""
        ...


@runtime_checkable
class Partitioned(Protocol):
    """A law whose support comes with nested partitions (R5)."""

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Number of cells, and largest diameter of a cell, at levels 1..levels."""
        ...


def require_law(name: str, mu: object) -> None:
    """Refuses what is no law, such as an array of neurons: `Empirical` makes a law of them.

    Raises:
        TypeError: naming the argument.
    """
    if not isinstance(mu, Measure):
        raise TypeError(f"{name} must be a law of neurons, got {type(mu).__name__}")
