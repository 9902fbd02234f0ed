r"""The c-transform psi_j = min_i (c_ij - phi_i), c_ij = |x_i - y_j|^p, from below (R1).

For p = 2 and many neurons it is a nearest-neighbour query in d + 1 dimensions: with
M = max phi and h_i^2 = M - phi_i,

    |x_i - y_j|^2 - phi_i = T_ij - M,    T_ij = |(x_i, h_i) - (y_j, 0)|^2 >= 0.

*Rounding.* Whoever is found is charged |x_i - y_j|^p - phi_i, computed from differences of
coordinates, with an error of at most r c_ij, r = (max(p, 2)/2 (d + 2) + 8) eps. Who is missed may
be less by as much as the search may err in comparing. All pairs and k-d trees compare sums of
squares of differences: errors of r T_ij. Only a pair with T_ij below the least one found could
undercut it; so 4 r times that least one covers both.

*Products.* In many dimensions squares are expanded, T_ij = s_i - 2 <x_i, y_j> + |y_j|^2 with
s_i = |x_i|^2 + h_i^2, around a common centre, and s_i - 2 <x_i, y_j> is computed by matrix products
in blocks, in single precision: twice as fast as in double. The neurons of x are dealt to 64 hands;
of each hand every y_j keeps the least and the second value, and the hands' winners are charged as
above. Whoever was missed has a computed value of at least v_j, the least among second values and
winners that were not charged, so that c_ij - phi_i >= v_j + |y_j|^2 - M - e. Errors e are at most
(d + 4) u (s_i + 2 |x_i| |y_j|), u the unit roundoff and inputs rounded; for a pair that could
undercut, |x_i| and h_i are at most |y_j| + T^(1/2) and T^(1/2), T the least one found, hence
e <= 4 r (T + |y_j|^2), r with single precision's eps. That hides nothing unless two values nearly
tie. Where it hides too much, double precision decides, then all pairs of that y_j by differences;
an outlier costs itself an allowance, not the others.

*Easing.* M is large without need where an outlier x_i has one partner y_j, and phi_i + psi_j is
divided between the two at random. Whoever is the first choice of some y_j may give back as much as
makes them its second choice as well: no psi_j falls, and one at least rises by as much as phi_i
falls. So this is done, down to the median, wherever an allowance is not tolerable.
"""

from collections.abc import Callable
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
_TILE = 2**20
"""Floats in a product, which a cache holds."""
_HANDS = 64
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
    return Transform(found.near, found.least - found.allowance, phi)


class _Search(NamedTuple):
    """The nearest of x for every y, c_ij - phi_i, and what may be below the least of them.

    That is for rounding what is charged, and what the search hides.
    """

    near: Int[np.ndarray, "n k"]
    values: Float[np.ndarray, "n k"]
    rounding: Float[np.ndarray, " n"]
    hidden: Float[np.ndarray, " n"]

    @property
    def least(self) -> Float[np.ndarray, " n"]:
        return self.values.min(axis=1)

    @property
    def allowance(self) -> Float[np.ndarray, " n"]:
        return self.rounding + self.hidden


def _search(x: np.ndarray, phi: Array, y: np.ndarray, cost: Cost, tolerable: float) -> _Search:
    k = min(_NEIGHBOURS, len(x))
    if cost.p != 2 or len(x) <= _FEW:
        return _charged(_by_all_pairs(x, phi, y, cost.p, k), x, phi, y, cost)
    if x.shape[1] <= _LOW:
        lifted, target = np.c_[x, np.sqrt(phi.max() - phi)], np.c_[y, np.zeros(len(y))]
        near = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(lifted)
        return _charged(near.kneighbors(target, return_distance=False), x, phi, y, cost)
    found = _by_products(x, phi, y, cost, np.float32)
    _replace(
        found, found.hidden > tolerable, lambda j: _by_products(x, phi, y[j], cost, np.float64)
    )
    _replace(
        found,
        (found.hidden > tolerable) & (found.rounding <= tolerable),
        lambda j: _charged(_by_all_pairs(x, phi, y[j], cost.p, k), x, phi, y[j], cost),
    )
    return found


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


def _charged(near: np.ndarray, x: np.ndarray, phi: Array, y: np.ndarray, cost: Cost) -> _Search:
    """Those found by a search that compares sums of squares of differences, and hides nothing."""
    columns = np.repeat(np.arange(len(y)), near.shape[1])
    values = cost.pairs(x, y, near.ravel(), columns).reshape(near.shape) - phi[near]
    least = values.min(axis=1)
    rounding = 16 * cost.relative * np.maximum(least + float(phi.max()), 0.0)
    rounding += 8 * _EPS * np.abs(least) + 2 * cost.absolute
    return _Search(near, values, rounding, np.zeros(len(y)))


def _replace(found: _Search, rough: np.ndarray, search: Callable[[np.ndarray], _Search]) -> None:
    """Puts a better search of the rough rows in their place; it takes the indices of rows."""
    if rough.any():
        for whole, part in zip(found, search(np.flatnonzero(rough)), strict=True):
            whole[rough] = part


def _by_products(
    x: np.ndarray, phi: Array, y: np.ndarray, cost: Cost, kind: type[np.floating]
) -> _Search:
    """A search by matrix products in this precision, for more neurons x than hands."""
    centre, top = np.median(x, axis=0), float(phi.max())
    size = np.square(y - centre).sum(axis=1)
    s = np.square(x - centre).sum(axis=1) + (top - phi)
    lifted = np.c_[x - centre, s].astype(kind)
    hands = [np.ascontiguousarray(lifted[hand::_HANDS].T) for hand in range(_HANDS)]
    near = np.empty((len(y), min(_NEIGHBOURS, len(x))), np.int64)
    others = np.empty(len(y))
    for rows in np.array_split(np.arange(len(y)), len(x) * len(y) // (_HANDS * _TILE) + 1):
        target = np.c_[-2 * (y[rows] - centre), np.ones(len(rows))].astype(kind)
        near[rows], others[rows] = _winners(target, hands, near.shape[1])
    found = _charged(near, x, phi, y, cost)
    info = np.finfo(kind)
    error = 4 * cost.relative * float(info.eps) / _EPS * (np.maximum(found.least + top, 0.0) + size)
    error += 4 * (x.shape[1] + 4) * float(info.tiny)
    return found._replace(hidden=np.maximum(found.least - (others + size - top - error), 0.0))


def _winners(
    target: np.ndarray, hands: list[np.ndarray], k: int
) -> tuple[Int[np.ndarray, "n k"], Float[np.ndarray, " n"]]:
    """The k least of the winners of all hands, and the least value of everyone else."""
    every = np.arange(len(target))
    best = np.empty((len(target), len(hands)), np.int64)
    values = np.empty(best.shape, target.dtype)
    others = np.full(len(target), np.inf)
    for hand, lifted in enumerate(hands):
        product = target @ lifted
        best[:, hand] = first = product.argmin(axis=1)
        values[:, hand] = product[every, first]
        product[every, first] = np.inf
        np.minimum(others, product.min(axis=1), out=others)
    chosen = np.argpartition(values, k, axis=1)[:, : k + 1]
    values = np.take_along_axis(values, chosen, axis=1)
    near = np.take_along_axis(best, chosen[:, :k], axis=1) * len(hands) + chosen[:, :k]
    return near, np.minimum(others, values[:, k])


def _by_all_pairs(x: np.ndarray, phi: Array, y: np.ndarray, p: float, k: int) -> np.ndarray:
    parts = np.array_split(y, len(x) * len(y) // _BLOCK + 1)
    return np.concatenate([_nearest(x, phi, part, p, k) for part in parts])


def _nearest(x: np.ndarray, phi: Array, y: np.ndarray, p: float, k: int) -> np.ndarray:
    cost = cdist(y, x, "sqeuclidean" if p == 2 else "euclidean")
    if p != 2:
        cost **= p
    cost -= phi
    return np.argpartition(cost, k - 1, axis=1)[:, :k]
