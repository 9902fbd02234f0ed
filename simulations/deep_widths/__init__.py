"""Deep networks at initialisation, matched from the input on, beside the bounds of D1."""

from simulations.deep_widths.command import STUDY, deep_widths
from simulations.deep_widths.summary import (
    Required,
    Summary,
    require_one_study,
    required,
    summarise,
)

__all__ = [
    "STUDY",
    "Required",
    "Summary",
    "deep_widths",
    "require_one_study",
    "required",
    "summarise",
]
