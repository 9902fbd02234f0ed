"""Every statement; importing it registers all, and none of what checks them."""

from lmctheory.theorems.statements import (
    certificates,
    deep,
    layerwise,
    matching,
    prediction,
    rates,
    signs,
    two_layer,
)

__all__ = [
    "certificates",
    "deep",
    "layerwise",
    "matching",
    "prediction",
    "rates",
    "signs",
    "two_layer",
]
