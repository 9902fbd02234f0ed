r"""The k-d tree in polar coordinates (R17): balls, spheres, and what turns alike in all directions.

A neuron is X = R Theta with R independent of the direction Theta, uniform on the sphere in R^d:

    X_1 = R cos phi_1,  X_2 = R sin phi_1 cos phi_2,  ...,  X_d = R sin phi_1 ... sin phi_{d-1},

with R and all angles independent, phi_k in [0, pi] of density proportional to sin^{d-1-k}, and
phi_{d-1} uniform on [0, 2 pi). The tree cuts ranks of R and of angles as R15 cuts Cartesian
ones, and thins the others. R and the angles of a neuron of a leaf stay independent, so that
its mean h has the components E R prod_{j<k} E sin phi_j E cos phi_k. With e_k the vectors of
E cos phi_k and E sin phi_k by rank, and of E R, all is as it is there:

    M(m) <= 2 E|X|^2 - 2 sum over leaves (b / m) G(leaf),    G(one neuron) = |h|^2.

*Pairs.* Two neurons a, a' of a leaf of two are told apart, in every coordinate that is tracked, by
a fair sign: which of them is the lower one. Given the signs eps, a - a' has the mean
D_eps = h(eps) - h(-eps), h(eps) the mean of a neuron with these ranks; so for two such pairs, by
Jensen, E|<a - a', b - b'>| >= mean over eps, eps' of |<D_eps, D_eps'>|, and

    G(pair) = |h|^2 + (1/4) mean over eps, eps' of |<D_eps, D_eps'>|.

*Only so many angles* are tracked: the components of h beyond the last of them are 0.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline, make_interp_spline
from scipy.special import betaincinv, ndtr

from lmctheory.measures.arguments import at_least
from lmctheory.rates.upper.product_tree import cut_places, first_of_the_best
from lmctheory.rates.upper.thinning import WIDEST, densities, thinning, window

__all__ = ["polar_tree"]

_ANGLES = 16
"""Most angles that are tracked: a path of cuts among 8192 neurons seldom meets more."""
_SIGNS = 8
"""Most coordinates whose signs tell a pair apart; Jensen averages over the others."""


_BLOCK, _NODES = 32, 6
"""Ranks that share nodes, and nodes in a standard deviation."""
_FARTHEST = -12.0
"""Normals beyond have a probability of 1e-33; where they lie in the tail does not matter."""


def polar_tree(dimension: int, m: int, *, solid: bool) -> float:
    """M(m) for the uniform law on the unit ball or on the unit sphere in R^d.

    Rounding: about 1e-11. Beyond 8192 neurons it stays the bound of 8192 (R2).

    Args:
        dimension: d >= 2.
        m: number of neurons in each sample, >= 1.
        solid: the ball; the sphere otherwise.

    Returns:
        The bound, per neuron, for radius 1.

    Raises:
        TypeError: if d or m is no integer.
        ValueError: if d < 2 or m < 1.

    Reference:
        theory key R17; derived here.

    Example:
        >>> polar_tree(2, 1, solid=False)  # two points on a circle
        2.0
        >>> polar_tree(3, 1000, solid=True) < 0.08
        True
    """
    d, m = at_least("dimension", dimension, 2), at_least("m", m, 1)
    return _polar_tree(d, min(m, WIDEST), solid)


@lru_cache(maxsize=256)
def _polar_tree(d: int, m: int, solid: bool) -> float:
    angles = min(d - 1, _ANGLES)
    mean_square = d / (d + 2) if solid else 1.0
    tree = _Tree(solid=solid, closed=angles == d - 1)
    return max(2 * mean_square - 2 * tree.gain(root(d, m, angles, solid=solid)), 0.0)


def root(d: int, m: int, angles: int, *, solid: bool) -> Float[np.ndarray, "n m"]:
    """The node of all neurons ``[1 + 2 angles, m]``: E R, E cos phi and E sin phi by rank.

    Angles go from pi down, the last one all around. To about 1e-13: by the trapezoidal rule in
    z = Phi^{-1}(u), as densities of order statistics are analytic there and decay on both sides.

    Args:
        d: dimension, >= 2.
        m: number of neurons.
        angles: how many are tracked.
        solid: the ball; radii are 1 otherwise.
    """
    powers = range(d - 2, d - 2 - angles, -1)
    j = np.arange(1.0, (m + 1) // 2 + 1)
    lower = np.concatenate(
        [_means(part, m, powers) for part in np.array_split(j, len(j) // _BLOCK + 1)], axis=1
    )
    # cosines are odd in z and sines even, but for the last angle, where it is the other way round
    signs = np.array([1.0 if power == 0 else -1.0 for power in powers])
    upper = np.concatenate([signs, -signs])[:, None] * lower[:, : m // 2][:, ::-1]
    radii = _radii(d, m) if solid else np.ones(m)
    return np.concatenate([radii[None], np.concatenate([lower, upper], axis=1)])


def _radii(d: int, m: int) -> Float[np.ndarray, " m"]:
    """E U_(j:m)^{1/d} = prod_{k=j..m} k / (k + 1/d)."""
    k = np.arange(m, 0.0, -1)
    return np.cumprod(k / (k + 1 / d))[::-1]


def _means(j: Float[np.ndarray, " b"], m: int, powers: range) -> Float[np.ndarray, "n b"]:
    """E cos phi_(j:m), and below it E sin phi_(j:m), for the densities sin^power."""
    lows, highs, deviations = window(j, m)
    low, high = lows.min(), highs.max()
    z = np.linspace(low, high, int(_NODES * (high - low) / deviations.min()) + 2)
    law = densities(j, m, z[None])
    cosines, sines = zip(*(_angle(power, z) for power in powers), strict=True)
    return np.asarray(np.stack(cosines + sines) @ (law / law.sum(axis=1, keepdims=True)).T)


def _angle(
    power: int, z: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Cosine and sine of the angle that is transported to a normal z: (1 + cos phi) / 2 is Beta."""
    if power == 0:
        turn = 2 * np.pi * ndtr(z)
        return np.cos(turn), np.sin(turn)
    tail = np.minimum(np.exp(_log_tail(power)(np.maximum(-np.abs(z), _FARTHEST))), 0.5)
    return np.copysign(1 - 2 * tail, z), 2 * np.sqrt(tail * (1 - tail))


@lru_cache(maxsize=64)
def _log_tail(power: int) -> BSpline:
    """Of betaincinv(a, a, Phi(z)), a = (power + 1) / 2, to 1e-12 for z in [-12, 0]."""
    z = np.linspace(_FARTHEST, 0.0, 513)
    a = (power + 1) / 2
    return make_interp_spline(z, np.log(betaincinv(a, a, ndtr(z))), k=7)


class _Tree:
    """Nodes ``[1 + 2 k, b]``: E R, E cos phi and E sin phi of k angles, by rank."""

    def __init__(self, *, solid: bool, closed: bool) -> None:
        self.first = 0 if solid else 1
        self.rest = 1.0 if closed else 0.0
        self.known: dict[object, float] = {}

    def gain(self, node: Float[np.ndarray, "n b"]) -> float:
        """G of a node."""
        b = node.shape[1]
        if b == 1:
            return self._square(node).item()
        key = _up_to_symmetry(node)
        if key not in self.known:
            self.known[key] = self._pair(node) if b == 2 else self._cut(node)
        return self.known[key]

    def _square(self, means: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " c"]:
        """|h|^2 = R^2 (C_1^2 + S_1^2 (C_2^2 + ...))."""
        radius, cosines, sines = _parts(means)
        total = np.full(radius.shape, self.rest)
        for c, s in zip(cosines[::-1], sines[::-1], strict=True):
            total = c**2 + s**2 * total
        return np.asarray(radius**2 * total)

    def _cut(self, node: Float[np.ndarray, "n b"]) -> float:
        b = node.shape[1]
        coordinate, s = self._best_cut(node)
        rows = _rows(node, coordinate)
        total = 0.0
        for size, ranks in ((s, slice(0, s)), (b - s, slice(s, b))):
            child = (thinning(b, size) @ node.T).T
            child[rows] = node[rows, ranks]
            total += size / b * self.gain(child)
        return total

    def _best_cut(self, node: Float[np.ndarray, "n b"]) -> tuple[int, int]:
        """The coordinate, 0 for the radius, and the rank that gain most for their entropy."""
        b, angles = node.shape[1], len(node) // 2
        ranks, root_entropy = cut_places(b)
        sums = np.cumsum(node, axis=1)
        lower = sums[:, ranks - 1] / ranks
        upper = (sums[:, -1:] - sums[:, ranks - 1]) / (b - ranks)
        whole = np.repeat(sums[:, -1:] / b, len(ranks), axis=1)
        scores = np.full((angles + 1, len(ranks)), -np.inf)
        for coordinate in range(self.first, angles + 1):
            rows = _rows(node, coordinate)
            gains = -self._square(whole)
            for half, share in ((lower, ranks / b), (upper, 1 - ranks / b)):
                means = whole.copy()
                means[rows] = half[rows]
                gains = gains + share * self._square(means)
            scores[coordinate] = gains / root_entropy
        coordinate, choice = first_of_the_best(scores)
        return coordinate, int(ranks[choice])

    def _pair(self, node: Float[np.ndarray, "n 2"]) -> float:
        """|h|^2 + E|S| / 4, rounded down."""
        told = self._loudest(node)
        signs = np.indices((2,) * len(told)).reshape(len(told), -1)
        means = np.repeat(node.mean(axis=1)[:, None], signs.shape[1], axis=1)
        for coordinate, sign in zip(told, signs, strict=True):
            for row in _rows(node, coordinate):
                means[row] = node[row, sign]
        h = self._vectors(means)
        differences = h - h[:, ::-1]
        return self._square(node.mean(axis=1, keepdims=True)).item() + float(
            np.abs(differences.T @ differences).mean() / 4
        )

    def _loudest(self, node: Float[np.ndarray, "n 2"]) -> list[int]:
        """The coordinates whose ranks move the mean of a leaf most."""
        moved = []
        for coordinate in range(self.first, len(node) // 2 + 1):
            means = np.repeat(node.mean(axis=1)[:, None], 2, axis=1)
            rows = _rows(node, coordinate)
            means[rows] = node[rows]
            low, high = self._vectors(means).T
            moved.append((-float(np.square(high - low).sum()), coordinate))
        return [coordinate for _, coordinate in sorted(moved)[:_SIGNS]]

    def _vectors(self, means: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "k c"]:
        """The means h of many leaves, in the components that are tracked."""
        radius, cosines, sines = _parts(means)
        before = radius * np.cumprod(np.vstack([np.ones_like(radius)[None], sines]), axis=0)
        return np.vstack([before[:-1] * cosines, self.rest * before[-1:]])


def _rows(node: Float[np.ndarray, "n b"], coordinate: int) -> list[int]:
    """Of the radius, 0, or of an angle, 1, 2, ...: its cosine and its sine."""
    return [coordinate, coordinate + len(node) // 2] if coordinate else [0]


def _parts(
    means: Float[np.ndarray, "n c"],
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, "k c"], Float[np.ndarray, "k c"]]:
    angles = len(means) // 2
    return means[0], means[1 : 1 + angles], means[1 + angles :]


def _up_to_symmetry(node: Float[np.ndarray, "n b"]) -> object:
    """Ranks of an angle may be reversed, and cosines and sines change their signs."""
    rounded = np.round(node, 12)
    angles = len(node) // 2
    parts = [rounded[0].tobytes()]
    for c, s in zip(rounded[1 : 1 + angles], rounded[1 + angles :], strict=True):
        turned = [_signless(c) + _signless(s), _signless(c[::-1]) + _signless(s[::-1])]
        parts.append(min(turned))
    return node.shape[1], tuple(parts)


def _signless(row: Float[np.ndarray, " b"]) -> bytes:
    return min((row + 0.0).tobytes(), (0.0 - row).tobytes())
