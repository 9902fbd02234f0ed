r"""The c-transform psi_j = min_i (c_ij - phi_i), c_ij = |x_i - y_j|^p, from below (R1).

For p = 2 and many neurons it is a nearest-neighbour query in d + 1 dimensions: with
M = max phi and h_i^2 = M - phi_i,

    |x_i - y_j|^2 - phi_i = T_ij - M,    T_ij = |(x_i, h_i) - (y_j, 0)|^2 >= 0.

*Rounding.* Whoever is found is charged |x_i - y_j|^p - phi_i, computed from differences of
coordinates, with an error of at most r c_ij, r = (max(p, 2)/2 (d + 2) + 8) eps. Who is missed may
be less by as much as the search may err in comparing. All pairs and k-d trees compare sums of
squares of differences: errors of r T_ij. Only a pair with T_ij below the least one found could
undercut it; so 4 r times that least one covers both. In many dimensions squares are expanded,
T_ij = |x_i|^2 + h_i^2 - 2 <x_i, y_j> + |y_j|^2, around a common centre, with errors of r times the
terms; those of a pair that could undercut are at most 2 (T + |y_j|^2) and |y_j|^2, T the least one
found, so that 16 r (T + |y_j|^2) covers it: an outlier costs itself an allowance, not the others.
Where even that is too much, all pairs of that y_j are compared by differences.

*Easing.* M is large without need where an outlier x_i has one partner y_j, and phi_i + psi_j is
divided between the two at random. Whoever is the first choice of some y_j may give back as much as
makes them its second choice as well: no psi_j falls, and one at least rises by as much as phi_i
falls. So this is done, down to the median, wherever an allowance is not tolerable.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

__all__ = ["Cost", "Transform", "c_transform"]

_NEIGHBOURS = 10
_FEW = 256
"""Neurons of whom all pairs are compared."""
_LOW = 14
"""Dimensions up to which a k-d tree pays."""
_BLOCK = 2**22
"""Floats in a temporary array."""
_EPS = float(np.finfo(np.float64).eps)

Array = Float[np.ndarray, " m"]


@dataclass(frozen=True)
class Cost:
    """|x - y|^p, or the lesser of |x - y|^p and |x + y|^p, for neurons in units of their diameter.

    Attributes:
        p: the exponent.
        relative: r of the module's docstring.
        absolute: what underflow may take off a cost; 0 where there is none.
        signs: whether neurons are compared modulo signs.
    """

    p: float
    relative: float
    absolute: float
    signs: bool = False

    @classmethod
    def of(
        cls,
        a: Float[np.ndarray, "m d"],
        b: Float[np.ndarray, "n d"],
        p: float,
        *,
        signs: bool = False,
    ) -> "Cost":
        """The cost for these neurons; it is at most 1.

        All coordinates are multiples of the least spacing among them, which differences and sums
        are not below; smaller ones than 2^-1022 are rounded to multiples of 2^-1074.
        """
        d = a.shape[1]
        least = min(_least_spacing(a), _least_spacing(b))
        safe = least >= 2.0 ** -min(500.0, 1000.0 / p)
        lost = 0.0 if safe else max((d * 2.0**-1000) ** (p / 2), (p + 2) * 2.0**-1000)
        return cls(p, (max(p, 2.0) / 2 * (d + 2) + 8) * _EPS, lost, signs)

    def pairs(
        self,
        x: Float[np.ndarray, "m d"],
        y: Float[np.ndarray, "n d"],
        rows: Int[np.ndarray, " edges"],
        columns: Int[np.ndarray, " edges"],
    ) -> Float[np.ndarray, " edges"]:
        """The costs of pairs, in blocks, as neurons may be long."""
        blocks = np.array_split(np.arange(len(rows)), len(rows) * x.shape[1] // _BLOCK + 1)
        squares = [self._squares(x[rows[i]], y[columns[i]]) for i in blocks]
        return np.concatenate(squares) ** (self.p / 2)

    def _squares(
        self, x: Float[np.ndarray, "e d"], y: Float[np.ndarray, "e d"]
    ) -> Float[np.ndarray, " e"]:
        squares = np.square(x - y).sum(axis=1)
        return np.minimum(squares, np.square(x + y).sum(axis=1)) if self.signs else squares


def _least_spacing(x: np.ndarray) -> float:
    sizes = np.abs(x[x != 0])
    return float(np.spacing(sizes.min())) if sizes.size else np.inf


class Transform(NamedTuple):
    """Whom every y could be matched with, and its potential.

    Attributes:
        near: the k neurons of x nearest to each y ``[n, k]``, in any order.
        potential: psi_j <= min_i (c_ij - phi_i) ``[n]``, for the exact costs.
        phi: the potentials of x, which may have been eased ``[m]``.
    """

    near: Int[np.ndarray, "n k"]
    potential: Float[np.ndarray, " n"]
    phi: Array


def c_transform(
    x: Float[np.ndarray, "m d"],
    phi: Array,
    y: Float[np.ndarray, "n d"],
    cost: Cost,
    tolerable: float = np.inf,
) -> Transform:
    """The c-transform of phi, rounded down.

    Args:
        x: neurons ``[m, d]``.
        phi: their potentials ``[m]``.
        y: neurons ``[n, d]``.
        cost: of a pair.
        tolerable: allowance for rounding beyond which phi is eased, and the search is finer.

    Reference:
        theory key R1; Peyre and Cuturi (2019), Computational Optimal Transport, chapter 5.
    """
    if cost.signs:
        both = c_transform(np.r_[x, -x], np.r_[phi, phi], y, replace(cost, signs=False), tolerable)
        lower = both.phi.reshape(2, -1).min(axis=0)
        return Transform(both.near % len(x), both.potential, lower)
    found = _search(x, phi, y, cost, tolerable)
    if found.allowance.max() > tolerable:
        phi = _eased(phi, found)
        found = _search(x, phi, y, cost, tolerable)
    return Transform(found.near, found.values.min(axis=1) - found.allowance, phi)


class _Search(NamedTuple):
    """The nearest of x for every y, c_ij - phi_i, and what rounding may hide below the least."""

    near: Int[np.ndarray, "n k"]
    values: Float[np.ndarray, "n k"]
    allowance: Float[np.ndarray, " n"]


def _search(x: np.ndarray, phi: Array, y: np.ndarray, cost: Cost, tolerable: float) -> _Search:
    k, top = min(_NEIGHBOURS, len(x)), float(phi.max())
    size = np.zeros(len(y))
    if cost.p != 2 or len(x) <= _FEW:
        near = _by_all_pairs(x, phi, y, cost.p, k)
    else:
        lifted = np.c_[x, np.sqrt(top - phi)]
        target = np.c_[y, np.zeros(len(y))]
        if x.shape[1] <= _LOW:
            near = _query(lifted, target, k, "kd_tree")
        else:
            centre = np.median(lifted, axis=0)
            centre[-1] = 0.0
            lifted, target = lifted - centre, target - centre
            near = _query(lifted, target, k, "brute")
            size = np.square(target).sum(axis=1)
            rough = 16 * cost.relative * size > tolerable
            near[rough] = _by_all_pairs(x, phi, y[rough], cost.p, k)
            size[rough] = 0.0
    columns = np.repeat(np.arange(len(y)), k)
    costs = cost.pairs(x, y, near.ravel(), columns).reshape(near.shape)
    values = costs - phi[near]
    least = values.min(axis=1)
    missed = 16 * cost.relative * (np.maximum(least + top, 0.0) + size)
    return _Search(near, values, missed + 2 * _EPS * np.abs(least) + 2 * cost.absolute)


def _eased(phi: Array, found: _Search) -> Array:
    """Potentials of x of whom those beyond the median give back what nobody else would pay."""
    if found.near.shape[1] == 1:
        return np.minimum(phi, 0.0)  # one neuron
    first, second = np.partition(found.values, 1, axis=1)[:, :2].T
    chosen = found.near[np.arange(len(first)), found.values.argmin(axis=1)]
    lead = np.full(len(phi), np.inf)
    np.minimum.at(lead, chosen, second - first)
    lead[np.isinf(lead)] = 0.0  # nobody's first choice
    return np.maximum(phi - lead, np.minimum(phi, np.median(phi)))


def _query(x: np.ndarray, y: np.ndarray, k: int, algorithm: str) -> np.ndarray:
    finder = NearestNeighbors(n_neighbors=k, algorithm=algorithm).fit(x)
    return finder.kneighbors(y, return_distance=False)


def _by_all_pairs(x: np.ndarray, phi: Array, y: np.ndarray, p: float, k: int) -> np.ndarray:
    parts = np.array_split(y, len(x) * len(y) // _BLOCK + 1)
    return np.concatenate([_nearest(x, phi, part, p, k) for part in parts])


def _nearest(x: np.ndarray, phi: Array, y: np.ndarray, p: float, k: int) -> np.ndarray:
    cost = cdist(y, x, "sqeuclidean" if p == 2 else "euclidean")
    if p != 2:
        cost **= p
    cost -= phi
    return np.argpartition(cost, k - 1, axis=1)[:, :k]
