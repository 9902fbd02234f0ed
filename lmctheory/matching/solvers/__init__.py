"""How permutations are found: one ingredient of a matching, the cost being the other."""

from lmctheory.matching.solvers.annealing import annealing
from lmctheory.matching.solvers.assignment import assignment
from lmctheory.matching.solvers.coordinate_descent import coordinate_descent
from lmctheory.matching.solvers.exhaustive import exhaustive
from lmctheory.matching.solvers.frank_wolfe import frank_wolfe, relaxed_optimum
from lmctheory.matching.solvers.layer_by_layer import layer_by_layer, propagated, reads_ahead
from lmctheory.matching.solvers.sinkhorn import doubly_stochastic, sinkhorn
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.straight_through import straight_through

__all__ = [
    "Solution",
    "annealing",
    "assignment",
    "coordinate_descent",
    "doubly_stochastic",
    "exhaustive",
    "frank_wolfe",
    "layer_by_layer",
    "propagated",
    "reads_ahead",
    "relaxed_optimum",
    "sinkhorn",
    "straight_through",
]
