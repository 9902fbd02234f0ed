"""What counts as a covariance, given that it was computed in floating point."""

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from lmctheory.measures.arguments import ArrayLike, array, precision

__all__ = ["principal_axes"]

_LEAST_TOLERANCE, _LARGEST_TOLERANCE = 1e-10, 0.1
"""In units of the largest entry."""


def principal_axes(
    name: str, matrix: Shaped[ArrayLike, "d d"]
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Eigenvalues >= 0 ``[d]``, decreasing, and eigenvectors ``[d, d]`` in columns.

    A matrix that should be positive semidefinite has eigenvalues around zero where the true ones
    are zero, as far as d^{1/2} rounding units of the type that it was computed in, and comes in:
    2^-23 for float32. That far below zero, eight times over, is allowed. As rounding errs to either
    side, eigenvalues no larger than the most negative one are set to zero like that, and in any
    case those below the error of the eigenvalues themselves, d rounding units of float64.

    Args:
        name: of the argument.
        matrix: the covariance.

    Raises:
        TypeError: unless it holds real numbers.
        ValueError: unless it is finite, square, symmetric and >= 0, up to rounding.
    """
    values = array(name, matrix, "d d")
    if values.shape[0] != values.shape[1]:
        raise ValueError(f"{name} must be a square matrix, got shape {values.shape}")
    scale, d = float(np.abs(values).max()), len(values)
    rounding = 8 * np.sqrt(d) * precision(matrix)
    tolerance = scale * min(max(rounding, _LEAST_TOLERANCE), _LARGEST_TOLERANCE)
    if (np.abs(values - values.T) > tolerance).any():
        raise ValueError(f"{name} must be symmetric")
    eigenvalues, axes = _decomposed(values)
    least = float(eigenvalues[-1])
    if least < -tolerance:
        raise ValueError(
            f"{name} must be >= 0, got the eigenvalue {least:g}; if that is rounding, pass the "
            f"matrix in the type that it was computed in, not converted to another"
        )
    noise = max(d * np.finfo(np.float64).eps * scale, -least)
    return np.where(eigenvalues > noise, eigenvalues, 0.0), axes


def _decomposed(values: NDArray[np.float64]) -> tuple[np.ndarray, np.ndarray]:
    eigenvalues, axes = np.linalg.eigh((values + values.T) / 2)
    return eigenvalues[::-1], axes[:, ::-1]
