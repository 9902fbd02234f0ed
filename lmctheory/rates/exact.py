"""Exact Wasserstein distances between two samples of equal size (R1)."""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

__all__ = ["optimal_permutation", "wasserstein", "wasserstein_pow"]


def wasserstein_pow(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], p: float = 2.0
) -> float:
    """W_p^p(mu_m, nu_m) = min over permutations pi of (1/m) sum_i |a_i - b_pi(i)|^p, exactly.

    By sorting in one dimension (p >= 1), else by solving the assignment problem.

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0; for p < 1 this is the optimal cost for |x - y|^p.

    Returns:
        The cost per neuron, in units of the weights to the power p. Not the distance W_p.

    Raises:
        ValueError: for unequal shapes, no neurons, NaN or infinity, or p <= 0.

    Reference:
        theory key R1 (Birkhoff); Ferbach et al. (2024), Lemma B.3.

    Example:
        >>> import numpy as np
        >>> wasserstein_pow(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
        1.0
    """
    _check(a, b, p)
    if a.shape[1] == 1 and p >= 1:
        return float(np.mean(np.abs(np.sort(a[:, 0]) - np.sort(b[:, 0])) ** p))
    cost = _cost(a, b, p)
    return float(cost[linear_sum_assignment(cost)].mean())


def wasserstein(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], p: float = 2.0) -> float:
    """The distance W_p(mu_m, nu_m), p >= 1: the p-th root of `wasserstein_pow`.

    Raises:
        ValueError: as `wasserstein_pow`, and for p < 1, where it is no distance.
    """
    if p < 1:
        raise ValueError(f"p must be >= 1 for a distance, got {p}; see wasserstein_pow")
    return float(wasserstein_pow(a, b, p) ** (1 / p))


def optimal_permutation(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], p: float = 2.0
) -> Int[np.ndarray, " m"]:
    """The optimal permutation: ``perm[i]`` is the neuron of b that is matched with a_i.

    Raises:
        ValueError: as `wasserstein_pow`.
    """
    _check(a, b, p)
    return linear_sum_assignment(_cost(a, b, p))[1]


def _cost(a: np.ndarray, b: np.ndarray, p: float) -> np.ndarray:
    return cdist(a, b, "sqeuclidean") if p == 2 else cdist(a, b) ** p


def _check(a: np.ndarray, b: np.ndarray, p: float) -> None:
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape [m, d], got {a.shape} and {b.shape}")
    if not a.size:
        raise ValueError(f"a and b must not be empty, got shape {a.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must be finite, got NaN or infinity")
    if not p > 0:
        raise ValueError(f"p must be > 0, got {p}")
