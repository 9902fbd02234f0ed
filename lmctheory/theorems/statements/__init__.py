"""Every statement; importing it registers all, and none of what checks them."""

# in the order of the theory
# isort: off
from lmctheory.theorems.statements import (
    rates,
    two_layer,
    lower,
    training,
    common_law,
    deep,
    high_probability,
    certificates,
    layerwise,
    matching,
    signs,
    orbits,
    prediction,
)

__all__ = [
    "certificates",
    "common_law",
    "deep",
    "high_probability",
    "layerwise",
    "lower",
    "matching",
    "orbits",
    "prediction",
    "rates",
    "signs",
    "training",
    "two_layer",
]
