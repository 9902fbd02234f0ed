"""The theory of rates beside measurement: the sandwich, exponents, a crossover, dimensions."""

from simulations.matching_rates.command import STUDY, matching_rates
from simulations.matching_rates.summary import (
    FAMILIES,
    Exponent,
    Measured,
    NoisyCurve,
    exponents,
    noisy,
    require_one_study,
    select,
)

__all__ = [
    "FAMILIES",
    "STUDY",
    "Exponent",
    "Measured",
    "NoisyCurve",
    "exponents",
    "matching_rates",
    "noisy",
    "require_one_study",
    "select",
]
