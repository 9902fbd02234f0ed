r"""Concentration of matching costs of given points, by a walk among them (R23).

Atoms u have the masses p_u, neurons at u and y cost c(u, y), and C is what two samples of m neurons
cost, matched optimally. A walk crosses between u and v at the rate w_uv / p_u, fast enough that
Poincare's inequality Var f <= sum_{uv} w_uv (f(u) - f(v))^2 holds. Weights kappa_u > 0 of atoms are
added to what neurons cost,

    G = C + (1/m) sum_i [kappa(x_i) + kappa(y_i)],      E G = E C + 2 E kappa.

Where a neuron moves from u to v and stays with its partner y, G rises by h / m at most, with h =
(c(v, y) - c(u, y) + kappa_v - kappa_u)_+. So G bounds what may be added to it: if for all u, y

    sum_v (w_uv / p_u) h^2 <= A [c(u, y) / 2 + kappa_u],

the sum over neurons and moves of rate times (rise of G)^2 is at most A G / m. With b = A / (4m) and
phi(y) = -sum_{k >= 0} 2^k ln(1 - y / 4^k), for theta > 0 where phi is finite,

    ln E e^{-theta G} <= -theta E G + phi(b theta^2 E G),
    ln E e^{theta sqrt G} <= theta E sqrt G + phi(b z theta^2 / 4),

z = ((e^x - 1) / x)^2, x = theta r / (2 sqrt m), r the most by which h raises the root of c(u, y) +
kappa_u + kappa_y. Chernoff's bounds for means over n pairs are the two ends, both some
sqrt(2 A E G ln(1/delta) / (mn)) from E C.

*What to choose.* Any w and kappa are right. A (E C + 2 E kappa) is made small, w such that the gap
is 1: edges to nearest atoms, along a spanning tree, and to some partners at random, descent in ln w
and ln kappa, A and the gap smoothed.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from scipy.sparse.csgraph import minimum_spanning_tree

__all__ = ["MOST_PAIRS", "AtomWalk", "atom_walk", "doublings"]

MOST_PAIRS = 2**30
"""That are ever asked for."""

_NEAREST, _PARTNERS = 16, 4
"""Edges from every atom: to nearest ones, and to random ones for clusters."""
_STEPS, _RATE, _RATE_OF_KAPPA = 100, 0.3, 0.1
_MOMENTUM, _MEMORY = 0.9, 0.99
_EIGENVECTORS = 10
_SHARPNESS = 10.0, 40.0
"""Of the smoothed extremes, at the first step and at the last."""
_SEEN, _SEEN_FOR = 24, 5
"""Partners y of every atom that are looked at, those with the largest sums, for so many steps."""
_EARLY, _HOPELESS = _STEPS // 4, 2.0
"""After so many steps what is so many times too large is given up."""
_KEPT = 1.0, 0.99, 0.98, 0.95, 0.9, 0.8
"""Shares of edges that are tried, the shortest ones."""
_TYPICAL = 0.05
"""Of theta^2 b / 4: ln(1/delta) / 2 over the number of costs."""
_DOUBLINGS = 60
_ROUNDING = 1e-10
"""Relative, of sums of squares and of eigenvalues: far more than float64 loses."""
_LOST = 1e-12
"""The same of costs themselves, and of their differences, in units of the largest."""
_NEAR = 1e-9
"""Costs below are taken for this, where the search begins."""
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class AtomWalk:
    """What R23 needs to know of the atoms.

    Attributes:
        strength: A, in units of costs.
        mean_added: 2 E kappa, in units of costs.
        added: kappa of every atom ``[n]``, in units of costs.
        longest: r, in units of roots of costs.
    """

    strength: float
    mean_added: float
    added: Float[np.ndarray, " n"]
    longest: float

    def variance(self, cost: float) -> float:
        """An upper bound of m Var G where the mean cost is known."""
        return self.strength * (cost + self.mean_added)

    def raised(self, y: float) -> float:
        """How much z is at theta = 2 sqrt(y / b)."""
        x = 2 * self.longest * (y / self.strength) ** 0.5
        return float(np.expm1(x) / x) ** 2 if x > 0 else 1.0

    def upper(self, mean: float, n: int, m: int, delta: float) -> float:
        """E C at most, with probability 1 - delta, from the mean of G over n pairs of m neurons."""
        room = -float(np.log(delta)) / n
        tau = _least(lambda y: (room + doublings(y)) / y**0.5)
        half = tau * (self.strength / (4 * m)) ** 0.5 / 2
        return max((half + (half**2 + mean) ** 0.5) ** 2 - self.mean_added, 0.0)

    def lower(self, mean_root: float, n: int, m: int, delta: float) -> float:
        """E C at least, with probability 1 - delta, from the mean of sqrt G over n pairs."""
        room, b = -float(np.log(delta)) / n, self.strength / (4 * m)

        def further(y: float) -> float:
            inside = y * self.raised(y)
            return (room + doublings(inside)) / (2 * (y / b) ** 0.5) if inside < 1 else np.inf

        return max(max(mean_root - _least(further), 0.0) ** 2 - self.mean_added, 0.0)

    def length(self, cost: float, n: int, m: int, delta: float) -> float:
        """Of the interval from n pairs that all cost `cost`."""
        mean = cost + self.mean_added
        return self.upper(mean, n, m, delta) - self.lower(mean**0.5, n, m, delta)

    def enough(self, cost: float, gap: float, m: int, delta: float) -> int:
        """How many pairs that cost `cost` make the interval a share `gap` of its upper end.

        No more than `MOST_PAIRS`, enough or not.
        """
        mean = cost + self.mean_added

        def short(n: int) -> bool:
            return self.length(cost, n, m, delta) <= gap * self.upper(mean, n, m, delta)

        most = 1
        while not short(most):
            if most >= MOST_PAIRS:
                return MOST_PAIRS
            most *= 2
        return 1 + bisect_left(range(1, most), True, key=short)


def doublings(y: float) -> float:
    """-sum_k 2^k ln(1 - y / 4^k), rounded up: what is left out is less than 2^(1-K) y."""
    k = np.arange(_DOUBLINGS)
    return float(-(2.0**k) @ np.log1p(-y / 4.0**k)) + 2.0 ** (2 - _DOUBLINGS) * y


def _least(f: Callable[[float], float]) -> float:
    """Of f over (0, 1), nearly; any value of f will do."""
    found = minimize_scalar(lambda s: f(float(np.exp(s))), bounds=(-30.0, -1e-6), method="bounded")
    return float(found.fun)


def atom_walk(
    costs: Float[np.ndarray, "n n"],
    p: Float[np.ndarray, " n"],
    cost: float,
    *,
    below: float = np.inf,
) -> AtomWalk | None:
    """A walk that suits a matching cost; None if the search finds none that is good enough.

    Args:
        costs: c(u, y) ``[n, n]``, symmetric, >= 0, 0 on the diagonal; n >= 2.
        p: masses of atoms ``[n]``, with sum 1.
        cost: E C, roughly. What is found is valid whatever it is.
        below: what m times the bound of Var G must be smaller than.
    """
    if (unit := float(costs.max())) == 0:
        return None
    moves = _Moves(costs / unit, p)
    w, kappa = _descent(moves, max(cost / unit, _EPS), below / unit**2)
    best = min(_walks(moves, w, kappa), key=lambda walk: walk.strength * walk.raised(_TYPICAL))
    walk = AtomWalk(
        best.strength * unit, best.mean_added * unit, best.added * unit, best.longest * unit**0.5
    )
    return walk if walk.variance(cost) < below else None


class _Moves:
    """The edges between atoms, each in both directions, sorted by where they begin.

    Attributes:
        costs: c ``[n, n]``.
        p: masses of atoms ``[n]``.
        ends: first and second ends of edges ``[2, e]``.
        u, v: where a move begins and ends ``[2e]``.
        edge: which edge it follows ``[2e]``.
        first: each atom's first move ``[n]``.
    """

    def __init__(self, costs: np.ndarray, p: np.ndarray) -> None:
        self.costs, self.p, self.ends = costs, p, _edges(costs)
        i, j = self.ends
        order = np.argsort(np.r_[i, j], kind="stable")
        self.u, self.v = np.r_[i, j][order], np.r_[j, i][order]
        self.edge = np.tile(np.arange(len(i)), 2)[order]
        self.first = np.searchsorted(self.u, np.arange(len(p)))

    def rates(self, w: np.ndarray) -> np.ndarray:
        return w[self.edge] / self.p[self.u]

    def by_atom(self, of_moves: np.ndarray) -> np.ndarray:
        """Sums over the moves from every atom."""
        return np.add.reduceat(of_moves, self.first, axis=0)

    def laplacian(self, w: np.ndarray) -> np.ndarray:
        """Whose least eigenvalue but 0 is the gap, with eigenvectors sqrt(p) f."""
        n, (i, j) = len(self.p), self.ends
        matrix = np.zeros((n, n))
        matrix[i, j] = matrix[j, i] = -w / np.sqrt(self.p[i] * self.p[j])
        matrix[np.diag_indices(n)] = self.by_atom(self.rates(w))
        return matrix

    def lowest(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least eigenvalues but 0, and their functions on atoms."""
        last = min(_EIGENVECTORS, len(self.p) - 1)
        values, vectors = eigh(self.laplacian(w), subset_by_index=[0, last], overwrite_a=True)
        return values[1:], vectors[:, 1:] / np.sqrt(self.p)[:, None]

    def certain_gap(self, w: np.ndarray) -> float:
        """The gap at least, whatever the rounding of eigenvalues; 0 if rounding hides it."""
        matrix = self.laplacian(w)
        gap = float(eigh(matrix, eigvals_only=True, subset_by_index=[1, 1])[0])
        lost = 8 * len(self.p) * _EPS * float(np.linalg.norm(matrix))
        return max(gap * (1 - _ROUNDING) - lost, 0.0)

    def walk(self, w: np.ndarray, kappa: np.ndarray) -> AtomWalk:
        """All that is certain of rates w and weights kappa."""
        if (gap := self.certain_gap(w)) == 0:
            return AtomWalk(np.inf, 0.0, kappa, 0.0)
        rates, c = self.rates(w), self.costs
        lost = _LOST * (float(c.max()) + float(kappa.max()))
        A, longest = 0.0, 0.0
        for u, first, last in zip(range(len(c)), self.first, [*self.first[1:], None], strict=True):
            used = np.flatnonzero(rates[first:last]) + first
            v = self.v[used]
            h = np.maximum(c[v] - c[u] + (kappa[v] - kappa[u])[:, None] + lost, 0.0)
            A = max(A, float((rates[used] @ h**2 / (c[u] / 2 + kappa[u])).max()))
            before = c[u] + kappa[u] + kappa
            rise = h / (np.sqrt(before + h) + np.sqrt(before))
            longest = max(longest, float(rise.max(initial=0.0)))
        added = 2 * float(self.p @ kappa)
        return AtomWalk(A * (1 + _ROUNDING) / gap, added, kappa, longest * (1 + _ROUNDING))


def _edges(costs: np.ndarray) -> Int[np.ndarray, "2 e"]:
    """To nearest atoms, along a spanning tree, and to partners at random, always the same."""
    n, rng = len(costs), np.random.default_rng(0)
    linked = minimum_spanning_tree(costs).toarray() > 0
    nearest = np.argsort(costs, axis=1)[:, 1 : _NEAREST + 1]
    linked[np.arange(n)[:, None], nearest] = True
    for _ in range(_PARTNERS):
        linked[np.arange(n), rng.permutation(n)] = True
    return np.array(np.nonzero(np.triu(linked | linked.T, 1)))


def _walks(moves: _Moves, w: np.ndarray, kappa: np.ndarray) -> Iterator[AtomWalk]:
    """That of all edges, and those without the longest, which carry little and make x large."""
    order = np.argsort(moves.costs[tuple(moves.ends)])
    for share in _KEPT:
        kept = order[: int(np.ceil(share * len(w)))]
        left = np.zeros_like(w)
        left[kept] = w[kept]
        yield moves.walk(left, kappa)


def _descent(moves: _Moves, cost: float, below: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and weights, least in A (cost + 2 E kappa) on the way of Adam in their logarithms."""
    c, p, (i, j) = moves.costs, moves.p, moves.ends
    edges, nearest = len(i), np.maximum(np.sort(c, axis=1)[:, 1], _NEAR)
    apart = np.maximum(c[i, j], _NEAR)
    x = np.r_[np.log(np.sqrt(p[i] * p[j]) / apart), np.full(len(p), np.log(p @ nearest))]
    rate = np.r_[np.full(edges, _RATE), np.full(len(p), _RATE_OF_KAPPA)]
    first, second = np.zeros_like(x), np.zeros_like(x)
    best, least, search = x, np.inf, _Search(moves, cost)
    for step in range(_STEPS):
        left = 1 - step / _STEPS
        gaps, f = moves.lowest(np.exp(x[:edges]))
        if gaps[0] <= 0:  # hidden by rounding
            break
        x = np.r_[x[:edges] - np.log(gaps[0]), x[edges:]]
        w, kappa = np.exp(x[:edges]), np.exp(x[edges:])
        if step % _SEEN_FOR == 0 and (value := search.look(w, kappa)) < least:
            best, least = x, value
        if step == _EARLY and least > _HOPELESS * below:
            break
        sharp = _SHARPNESS[1] + (_SHARPNESS[0] - _SHARPNESS[1]) * left
        slope = search.slope(w, kappa, sharp)
        slope[:edges] -= w * _slope_of_gap(moves, gaps / gaps[0], f, sharp)
        first = _MOMENTUM * first + (1 - _MOMENTUM) * slope
        second = _MEMORY * second + (1 - _MEMORY) * slope**2
        mean = first / (1 - _MOMENTUM ** (step + 1))
        spread = np.sqrt(second / (1 - _MEMORY ** (step + 1)))
        x = x - rate * left * mean / (spread + 1e-15)
    return np.exp(best[:edges]), np.exp(best[edges:])


def _slope_of_gap(moves: _Moves, gaps: np.ndarray, f: np.ndarray, sharp: float) -> np.ndarray:
    """By w, of the logarithm of the gap, smoothed over eigenvalues that are near to it."""
    (i, j), weights = moves.ends, np.exp(-sharp * (gaps - 1))
    slope: np.ndarray = np.square(f[i] - f[j]) @ weights / (weights @ gaps)
    return slope


class _Search:
    """A (cost + 2 E kappa), and the slope of its logarithm, of the partners with largest sums."""

    def __init__(self, moves: _Moves, cost: float) -> None:
        self.moves, self.cost = moves, cost
        self.rise = (moves.costs[moves.v] - moves.costs[moves.u]).astype(np.float32)
        self.seen_rise = self.seen_costs = np.zeros((0, 0))

    def total(self, kappa: np.ndarray) -> float:
        return self.cost + 2 * float(self.moves.p @ kappa)

    def look(self, w: np.ndarray, kappa: np.ndarray) -> float:
        """The value, of all partners; takes those with the largest sums."""
        moves = self.moves
        h = np.maximum(self.rise + self.rise_of(kappa).astype(np.float32), 0)
        h *= h
        h *= moves.rates(w).astype(np.float32)[:, None]
        sums = moves.by_atom(h) / (moves.costs / 2 + kappa[:, None])
        most = min(_SEEN, len(kappa))
        seen = np.argpartition(-sums, most - 1, axis=1)[:, :most]
        self.seen_rise = np.take_along_axis(self.rise, seen[moves.u], axis=1).astype(float)
        self.seen_costs = np.take_along_axis(moves.costs, seen, axis=1)
        return float(sums.max()) * self.total(kappa)

    def rise_of(self, kappa: np.ndarray) -> np.ndarray:
        return (kappa[self.moves.v] - kappa[self.moves.u])[:, None]

    def slope(self, w: np.ndarray, kappa: np.ndarray, sharp: float) -> np.ndarray:
        """By ln w, but for the gap's, and by ln kappa."""
        moves, rates, n = self.moves, self.moves.rates(w), len(kappa)
        h = np.maximum(self.seen_rise + self.rise_of(kappa), 0)
        room = self.seen_costs / 2 + kappa[:, None]
        sums = moves.by_atom(rates[:, None] * h * h) / room
        weights = np.exp(sharp * (sums / sums.max() - 1))
        weights /= weights.sum() * sums.max()
        weighted = (weights / room)[moves.u] * h
        paid = rates * (weighted * h).sum(axis=1)
        by_rise = 2 * rates * weighted.sum(axis=1)
        of_kappa = np.bincount(moves.v, by_rise, n) - np.bincount(moves.u, by_rise, n)
        of_kappa -= (weights * sums / room).sum(axis=1)
        of_w = np.bincount(moves.edge, paid, len(w))
        return np.r_[of_w, kappa * (of_kappa + 2 * moves.p / self.total(kappa))]
