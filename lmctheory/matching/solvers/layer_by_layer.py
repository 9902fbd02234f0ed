"""One pass from the input on, each group solved given those before it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs import Cost, Features
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.units import units
from lmctheory.matching.symmetry import Action, PermutationGroup, Symmetry

__all__ = ["layer_by_layer", "propagated", "reads_ahead"]


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
    for unit in units(pair.symmetry):
        pair = unit.solved(pair, cost)
    return Solution(pair, (start.objective, pair.objective))


def propagated(start: Alignment) -> Solution:
    """Solves the groups from the input on, each from the parameters whose meaning is known by then.

    A parameter compares neurons of A and B only if its other axis is in one order in both networks:
    that of the inputs or outputs, or of a group that was solved before. The neurons of a residual
    stream are written by every block, so that most of their incoming weights read neurons not yet
    solved; those weights are noise, and are left out. A group of which no incoming weight is known
    is compared by all its weights, each sorted along the axes that are unknown: what is left does
    not depend on their order.

    *The result does not depend on the order of B, and a planted permutation is found exactly.* By
    induction over the groups every feature used is a function of A's network for A and the same
    function of P theta_A for B, up to rows, so with P planted the matching of equal rows has
    distance zero, the least there is, and is unique if no two neurons have equal features.

    Reference: the induction is D1's, for any architecture.
    """
    pair = start
    placed: frozenset[str] = frozenset()
    for unit in units(pair.symmetry):
        pair = unit.solved(pair, _known(pair.symmetry, placed))
        placed |= unit.names
    return Solution(pair, (start.objective, pair.objective))


def _known(symmetry: Symmetry, placed: frozenset[str]) -> Cost:
    """Features of a group that do not depend on the order of groups not yet placed."""
    unplaced = [group for group in symmetry.groups if group.name not in placed]

    def unknown_axes(action: Action) -> set[int]:
        axes = {axis for g in unplaced for name, axis in g.axes if name == action.parameter}
        return axes - {action.axis}

    def cost(group: PermutationGroup, pair: Alignment) -> list[Features]:
        unknown = [(action, unknown_axes(action)) for action in group.actions]
        makes = [
            action
            for action, axes in unknown
            if not axes and not action.reads and pair.a[action.parameter].dim() > 1
        ]
        # weights that make the neurons compare them best; failing these, all there is
        used = [(a, axes) for a, axes in unknown if not makes or not (axes or a.reads)]
        a, b = (
            torch.cat([_rows(action, axes, tensors) for action, axes in used], dim=1)
            for tensors in (pair.a, pair.b)
        )
        return [Features(a, b)]

    return cost


def _rows(action: Action, unknown: set[int], tensors: Mapping[str, Tensor]) -> Tensor:
    tensor = tensors[action.parameter]
    for axis in unknown:
        tensor = tensor.sort(axis).values
    return action.rows(tensor)


def reads_ahead(symmetry: Symmetry) -> bool:
    """Whether a group's incoming weights read neurons that are not solved before it.

    In a chain they never do; a residual stream is written by blocks that follow it.
    """
    order = {name: k for k, unit in enumerate(units(symmetry)) for name in unit.names}
    return any(
        coupling.action.parameter in group.incoming
        and order[coupling.other.name] > order[group.name]
        for group in symmetry.groups
        for coupling in symmetry.couplings(group)
    )
