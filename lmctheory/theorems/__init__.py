"""Every theorem of the package: its statement, its source, and a check that could fail."""

from lmctheory.theorems import certificates, deep, laws, layerwise, rates, two_layer
from lmctheory.theorems.registry import Check, Theorem, Trial, registry

__all__ = [
    "Check",
    "Theorem",
    "Trial",
    "certificates",
    "deep",
    "laws",
    "layerwise",
    "rates",
    "registry",
    "two_layer",
]
