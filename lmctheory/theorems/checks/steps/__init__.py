"""What checks the steps of proofs; importing it declares all."""

from lmctheory.theorems.checks.steps import (
    certificates,
    common_law,
    deep,
    dyadic,
    high_probability,
    layerwise,
    lower,
    matching,
    prediction,
    rank_trees,
    rates,
    signs,
    training,
    trees,
    two_layer,
)

__all__ = [
    "certificates",
    "common_law",
    "deep",
    "dyadic",
    "high_probability",
    "layerwise",
    "lower",
    "matching",
    "prediction",
    "rank_trees",
    "rates",
    "signs",
    "training",
    "trees",
    "two_layer",
]
