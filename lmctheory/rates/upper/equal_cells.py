r"""Trees of cells with equally many points (R16): R5 with mean distances in place of diameters.

Let neurons be drawn from n given points with equal chances. Split the points into cells of equally
many, each of these likewise, and so on down to single points. Match as many neurons as possible at
every point, then as many of what is left over as possible inside every smallest cell, chosen at
random, and so on up to the root. What a cell Q hands on is |N_A(Q) - N_B(Q)| neurons of one
network, so that with children Q_1, .., Q_k of Q

    ( sum_i |N_A(Q_i) - N_B(Q_i)| - |N_A(Q) - N_B(Q)| ) / 2

pairs are matched at Q, of neurons in different children. All ways to exchange children of a cell,
with the trees below them, leave the law of both samples unchanged, as points have equal chances;
and any pair of points in different children of Q goes into any other by such exchanges. So each of
these pairs of points is matched equally often at Q in the mean, and a pair costs D_Q, the mean of
|x - y|^p over all of them: with g(Q) = E|mu_m(Q) - nu_m(Q)|

    E W_p^p <= (1/2) sum over cells Q of [ sum_i g(Q_i) - g(Q) ] D_Q.

*Other numbers.* If n has large prime factors, a few points are set aside, r say. They join the root
of the tree of the others, each a child by itself: pairs matched there are of two kinds, with one
such point or with two, and cost at most the larger of two means.

*Other exponents.* Cells are those of p = 2, with means of |x - y|^p over pairs.

R16 proper goes from the root down and leaves neurons over without a look at where they are needed.
It needs no equal cells, but in the end passes on 2.4 times as many. In many dimensions, where all
distances are alike, only what is matched at once counts: one cell that holds everything is best.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from lmctheory.rates.bound import ROUNDED_UP
from lmctheory.rates.upper.covering import mean_left_over

__all__ = ["equal_cells_bound", "equal_cells_power_bound"]


def equal_cells_bound(points: Float[np.ndarray, "n d"], m: int) -> float:
    """M(m) <= (1/2) sum_Q [sum_i g(Q_i) - g(Q)] D_Q for points of equal chances.

    Cells are cut across their longest principal axis into as many parts as the prime factors of
    their size say, the smallest first, and at some level into single points: the best of all
    levels, and with no points set aside, or as many as leave no prime factor above 5. Rounded up.

    Args:
        points: of which some may be equal.
        m: number of neurons in each sample, >= 1.

    Returns:
        The bound, in squared units, per neuron.

    Reference:
        theory keys R5, R16; derived here.

    Example:
        >>> round(equal_cells_bound(np.array([[0.0], [2.0]]), 1), 9)
        2.0
    """
    x = points - points[0]
    x = x - x.mean(axis=0)
    return ROUNDED_UP * float(min(min(_levels(x, aside, m)) for aside in _set_aside(x)))


def _set_aside(x: Float[np.ndarray, "n d"]) -> list[Int[np.ndarray, " r"]]:
    """No points, and as many, the nearest to the mean, as leave no prime factor above 5."""
    n = len(x)
    nearest = np.argsort(np.square(x).sum(axis=1), kind="stable")
    smooth = next(size for size in range(n, 0, -1) if max(_prime_factors(size), default=1) <= 5)
    return [nearest[:r] for r in sorted({0, n - smooth})]


def equal_cells_power_bound(points: Float[np.ndarray, "n d"], m: int, p: float) -> float:
    """E W_p^p <= (1/2) sum_Q [sum_i g(Q_i) - g(Q)] D_Q for points of equal chances; see above.

    O(n^2 d) operations.

    Args:
        points: of which some may be equal.
        m: number of neurons in each sample, >= 1.
        p: exponent > 0.

    Reference:
        theory keys R5, R16; derived here.

    Example:
        >>> round(equal_cells_power_bound(np.array([[0.0], [2.0]]), 1, 1.0), 9)
        1.0
    """
    x = points - points[0]
    x = x - x.mean(axis=0)
    return ROUNDED_UP * float(min(min(_power_levels(x, a, m, p)) for a in _set_aside(x)))


def _power_levels(
    x: Float[np.ndarray, "n d"], aside: Int[np.ndarray, " r"], m: int, p: float
) -> list[float]:
    """As `_levels`."""
    n, rest, cells = len(x), x[aside], np.delete(x, aside, axis=0)[None]
    size = cells.shape[1]
    numbers = [1]
    for parts in _prime_factors(size):
        cells = _cut(cells, parts)
        numbers.append(numbers[-1] * parts)
    y = cells.reshape(size, -1)
    powers = cdist(y, y) ** p
    inside = [float(_diagonal_blocks(powers, number).sum()) for number in numbers]
    single = float(_left_over(np.array([1 / n]), m)[0])
    left = np.array(numbers) * _left_over(size / (n * np.array(numbers)), m)
    whole = 0.0
    if len(rest):
        among = cdist(rest, rest) ** p
        far = max(float(np.mean(cdist(rest, y) ** p)), among.sum() / max(among.size - len(rest), 1))
        whole = (left[0] + len(rest) * single) / 2 * far
    found = []
    for k, number in enumerate(numbers):
        apart = inside[k] / max(size * (size / number - 1), 1)
        found.append(whole + (size * single - left[k]) / 2 * apart)
        if number < size:
            pairs = size * (size / number - size / numbers[k + 1])
            whole += (left[k + 1] - left[k]) / 2 * (inside[k] - inside[k + 1]) / pairs
    return found


def _diagonal_blocks(
    matrix: Float[np.ndarray, "n n"], number: int
) -> Float[np.ndarray, "number size size"]:
    size = len(matrix) // number
    k = np.arange(number)
    return matrix.reshape(number, size, number, size)[k, :, k]


def _levels(x: Float[np.ndarray, "n d"], aside: Int[np.ndarray, " r"], m: int) -> list[float]:
    """With some points set aside: the bounds if cells become single points at each level."""
    n = len(x)
    rest, cells = x[aside], np.delete(x, aside, axis=0)[None]
    size = cells.shape[1]
    left = _left_over(np.array([size, 1]) / n, m)
    whole = (left[0] + len(rest) * left[1]) / 2 * _aside(rest, cells[0]) if len(rest) else 0.0
    found = []
    for parts in [*_prime_factors(size), 1]:
        number, size = cells.shape[:2]
        outer, inner, single = _left_over(np.array([size, size // parts, 1]) / n, m)
        stars = number * (size * single - outer) / 2 * _apart(cells[:, :, None])
        found.append(whole + stars)
        cells = _cut(cells, parts)
        split = cells.reshape(number, parts, size // parts, -1)
        whole += number * (parts * inner - outer) / 2 * _apart(split)
    return found


def _aside(rest: Float[np.ndarray, "r d"], others: Float[np.ndarray, "n d"]) -> float:
    """The larger of the means of |x - y|^2, x set aside, and y another such point or not."""
    squares = [float(np.square(points).sum(axis=1).mean()) for points in (rest, others)]
    between = sum(squares) - 2 * float(rest.mean(axis=0) @ others.mean(axis=0))
    return max(between, _apart(rest[None, :, None]))


def _left_over(q: Float[np.ndarray, " n"], m: int) -> Float[np.ndarray, " n"]:
    """g(q); nothing is left over of everything."""
    return np.where(q < 1, mean_left_over(q, m), 0.0)


def _apart(cells: Float[np.ndarray, "number parts size d"]) -> float:
    """The mean of |x - y|^2 for x and y in different parts of a cell, over all cells."""
    parts = cells.shape[1]
    if parts == 1:
        return 0.0
    means = cells.mean(axis=2)
    inside = np.square(cells - means[:, :, None]).sum(axis=3).mean()
    between = np.square(means - means.mean(axis=1, keepdims=True)).sum(axis=2).mean()
    return float(2 * inside + 2 * parts / (parts - 1) * between)


def _cut(
    cells: Float[np.ndarray, "number size d"], parts: int
) -> Float[np.ndarray, "smaller part d"]:
    """Every cell across its longest principal axis."""
    number, size, d = cells.shape
    if parts == 1:
        return cells
    centred = cells - cells.mean(axis=1, keepdims=True)
    cut = np.empty_like(cells)
    for place, cell in enumerate(centred):
        axis = np.linalg.svd(cell, full_matrices=False)[2][0]
        cut[place] = cells[place, np.argsort(cell @ axis, kind="stable")]
    return cut.reshape(number * parts, size // parts, d)


def _prime_factors(n: int) -> list[int]:
    """In rising order; none of 1."""
    factors, prime = [], 2
    while n > 1:
        if prime * prime > n:
            prime = n
        if n % prime:
            prime += 1
        else:
            factors.append(prime)
            n //= prime
    return factors
