r"""The k-d tree of a box (R14): the upper bound for uniform laws, with the right rate.

Cut both samples of b neurons at the same rank s of one coordinate, again and again, and match
inside the leaves. Given the next order statistic, the s lower neurons are independent and uniform
below it: the lower block is a smaller box, of relative length X ~ Beta(s + 1, b - s), and by
reflection the upper one of relative length ~ Beta(b - s + 1, s). With K the expected squared
difference of matched coordinates u, v of the block scaled to length 1 (E u^2 = E v^2 = 1/3),

    E (X u - Y v)^2 = (2/3) Var X + (E X)^2 K,

X and Y being the lengths in A and in B, independent of each other and of what follows. So K of a
coordinate is its children's, averaged, except in the coordinate that was cut; at a leaf it is 1/6,
less what the better pairing of two neurons saves (`pairs`). R13 uses each coordinate once; here a
coordinate comes back, which in d >= 3 dimensions gives the exact rate m^{-2/d}, and log m / m in
two.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import ArrayLike, array, at_least
from lmctheory.rates.upper.pairs import uniform_pair_gains

__all__ = ["box_tree"]


def box_tree(sides: Shaped[ArrayLike, " d"], m: int) -> float:
    """M(m) <= sum_i a_i^2 K_i for the uniform law on a box.

    At every level the side that is longest in expectation is cut at the middle rank. By R2 the
    largest power of two below m may do better, and is tried.

    Args:
        sides: a ``[d]``, >= 0, in units of the weights.
        m: number of neurons in each sample, >= 1.

    Returns:
        The bound, in squared units, per neuron.

    Raises:
        TypeError: if m is no integer, or sides no real numbers.
        ValueError: if m < 1, or sides are negative, not finite or none.

    Reference:
        theory key R14; derived here.

    Example:
        >>> import numpy as np
        >>> round(box_tree(np.ones(1), 9), 8) == round(1 / 30, 8)  # exact: 1 / (3 (m + 1))
        True
    """
    m, sides = at_least("m", m, 1), array("sides", sides, "d", least=0.0)
    top = float(sides.max())
    if top == 0:
        return 0.0
    squares = (sides / top) ** 2
    widths = (m, 2 ** (m.bit_length() - 1))
    return top**2 * min(float(squares @ _Tree(squares, width).cost(width, 0)) for width in widths)


class _Tree:
    """All blocks of a level have one of two sizes: a handful of nodes stands for the whole tree."""

    def __init__(self, squares: np.ndarray, m: int) -> None:
        self.order, weights, b = [], squares.copy(), m
        while b > 2:
            longest = int(np.argmax(weights))
            self.order.append(longest)
            weights[longest] /= 4
            b = -(-b // 2)
        self.leaf = weights
        self.cost = lru_cache(maxsize=None)(self._cost)

    def _cost(self, b: int, level: int) -> Float[np.ndarray, " d"]:
        """K of every coordinate for a block of b neurons."""
        if b == 1:
            return np.full(len(self.leaf), 1 / 6)
        if b == 2:
            return 1 / 6 - self._gains()
        lower = b // 2
        upper = b - lower
        children = {size: self.cost(size, level + 1) for size in (lower, upper)}
        K = (lower * children[lower] + upper * children[upper]) / b
        cut = self.order[level]
        K[cut] = sum(
            size / b * _scaled(size + 1, b - size, children[size][cut]) for size in (lower, upper)
        )
        return K

    @lru_cache(maxsize=1)  # noqa: B019  the tree lives as long as one call
    def _gains(self) -> Float[np.ndarray, " d"]:
        return uniform_pair_gains(self.leaf)


def _scaled(alpha: int, beta: int, K: float) -> float:
    """(2/3) Var X + (E X)^2 K for X ~ Beta(alpha, beta)."""
    total = alpha + beta
    mean = alpha / total
    return 2 / 3 * mean * (beta / total) / (total + 1) + mean**2 * K
