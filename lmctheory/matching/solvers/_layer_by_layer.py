"""One pass from the input on, each group solved given those before it."""

from lmctheory.matching._symmetry import Symmetry
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.costs.neuron_costs import METHODS, Cost
from lmctheory.matching.solvers.propagation import propagated
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solutions, Solver
from lmctheory.matching.solvers.units import units

__all__ = ["LAYER_BY_LAYER", "layer_by_layer", "reads_ahead"]


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


def reads_ahead(symmetry: Symmetry) -> bool:
    """Whether a group's incoming weights read neurons that are not solved before it.

    In a chain they never do. A residual stream is written by blocks that follow it, a recurrent
    layer reads its own units, and the two sides of a grouped convolution are solved at once.
    """
    order = {name: k for k, unit in enumerate(units(symmetry)) for name in unit.names}
    readers = [
        (action.parameter, action.axis, order[group.name])
        for group in symmetry.groups
        for action in group.actions
    ]
    return any(
        parameter == action.parameter and axis != action.axis and place >= order[group.name]
        for group in symmetry.groups
        for action in group.actions
        if action.parameter in group.incoming and not action.reads
        for parameter, axis, place in readers
    )


def _solve(search: Search) -> Solutions:
    if search.method == "weight":
        return {"identity": propagated(search.pair)}
    if reads_ahead(search.pair.symmetry):
        start = propagated(search.pair).alignment
        return {"layer by layer": layer_by_layer(start, search.cost)}
    return {"identity": layer_by_layer(search.pair, search.cost)}


LAYER_BY_LAYER = Solver("layer_by_layer", METHODS, _solve, restarts=False)
