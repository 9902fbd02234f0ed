r"""The covering bound for finitely many atoms (R5): a tree whose every cell has its own size.

Split the atoms into two, again and again, down to single ones. Match as much as possible at every
atom, hand the rest to the parent, and so on up to the root. The mass matched inside a cell Q is
C(Q) = min(mu_m(Q), nu_m(Q)), of which C(Q) - (the same of its two children) is matched in Q itself,
at a cost of at most diam(Q)^p. Summed by parts, with E C(Q) = mu(Q) - g(mu(Q))/2, g the mean
left-over of a cell (`covering`), and diam = 0 at the atoms,

    E W_p^p <= (1/2) sum over cells Q but the root of (diam(parent Q)^p - diam(Q)^p) g(mu(Q)).

This is R5 without the maximum over the cells of a level; it is exact for two atoms.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from lmctheory.rates.upper.covering import mean_left_over

__all__ = ["atomic_bound", "merged"]

_FEW = 256
"""Atoms up to which a diameter is computed from all pairs."""
_CELLS_AT_ONCE = 4096


def atomic_bound(
    points: Float[np.ndarray, "n d"], masses: Float[np.ndarray, " n"], m: int, p: float = 2.0
) -> float:
    """E W_p^p <= (1/2) sum_Q (diam(parent Q)^p - diam(Q)^p) g(mu(Q)) for a law on atoms.

    Args:
        points: the atoms ``[n, d]``; equal ones are merged.
        masses: their probabilities ``[n]``.
        m: number of neurons in each sample, >= 1.
        p: exponent > 0.

    Returns:
        The bound, in units of the weights to the power p.

    Reference:
        theory key R5; after Weed and Bach (2019), the tree is derived here.

    Example:
        >>> round(atomic_bound(np.array([[0.0], [2.0]]), np.array([0.5, 0.5]), 1), 9)
        2.0
    """
    parents, diameters, mass = _cells(*merged(points, masses))
    scale = diameters[0]
    if scale == 0:
        return 0.0
    powers = (diameters / scale) ** p
    values, which = np.unique(mass[1:], return_inverse=True)
    parts = np.array_split(values, len(values) // _CELLS_AT_ONCE + 1)
    left = np.concatenate([mean_left_over(part, m) for part in parts])[which]
    return float(scale**p * ((powers[parents[1:]] - powers[1:]) @ left) / 2)


def merged(
    points: Float[np.ndarray, "n d"], masses: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, " k"]]:
    """Different atoms, and the mass of each.

    Args:
        points: some of which may be equal.
        masses: theirs.
    """
    atoms, index = np.unique(points, axis=0, return_inverse=True)
    return atoms, np.bincount(index.ravel(), masses).astype(np.float64)


def _cells(
    atoms: NDArray[np.float64], masses: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Parent, diameter and mass of every cell, the root first; halved across the longest side."""
    parents: list[int] = []
    diameters: list[float] = []
    mass: list[float] = []
    waiting = [(0, np.arange(len(atoms)))]
    while waiting:
        parent, members = waiting.pop()
        inside = atoms[members]
        own = _diameter(inside)
        diameters.append(min(own, diameters[parent]) if parents else own)
        parents.append(parent)
        mass.append(float(masses[members].sum()))
        if len(members) > 1:
            axis = int(np.argmax(np.ptp(inside, axis=0)))
            low, high = inside[:, axis].min(), inside[:, axis].max()
            lower = inside[:, axis] < low + (high - low) / 2
            lower |= inside[:, axis] == low  # in case the middle rounds to an end
            cell = len(parents) - 1
            waiting += [(cell, members[lower]), (cell, members[~lower])]
    return np.array(parents), np.array(diameters), np.minimum(mass, 1.0)


def _diameter(points: NDArray[np.float64]) -> float:
    """The diameter of some points, or an upper bound of it."""
    if len(points) == 1:
        return 0.0
    if len(points) <= _FEW:
        return float(pdist(points).max())
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1).max()
    return float(min(2 * radius, np.linalg.norm(np.ptp(points, axis=0))))
