r"""Boxes of the unit cube for atoms, each of its mass: a map T of the cube onto their law (R18).

A k-d tree: a cell of atoms, at first all of them, is cut across an axis, and its box, at first the
cube, in the same coordinate and in proportion to the masses on either side. Each box is handed down
to a single atom, or to a few where there are too many. T(U) = x_v for U in the box of v, and U is
uniform.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = ["Boxes", "boxes_of"]

_MOST = 2048
"""Boxes at most."""
_EQUAL = 1e-9
"""Cuts that are as good but for this share are equally good."""

_Cut = tuple[int, Bool[np.ndarray, " n"]] | None


@dataclass(frozen=True, eq=False)
class Boxes:
    """The map T.

    Attributes:
        means: x_v, the atom of each box or the mean of its atoms ``[v, d]``.
        ends: for each coordinate the ends of boxes inside (0, 1), rising.
        lower: where the lower end of each box is among 0, the ends, and 1 ``[k, v]``.
        upper: likewise the upper end.
    """

    means: Float[np.ndarray, "v d"]
    ends: tuple[Float[np.ndarray, " _"], ...]
    lower: Int[np.ndarray, "k v"]
    upper: Int[np.ndarray, "k v"]


def boxes_of(
    atoms: Float[np.ndarray, "n d"],
    masses: Float[np.ndarray, " n"],
    axes: int,
    *,
    halved: bool,
    most: int = _MOST,
) -> Boxes:
    """The heaviest cell is cut first.

    Args:
        atoms: different ones, in principal axes.
        masses: their probabilities.
        axes: how many of the axes are cut; coordinates of the cube.
        halved: whether a cell is cut across its widest axis, so that masses are as equal as may be;
            otherwise where most of its variance goes.
        most: boxes at most.
    """
    cut = _half if halved else _least_variance
    numbered = count()  # cells of equal mass in the order of their making
    cube = np.tile([[0.0], [1.0]], axes)
    waiting = [(-1.0, next(numbered), np.arange(len(atoms)), cube)]
    done: list[tuple[np.ndarray, np.ndarray]] = []
    while waiting:
        _, _, members, box = heappop(waiting)
        found = None
        if len(members) > 1 and len(waiting) + len(done) + 2 <= most:
            found = cut(atoms[members, :axes], masses[members])
        if found is None:
            done.append((members, box))
            continue
        axis, below = found
        mass = masses[members]
        share = mass[below].sum() / mass.sum()
        middle = box[0, axis] + share * (box[1, axis] - box[0, axis])
        for end, part in ((1, below), (0, ~below)):
            smaller = box.copy()
            smaller[end, axis] = middle
            heappush(waiting, (-float(mass[part].sum()), next(numbered), members[part], smaller))
    corners = np.array([box for _, box in done])
    ends = [np.unique(corners[:, :, axis]) for axis in range(axes)]
    lower, upper = (
        np.array([np.searchsorted(ends[axis], corners[:, side, axis]) for axis in range(axes)])
        for side in (0, 1)
    )
    means = [masses[i] @ atoms[i] / masses[i].sum() if len(i) > 1 else atoms[i[0]] for i, _ in done]
    return Boxes(np.array(means), tuple(end[1:-1] for end in ends), lower, upper)


def _half(x: Float[np.ndarray, "n k"], masses: Float[np.ndarray, " n"]) -> _Cut:
    """Across the axis of the largest variance, nearest to the median."""
    share = masses / masses.sum()
    variances = share @ (x - share @ x) ** 2
    axis = _best(variances)
    order = np.argsort(x[:, axis], kind="stable")
    rising = np.diff(x[order, axis]) > 0
    if not rising.any():
        return None
    beneath = np.cumsum(share[order])[:-1]
    return axis, _first(order, _best(np.where(rising, beneath * (1 - beneath), -1.0)))


def _least_variance(x: Float[np.ndarray, "n k"], masses: Float[np.ndarray, " n"]) -> _Cut:
    """The cut that leaves the least variance in its two parts."""
    share = masses / masses.sum()
    order = np.argsort(x, axis=0, kind="stable")
    beneath = np.cumsum(share[order], axis=0)[:-1]
    sums = np.cumsum((share[:, None] * (x - share @ x))[order], axis=0)[:-1]
    both = beneath * (1 - beneath)
    between = np.square(sums).sum(axis=2) / np.where(both > 0, both, np.inf)
    between[np.diff(np.take_along_axis(x, order, axis=0), axis=0) <= 0] = 0.0
    place, axis = divmod(_best(between.ravel()), x.shape[1])
    return (axis, _first(order[:, axis], place)) if between[place, axis] > 0 else None


def _best(scores: Float[np.ndarray, " n"]) -> int:
    """Where the first of the largest is, for which rounding does not choose."""
    top = scores.max()
    return int(np.argmax(scores >= top - _EQUAL * abs(top)))


def _first(order: Int[np.ndarray, " n"], place: int) -> Bool[np.ndarray, " n"]:
    """Which are up to a place in an order."""
    below = np.zeros(len(order), dtype=bool)
    below[order[: place + 1]] = True
    return below
