"""Every statement; importing it registers all, and none of what checks them."""

# in the order of the theory
# isort: off
from lmctheory.theorems.statements import (
    rates,
    two_layer,
    lower,
    training,
    deep,
    certificates,
    layerwise,
    matching,
    signs,
    prediction,
)

__all__ = [
    "certificates",
    "deep",
    "layerwise",
    "lower",
    "matching",
    "prediction",
    "rates",
    "signs",
    "training",
    "two_layer",
]
