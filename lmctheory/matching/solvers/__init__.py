"""How permutations are found: one ingredient of a matching, the cost being the other.

A new solver is one file with its record, and a place in `SOLVERS`.
"""

from collections.abc import Mapping

from lmctheory.matching.solvers._assignment import assignment
from lmctheory.matching.solvers._coordinate_descent import COORDINATE_DESCENT, coordinate_descent
from lmctheory.matching.solvers._exhaustive import EXHAUSTIVE, exhaustive
from lmctheory.matching.solvers._frank_wolfe import FRANK_WOLFE, frank_wolfe
from lmctheory.matching.solvers._layer_by_layer import LAYER_BY_LAYER, layer_by_layer
from lmctheory.matching.solvers._sinkhorn import SINKHORN, doubly_stochastic, sinkhorn
from lmctheory.matching.solvers._straight_through import STRAIGHT_THROUGH, straight_through
from lmctheory.matching.solvers.propagation import propagated
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.solver import Search, Solutions, Solver

__all__ = [
    "SOLVERS",
    "Search",
    "Solution",
    "Solutions",
    "Solver",
    "assignment",
    "coordinate_descent",
    "doubly_stochastic",
    "exhaustive",
    "frank_wolfe",
    "layer_by_layer",
    "propagated",
    "sinkhorn",
    "straight_through",
]

SOLVERS: Mapping[str, Solver] = {
    solver.name: solver
    for solver in (
        COORDINATE_DESCENT,
        LAYER_BY_LAYER,
        FRANK_WOLFE,
        SINKHORN,
        STRAIGHT_THROUGH,
        EXHAUSTIVE,
    )
}
"""Of those that solve a method's problem, the first is its default."""
