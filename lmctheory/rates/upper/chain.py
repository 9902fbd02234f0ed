r"""Chains of atoms (R19): what is left over at an atom is made up for by its neighbours.

N_A(v), N_B(v) neurons of A and of B lie at the atom v, of mass q_v. On a graph of atoms let f_e be
a flow with out - in = N_A - N_B at every atom, linear in N_A - N_B. From atom to atom the plan
moves what flows, and leaves N_A(v) - (the flow out of v) where it is: others take the place of what
goes on, so that no neuron goes along more than one edge, and the marginals are right. Where an atom
has less than what flows out of it, what lacks is

    kappa_v = (sum over edges at v of |f_e| - N_A(v) - N_B(v))^+ / 2,

and as much of what comes in goes straight on, along a second edge. That adds R_v a unit at most,
the largest of |u - w|^p - |u - v|^p - |v - w|^p over neighbours u, w of v, if no unit has to go on
twice. Which do, and from where, is free: those on an edge need to only if more than half of what
leaves its first atom, or of what enters its last, goes straight on. So all units together go on

    lambda_v = (sum of |f_e| - 3 N_A(v) - N_B(v))^+ / 4 + (sum of |f_e| - N_A(v) - 3 N_B(v))^+ / 4

times more than once, summed over v, at most. Every such time it passes an edge e in the middle,
from v to w. If it does so once, it goes from a neighbour u of v to a neighbour z of w. If more
often, it costs at most D^p, and beyond its steps at most the sum of g_e = D^{p-1} |e| - |e|^p, D
the diameter; what is so of its first and last step goes to the ones next to them. Where it goes on
R_v and R_w are paid already, in the second case for its next step too. So G_v is 0 at an atom with
one edge, and otherwise the largest, over the edges e at v, of 0, of

    |u - z|^p - |u - v|^p - |e|^p - |w - z|^p - R_v - R_w    for all u and z, and of
    min(D^p, g_e + the largest g at v or w) - (R_v + R_w) / 2:

    E W_p^p <= (1/m) [ sum_e |e|^p E|f_e| + sum_v (R_v E kappa_v + G_v E lambda_v) ].

For p <= 1 neither is needed: what goes on costs no more than its steps.

f_e = sum_j C_e(a_j) - C_e(b_j) has independent terms. For every h > 0

    |s| <= (2/pi) [h s^2 / 4 + sum_{k>=1} (1 - cos khs) / (k^2 h)],    equal for |s| <= 2 pi / h,

so that with r_k = |E exp(ikh C_e(X))|^2, which is left out beyond some k,

    E|f_e| <= (2/pi) [h E f_e^2 / 4 + (pi^2/6 - sum_{k<=K} r_k^m / k^2) / h].

With weights w_e of sum 1 at each atom, n = x N_A(v) + y N_B(v) and s^+ <= e^{theta s - 1} / theta,

    (sum of |f_e| - n)^+ <= sum_e [(f_e - w_e n)^+ + (-f_e - w_e n)^+],

either of mean E|f_e| / 2 at most.

*Rounding.* 1 - r is computed as 2u - u^2 - s^2, u = E(1 - cos) = 2 E sin^2(./2), s = E sin, within
a multiple of the mean square angle, which is about as small as itself: so r can be raised to any
power m. Moments likewise, by E(exp - 1). A computed flow is one but for
r_v = (N_A - N_B)(v) - (out - in): it is one for counts that differ by |r_v|, N_A or N_B less r_v
where that many are there. What differs has to be moved at will, |r_v| / 2, and kappa_v falls short
by |r_v| / 2, lambda_v by |r_v| at most: 2 D^p sum_v E|r_v| is added.

*The flow* may be any. That of electrical networks is linear; conductances are deviation over price,
again and again, where the price of an edge is what it costs, and what a unit more at its two atoms
adds to the rest if all were normal: least cost is sought for E|f_e| proportional to deviations. The
graph holds nearest neighbours, and pairs that optimal matchings of some samples hold.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from scipy.special import ndtr

from lmctheory.rates.bound import ROUNDED_UP
from lmctheory.rates.upper.atoms import merged

__all__ = ["FEWEST", "MOST_ATOMS", "Chain"]

MOST_ATOMS = 512
"""Beyond, linear flows take too long."""
FEWEST = 4
"""Neurons an atom, in the mean, below which there is too little to pass on; 1 for p <= 1."""
_NEIGHBOURS, _SAMPLES = 4, 12
"""Of every atom, and pairs of samples whose optimal matchings count, in the graph."""
_SHARE = 0.7
"""Of the nearest power of two flows are made for, as bounds of what lacks exceed normal means."""
_ROUNDS, _PRUNED = 24, (6, 12)
"""Rounds of reweighting, and those after which edges of no use are dropped."""
_EPS = float(np.finfo(np.float64).eps)
_USELESS = 1e-3
"""Deviation of an edge of no use, in units of the largest."""
_KEPT = 0.6
"""Of the old prices, in the logarithm."""
_PERIOD, _WAVES = 6.5, 12
"""Half of the period 4 pi / h in deviations, and how many k are summed."""
_OCTAVES, _HALVINGS = 8.0, 12
"""Of theta, on either side of what suits normal numbers, and how often they are halved."""


class _Prices(NamedTuple):
    """What it adds to the cost if units go straight on at an atom: R_v, and more than once, G_v."""

    once: Float[np.ndarray, " n"]
    again: Float[np.ndarray, " n"]


class _Flow(NamedTuple):
    """Edges i - j, f = C (N_A - N_B) from i to j, centred: C q = 0, and what units cost that go on.

    And the sum of E|r_v|, in units of the root of m.
    """

    i: Int[np.ndarray, " e"]
    j: Int[np.ndarray, " e"]
    C: Float[np.ndarray, "e n"]
    prices: _Prices
    missed: float


class Chain:
    """The bound of one law on atoms, for many widths.

    Args:
        points: the atoms ``[n, d]``; equal ones are merged, 2 to `MOST_ATOMS` different ones.
        masses: their probabilities ``[n]``.
        p: exponent > 0.

    Reference:
        theory key R19; derived here.

    Example:
        >>> two = Chain(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]), 2.0)
        >>> round(two.bound(10_000) * 10_000**0.5, 3)  # E|N_A - N_B| / sqrt(m) is 0.564
        0.564
    """

    def __init__(
        self, points: Float[np.ndarray, "n d"], masses: Float[np.ndarray, " n"], p: float
    ) -> None:
        atoms, self._q = merged(points, masses)
        atoms = atoms - atoms[0]
        size = float(np.abs(atoms).max())
        self._p, self._unit = p, size**p
        self._costs = cdist(atoms / size, atoms / size) ** p
        self._far = float(self._costs.max())
        self._edges = _graph(self._costs, self._q)
        self._flows: dict[int, _Flow] = {}

    def bound(self, m: int) -> float:
        """An upper bound of E W_p^p, in units of the weights to the power p.

        Args:
            m: number of neurons in each sample, >= 1.
        """
        return ROUNDED_UP * sum(self.parts(m))

    def parts(self, m: int) -> tuple[float, float, float]:
        """What single steps cost, what is added where units go on, and where they do so again.

        Args:
            m: number of neurons in each sample, >= 1.
        """
        octave = round(math.log2(m))
        if octave not in self._flows:
            self._flows[octave] = self._flow(_SHARE * 2.0**octave)
        flow, q = self._flows[octave], self._q
        deviations = _deviations(flow.C, q, float(m))
        sizes = _mean_sizes(flow.C, q, m, deviations)
        moved = float(self._costs[flow.i, flow.j] @ sizes)
        once, again = 0.0, 2 * self._far * flow.missed * m**0.5
        if self._p > 1:
            once = float(flow.prices.once @ _beyond(flow, q, m, deviations, sizes, 1)) / 2
            again += float(flow.prices.again @ _beyond(flow, q, m, deviations, sizes, 3)) / 2
        unit = self._unit / m
        return unit * moved, unit * once, unit * again

    def _flow(self, m: float) -> _Flow:
        """A good linear flow for about m neurons."""
        costs, q = self._costs, self._q
        i, j, kept = self._edges
        prices = _prices(costs, i, j, self._p)
        deviations, lack = np.ones(len(i)), np.full(len(q), 1e-3 * self._far)
        best, found = np.inf, None
        for turn in range(_ROUNDS):
            if turn in _PRUNED:
                use = kept | (deviations > _USELESS * deviations.max())
                i, j, kept, deviations = i[use], j[use], kept[use], deviations[use]
                prices = _prices(costs, i, j, self._p)
            price = np.sqrt(2 / np.pi) * costs[i, j]
            C = _electrical(i, j, deviations / (price + lack[i] + lack[j]), q)
            deviations = _deviations(C, q, m)
            through = _at_atoms(i, j, deviations, len(q))
            total, slopes = float(price @ deviations), np.zeros(len(q))
            for value, left in ((prices.once, 1), (prices.again, 3)):
                beyond, slope = _normal_beyond(through, m * q, left)
                total += float((value * beyond).sum())
                slopes += value * slope
            if total < best:
                best, found = total, (i, j, C, prices)
            lack = lack**_KEPT * (slopes + 1e-9 * self._far) ** (1 - _KEPT)
        assert found is not None
        return _Flow(*found, _missed(*found[:3], q))


def _at_atoms(
    i: Int[np.ndarray, " e"],
    j: Int[np.ndarray, " e"],
    values: Float[np.ndarray, " e"],
    n: int,
) -> Float[np.ndarray, " n"]:
    """Sums over the edges at every atom."""
    return np.asarray(np.bincount(i, values, n) + np.bincount(j, values, n))


def _normal_beyond(
    through: Float[np.ndarray, " n"], there: Float[np.ndarray, " n"], left: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Half the mean of (sum |f_e| - left N_A - N_B)^+ if all were normal, and its slope.

    As if all flows at an atom, of deviations of sum `through`, were one.
    """
    spread = np.sqrt(through**2 + (left**2 + 1) * there)
    z = (left + 1) * there / spread
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return spread * (density - z * ndtr(-z)), density * through / spread


def _prices(
    costs: Float[np.ndarray, "n n"], i: Int[np.ndarray, " e"], j: Int[np.ndarray, " e"], p: float
) -> _Prices:
    """R_v and G_v of a graph."""
    n = len(costs)
    if p <= 1:
        return _Prices(np.zeros(n), np.zeros(n))
    near: list[list[int]] = [[] for _ in range(n)]
    for u, v in zip(i.tolist(), j.tolist(), strict=True):
        near[u].append(v)
        near[v].append(u)
    far = float(costs.max())
    added = [
        (costs[np.ix_(w, w)] - costs[v, w][:, None] - costs[v, w]).max() for v, w in enumerate(near)
    ]
    once = np.maximum(added, 0.0) + 8 * _EPS * far
    beyond = far ** (1 - 1 / p) * costs ** (1 / p) - costs
    most = [beyond[v, w].max() for v, w in enumerate(near)]
    again = np.zeros(n)
    for v, w in zip(i.tolist(), j.tolist(), strict=True):
        u, z = near[v], near[w]
        three = (costs[np.ix_(u, z)] - costs[u, v][:, None] - costs[w, z]).max() - costs[v, w]
        more = min(far, beyond[v, w] + max(most[v], most[w]))
        paid = once[v] + once[w]
        again[[v, w]] = np.maximum(again[[v, w]], max(three - paid, more - paid / 2))
    again[[len(w) == 1 for w in near]] = 0.0
    return _Prices(once, again + 8 * _EPS * far)


def _graph(
    costs: Float[np.ndarray, "n n"], q: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " e"], Int[np.ndarray, " e"], NDArray[np.bool_]]:
    """Edges, and which of them connect all atoms."""
    n = len(q)
    near = np.argsort(costs, axis=1)[:, 1 : _NEIGHBOURS + 1]
    edges = np.zeros((n, n), dtype=bool)
    edges[np.arange(n)[:, None], near] = True
    rng = np.random.default_rng(0)
    for _ in range(_SAMPLES):
        a, b = rng.choice(n, (2, n), p=q / q.sum())
        rows, columns = linear_sum_assignment(costs[np.ix_(a, b)])
        edges[a[rows], b[columns]] = True
    tree = minimum_spanning_tree(costs).toarray() > 0
    i, j = np.nonzero(np.triu(edges | edges.T | tree | tree.T, 1))
    return i, j, (tree | tree.T)[i, j]


def _electrical(
    i: Int[np.ndarray, " e"],
    j: Int[np.ndarray, " e"],
    conductances: Float[np.ndarray, " e"],
    q: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "e n"]:
    """The flows of unit currents into every atom; a constant is of no matter, as they sum to 0."""
    n = len(q)
    laplacian = np.zeros((n, n))
    laplacian[i, j] = laplacian[j, i] = -conductances
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    potentials = np.linalg.inv(laplacian + np.trace(laplacian) / n**2)
    C = conductances[:, None] * (potentials[i] - potentials[j])
    return np.asarray(C - (C @ q)[:, None])


def _missed(
    i: Int[np.ndarray, " e"],
    j: Int[np.ndarray, " e"],
    C: Float[np.ndarray, "e n"],
    q: Float[np.ndarray, " n"],
) -> float:
    """The sum of the deviations of r_v for samples of one neuron, rounded up."""
    n = len(q)
    rho, size = np.eye(n), np.ones((n, n))
    for v, sign in ((i, -1.0), (j, 1.0)):
        np.add.at(rho, v, sign * C)
        np.add.at(size, v, np.abs(C))
    rho -= (rho @ q)[:, None]  # a constant is of no matter, as N_A - N_B sums to 0
    sure = np.abs(rho) + (2 * n + 8) * _EPS * (size + (size @ q)[:, None])
    return float(np.sqrt(2 * np.square(sure) @ q).sum())


def _deviations(
    C: Float[np.ndarray, "e n"], q: Float[np.ndarray, " n"], m: float
) -> Float[np.ndarray, " e"]:
    """Of the flows; those of no use are rounded up."""
    found = np.sqrt(2 * m * (np.square(C) @ q))
    return np.asarray(np.maximum(found, 1e-9 * found.max()))


def _mean_sizes(
    C: Float[np.ndarray, "e n"],
    q: Float[np.ndarray, " n"],
    m: int,
    deviations: Float[np.ndarray, " e"],
) -> Float[np.ndarray, " e"]:
    """E|f_e| from above."""
    h = 2 * np.pi / (_PERIOD * deviations)
    total = h**2 * deviations**2 / 4 + np.pi**2 / 6
    for k in range(1, _WAVES + 1):
        angle = (k * h)[:, None] * C
        u, s = 2 * np.square(np.sin(angle / 2)) @ q, np.sin(angle) @ q
        error = (6 * len(q) + 40) * _EPS * (np.square(angle) @ q)
        short = np.minimum(2 * u - u**2 - s**2 + error, 1.0)  # of r = 1, rounded up
        with np.errstate(divide="ignore"):  # nothing is left of r then
            total -= np.exp(m * np.log1p(-short)) / k**2
    return np.asarray(2 / np.pi * total / h)


def _beyond(
    flow: _Flow,
    q: Float[np.ndarray, " n"],
    m: int,
    deviations: Float[np.ndarray, " e"],
    sizes: Float[np.ndarray, " e"],
    left: int,
) -> Float[np.ndarray, " n"]:
    """E(sum |f_e| - left N_A - N_B)^+ at every atom, from above; N_A, N_B may change places."""
    i, j, C = flow[:3]
    through, total = _at_atoms(i, j, deviations, len(q)), np.zeros(len(q))
    for v in (i, j):
        weights = (1 - 4 * len(q) * _EPS) * deviations / through[v]  # of sum 1 at most
        here = C[np.arange(len(v)), v]
        for sign in (1.0, -1.0):
            a, b = sign * here - left * weights, -sign * here - weights
            others = np.maximum(deviations**2 - 2 * m * q[v] * here**2, 0.0)
            theta = _tilts(others, m * q[v], a, b)
            exponents = sign * theta[:, None] * C
            logs = _log_mean(exponents, v, left * theta * weights, q)
            logs += _log_mean(-exponents, v, theta * weights, q)
            power = m * logs - 1
            least = np.where(power < 300, np.exp(np.minimum(power, 300.0)) / theta, np.inf)
            total += np.bincount(v, np.fmin(least, sizes / 2), len(q))
    return total


def _tilts(
    variances: Float[np.ndarray, " e"],
    there: Float[np.ndarray, " e"],
    a: Float[np.ndarray, " e"],
    b: Float[np.ndarray, " e"],
) -> Float[np.ndarray, " e"]:
    """For the least mean of e^{theta s - 1} / theta, if s is a N_A(v) + b N_B(v) and others.

    As if these counts had Poisson laws, and the others were normal.
    """
    unit = 1 / np.sqrt(variances + there * (a**2 + b**2))
    power, step = np.zeros(len(a)), _OCTAVES
    for _ in range(_HALVINGS):
        theta = unit * 2**power
        tilted = (c * np.exp(np.minimum(theta * c, 300.0)) for c in (a, b))
        slope = theta * variances + there * sum(tilted)
        step /= 2
        power += np.where(theta * slope < 1, step, -step)
    return np.asarray(unit * 2**power)


def _log_mean(
    exponents: Float[np.ndarray, "e n"],
    v: Int[np.ndarray, " e"],
    less: Float[np.ndarray, " e"],
    q: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " e"]:
    """The logarithm of E exp, of exponents that are less at an atom v of every edge."""
    shifted = exponents.copy()
    shifted[np.arange(len(v)), v] -= less
    with np.errstate(over="ignore", invalid="ignore"):
        more = np.expm1(shifted)
        error = (2 * len(q) + 8) * _EPS * ((np.abs(more) + np.abs(shifted) * (more + 1)) @ q)
        return np.asarray(np.log1p(more @ q + error))
