r"""Chains of atoms (R19): what is left over at an atom is made up for by its neighbours.

N_A(v), N_B(v) neurons of A and of B lie at the atom v, of mass q_v. On a graph of atoms let f_e be
a flow with out - in = N_A - N_B at every atom, linear in N_A - N_B. From atom to atom the plan
moves what flows, and leaves N_A(v) - (the flow out of v) where it is: others take the place of what
goes on, so that no neuron goes along more than one edge, and the marginals are right. Where an atom
has less than what flows out of it, what lacks is

    kappa_v = (sum over edges at v of |f_e| - N_A(v) - N_B(v))^+ / 2,

as much has to be taken out of the plan, and is put back at D^p at most, D the diameter:

    E W_p^p <= (1/m) [ sum_e |e|^p E|f_e| + D^p sum_v E kappa_v ].

f_e = sum_j C_e(a_j) - C_e(b_j) has independent terms. For every h > 0

    |s| <= (2/pi) [h s^2 / 4 + sum_{k>=1} (1 - cos khs) / (k^2 h)],    equal for |s| <= 2 pi / h,

so that with r_k = |E exp(ikh C_e(X))|^2, which is left out beyond some k,

    E|f_e| <= (2/pi) [h E f_e^2 / 4 + (pi^2/6 - sum_{k<=K} r_k^m / k^2) / h].

With weights w_e of sum 1 at each atom, n = N_A(v) + N_B(v) and s^+ <= e^{theta s - 1} / theta,

    kappa_v <= (1/2) sum_e [(f_e - w_e n)^+ + (-f_e - w_e n)^+],

of which each half is at most |f_e| together, too.

*Rounding.* 1 - r is computed as 2u - u^2 - s^2, u = E(1 - cos) = 2 E sin^2(./2), s = E sin, within
a multiple of the mean square angle, which is about as small as itself: so r can be raised to any
power m. Moments likewise, by E(exp - 1). A computed flow is one but for
rho_v = (N_A - N_B)(v) - (out - in): with N_A - (out of v) - rho_v^+ left at v, rho^+ and rho^- are
put back as well, and kappa_v grows by |rho_v| / 2 at most: D^p sum_v E|rho_v| is added.

*The flow* may be any. That of electrical networks is linear; conductances are deviation over price,
again and again, where the price of an edge is what it costs, and what a unit more at its two atoms
adds to kappa_v if all were normal: least cost is sought for E|f_e| proportional to deviations. The
graph holds nearest neighbours, and pairs that optimal matchings of some samples hold.
"""

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
FEWEST = 6
"""Neurons an atom, in the mean, below which there is too little to pass on."""
_NEIGHBOURS, _SAMPLES = 4, 12
"""Of every atom, and pairs of samples whose optimal matchings count, in the graph."""
_ROUNDS, _PRUNED = 24, (6, 12)
"""Rounds of reweighting, and those after which edges of no use are dropped."""
_EPS = float(np.finfo(np.float64).eps)
_USELESS = 1e-3
"""Deviation of an edge of no use, in units of the largest."""
_KEPT = 0.6
"""Of the old prices, in the logarithm."""
_PERIOD, _WAVES = 6.5, 12
"""Half of the period 4 pi / h in deviations, and how many k are summed."""
_TILTS = (0.7, 0.85, 1.0)
"""Values of theta that are tried, in units of what is best for normal numbers."""


class _Flow(NamedTuple):
    """Edges i - j, f = C (N_A - N_B) from i to j, centred: C q = 0, and the sum of E|rho_v|.

    The last is in units of the root of m.
    """

    i: Int[np.ndarray, " e"]
    j: Int[np.ndarray, " e"]
    C: Float[np.ndarray, "e n"]
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
        self._unit = size**p
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

    def parts(self, m: int) -> tuple[float, float]:
        """What flows cost, and what it costs to put back.

        Args:
            m: number of neurons in each sample, >= 1.
        """
        octave = m.bit_length()
        if octave not in self._flows:
            self._flows[octave] = self._flow(1.4 * 2 ** (octave - 1))
        flow, q = self._flows[octave], self._q
        deviations = _deviations(flow.C, q, float(m))
        sizes = _mean_sizes(flow.C, q, m, deviations)
        lacking = _lacking(flow, q, m, deviations, sizes) + flow.missed * m**0.5
        unit = self._unit / m
        return unit * float(self._costs[flow.i, flow.j] @ sizes), unit * self._far * lacking

    def _flow(self, m: float) -> _Flow:
        """A good linear flow for about m neurons."""
        costs, q = self._costs / self._far, self._q
        i, j, kept = self._edges
        deviations, lack = np.ones(len(i)), np.full(len(q), 1e-3)
        best, found = np.inf, None
        for turn in range(_ROUNDS):
            if turn in _PRUNED:
                use = kept | (deviations > _USELESS * deviations.max())
                i, j, kept, deviations = i[use], j[use], kept[use], deviations[use]
            price = np.sqrt(2 / np.pi) * costs[i, j]
            C = _electrical(i, j, deviations / (price + lack[i] + lack[j]), q)
            deviations = _deviations(C, q, m)
            through = np.bincount(i, deviations, len(q)) + np.bincount(j, deviations, len(q))
            spread = np.hypot(through, np.sqrt(2 * m * q))
            z = 2 * m * q / spread
            density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
            total = float(price @ deviations + (spread * (density - z * ndtr(-z))).sum())
            if total < best:
                best, found = total, (i, j, C)
            lack = lack**_KEPT * (density * through / spread + 1e-9) ** (1 - _KEPT)
        assert found is not None
        return _Flow(*found, _missed(*found, q))


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
    """The sum of the deviations of rho_v for samples of one neuron, rounded up."""
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


def _lacking(
    flow: _Flow,
    q: Float[np.ndarray, " n"],
    m: int,
    deviations: Float[np.ndarray, " e"],
    sizes: Float[np.ndarray, " e"],
) -> float:
    """The sum of all E kappa_v from above."""
    i, j, C, _ = flow
    through = np.bincount(i, deviations, len(q)) + np.bincount(j, deviations, len(q))
    total = 0.0
    for v in (i, j):
        weights = (1 - 4 * len(q) * _EPS) * deviations / through[v]  # of sum 1 at most
        margin = 2 * m * q[v] * weights
        variances = deviations**2 + weights * margin
        normal = (margin + np.sqrt(margin**2 + 4 * variances)) / (2 * variances)
        least = sizes / 2
        for tilt in _TILTS:
            theta = tilt * normal
            logs = [
                _log_mean(sign * theta[:, None] * C, v, theta * weights, q) for sign in (1.0, -1.0)
            ]
            least = np.minimum(least, np.exp(np.minimum(m * sum(logs) - 1, 300.0)) / theta)
        total += float(least.sum())
    return total


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
