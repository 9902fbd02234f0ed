"""How many dimensions a law of weights really has (R12)."""

import numpy as np
from jaxtyping import Float

__all__ = ["participation_ratio"]


def participation_ratio(S: Float[np.ndarray, "d d"] | Float[np.ndarray, " d"]) -> float:
    """tr(S)^2 / tr(S^2), between 1 and the rank; d for a multiple of the identity.

    The "approximate dimension" of Ferbach et al. (2024), Figure 2.

    Args:
        S: a symmetric positive semidefinite matrix ``[d, d]``, or its eigenvalues ``[d]``.

    Raises:
        ValueError: if S is zero, not finite, or no square matrix or vector.

    Reference:
        theory key R12.

    Example:
        >>> import numpy as np
        >>> participation_ratio(np.eye(3))
        3.0
    """
    if S.ndim == 2 and S.shape[0] != S.shape[1]:
        raise ValueError(f"S must be square, got shape {S.shape}")
    if not np.isfinite(S).all():
        raise ValueError("S must be finite, got NaN or infinity")
    trace = np.trace(S) if S.ndim == 2 else S.sum()
    scale = np.abs(S).max(initial=0.0)
    if scale == 0:
        raise ValueError("S must not be zero: a constant has no dimension")
    return float((trace / scale) ** 2 / ((S / scale) ** 2).sum())
