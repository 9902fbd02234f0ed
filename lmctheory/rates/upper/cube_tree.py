r"""The k-d tree of a law on atoms (R18): R15 for coordinates that are not the weights' own.

*The map.* Neurons are T(U_j) with U_j independent and uniform in [0, 1]^k, T constant on boxes, one
for each atom x_v and of its mass (`atom_boxes`). It is the coordinates of U that are ranked.

*The tree.* Both samples of m neurons are cut at the same rank s of one coordinate of the cube, the
s lower ones of one against the s lower ones of the other, again and again down to single neurons,
which are matched. Coordinate and rank depend on the node, never on the samples. By induction, at
every node

    the b neurons of A have, in each coordinate, order statistics in an order that is uniform, and
    all these orders and order statistics are independent of each other,

as those of independent U_j are: a cut looks at the order in one coordinate alone. There it keeps
the lower or the upper order statistics, in every other it picks neurons at random, and what remains
of the orders is uniform. So the only U of a leaf has independent coordinates. A and B are
independent with one law, hence matched neurons x, y too, and E|x - y|^2 = 2 E|x|^2 - 2 |h|^2 with
h = E T(U). The mean of E|x|^2 over all leaves is E|X|^2:

    M(m) <= 2 E|X|^2 - (2/m) sum over leaves |h|^2,
    h = sum_v x_v prod_i P(U_i in I_{v,i}),    I_{v,1} x .. x I_{v,k} the box of v.

A leaf of several neurons, matched at random, counts once for each, h the mean over all of them.

*The state of a node* are the vectors P(U_(j) <= t), j = 1..b, of every coordinate, for all t at
which boxes end. At the root U_(j:m) ~ Beta(j, m + 1 - j); a cut slices the vectors of its
coordinate, and multiplies the others by the matrix H of `thinning`.

Nothing is asked of T: any boxes give a bound. On the line T is the quantile function, and the bound
is the cost (R7). If a box holds several atoms, X is drawn from them by randomness of its own, and
x_v is their mean.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.special import betainc

from lmctheory.measures.arguments import ArrayLike, array, at_least, precision
from lmctheory.measures.display import brief
from lmctheory.rates.upper.atom_boxes import Boxes, boxes_of
from lmctheory.rates.upper.atoms import merged
from lmctheory.rates.upper.thinning import WIDEST, thinning

__all__ = ["CubeTree", "cube_tree"]

_FRACTIONS = (1 / 2, 1 / 3, 2 / 3, 1 / 4, 3 / 4)
_AXES = (3, 8)
"""Numbers of coordinates of the cube."""
_TRIAL = 128
"""Neurons with which all maps T are tried; more have the best of them."""
_WORK = 1e9
"""Neurons squared times ends of boxes: about the multiplications. Beyond, fewer neurons (R2)."""
_DENSE = 512
"""Neurons of a node up to which the zeros of H are worth keeping."""
_NOTHING = 1e-15
"""Gain of a cut, in units of E|X|^2, below which a node is left as it is."""
_THINNED, _CUT = 2e-13, 2.0**-46
"""Added for rounding: of what thinning does, in units of E|X|^2, and of the ends of boxes, which
are masses, in units of the largest |X|^2."""
_EQUAL = 1e-9
"""Cuts whose gains differ by less are equal: rounding must not choose."""


def cube_tree(points: Shaped[ArrayLike, "n d"], masses: Shaped[ArrayLike, " n"], m: int) -> float:
    """M(m) <= 2 E|X|^2 - (2/m) sum over leaves |h|^2 for a law on atoms; exact on the line.

    Of several maps T the best at 128 neurons. Rounded up. Beyond 8192 neurons, or fewer if there
    are many atoms, it stays the bound of that many (R2).

    Args:
        points: the atoms ``[n, d]``, in units of the weights; equal ones are merged.
        masses: their probabilities ``[n]``.
        m: number of neurons in each sample, >= 1.

    Returns:
        The bound, in squared units, per neuron.

    Raises:
        TypeError: if m is no integer, or points or masses no real numbers.
        ValueError: if m < 1, points or masses are not finite, or masses are no probabilities.

    Reference:
        theory keys R2, R18; derived here.

    Example:
        >>> import numpy as np
        >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> round(cube_tree(square, np.full(4, 0.25), 2), 4)
        0.875
    """
    m, points = at_least("m", m, 1), array("points", points, "n d")
    slack = max(1e-9, len(points) * precision(masses))
    masses = array("masses", masses, "n", least=0.0)
    if len(masses) != len(points) or abs(masses.sum() - 1) > slack:
        raise ValueError(
            f"masses must be {len(points)} probabilities of sum 1, got {brief(masses)}"
        )
    return CubeTree(points, masses).bound(m)


class CubeTree:
    """The bound of one law for many widths.

    Args:
        points: as in `cube_tree`.
        masses: likewise.
    """

    def __init__(self, points: Float[np.ndarray, "n d"], masses: Float[np.ndarray, " n"]) -> None:
        atoms, masses = merged(points[masses > 0], masses[masses > 0] / masses.sum())
        x, self._size = _of_unit_size(atoms, int(np.argmax(masses)))
        x = x - masses @ x
        x = x @ _principal_axes(np.sqrt(masses)[:, None] * x).T
        self._second_moment = float(masses @ np.square(x).sum(axis=1))
        self._maps = [
            boxes_of(x, masses, axes, halved=halved)
            for axes in sorted({min(axes, x.shape[1]) for axes in _AXES})
            for halved in (True, False)
        ]
        self._known: dict[tuple[int, int], float] = {}

    def bound(self, m: int) -> float:
        """An upper bound of M(m).

        Args:
            m: number of neurons in each sample, >= 1.
        """
        tried = [self._gain(place, min(m, _TRIAL)) for place in range(len(self._maps))]
        saved = max(*tried, self._gain(int(np.argmax(tried)), m))
        rounding = _THINNED * self._second_moment + _CUT if self._size else 0.0
        return self._size**2 * (2 * max(self._second_moment - saved, 0.0) + rounding)

    def _gain(self, place: int, m: int) -> float:
        """(1/m) sum over leaves |h|^2 with one of the maps, for m neurons or fewer."""
        boxes = self._maps[place]
        ends = max(sum(map(len, boxes.ends)), 1)
        m = min(m, WIDEST, int(np.sqrt(_WORK / ends)))  # ends <= 8 * 2048 leave hundreds
        if (place, m) not in self._known:
            nothing = _NOTHING * self._second_moment
            self._known[place, m] = _Tree(boxes, m, nothing).gain() if self._size else 0.0
        return self._known[place, m]


def _principal_axes(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "k d"]:
    """The largest first, each in the direction of its largest component."""
    axes = np.linalg.svd(x, full_matrices=False)[2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.where(largest < 0, -axes, axes))


def _of_unit_size(
    atoms: Float[np.ndarray, "n d"], origin: int
) -> tuple[Float[np.ndarray, "n d"], float]:
    """Differences to one of the atoms, which lose no digits, over the largest of them."""
    exponent = int(np.frexp(np.abs(atoms).max())[1])
    x = np.ldexp(atoms, -exponent - 1)
    x = x - x[origin]
    largest = float(np.abs(x).max())
    return x / (largest or 1.0), float(np.ldexp(largest, exponent + 1))


class _Tree:
    """Nodes of equal size are cut at once, the largest first."""

    def __init__(self, boxes: Boxes, m: int, nothing: float) -> None:
        self.boxes, self.m, self.nothing = boxes, m, nothing
        stops = np.cumsum([len(ends) for ends in boxes.ends])
        self.parts = [slice(stop - len(e), stop) for stop, e in zip(stops, boxes.ends, strict=True)]
        self.seen = boxes.means[:, : _AXES[-1]]
        """What chooses cuts: the leading coordinates of the weights."""

    def gain(self) -> float:
        """The mean of |h|^2 over all neurons."""
        waiting = {self.m: [self.root()]}
        total = 0.0
        while waiting:
            b = max(waiting)
            nodes = np.concatenate(waiting.pop(b), axis=1)
            ranks, axes = self._cuts(nodes)
            leaf = ranks == 0
            total += b * self._squares(nodes[:, leaf].mean(axis=0))
            for s, axis in set(zip(ranks[~leaf].tolist(), axes[~leaf].tolist(), strict=True)):
                for child in self.children(nodes[:, (ranks == s) & (axes == axis)], s, axis):
                    waiting.setdefault(len(child), []).append(child)
        return total / self.m

    def root(self) -> Float[np.ndarray, "m 1 e"]:
        """P(U_(j:m) <= t) at the ends t of boxes, coordinate after coordinate."""
        ranks = np.arange(1.0, self.m + 1)[:, None]
        below = betainc(ranks, self.m + 1 - ranks, np.concatenate(self.boxes.ends))
        return np.asarray(below)[:, None]

    def children(
        self, nodes: Float[np.ndarray, "b nodes e"], s: int, axis: int
    ) -> tuple[Float[np.ndarray, "s nodes e"], Float[np.ndarray, "rest nodes e"]]:
        """The lower and the upper neurons of nodes that are cut at rank s of a coordinate."""
        b = len(nodes)
        lower, upper = _thinned(nodes, s), _thinned(nodes, b - s)
        part = self.parts[axis]
        lower[:, :, part], upper[:, :, part] = nodes[:s, :, part], nodes[s:, :, part]
        return lower, upper

    def _squares(self, law: Float[np.ndarray, "nodes e"]) -> float:
        """The sum of |h|^2 over nodes, from P(U <= t) of one of their neurons."""
        shares = np.ones((len(law), len(self.boxes.means)))
        for axis in range(len(self.parts)):
            shares *= self._inside(law, axis, whole=1.0)
        return float(np.square(shares @ self.boxes.means).sum())

    def _inside(
        self, law: Float[np.ndarray, "nodes e"], axis: int, *, whole: float
    ) -> Float[np.ndarray, "nodes v"]:
        """P(U_i in I_{v,i}) of every box; of a difference of laws if the whole is 0."""
        edge = np.zeros((len(law), 1))
        below = np.concatenate([edge, law[:, self.parts[axis]], edge + whole], axis=1)
        return below[:, self.boxes.upper[axis]] - below[:, self.boxes.lower[axis]]

    def _cuts(
        self, nodes: Float[np.ndarray, "b nodes e"]
    ) -> tuple[Int[np.ndarray, " nodes"], Int[np.ndarray, " nodes"]]:
        """Rank, 0 for none, and coordinate of every node: those that gain most for their entropy.

        With h_1 and h_2 the means on either side, (s/b) |h_1|^2 + (1 - s/b) |h_2|^2 - |h|^2 =
        (s/b) (1 - s/b) |h_1 - h_2|^2.
        """
        b, number = nodes.shape[:2]
        ranks, weights, root_entropy = _ranks(b)
        if not len(ranks):
            return np.zeros(number, dtype=np.intp), np.zeros(number, dtype=np.intp)
        whole = nodes.mean(axis=0)
        below = [nodes[:s].mean(axis=0) for s in ranks]
        inside = [self._inside(whole, axis, whole=1.0) for axis in range(len(self.parts))]
        gains = np.empty((len(self.parts), len(ranks), number))
        for axis in range(len(self.parts)):
            others = np.prod([p for i, p in enumerate(inside) if i != axis], axis=0)
            for place, (s, lower) in enumerate(zip(ranks, below, strict=True)):
                apart = (lower - whole) * (b / (b - s))
                moved = (self._inside(apart, axis, whole=0.0) * others) @ self.seen
                gains[axis, place] = weights[place] * np.square(moved).sum(axis=1)
        scores = (gains / root_entropy[:, None]).reshape(-1, number)
        best = np.argmax(scores >= scores.max(axis=0) * (1 - _EQUAL), axis=0)
        worth = gains.reshape(-1, number)[best, np.arange(number)] * b / self.m > self.nothing
        axes, places = np.divmod(best, len(ranks))
        return np.where(worth, ranks[places], 0), axes


@lru_cache(maxsize=WIDEST)
def _ranks(
    b: int,
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Where b neurons may be cut, (s/b) (1 - s/b), and the square root of the entropy."""
    ranks = {min(max(round(part * b), 1), b - 1): None for part in _FRACTIONS} if b > 1 else {}
    s = np.array(list(ranks), dtype=np.intp)
    share = s / b
    entropy = -share * np.log(share) - (1 - share) * np.log1p(-share)
    return s, share * (1 - share), np.sqrt(entropy)


def _thinned(nodes: Float[np.ndarray, "b nodes e"], size: int) -> Float[np.ndarray, "s nodes e"]:
    """Order statistics of so many neurons of every node, taken at random."""
    b, number, ends = nodes.shape
    H = thinning(b, size)
    left = H.toarray() if b <= _DENSE else H
    result: Float[np.ndarray, "s nodes e"] = (left @ nodes.reshape(b, -1)).reshape(
        size, number, ends
    )
    return result
