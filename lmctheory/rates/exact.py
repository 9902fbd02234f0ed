"""Exact Wasserstein distances between two samples of equal size (R1)."""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

__all__ = [
    "MEMORY_LIMIT",
    "optimal_permutation",
    "require_memory",
    "require_samples",
    "wasserstein",
    "wasserstein_pow",
]

MEMORY_LIMIT = 4 * 2**30
"""Bytes that an array of all pairs may take, unless told otherwise."""
_MANY_DIMENSIONS = 128
"""From here on the costs of an assignment are computed by a matrix product, several times as fast,
where that is precise enough to choose the permutation by."""
_NEGLIGIBLE = 1e-9
"""Share of the cost that half of what a permutation chosen so costs too much must not exceed."""


def wasserstein_pow(
    a: Float[np.ndarray, "m d"],
    b: Float[np.ndarray, "m d"],
    p: float = 2.0,
    *,
    memory_limit: int = MEMORY_LIMIT,
) -> float:
    """W_p^p(mu_m, nu_m) = min over permutations pi of (1/m) sum_i |a_i - b_pi(i)|^p, exactly.

    By sorting in one dimension (p >= 1), else by solving the assignment problem, in time of order
    m^3 and 8 m^2 bytes. `certified_matching_cost` encloses it for wider layers.

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0; for p < 1 this is the optimal cost for |x - y|^p.
        memory_limit: bytes that the cost matrix may take.

    Returns:
        The cost per neuron, in units of the weights to the power p. Not the distance W_p.

    Raises:
        ValueError: for unequal shapes, no neurons, NaN or infinity, p <= 0, or a cost matrix beyond
            memory_limit.

    Reference:
        theory key R1 (Birkhoff); Ferbach et al. (2024), Lemma B.3.

    Example:
        >>> import numpy as np
        >>> wasserstein_pow(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
        1.0
    """
    require_samples(a, b, p)
    a, b = a.astype(np.float64), b.astype(np.float64)  # unsigned integers would wrap around
    if a.shape[1] == 1 and p >= 1:
        return float(np.mean(np.abs(np.sort(a[:, 0]) - np.sort(b[:, 0])) ** p))
    perm = _assignment(a, b, p, memory_limit)
    return float((np.linalg.norm(a - b[perm], axis=1) ** p).mean())


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
    require_samples(a, b, p)
    return _assignment(a, b, p, MEMORY_LIMIT)


def _assignment(a: np.ndarray, b: np.ndarray, p: float, memory_limit: int) -> Int[np.ndarray, " m"]:
    require_memory(8 * len(a) * len(b), memory_limit)
    if p == 2 and a.shape[1] >= _MANY_DIMENSIONS:
        cost, error = _squares(a, b)
        rows, perm = linear_sum_assignment(cost)
        if error <= _NEGLIGIBLE * cost[rows, perm].mean():
            return perm
    return linear_sum_assignment(_cost(a, b, p))[1]


def _cost(a: np.ndarray, b: np.ndarray, p: float) -> np.ndarray:
    if p == 2:
        return cdist(a, b, "sqeuclidean")
    cost: np.ndarray = cdist(a, b)
    cost **= p
    return cost


def _squares(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """Squared distances by one matrix product, and a bound of their rounding errors."""
    centre = (a.mean(axis=0) + b.mean(axis=0)) / 2
    a, b = a - centre, b - centre
    cost: np.ndarray = a @ b.T
    cost *= -2
    norms = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    cost += norms[0][:, None]
    cost += norms[1]
    return cost, float(2e-16 * (a.shape[1] + 8) * sum(one.max() for one in norms) * 2)


def require_memory(needed: int, memory_limit: int) -> None:
    """Raises ValueError, with the number of bytes needed, if that exceeds the limit."""
    if needed > memory_limit:
        raise ValueError(f"memory_limit must be >= {needed} bytes here, got {memory_limit}")


def require_samples(a: np.ndarray, b: np.ndarray, p: float) -> None:
    """Raises ValueError unless a and b are finite samples of equal shape ``[m, d]`` and p > 0."""
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape [m, d], got {a.shape} and {b.shape}")
    if not a.size:
        raise ValueError(f"a and b must not be empty, got shape {a.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must be finite, got NaN or infinity")
    if not 0 < p < np.inf:
        raise ValueError(f"p must be > 0 and finite, got {p}")
