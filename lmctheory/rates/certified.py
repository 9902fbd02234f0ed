"""Certified matching costs of wide layers: a matching above, dual potentials below (R1).

The assignment problem is solved on few candidate edges, and the certificate covers all m^2 of them.
Coarse to fine: both samples are halved along their widest axes at equal ranks, four consecutive
neurons make one of the next coarser problem, and its potentials start the finer one. There, in
rounds: potentials are made feasible by c-transforms over all neurons, psi_j = min_i (c_ij - phi_i)
and back, which gives the lower bound; the nearest neurons that these find join the candidates; the
sparse assignment problem is solved, which gives the upper bound; its potentials follow by
Bellman-Ford. For p = 2 a c-transform is a nearest-neighbour query in d + 1 dimensions:
|x - y|^2 - phi = |(x, h) - (y, 0)|^2 - max phi with h^2 = max phi - phi.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from lmctheory.rates.exact import require_samples, wasserstein_pow

__all__ = ["Interval", "certified_matching_cost"]

_NEIGHBOURS = 10
_ROUNDS = 12
_COARSEST = 64
_LEAST_GAP = 1e-6
_BLOCK = 2**22
"""Floats in a temporary array."""

Array = Float[np.ndarray, " m"]


class Interval(NamedTuple):
    """Two numbers that enclose a third."""

    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """(upper - lower) / upper; 0 for a zero cost."""
        return 1 - self.lower / self.upper if self.upper else 0.0


def certified_matching_cost(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], p: float = 2.0, gap: float = 0.01
) -> Interval:
    """Encloses W_p^p(mu_m, nu_m) without the m x m cost matrix.

    The upper end is the cost of a matching, the lower end that of dual potentials that are feasible
    for every pair, less an allowance for rounding. Memory: about 10 m (d + 50) floats, and at most
    10 m (d + 250) if all twelve rounds are needed. Time, for p = 2, grows little faster than m in
    few dimensions; beyond about 15, and for other p, every round goes through all pairs. Exact by
    sorting in one dimension (p >= 1).

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0.
        gap: stop at this relative gap >= 1e-6. The interval is valid, only wider, where it is not
            reached in twelve rounds (many exact duplicates among the neurons).

    Returns:
        ``(lower, upper)``, per neuron and in units of the weights to the power p.

    Raises:
        ValueError: as `wasserstein_pow`, and for gap < 1e-6.

    Reference:
        theory key R1 and Kantorovich duality; Peyre and Cuturi (2019), Computational Optimal
        Transport, chapter 3.

    Example:
        >>> import numpy as np
        >>> a, b = np.random.default_rng(0).standard_normal((2, 500, 3))
        >>> certified_matching_cost(a, b).gap <= 0.01
        True
    """
    require_samples(a, b, p)
    if not gap >= _LEAST_GAP:
        raise ValueError(f"gap must be >= {_LEAST_GAP:g}, got {gap}")
    if a.shape[1] == 1 and p >= 1:
        cost = wasserstein_pow(a, b, p)
        return Interval(cost, cost)
    centre = (a.mean(axis=0) + b.mean(axis=0)) / 2  # centred, nearest neighbours round least
    a, b = a - centre, b - centre
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if scale == 0:
        return Interval(0.0, 0.0)
    a, b = _in_rank_blocks(a / scale, b / scale)
    lower, upper = _solve(a, b, p, gap)[0]
    return Interval(lower * scale**p, upper * scale**p)


def _in_rank_blocks(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both samples, halved again and again at equal ranks: equal indices are roughly matched."""
    order_a, order_b = np.arange(len(a)), np.arange(len(b))
    pending = [(0, len(a))]
    while pending:
        start, stop = pending.pop()
        if stop - start < 2:
            continue
        part, half = slice(start, stop), (stop - start) // 2
        x, y = a[order_a[part]], b[order_b[part]]
        axis = np.argmax(np.ptp(x, axis=0) + np.ptp(y, axis=0))
        order_a[part] = order_a[part][np.argpartition(x[:, axis], half)]
        order_b[part] = order_b[part][np.argpartition(y[:, axis], half)]
        pending += [(start, start + half), (start + half, stop)]
    return a[order_a], b[order_b]


def _solve(a: np.ndarray, b: np.ndarray, p: float, gap: float) -> tuple[Interval, Array]:
    """The interval and potentials of a, for samples in rank blocks."""
    m = len(a)
    every = np.arange(m)
    phi = _coarse_potentials(a, b, p, gap)
    lower, upper = 0.0, float(_costs(a, b, every, every, p).mean())
    edges = every * (m + 1)  # the rank-block matching makes every problem feasible
    for rounds in range(_ROUNDS):
        near_a, psi = _c_transform(a, phi, b, p)
        near_b, phi = _c_transform(b, psi, a, p)
        lower = max(lower, float(phi.mean() + psi.mean()))
        edges = np.unique(
            np.r_[edges, (near_a * m + every[:, None]).ravel(), (near_b + m * every[:, None]).flat]
        )
        rows, columns = np.divmod(edges, m)
        cost = _costs(a, b, rows, columns, p)
        if rounds == 0:
            phi, psi = _smoothed(phi, psi, rows, columns, cost)
        reduced = cost - phi[rows] - psi[columns]  # the same optimum, reached much faster
        unit = max(gap * upper / 100, 1e-7 * float(np.abs(reduced).mean()))
        whole = _whole(reduced, unit)
        graph = sparse.csr_array((whole, (rows, columns)), shape=(m, m))
        matching = min_weight_full_bipartite_matching(graph)[1]
        upper = min(upper, float(_costs(a, b, every, matching, p).mean()))
        if upper - lower <= gap * upper:
            break
        matched = whole[np.searchsorted(edges, every * m + matching)]
        phi = phi + unit * _potentials(rows, columns, whole, matching, matched)
    return Interval(min(lower, upper), upper), phi


def _coarse_potentials(a: np.ndarray, b: np.ndarray, p: float, gap: float) -> Array:
    """Potentials of the means of four neurons each, handed down to the four."""
    m, n = len(a), len(a) // 4
    if m <= _COARSEST:
        return np.zeros(m)
    means = [x[: 4 * n].reshape(n, 4, -1).mean(axis=1) for x in (a, b)]
    return _solve(means[0], means[1], p, gap)[1][np.minimum(np.arange(m) // 4, n - 1)]


def _whole(values: np.ndarray, unit: float) -> np.ndarray:
    """Values in whole units from 1 upwards.

    Of nearly tied edges the sparse solver moves prices by their difference, again and again: by
    rounding errors, it would take for ever. It takes zeros for missing edges.
    """
    return np.rint((values - values.min()) / (unit or 1.0)) + 1


def _costs(
    a: np.ndarray, b: np.ndarray, rows: np.ndarray, columns: np.ndarray, p: float
) -> Float[np.ndarray, " edges"]:
    """The costs of edges, in blocks, as neurons may be long."""
    blocks = np.array_split(np.arange(len(rows)), len(rows) * a.shape[1] // _BLOCK + 1)
    squares = [np.square(a[rows[i]] - b[columns[i]]).sum(axis=1) for i in blocks]
    return np.concatenate(squares) ** (p / 2)


def _c_transform(
    x: np.ndarray, phi: Array, y: np.ndarray, p: float
) -> tuple[Int[np.ndarray, "m k"], Array]:
    """The k neurons of x that minimise |x_i - y_j|^p - phi_i, and a lower bound of the minimum."""
    k = min(_NEIGHBOURS, len(x))
    if p == 2:
        lifted = np.c_[x, np.sqrt(phi.max() - phi)]
        finder = NearestNeighbors(n_neighbors=k).fit(lifted)
        near = finder.kneighbors(np.c_[y, np.zeros(len(y))], return_distance=False)
        size = np.square(lifted).sum(axis=1).max() + np.square(y).sum(axis=1).max()
    else:
        parts = np.array_split(y, len(x) * len(y) // _BLOCK + 1)
        near = np.concatenate([_nearest(x, phi, part, p, k) for part in parts])
        size = (2 * np.sqrt(x.shape[1])) ** p + np.abs(phi).max()  # coordinates are at most 1
    # k best up to rounding, in whatever order: the least of them, less what rounding may hide
    rounding = 8 * (x.shape[1] + 8) * np.finfo(np.float64).eps * size
    columns = np.repeat(np.arange(len(y)), k)
    values = _costs(x, y, near.ravel(), columns, p) - phi[near.ravel()]
    return near, values.reshape(near.shape).min(axis=1) - rounding


def _nearest(x: np.ndarray, phi: Array, y: np.ndarray, p: float, k: int) -> np.ndarray:
    cost = cdist(y, x)
    cost **= p
    cost -= phi
    return np.argpartition(cost, k - 1, axis=1)[:, :k]


def _smoothed(
    phi: Array, psi: Array, rows: np.ndarray, columns: np.ndarray, cost: np.ndarray
) -> tuple[Array, Array]:
    """Sinkhorn's iteration on the candidates: it settles long waves, on which matching is slow."""
    reduced = cost - phi[rows] - psi[columns]
    blur = 0.3 * float(reduced.mean())
    if blur <= 0:
        return phi, psi
    kernel = sparse.csr_array((np.exp(-reduced / blur), (rows, columns)), shape=(len(phi),) * 2)
    transposed = kernel.T.tocsr()
    v = np.ones_like(psi)
    for _ in range(1000):
        u = 1 / np.maximum(kernel @ v, 1e-100)
        v = 1 / np.maximum(transposed @ u, 1e-100)
    return phi + blur * np.log(u), psi + blur * np.log(v)


def _potentials(
    rows: np.ndarray, columns: np.ndarray, whole: np.ndarray, matching: np.ndarray, matched: Array
) -> Array:
    """Optimal potentials of the sparse problem, all <= 0: Bellman-Ford in the residual graph.

    In whole numbers, for which the matching is exactly optimal: no cycle is negative, and it ends.
    """
    owner = np.argsort(matching)
    length, source = whole - matched[owner][columns], owner[columns]
    starts = np.searchsorted(rows, np.arange(len(matching)))
    potentials = np.zeros(len(matching))
    while True:
        shorter = np.minimum.reduceat(length + potentials[source], starts)
        if (shorter >= potentials).all():
            return potentials
        potentials = np.minimum(potentials, shorter)
