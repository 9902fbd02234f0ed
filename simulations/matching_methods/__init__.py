"""Every matching method on every architecture: barriers, planted permutations, narrow networks."""

from simulations.matching_methods.architectures import ARCHITECTURES
from simulations.matching_methods.command import STUDY, matching_methods
from simulations.matching_methods.methods import CURVES, METHODS
from simulations.matching_methods.planted import NOISES
from simulations.matching_methods.summary import Summary, require_one_study, summarise

__all__ = [
    "ARCHITECTURES",
    "CURVES",
    "METHODS",
    "NOISES",
    "STUDY",
    "Summary",
    "matching_methods",
    "require_one_study",
    "summarise",
]
