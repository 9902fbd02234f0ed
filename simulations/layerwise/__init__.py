"""Layer by layer: barriers beside their null models, features, and which layers can be averaged."""

from simulations.layerwise.answers import answers, violations
from simulations.layerwise.command import STUDY, layerwise
from simulations.layerwise.plan import plan
from simulations.layerwise.summary import WAYS, Cell, cells, deepest_chain, require_one_study

__all__ = [
    "STUDY",
    "WAYS",
    "Cell",
    "answers",
    "cells",
    "deepest_chain",
    "layerwise",
    "plan",
    "require_one_study",
    "violations",
]
