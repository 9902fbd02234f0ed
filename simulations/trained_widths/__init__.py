"""Beyond initialisation: wide trained networks, predicted from the neurons of narrow ones."""

from simulations.trained_widths.command import STUDY, trained_widths
from simulations.trained_widths.summary import (
    COST_PREDICTORS,
    ERROR_PREDICTORS,
    Shape,
    require_one_study,
    summarise,
)

__all__ = [
    "COST_PREDICTORS",
    "ERROR_PREDICTORS",
    "STUDY",
    "Shape",
    "require_one_study",
    "summarise",
    "trained_widths",
]
