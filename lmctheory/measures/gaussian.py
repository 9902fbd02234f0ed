"""The Gaussian law of one neuron's weights."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

__all__ = ["Gaussian"]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(0, Lambda) on R^d, in its principal axes: matching cost depends on nothing else.

    Args:
        spectrum: eigenvalues of Lambda ``[d]``, in any order; zero is allowed.
        covariance: alternatively Lambda itself ``[d, d]``; samples then have that covariance.
            Each computed eigenvalue has an error of order 1e-16 d times the largest; below that
            it is set to zero.

    Raises:
        TypeError: unless exactly one of the two is given.
        ValueError: for an empty, non-finite or negative spectrum, or a covariance that is no
            symmetric positive semidefinite matrix.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> Gaussian(spectrum=[1.0, 3.0]).spectrum
        array([3., 1.])
    """

    spectrum: Float[np.ndarray, " d"]
    _axes: Float[np.ndarray, "d d"] | None = field(repr=False)

    def __init__(
        self,
        *,
        spectrum: "Float[np.ndarray, ' d'] | list[float] | tuple[float, ...] | None" = None,
        covariance: Float[np.ndarray, "d d"] | None = None,
    ) -> None:
        if (spectrum is None) == (covariance is None):
            raise TypeError("Gaussian needs exactly one of spectrum and covariance")
        axes = None
        if covariance is not None:
            eigenvalues, axes = _principal_axes(covariance)
        else:
            eigenvalues = np.sort(_checked_spectrum(np.asarray(spectrum, dtype=np.float64)))[::-1]
        object.__setattr__(self, "spectrum", eigenvalues.copy())
        object.__setattr__(self, "_axes", axes)
        self.spectrum.setflags(write=False)

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return len(self.spectrum)

    @property
    def second_moment(self) -> float:
        """E|X|^2 = tr Lambda, in squared units of the weights."""
        return float(self.spectrum.sum())

    def sample(self, m: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``.

        Raises:
            ValueError: if m < 1.
        """
        if m < 1:
            raise ValueError(f"m must be >= 1, got {m}")
        x: Float[np.ndarray, "m d"] = rng.standard_normal((m, self.dimension))
        x *= np.sqrt(self.spectrum)
        return x if self._axes is None else x @ self._axes.T


def _checked_spectrum(spectrum: np.ndarray) -> np.ndarray:
    if spectrum.ndim != 1 or spectrum.size == 0:
        raise ValueError(f"spectrum must be a non-empty vector, got shape {spectrum.shape}")
    if not np.isfinite(spectrum).all():
        raise ValueError("spectrum must be finite, got NaN or infinity")
    if (spectrum < 0).any():
        raise ValueError(f"spectrum must be >= 0, got {spectrum.min():g}")
    return spectrum


def _principal_axes(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues in decreasing order, eigenvectors in columns."""
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not covariance.size:
        raise ValueError(f"covariance must be a square matrix, got shape {covariance.shape}")
    if not np.isfinite(covariance).all():
        raise ValueError("covariance must be finite, got NaN or infinity")
    scale = np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > 1e-10 * scale:
        raise ValueError("covariance must be symmetric")
    eigenvalues, axes = np.linalg.eigh(covariance)
    if eigenvalues[0] < -1e-10 * scale:
        raise ValueError(f"covariance must be >= 0, got the eigenvalue {eigenvalues[0]:g}")
    rounding = len(covariance) * np.finfo(np.float64).eps * scale
    return np.where(eigenvalues > rounding, eigenvalues, 0.0)[::-1], axes[:, ::-1]
