"""What checks the steps of proofs; importing it declares all."""

from lmctheory.theorems.checks.steps import (
    certificates,
    common_law,
    deep,
    deep_gaussian,
    high_probability,
    layerwise,
    lower,
    matching,
    prediction,
    rates,
    signs,
    taylor,
    training,
    trees,
    two_layer,
    whole_path,
)

__all__ = [
    "certificates",
    "common_law",
    "deep",
    "deep_gaussian",
    "high_probability",
    "layerwise",
    "lower",
    "matching",
    "prediction",
    "rates",
    "signs",
    "taylor",
    "training",
    "trees",
    "two_layer",
    "whole_path",
]
