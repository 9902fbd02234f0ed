r"""The k-d tree of a product law modulo signs (S1): R15 of the folded law, and signs at its leaves.

*Folding.* Negate every neuron whose coordinate f is negative: |X_f| and sign(X_f) X_i, i != f, are
independent, and the latter have the laws of X_i, as these are symmetric. R15 applies to this
product law. Its state needs the order statistics of |X_f|, and none of its proofs the symmetry of
a coordinate that is cut. The largest coordinate is folded, which was the best in every trial; or
none, for a few neurons in many dimensions, where signs at leaves are worth more.

*Leaves.* Two matched neurons may still be negated. Given the leaf, <x, y> = sum_i x_i y_i has
independent terms, those of coordinates never cut with fair signs: T = sum of eps_i |x_i| |y_i|.
With h_i the means of the others, Jensen's inequality gives for a single neuron

    G(one neuron) = E |<x, y>| >= E |c + T|,   c = |h|^2,

and the triangular wave of R15 bounds it, with E cos(w (c + T)) = cos(w c) E cos(w T).

*Pairs.* a, a' against b, b' with one sign for both: of the pairings the first has the scalar
product P = <a, b> + <a', b'>, the second Q = <a, b'> + <a', b>, and
max(|P|, |Q|) = (|P + Q| + |P - Q|) / 2, so that

    G(pair) >= E|R| / 4 + E|S| / 4,   R = <a + a', b + b'>,   S = <a - a', b - b'>,

where E|R| / 4 >= E |c + T'|, c of the means of e and T' of the means of two neurons, takes the
place of R15's |h|^2. Or, paired at random, each with a sign of its own: the G of one neuron.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import ArrayLike
from lmctheory.measures.marginal import Marginal
from lmctheory.rates.upper.half_normal import folded_order_statistics
from lmctheory.rates.upper.product_tree import GROUPS, VIRTUAL, Tree, of_unit_scales
from lmctheory.rates.upper.thinning import expected_order_statistics

__all__ = ["signed_product_tree"]

_FEW = 16
"""Neurons up to which it may be best to fold no coordinate."""


def signed_product_tree(
    scales: Shaped[ArrayLike, " d"], m: int, marginal: Marginal | None = None
) -> float:
    """M_s(m) <= 2 sum scale_i^2 - 2 G for coordinates X_i = scale_i Z_i, independent, symmetric.

    Args:
        scales: standard deviations ``[d]``, >= 0, in units of the weights.
        m: number of neurons in each sample, >= 1.
        marginal: the symmetric law of every Z_i; None for the standard normal.

    Returns:
        The bound, in squared units, per neuron.

    Raises:
        TypeError: as `product_tree`.
        ValueError: as `product_tree`.

    Reference:
        theory keys R15, S1; derived here.

    Example:
        >>> import numpy as np
        >>> round(signed_product_tree(np.ones(1), 2), 4)  # one dimension: exact
        0.5083
    """
    return of_unit_scales(_unit_tree, scales, m, marginal)


@lru_cache(maxsize=256)
def _unit_tree(scales: tuple[float, ...], m: int, marginal: Marginal | None) -> float:
    positive = np.array(scales)
    tree = SignedTree(positive, marginal)
    fresh, half = expected_order_statistics(marginal, m), folded_order_statistics(marginal, m)
    saved = tree.gain(np.stack([positive[0] * half, fresh]))
    if m <= _FEW:
        saved = max(saved, tree.gain(fresh[None]))
    return 2 * float(positive @ positive - saved)


class SignedTree(Tree):
    """R15's tree with signs at the leaves; a folded coordinate is the first, and counts as cut."""

    def __init__(self, scales: Float[np.ndarray, " d"], marginal: Marginal | None) -> None:
        super().__init__(scales, marginal)
        self.single, self.mean_of_two = _sizes(marginal)

    def _leaf(self, node: Float[np.ndarray, "n 1"]) -> float:
        return self._signed(node, self.single)

    def _pair(self, node: Float[np.ndarray, "n 2"]) -> float:
        together = self._signed(node, self.mean_of_two) + self._difference(node)
        return max(together, self._signed(node, self.single))

    def _signed(self, node: Float[np.ndarray, "n b"], sizes: tuple[float, ...]) -> float:
        """E |c + T|, rounded down."""
        cut = len(node) - 1
        c = float((node[:-1].mean(axis=1) ** 2).sum())
        rest = self.scales[cut:] ** 2
        variance = (rest**2).sum() * np.square(sizes).mean() ** 2
        if variance <= (c / 16) ** 2:  # T hardly ever beyond c
            return c
        return max(c, self._wave(np.array([c]), c**2 + variance, cut, sizes))


@lru_cache(maxsize=16)
def _sizes(marginal: Marginal | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """|Z| and |Z + Z'| / 2: means given ranks among 64, in equal groups."""
    e = np.array(expected_order_statistics(marginal, VIRTUAL))
    alone = np.sort(abs(expected_order_statistics(marginal, VIRTUAL - VIRTUAL % GROUPS)))
    two = np.sort(abs(e[:, None] + e)[np.tril_indices(VIRTUAL, -1)] / 2)
    first, second = (x.reshape(GROUPS, -1).mean(axis=1).tolist() for x in (alone, two))
    return tuple(first), tuple(second)
