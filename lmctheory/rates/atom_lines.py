r"""Given points on lines (R7): the exact cost in one dimension, and in every principal axis.

The j-th smallest of m neurons, drawn from points x_1 <= .. <= x_n with equal chances, is at most
x_k if j or more lie there: with P(U_(j:m) <= k/n), U_(j:m) ~ Beta(j, m + 1 - j). From this law
M(m) = (2/m) sum_j Var X_(j:m).
"""

import numpy as np
from jaxtyping import Float
from scipy.special import betainc

__all__ = ["MOST_PRODUCTS", "line_costs"]

MOST_PRODUCTS = 4_000_000
"""Points times neurons: probabilities to be computed, a second or two."""
_BLOCK = 2**20


def line_costs(points: Float[np.ndarray, "n d"], m: int) -> Float[np.ndarray, " d"]:
    """M(m) of each coordinate, to about 1e-12.

    Args:
        points: drawn with equal chances.
        m: number of neurons in each sample; n m at most `MOST_PRODUCTS`.

    Reference:
        theory key R7; Bobkov and Ledoux (2019).

    Example:
        >>> line_costs(np.array([[0.0], [2.0]]), 1)
        array([2.])
    """
    n = len(points)
    x = np.sort(points - points[0], axis=0)
    x = x - x[n // 2]
    variance = np.zeros(x.shape[1])
    rows = max(_BLOCK // n, 1)
    for start in range(0, m, rows):
        j = np.arange(start + 1.0, min(start + rows, m) + 1)[:, None]
        below = betainc(j, m + 1 - j, np.arange(1, n) / n)
        law = np.diff(below, axis=1, prepend=0.0, append=1.0)
        variance += (law @ x**2 - (law @ x) ** 2).sum(axis=0)
    return 2 / m * np.maximum(variance, 0.0)
