"""How permutations are found: one ingredient of a matching, the cost being the other."""

from lmctheory.matching.solvers.annealing import annealing
from lmctheory.matching.solvers.assignment import assignment
from lmctheory.matching.solvers.coordinate_descent import coordinate_descent, descended
from lmctheory.matching.solvers.exhaustive import exhaustive
from lmctheory.matching.solvers.frank_wolfe import frank_wolfe, relaxed_optimum
from lmctheory.matching.solvers.gains import Gains
from lmctheory.matching.solvers.layer_by_layer import layer_by_layer, reads_ahead
from lmctheory.matching.solvers.propagation import propagate, propagated
from lmctheory.matching.solvers.sinkhorn import doubly_stochastic, sinkhorn
from lmctheory.matching.solvers.solution import Solution
from lmctheory.matching.solvers.straight_through import straight_through
from lmctheory.matching.solvers.terms import Problem

__all__ = [
    "Gains",
    "Problem",
    "Solution",
    "annealing",
    "assignment",
    "coordinate_descent",
    "descended",
    "doubly_stochastic",
    "exhaustive",
    "frank_wolfe",
    "layer_by_layer",
    "propagate",
    "propagated",
    "reads_ahead",
    "relaxed_optimum",
    "sinkhorn",
    "straight_through",
]
