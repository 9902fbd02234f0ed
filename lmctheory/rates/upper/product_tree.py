r"""The k-d tree of a product law (R15): R14 beyond boxes, and R13 where coordinates come back.

Cut both samples of m neurons at the same rank s of one coordinate, the s lower neurons of one
against the s lower ones of the other, again and again down to single neurons, which are matched.
Which coordinate and which rank depends on the node, never on the data.

*The state of a node.* Let e_i be the expected order statistics of coordinate i among the b neurons
of the node. The coordinates of a node are independent and their orders independent and uniform:
a cut in coordinate i restricts i to its lower or upper ranks, and takes neurons away at random for
every other coordinate. So the children of a cut at rank s of coordinate i have

    e_i[1..s] and e_i[s+1..b],    H e_k in every other coordinate k (H: see `thinning`).

No interval, no quadrature: the vectors e are exact, for any law, once they are for m neurons.
Atoms do no harm: x is T(G) with G normal, auxiliary randomness beneath an atom supplying G, and it
is G that is ranked.

*The cost.* Two matched neurons x, y come from independent samples with the same law given the leaf,
of mean h_i, so E (x_i - y_i)^2 = 2 E x_i^2 - 2 h_i^2. A leaf of one neuron has h_i = e_i[1]; the
mean of E x_i^2 over all leaves is Var_i:

    M(m) <= 2 sum_i Var_i - 2 sum over leaves (b / m) G(leaf),   G(one neuron) = |h|^2.

*Pairs.* For two neurons a, a' against b, b' the better pairing saves E|S| / 2 per neuron over a
pairing at random, of gain |h|^2 with h_i the mean of e_i:

    G(pair) = |h|^2 + E|S| / 4,   S = sum_i (a_i - a'_i)(b_i - b'_i) = sum_i eps_i |D_i| |E_i|

with fair signs eps_i and |D_i|, |E_i| of mean m_i = e_i[2] - e_i[1], all independent. By Jensen
E|S| >= E |sum_i eps_i m_i^2|: all coordinates vote. Where a coordinate was never cut, |D_i| is
replaced, again by Jensen, not by its mean but by its mean in each sixth of its law. The triangular
wave of period 2L is never above |S|, hence for every L and every K

    E|S| >= (4L / pi^2) sum_{k odd, k < 2K} (1 - prod_i E cos(k pi eps_i m_i^2 / L)) / k^2.

*Where to cut.* Any choice gives a bound. Coordinate and rank maximise the increase of
sum (b/m) |h|^2 over the square root of the entropy of (s/b, 1 - s/b), among a half, thirds and
quarters: cutting off the tails of a normal law, unequal, is what brings its rate close to m^{-2/d}.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int, Shaped

from lmctheory.measures.arguments import ArrayLike, array, at_least
from lmctheory.measures.marginal import Marginal
from lmctheory.rates.upper.thinning import WIDEST, expected_order_statistics, thinning

__all__ = ["GROUPS", "ODD", "VIRTUAL", "Tree", "cut_places", "first_of_the_best", "product_tree"]

_FRACTIONS = (1 / 2, 1 / 3, 2 / 3, 1 / 4, 3 / 4)
ODD = np.arange(1.0, 256.0, 2.0)
"""Orders k of the triangular wave: those left out are worth at most 1 % of what pairs save."""
VIRTUAL, GROUPS = 64, 6
"""Neurons among which ranks tell the size of a difference, and the sizes that are told apart."""

_HEARD = 0.9995
"""Share of the variance of a vote after which small coordinates are no longer asked (Jensen)."""


def product_tree(
    scales: Shaped[ArrayLike, " d"], m: int, marginal: Marginal | None = None
) -> float:
    """M(m) <= 2 sum scale_i^2 - 2 G for coordinates X_i = scale_i Z_i, independent.

    Rounding: about 1e-9 of the bound. From one m to the next it may rise, as cuts change; beyond
    8192 neurons it stays the bound of 8192 (R2).

    Args:
        scales: standard deviations ``[d]``, >= 0, in units of the weights.
        m: number of neurons in each sample, >= 1.
        marginal: the law of every Z_i; None for the standard normal.

    Returns:
        The bound, in squared units, per neuron.

    Raises:
        TypeError: if m is no integer, or scales no real numbers.
        ValueError: if m < 1, or scales are negative, not finite or none.

    Reference:
        theory key R15; derived here.

    Example:
        >>> import numpy as np
        >>> round(product_tree(np.ones(1), 1000), 7)  # one dimension: exact
        0.0062967
        >>> product_tree(np.ones(5), 1000) < 1.75
        True
    """
    return of_unit_scales(_unit_tree, scales, m, marginal)


def of_unit_scales(
    tree: Callable[[tuple[float, ...], int, Marginal | None], float],
    scales: Shaped[ArrayLike, " d"],
    m: int,
    marginal: Marginal | None,
) -> float:
    """A tree's bound for any scales, from what it is for decreasing ones, the largest of them 1.

    Args:
        tree: of such scales, at most `WIDEST` neurons and a marginal.
        scales: as in `product_tree`.
        m: likewise.
        marginal: likewise.
    """
    m, scales = at_least("m", m, 1), array("scales", scales, "d", least=0.0)
    top = float(scales.max())
    positive = np.sort(scales[scales > 0])[::-1] / (top or 1.0)
    if positive.size == 0:
        return 0.0
    return top**2 * tree(tuple(positive.tolist()), min(m, WIDEST), marginal)  # beyond, R2


@lru_cache(maxsize=256)
def _unit_tree(scales: tuple[float, ...], m: int, marginal: Marginal | None) -> float:
    """The bound for decreasing scales, the largest of which is 1."""
    positive = np.array(scales)
    saved = Tree(positive, marginal).gain(expected_order_statistics(marginal, m)[None])
    return 2 * float(positive @ positive - saved)


class Tree:
    """Nodes are equal if their vectors are, up to order and reflection: each is cut once."""

    def __init__(self, scales: Float[np.ndarray, " d"], marginal: Marginal | None) -> None:
        self.scales = scales
        self.sizes = _sizes(marginal)
        self.known: dict[object, float] = {}
        self.votes = lru_cache(maxsize=None)(self._votes)

    def gain(self, node: Float[np.ndarray, "n b"]) -> float:
        """G of a node: the vectors e_i of the coordinates cut so far, scaled, and of a fresh one.

        Fresh coordinates are equal but for their scales, and taken in order.
        """
        if node.shape[1] == 1:
            return self._leaf(node)
        key = _up_to_symmetry(node)
        if key not in self.known:
            self.known[key] = self._pair(node) if node.shape[1] == 2 else self._cut(node)
        return self.known[key]

    def _cut(self, node: Float[np.ndarray, "n b"]) -> float:
        b, cut = node.shape[1], len(node) - 1
        used = node[:-1]
        if cut < len(self.scales):
            used = np.vstack([used, node[-1] * self.scales[cut]])
        axis, s = _best_cut(used)
        lower = thinning(b, s) @ node.T
        upper = lower if 2 * s == b else thinning(b, b - s) @ node.T
        total = 0.0
        for thinned, ranks in ((lower, slice(0, s)), (upper, slice(s, b))):
            child = thinned.T.copy()
            if axis == cut:
                child = np.insert(child, cut, used[cut, ranks], axis=0)
            else:
                child[axis] = used[axis, ranks]
            total += child.shape[1] / b * self.gain(child)
        return total

    def _leaf(self, node: Float[np.ndarray, "n 1"]) -> float:
        """|h|^2."""
        return float((node[:-1] ** 2).sum())

    def _pair(self, node: Float[np.ndarray, "n 2"]) -> float:
        """|h|^2 + E|S| / 4, rounded down."""
        return float((node[:-1].mean(axis=1) ** 2).sum()) + self._difference(node)

    def _difference(self, node: Float[np.ndarray, "n 2"]) -> float:
        """E|S| / 4, rounded down; a single coordinate may be worth more than the vote."""
        cut = len(node) - 1
        weights = (node[:-1, 1] - node[:-1, 0]) ** 2
        rest = self.scales[cut:] ** 2
        typical = np.square(self.sizes).mean()
        variance = (weights**2).sum() + (rest**2).sum() * typical**2
        voted = self._wave(weights, float(variance), cut, self.sizes)
        single = max([*weights, *(rest[:1] * np.mean(self.sizes) ** 2)])
        return float(max(voted, single) / 4)

    def _wave(
        self, weights: Float[np.ndarray, " n"], square: float, cut: int, sizes: tuple[float, ...]
    ) -> float:
        """E |sum_i eps_i w_i + T| by the triangular wave, T the vote of coordinates never cut.

        Args:
            weights: w; the law is even, so that one weight may come without its sign.
            square: the mean square of the sum, which sets the period.
            cut: the coordinates cut already.
            sizes: |x_i| in equal groups, for coordinates never cut.
        """
        half_period = float(2 ** np.ceil(np.log2(max(4 * np.sqrt(square), 1e-100))))
        phases = np.pi * ODD / half_period
        law = np.cos(phases[:, None] * weights).prod(axis=1) * self.votes(cut, half_period, sizes)
        return float(4 * half_period / np.pi**2 * ((1 - law) / ODD**2).sum())

    def _votes(
        self, cut: int, half_period: float, sizes: tuple[float, ...]
    ) -> Float[np.ndarray, " k"]:
        """The characteristic function of the coordinates never cut, at k pi / L."""
        frequencies = np.pi * ODD / half_period
        weights = self.scales[cut:] ** 2
        before = np.cumsum(weights**2) - weights**2
        heard = before < _HEARD * (weights**2).sum()
        result = np.ones_like(ODD)
        for part in np.array_split(weights[heard], heard.sum() // 512 + 1):
            law = np.zeros((len(part), len(ODD)))
            for (i, x), (j, y) in combinations_with_replacement(enumerate(sizes), 2):
                law += (
                    (1 if i == j else 2) / GROUPS**2 * np.cos(np.outer(part * x * y, frequencies))
                )
            result *= law.prod(axis=0)
        return result


def _best_cut(vectors: Float[np.ndarray, "n b"]) -> tuple[int, int]:
    """The coordinate and the rank that gain most for their entropy; the first among equals."""
    b = vectors.shape[1]
    ranks, root_entropy = cut_places(b)
    sums = np.cumsum(vectors, axis=1)
    lower, whole = sums[:, ranks - 1], sums[:, -1:]
    gains = (lower**2 / ranks + (whole - lower) ** 2 / (b - ranks) - whole**2 / b) / b
    scores = gains / root_entropy
    axis, choice = first_of_the_best(scores)
    return axis, int(ranks[choice])


def first_of_the_best(scores: Float[np.ndarray, "n c"]) -> tuple[int, int]:
    """Row and column of the largest score; the first of those that differ by rounding alone."""
    place = int((scores >= scores.max() * (1 - 1e-9)).argmax())
    return divmod(place, scores.shape[1])


@lru_cache(maxsize=WIDEST)
def cut_places(b: int) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Where b neurons may be cut, and the square root of the entropy of each cut."""
    ranks = np.array([min(max(round(part * b), 1), b - 1) for part in _FRACTIONS])
    share = ranks / b
    return ranks, np.sqrt(-share * np.log(share) - (1 - share) * np.log1p(-share))


def _up_to_symmetry(node: Float[np.ndarray, "n b"]) -> object:
    """Coordinates may be reflected and exchanged; vectors that agree to 1e-12 are the same."""
    rounded = np.round(node[:-1], 12) + 0.0  # no negative zeros
    reflected = np.round(-node[:-1, ::-1], 12) + 0.0
    pairs = zip(rounded, reflected, strict=True)
    return node.shape[1], tuple(sorted(min(a.tobytes(), b.tobytes()) for a, b in pairs))


@lru_cache(maxsize=16)
def _sizes(marginal: Marginal | None) -> tuple[float, ...]:
    """|Z - Z'|: its means given the ranks of Z and Z' among 64, in equal groups of such pairs."""
    e = expected_order_statistics(marginal, VIRTUAL)
    gaps = (e[:, None] - e)[np.tril_indices(VIRTUAL, -1)]
    return tuple(np.sort(gaps).reshape(GROUPS, -1).mean(axis=1).tolist())
