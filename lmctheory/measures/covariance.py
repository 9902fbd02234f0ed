"""What counts as a covariance, given that it was computed in floating point."""

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray

from lmctheory.measures.arguments import ArrayLike, array, precision

__all__ = ["centred", "eigenvalues", "principal_axes"]

_LEAST_TOLERANCE, _LARGEST_TOLERANCE = 1e-10, 0.1
"""In units of the largest entry or eigenvalue."""


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
    symmetric = _symmetric(name, matrix)
    values, axes = np.linalg.eigh(symmetric)
    return _beyond_rounding(name, values, matrix)[::-1], axes[:, ::-1]


def eigenvalues(
    name: str, matrix: Shaped[ArrayLike, "d d"] | Shaped[ArrayLike, " d"]
) -> Float[np.ndarray, " d"]:
    """The eigenvalues of `principal_axes` alone, of a matrix or as they are given ``[d]``.

    Raises:
        TypeError: as `principal_axes`.
        ValueError: as `principal_axes`.
    """
    if np.ndim(matrix) == 1:
        return _beyond_rounding(name, np.sort(array(name, matrix, "d")), matrix)[::-1]
    return _beyond_rounding(name, np.linalg.eigvalsh(_symmetric(name, matrix)), matrix)[::-1]


def _symmetric(name: str, matrix: ArrayLike) -> NDArray[np.float64]:
    values = array(name, matrix, "d d")
    if values.shape[0] != values.shape[1]:
        raise ValueError(f"{name} must be a square matrix, got shape {values.shape}")
    if (np.abs(values - values.T) > _tolerance(len(values), matrix) * np.abs(values).max()).any():
        raise ValueError(f"{name} must be symmetric")
    return values / 2 + values.T / 2


def _tolerance(d: int, matrix: ArrayLike) -> float:
    rounding = 8 * float(np.sqrt(d)) * precision(matrix)
    return min(max(rounding, _LEAST_TOLERANCE), _LARGEST_TOLERANCE)


def _beyond_rounding(name: str, found: np.ndarray, matrix: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues, increasing, without those that may be rounding errors of zero."""
    least, largest = float(found[0]), float(np.abs(found).max())
    if least < -_tolerance(len(found), matrix) * largest:
        raise ValueError(
            f"{name} must be >= 0, got the eigenvalue {least:g}; if that is rounding, pass the "
            f"matrix in the type that it was computed in, not converted to another"
        )
    error = len(found) * np.finfo(np.float64).eps * largest
    return np.where(found > max(error, -least), found, 0.0)


def centred(
    points: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " n"] | None = None
) -> Float[np.ndarray, "n d"]:
    """The points around their mean, to the precision of their differences.

    From far away a mean is rounded by more than near points differ: they are moved near it first,
    which differences survive.

    Args:
        points: ``[n, d]``.
        weights: probabilities ``[n]``; equal ones by default.
    """
    near = points - np.median(points, axis=0)
    return near - np.average(near, axis=0, weights=weights)
