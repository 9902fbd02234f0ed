"""Solving one group after another, the others held fixed, until none can be improved."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs import all_parameters, gain_matrix
from lmctheory.matching.solvers.assignment import assignment
from lmctheory.matching.solvers.solution import TOLERANCE, Solution
from lmctheory.matching.solvers.units import Unit, units
from lmctheory.matching.symmetry import Coupling

__all__ = ["coordinate_descent"]


def coordinate_descent(start: Alignment, *, rng: np.random.Generator | None = None) -> Solution:
    """Solves one group after another, the others held fixed, until none can be improved.

    Maximises the sum over all parameters of <theta_A, P theta_B>.

    *The objective never falls, and the method ends.* If a group acts on one axis only of every
    parameter, the objective as a function of its permutation is a constant plus
    sum_i G[i, perm(i)], G the gain over all parameters that touch the group; the assignment is
    exact and the present order is one of its candidates, so the best order improves by at least
    zero. Groups inside blocks are solved together with the group that moves the blocks, exactly
    too (`units`). A group that acts on both axes of one parameter enters <W_A, P W_B P^T>
    quadratically; G is then only the derivative at the present order, and the true objective at its
    assignment decides. In each case the new order is taken only if the objective rises by more
    than `TOLERANCE` of |theta_A| |theta_B|, which bounds it, so that happens finitely often. At the
    end every group of the first two kinds is optimal up to that tolerance given the others. That is
    a local optimum: which one depends on the start and, in narrow networks, on the order.

    A group is solved again only after a neighbour has moved, and its gain is corrected rather than
    computed anew: if neighbour h moved its neurons K, then by (A_K)(B'_K - B_K)^T, A_K and B_K the
    parts of the shared parameter at K. Late passes move few neurons and cost next to nothing.

    Args:
        start: the alignment to begin with.
        rng: draws the order of the groups in every pass; None takes them from the input on.

    Reference: Ainsworth et al. 2023 (Git Re-Basin), algorithm 1.
    """
    descent = _Descent(start)
    trace = [start.objective]
    while descent.stale:
        for k in _order(len(descent.units), rng):
            if k in descent.stale:
                descent.solve(k)
        trace.append(descent.pair.objective)
    return Solution(descent.pair, tuple(trace))


class _Descent:
    """The present alignment, which units may be improved, and the gains known for it."""

    def __init__(self, start: Alignment) -> None:
        self.pair = start
        self.units = units(start.symmetry)
        self.stale = set(range(len(self.units)))
        self._least = TOLERANCE * start.scale
        self._gains: dict[int, Tensor] = {}
        self._neighbours = [list(self._couplings(unit)) for unit in self.units]

    def solve(self, k: int) -> None:
        """Improves one unit if it can be improved."""
        self.stale.remove(k)
        if self._is_simple(k):
            self._solve_by_gain(k)
        else:
            self._solve_by_objective(k)

    def _is_simple(self, k: int) -> bool:
        unit = self.units[k]
        whole = all(action.within is None for action in unit.group.actions)
        return unit.is_linear and whole and not unit.families

    def _solve_by_gain(self, k: int) -> None:
        group = self.units[k].group
        if k not in self._gains:
            self._gains[k] = gain_matrix(all_parameters(group, self.pair))
        gain = self._gains[k]
        order = assignment(gain)
        columns = torch.as_tensor(order, device=gain.device)
        if gain.gather(1, columns[:, None]).sum() - gain.trace() <= self._least:
            return
        before, self.pair = self.pair, self.pair.turned(group, order)
        self._gains[k] = gain.index_select(1, columns)
        moved = np.flatnonzero(order != np.arange(group.size))
        for j, coupling in self._neighbours[k]:
            self.stale.add(j)
            if j in self._gains:
                self._gains[j] += _correction(coupling, moved, before, self.pair)

    def _solve_by_objective(self, k: int) -> None:
        unit = self.units[k]
        solved = unit.solved(self.pair, all_parameters)
        if solved.objective - self.pair.objective <= self._least:
            return
        self.pair = solved
        self.stale |= set() if unit.is_linear else {k}
        for j, _ in self._neighbours[k]:
            self.stale.add(j)
            self._gains.pop(j, None)

    def _couplings(self, unit: Unit) -> Iterator[tuple[int, Coupling]]:
        """Parameters shared with other units; on one axis, neurons of two units are apart."""
        for group in unit.groups:
            for coupling in self.pair.symmetry.couplings(group):
                j = next(j for j, u in enumerate(self.units) if coupling.other.name in u.names)
                if self.units[j] is not unit and coupling.action.axis != coupling.other_action.axis:
                    yield j, coupling


def _order(count: int, rng: np.random.Generator | None) -> Iterable[int]:
    return range(count) if rng is None else rng.permutation(count).tolist()


def _correction(
    coupling: Coupling, moved: Int[np.ndarray, " k"], before: Alignment, after: Alignment
) -> Tensor:
    """By how much the gain of a neighbour changed, only the neurons `moved` being different."""
    positions = coupling.action.index.reshape(len(coupling.action.positions), -1)[moved].ravel()

    def part(tensor: Tensor) -> Tensor:
        index = torch.as_tensor(positions, device=tensor.device)
        return coupling.other_action.rows(tensor.index_select(coupling.action.axis, index))

    name = coupling.action.parameter
    return part(after.a[name]) @ (part(after.b[name]) - part(before.b[name])).mT
