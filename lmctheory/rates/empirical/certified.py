"""Certified matching costs of wide layers: a matching above, dual potentials below (R1).

The assignment problem is solved on few candidate edges, and the certificate covers all m^2 of them.
Coarse to fine: both samples are halved along their widest axes at equal ranks, four consecutive
neurons make one of the next coarser problem, and its potentials, continued by a c-transform, start
the finer one. There, in rounds: potentials are made feasible by c-transforms over all neurons,
psi_j = min_i (c_ij - phi_i) and back, which gives the lower bound; the nearest neurons that these
find join the candidates; the sparse assignment problem is solved, which gives the matching and so
the upper bound; its potentials follow by Bellman-Ford. Modulo signs the same is done in the
quotient, from a folded start.

*Certified* means that the exact cost of the given numbers, as a rational or real number, lies in
the interval: neurons are converted to float64 and brought to size without a rounding error
(`samples`), potentials are feasible for the exact costs (`c_transform`), sums are exact, and both
ends are rounded outwards.
"""

from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, array, number, positive
from lmctheory.measures.quotient import folded, leading_axes
from lmctheory.rates.empirical.c_transform import Cost, c_transform
from lmctheory.rates.empirical.samples import samples, times_power_of_two
from lmctheory.results import Result

__all__ = ["CertifiedMatching", "Interval", "certified_matching", "certified_matching_cost"]

_ROUNDS = 12
_COARSEST = 64
_LEAST_GAP = 1e-6
_EPS = float(np.finfo(np.float64).eps)

Array = Float[np.ndarray, " m"]


class Interval(NamedTuple):
    """Two numbers that enclose a third."""

    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """(upper - lower) / upper; 0 for a zero cost."""
        return 1 - self.lower / self.upper if self.upper else 0.0


@dataclass(frozen=True)
class CertifiedMatching(Result):
    """A matching, and an interval that contains the cost of the best one.

    Attributes:
        permutation: ``permutation[i]`` is the neuron of b that is matched with a_i ``[m]``.
        cost: contains W_p^p; its upper end is the cost of this matching, rounded up.
    """

    permutation: Int[np.ndarray, " m"]
    cost: Interval


def certified_matching(
    a: Shaped[ArrayLike, "m d"],
    b: Shaped[ArrayLike, "m d"],
    p: float = 2.0,
    gap: float = 0.01,
    *,
    modulo: Modulo = None,
) -> CertifiedMatching:
    """A matching of 10^5 neurons and more, with a proof of how nearly optimal it is.

    The upper end is the cost of the matching, the lower end that of dual potentials that are
    feasible for every pair, both rounded outwards: the exact W_p^p of the given numbers lies
    inside, whatever their type and scale. Memory grows as m, not as m^2: about 10 m (d + 50)
    floats, and at most 10 m (d + 250) if all twelve rounds are needed. Time, for p = 2, grows
    little faster than m in few dimensions; from 15 on every round goes through all pairs, by
    matrix products (four times m^2 d multiplications, on all cores that NumPy uses), and for other
    p pair by pair. In one dimension by sorting (p >= 1), with a gap of rounding alone, unless costs
    leave the range of floats.

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0.
        gap: stop at this relative gap >= 1e-6. The interval is valid, only wider, where it is not
            reached in twelve rounds (many exact duplicates among the neurons).
        modulo: "signs" for neurons of an odd activation, which may be negated; `optimal_signs`
            tells how they are.

    Returns:
        The permutation, and the interval per neuron in units of the weights to the power p.

    Raises:
        TypeError: as `wasserstein_pow`.
        ValueError: as `wasserstein_pow`, for gap < 1e-6, and for numbers that float64 has not.

    Reference:
        theory keys R1, S1 and Kantorovich duality; Peyre and Cuturi (2019), Computational Optimal
        Transport, chapter 3. Halmos et al. (2025), Hierarchical Refinement, for another bijection
        in linear memory, without a lower end.

    Example:
        >>> import numpy as np
        >>> a, b = np.random.default_rng(0).standard_normal((2, 500, 3))
        >>> found = certified_matching(a, b)
        >>> cost = np.square(a - b[found.permutation]).sum(axis=1).mean()
        >>> bool(0.99 * cost <= found.cost.lower <= cost <= found.cost.upper)
        True
    """
    p, gap = positive("p", p), number("gap", gap, least=_LEAST_GAP)
    pair = samples(a, b, modulo)
    _require_float64("a", a)
    _require_float64("b", b)
    if pair.a.shape[1] == 1 and p >= 1:
        order_a, order_b = (np.argsort(sample[:, 0], kind="stable") for sample in pair[:2])
        x, y = pair.a[order_a], pair.b[order_b]
        cost = Cost.of(x, y, p)
        exact = fsum(cost.pairs(x, y, *[np.arange(len(x))] * 2)) / len(x)
        interval = _in_units(_rounded_outwards(exact, exact, cost), pair.exponent, p)
        return CertifiedMatching(_permutation(order_a, order_b), interval)
    diameter = int(np.ceil(np.log2(pair.a.shape[1]) / 2))  # at most, as an exponent
    x, y = np.ldexp(pair.a, -diameter), np.ldexp(pair.b, -diameter)
    if pair.signs:  # near each other modulo signs, and without
        axis = leading_axes(np.r_[x, y])[0]
        x, y = folded(x, axis), folded(y, axis)
    order_a, order_b = _rank_blocks(x, y)
    x, y = x[order_a], y[order_b]
    cost = Cost.of(x, y, p, signs=pair.signs)
    solution = _solve(x, y, cost, gap)
    interval = _rounded_outwards(solution.lower, solution.upper, cost)
    return CertifiedMatching(
        _permutation(order_a, order_b[solution.matching]),
        _in_units(interval, pair.exponent + diameter, p),
    )


def certified_matching_cost(
    a: Shaped[ArrayLike, "m d"],
    b: Shaped[ArrayLike, "m d"],
    p: float = 2.0,
    gap: float = 0.01,
    *,
    modulo: Modulo = None,
) -> Interval:
    """Encloses W_p^p(mu_m, nu_m) without the m x m cost matrix: `certified_matching`'s interval.

    Args:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        p: exponent > 0.
        gap: stop at this relative gap >= 1e-6; see `certified_matching`.
        modulo: "signs" for neurons of an odd activation, which may be negated.

    Returns:
        ``(lower, upper)``, per neuron and in units of the weights to the power p.

    Raises:
        TypeError: as `wasserstein_pow`.
        ValueError: as `certified_matching`.

    Reference:
        theory keys R1, S1, as `certified_matching`.

    Example:
        >>> import numpy as np
        >>> a, b = np.random.default_rng(0).standard_normal((2, 500, 3))
        >>> certified_matching_cost(a, b).gap <= 0.01
        True
    """
    return certified_matching(a, b, p, gap, modulo=modulo).cost


def _permutation(order_a: np.ndarray, order_b: np.ndarray) -> Int[np.ndarray, " m"]:
    """That which matches those at equal places of the two orders."""
    permutation = np.empty(len(order_a), np.int64)
    permutation[order_a] = order_b
    return permutation


def _require_float64(name: str, values: ArrayLike) -> None:
    """Refuses numbers of more digits than float64 has: of those it would be another cost."""
    found = array(name, values)
    given = values if hasattr(values, "dtype") else np.asarray(values, dtype=object)
    kind = str(given.dtype).rpartition(".")[2]
    if kind.endswith("int64"):
        fits = np.abs(found).max() < 2.0**53
    else:
        fits = kind not in ("float96", "float128", "object") or (found == given).all()
    if not fits:
        raise ValueError(f"{name} must hold numbers that float64 has, got {kind} beyond them")


def _rounded_outwards(lower: float, upper: float, cost: Cost) -> Interval:
    """For a dual value and the mean cost of a matching, both as computed."""
    upper = upper * (1 + 2 * cost.relative) + 2 * cost.absolute
    return Interval(max(min(lower, upper) * (1 - 2 * cost.relative), 0.0), upper)


def _in_units(interval: Interval, exponent: int, p: float) -> Interval:
    """The interval times 2^(exponent p), which rounds unless p is an integer."""
    error = 0.0 if p.is_integer() else (8 + abs(exponent * p)) * _EPS
    lower, upper = (times_power_of_two(end, exponent * p) for end in interval)
    if np.isinf(lower):
        raise ValueError("a and b must be nearer to each other: W_p^p exceeds the largest float")
    # products may be subnormal, and round to either side
    return Interval(
        float(np.nextafter(lower * (1 - error), 0.0)),
        float(np.nextafter(upper * (1 + error), np.inf)) if interval.upper else 0.0,
    )


def _rank_blocks(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"]
) -> tuple[np.ndarray, np.ndarray]:
    """Orders of both samples, halved again and again at equal ranks: equal places roughly match."""
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
    return order_a, order_b


class _Solution(NamedTuple):
    """A dual value, a matching and its mean cost, and potentials of a."""

    lower: float
    upper: float
    matching: Int[np.ndarray, " m"]
    phi: Array


def _solve(
    a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], cost: Cost, gap: float
) -> _Solution:
    """For samples in rank blocks."""
    m = len(a)
    every = np.arange(m)
    phi = _coarse_potentials(a, b, cost, gap)
    best: Int[np.ndarray, " m"] = every
    lower, upper = 0.0, fsum(cost.pairs(a, b, every, every)) / m
    edges = every * (m + 1)  # the rank-block matching makes every problem feasible
    for rounds in range(_ROUNDS):
        near_a, psi, phi = c_transform(a, phi, b, cost, gap * upper / 100)
        lower = max(lower, (fsum(phi) + fsum(psi)) / m)
        if upper - lower <= gap * upper:
            break
        near_b, phi, psi = c_transform(b, psi, a, cost, gap * upper / 100)
        dual = (fsum(phi) + fsum(psi)) / m
        lower = max(lower, dual)
        if upper - lower <= gap * upper:
            break
        edges = np.unique(
            np.r_[edges, (near_a * m + every[:, None]).ravel(), (near_b + m * every[:, None]).flat]
        )
        rows, columns = np.divmod(edges, m)
        costs = cost.pairs(a, b, rows, columns)
        if rounds == 0:
            reduced = _reduced(costs, phi, psi, rows, columns, m * (upper - dual))
            phi, psi = _smoothed(phi, psi, rows, columns, reduced)
        reduced = _reduced(costs, phi, psi, rows, columns, m * (upper - dual))
        unit = max(gap * upper / 100, 1e-7 * float(np.abs(reduced).mean()))
        whole = _whole(reduced, unit)
        graph = sparse.csr_array((whole, (rows, columns)), shape=(m, m))
        matching = min_weight_full_bipartite_matching(graph)[1]
        mean = fsum(cost.pairs(a, b, every, matching)) / m
        if mean < upper:
            upper, best = mean, matching
        if upper - lower <= gap * upper:
            break
        matched = whole[np.searchsorted(edges, every * m + matching)]
        phi = phi + unit * _potentials(rows, columns, whole, matching, matched)
    return _Solution(lower, upper, best, phi)


def _reduced(
    costs: Float[np.ndarray, " edges"],
    phi: Array,
    psi: Array,
    rows: np.ndarray,
    columns: np.ndarray,
    most: float,
) -> Float[np.ndarray, " edges"]:
    """Reduced costs: the same optimum, reached much faster.

    No optimal matching has an edge beyond m times the gap of feasible potentials; of outliers there
    are, by many orders of magnitude, and in their units all others would be alike.
    """
    return np.minimum(costs - phi[rows] - psi[columns], most)


def _coarse_potentials(a: np.ndarray, b: np.ndarray, cost: Cost, gap: float) -> Array:
    """Potentials of the means of four neurons each, continued to all as phi = min_J (c_J - psi_J).

    Handed down unchanged they would be wrong by the way to the partner times that to the mean,
    which in few dimensions is as much as the cost.
    """
    m, n = len(a), len(a) // 4
    if m <= _COARSEST:
        return np.zeros(m)
    x, y = (sample[: 4 * n].reshape(n, 4, -1).mean(axis=1) for sample in (a, b))
    psi = c_transform(x, _solve(x, y, cost, gap).phi, y, cost).potential
    return c_transform(y, psi, a, cost).potential


def _whole(values: np.ndarray, unit: float) -> np.ndarray:
    """Values in whole units from 1 upwards.

    Of nearly tied edges the sparse solver moves prices by their difference, again and again: by
    rounding errors, it would take for ever. It takes zeros for missing edges.
    """
    return np.rint((values - values.min()) / (unit or 1.0)) + 1


def _smoothed(
    phi: Array, psi: Array, rows: np.ndarray, columns: np.ndarray, reduced: np.ndarray
) -> tuple[Array, Array]:
    """Sinkhorn's iteration on the candidates: it settles long waves, on which matching is slow."""
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
