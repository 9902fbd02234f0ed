"""Exact Wasserstein distances between two samples of equal size (R1).

"Exact" is said of the method, an assignment problem that is solved to the end, in float64 whatever
the type of the neurons. What it finds is the cost of a permutation, with a relative error of some
d 1e-16, and no permutation is cheaper by more than rounding. `certified_matching_cost` encloses the
cost with rounding included.
"""

import numpy as np
from jaxtyping import Int, Shaped
from scipy.optimize import linear_sum_assignment

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, array, positive
from lmctheory.measures.quotient import distances
from lmctheory.rates.empirical.samples import Samples, samples, times_power_of_two

__all__ = [
    "MEMORY_LIMIT",
    "optimal_permutation",
    "optimal_signs",
    "require_memory",
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
_HIGH_POWER = 512
"""The power of 1/2 vanishes soon after."""
_FAINT = 1e-100
"""A power of a distance that has as good as vanished beside that of the largest."""


def wasserstein_pow(
    a: Shaped[ArrayLike, "m d"],
    b: Shaped[ArrayLike, "m d"],
    p: float = 2.0,
    *,
    modulo: Modulo = None,
    memory_limit: int = MEMORY_LIMIT,
) -> float:
    """W_p^p(mu_m, nu_m) = min over permutations pi of (1/m) sum_i |a_i - b_pi(i)|^p, exactly.

    By sorting in one dimension (p >= 1), else by solving the assignment problem, in time of order
    m^3 and 8 m^2 bytes. `certified_matching_cost` encloses it for wider layers. Modulo signs the
    minimum is over signs of the neurons of B as well: an assignment problem with the costs
    min(|a_i - b_j|^p, |a_i + b_j|^p) and twice the memory.

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0; for p < 1 this is the optimal cost for |x - y|^p.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        memory_limit: bytes that the cost matrix may take.

    Returns:
        The cost per neuron, in units of the weights to the power p. Not the distance W_p.

    Raises:
        TypeError: unless both samples hold real numbers.
        ValueError: for unequal shapes, no neurons, NaN or infinity, p <= 0, a cost matrix beyond
            memory_limit, a cost beyond the largest float, or an unknown modulo.

    Reference:
        theory keys R1 (Birkhoff), S1; Ferbach et al. (2024), Lemma B.3.

    Example:
        >>> import numpy as np
        >>> wasserstein_pow(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
        1.0
        >>> a, b = np.array([[0.0, 1.0], [3.0, 0.0]]), np.array([[-3.0, 0.0], [0.0, -2.0]])
        >>> wasserstein_pow(a, b, modulo="signs")
        0.5
    """
    p = positive("p", p)
    mean, exponent = _mean_power(samples(a, b, modulo), p, memory_limit)
    return _finite(times_power_of_two(mean, exponent * p), "W_p^p")


def wasserstein(
    a: Shaped[ArrayLike, "m d"],
    b: Shaped[ArrayLike, "m d"],
    p: float = 2.0,
    *,
    modulo: Modulo = None,
) -> float:
    """The distance W_p(mu_m, nu_m), p >= 1: the p-th root of `wasserstein_pow`, at any scale.

    Raises:
        TypeError: as `wasserstein_pow`.
        ValueError: as `wasserstein_pow`, and for p < 1, where it is no distance.
    """
    p = positive("p", p)
    if p < 1:
        raise ValueError(f"p must be >= 1 for a distance, got {p}; see wasserstein_pow")
    mean, exponent = _mean_power(samples(a, b, modulo), p, MEMORY_LIMIT)
    return _finite(times_power_of_two(mean ** (1 / p), exponent), "W_p")


def optimal_permutation(
    a: Shaped[ArrayLike, "m d"],
    b: Shaped[ArrayLike, "m d"],
    p: float = 2.0,
    *,
    modulo: Modulo = None,
) -> Int[np.ndarray, " m"]:
    """The optimal permutation: ``perm[i]`` is the neuron of b that is matched with a_i.

    Modulo signs, ``optimal_signs(a, b[perm])`` are the signs that go with it.

    Raises:
        TypeError: as `wasserstein_pow`.
        ValueError: as `wasserstein_pow`.
    """
    return _assignment(samples(a, b, modulo), positive("p", p), MEMORY_LIMIT)


def optimal_signs(
    a: Shaped[ArrayLike, "m d"], b: Shaped[ArrayLike, "m d"]
) -> Int[np.ndarray, " m"]:
    """The sign, 1 or -1, with which each neuron of b is nearest to that of a in the same row.

    That of <a_i, b_i>, for every p at once; 1 where both signs are as good.

    Raises:
        TypeError: as `wasserstein_pow`.
        ValueError: for unequal shapes, no neurons, NaN or infinity.

    Reference:
        theory key S1.

    Example:
        >>> import numpy as np
        >>> a, b = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[-1.0, -1.0], [5.0, 3.0]])
        >>> optimal_signs(a, b)
        array([-1,  1])
    """
    pair = samples(a, b, "signs")
    a, b = (array(name, sample) for name, sample in (("a", a), ("b", b)))
    return np.where((np.ldexp(a, -pair.exponent) * np.ldexp(b, -pair.exponent)).sum(1) < 0, -1, 1)


def _mean_power(pair: Samples, p: float, memory_limit: int) -> tuple[float, float]:
    """The mean of |a_i - b_pi(i)|^p in units of 2^exponent that suit the largest of them."""
    if pair.a.shape[1] == 1 and p >= 1:
        distances = np.abs(np.sort(pair.a[:, 0]) - np.sort(pair.b[:, 0]))
    else:
        distances = pair.distances(_assignment(pair, p, memory_limit))
    if (largest := float(distances.max())) == 0:
        return 0.0, 0.0
    exponent = float(np.log2(largest))
    if p < _HIGH_POWER:  # a whole number costs no digits
        exponent = float(np.ceil(exponent))
    return float(((distances * 2.0**-exponent) ** p).mean()), exponent + pair.exponent


def _finite(value: float, name: str) -> float:
    if np.isinf(value):
        raise ValueError(f"a and b must be nearer to each other: {name} exceeds the largest float")
    return value


def _assignment(pair: Samples, p: float, memory_limit: int) -> Int[np.ndarray, " m"]:
    a, b = pair.a, pair.b
    require_memory(8 * len(a) * len(b) * (1 + pair.signs), memory_limit)
    if p == 2:
        if a.shape[1] >= _MANY_DIMENSIONS:
            cost, error = _squares(pair)
            rows, perm = linear_sum_assignment(cost)
            if error <= _NEGLIGIBLE * cost[rows, perm].mean():
                return perm
        squares = distances(a, b, signs=pair.signs, metric="sqeuclidean")
        return linear_sum_assignment(squares)[1]
    return _by_powers(pair, p)


def _by_powers(pair: Samples, p: float) -> np.ndarray:
    """In units of the largest distance, or of the largest matched one if its power vanishes there.

    An edge of power m or more, in units of some matching's largest, is in no optimal matching.
    """
    unit = 0.0
    while True:
        cost = distances(pair.a, pair.b, signs=pair.signs)
        unit = unit or float(cost.max()) or 1.0
        cost /= unit
        with np.errstate(over="ignore"):
            cost **= p
        perm = linear_sum_assignment(np.minimum(cost, len(cost), out=cost))[1]
        largest = float(pair.distances(perm).max())
        if largest == 0 or (largest / unit) ** p > _FAINT:
            return perm
        unit = largest


def _squares(pair: Samples) -> tuple[np.ndarray, float]:
    """Squared distances by one matrix product, and a bound of their rounding errors."""
    a, b = pair.a, pair.b
    if not pair.signs:
        centre = (a.mean(axis=0) + b.mean(axis=0)) / 2
        a, b = a - centre, b - centre
    cost: np.ndarray = a @ b.T
    if pair.signs:
        np.abs(cost, out=cost)
    cost *= -2
    norms = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    cost += norms[0][:, None]
    cost += norms[1]
    return cost, float(2e-16 * (a.shape[1] + 8) * sum(one.max() for one in norms) * 2)


def require_memory(needed: int, memory_limit: int) -> None:
    """Raises ValueError, with the number of bytes needed, if that exceeds the limit."""
    if needed > memory_limit:
        raise ValueError(f"memory_limit must be >= {needed} bytes here, got {memory_limit}")
