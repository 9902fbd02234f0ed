"""Permutation symmetry: finding the permutation that aligns two networks, and applying it."""

from lmctheory.matching.costs import layer_costs, layer_inputs, second_moments
from lmctheory.matching.match import METHODS, Matching, match
from lmctheory.matching.symmetry import PermutationGroup, Symmetry, permute, symmetry

__all__ = [
    "METHODS",
    "Matching",
    "PermutationGroup",
    "Symmetry",
    "layer_costs",
    "layer_inputs",
    "match",
    "permute",
    "second_moments",
    "symmetry",
]
