"""How permutations are found: one ingredient of a matching, the cost being the other."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs import Cost, all_parameters, gain_matrix
from lmctheory.matching.symmetry import Coupling, PermutationGroup

__all__ = ["Solution", "assignment", "coordinate_descent", "layer_by_layer"]

TOLERANCE = 1e-12
"""Least improvement that counts, relative to |theta_A| |theta_B|.

Far above the rounding of gains and far below any exchange that matters: without it two optimal
assignments that differ by rounding alone could alternate for ever."""


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes:
        alignment: B in its final order.
        trace: the objective at the start and after each pass over the groups.
    """

    alignment: Alignment
    trace: tuple[float, ...]


def assignment(gain: Float64[Tensor, "m m"]) -> Int[np.ndarray, " m"]:
    """The permutation that maximises sum_i gain[i, perm[i]], exactly.

    Example:
        >>> import torch
        >>> assignment(torch.tensor([[1.0, 3.0], [2.0, 9.0]], dtype=torch.float64)).tolist()
        [0, 1]
    """
    return np.asarray(linear_sum_assignment(gain.cpu().numpy(), maximize=True)[1])


def layer_by_layer(start: Alignment, cost: Cost) -> Solution:
    """Solves the groups one after another from the input on, each given those before it.

    Args:
        start: the alignment to begin with.
        cost: of a group, given the order of the earlier ones.

    Returns:
        A solution with a trace of two values; the pass need not raise the objective, which is that
        of `coordinate_descent`, unless `cost` is part of it.

    Reference: Ferbach et al. 2024; theory key D1 for why from the input on.
    """
    pair = start
    for group in pair.symmetry.groups:
        pair = pair.turned(group, assignment(gain_matrix(cost(group, pair))))
    return Solution(pair, (start.objective, pair.objective))


def coordinate_descent(start: Alignment, *, rng: np.random.Generator | None = None) -> Solution:
    """Solves one group after another, the others held fixed, until none can be improved.

    Maximises sum over layers of <W_A, P_l W_B P_{l-1}^T> + <b_A, P_l b_B>.

    *The objective never falls, and the method ends.* As a function of one group's permutation the
    objective is a constant plus sum_i G[i, perm(i)], G the gain over all parameters that touch the
    group, because every such parameter enters linearly. The assignment is exact and the present
    order is one of its candidates, so the best order improves by at least zero; it is taken only if
    it improves by more than `TOLERANCE` of |theta_A| |theta_B|, which bounds the objective, so that
    happens finitely often. At the end every group is optimal up to that tolerance given the others.
    That is a local optimum: which one depends on the start and, in narrow networks, on the order.

    A group is solved again only after a neighbour has moved, and its gain is corrected rather than
    computed anew: if neighbour h moved its neurons K, then by (A_K)(B'_K - B_K)^T, A_K and B_K the
    parts of the shared parameter at K. Late passes move few neurons and cost next to nothing.

    Args:
        start: the alignment to begin with.
        rng: draws the order of the groups in every pass; None takes them from the input on.

    Reference: Ainsworth et al. 2023 (Git Re-Basin), algorithm 1.
    """
    pair = start
    least = TOLERANCE * pair.scale
    gains: dict[str, Tensor] = {}
    stale = {group.name for group in pair.symmetry.groups}
    trace = [pair.objective]
    while stale:
        for group in _ordered(pair.symmetry.groups, rng):
            if group.name not in stale:
                continue
            stale.remove(group.name)
            if group.name not in gains:
                gains[group.name] = gain_matrix(all_parameters(group, pair))
            gain = gains[group.name]
            order = assignment(gain)
            columns = torch.as_tensor(order, device=gain.device)
            improvement = gain.gather(1, columns[:, None]).sum() - gain.trace()
            if improvement <= least:
                continue
            before, pair = pair, pair.turned(group, order)
            gains[group.name] = gain.index_select(1, columns)
            moved = np.flatnonzero(order != np.arange(group.size))
            for coupling in pair.symmetry.couplings(group):
                stale.add(coupling.other.name)
                if coupling.other.name in gains:
                    gains[coupling.other.name] += _correction(coupling, moved, before, pair)
        trace.append(pair.objective)
    return Solution(pair, tuple(trace))


def _ordered(
    groups: tuple[PermutationGroup, ...], rng: np.random.Generator | None
) -> list[PermutationGroup]:
    order = range(len(groups)) if rng is None else rng.permutation(len(groups))
    return [groups[i] for i in order]


def _correction(
    coupling: Coupling, moved: Int[np.ndarray, " k"], before: Alignment, after: Alignment
) -> Tensor:
    """By how much the gain of a neighbour changed, only the neurons `moved` being different."""
    positions = np.array(coupling.action.positions)[moved].ravel()

    def part(tensor: Tensor) -> Tensor:
        index = torch.as_tensor(positions, device=tensor.device)
        return coupling.other_action.rows(tensor.index_select(coupling.action.axis, index))

    name = coupling.action.parameter
    return part(after.a[name]) @ (part(after.b[name]) - part(before.b[name])).mT
