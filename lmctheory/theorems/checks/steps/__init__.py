"""What checks the steps of proofs; importing it declares all."""

from lmctheory.theorems.checks.steps import (
    certificates,
    common_law,
    high_probability,
    layerwise,
    lower,
    rates,
    training,
    two_layer,
)

__all__ = [
    "certificates",
    "common_law",
    "high_probability",
    "layerwise",
    "lower",
    "rates",
    "training",
    "two_layer",
]
