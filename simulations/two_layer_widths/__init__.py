"""Two-layer networks: T2 at the start, T5 in training, T6 with a teacher."""

from simulations.two_layer_widths.command import STUDY, two_layer_widths
from simulations.two_layer_widths.summary import (
    Sampled,
    Students,
    Trained,
    require_one_study,
    sampled,
    slope,
    students,
    trained,
)

__all__ = [
    "STUDY",
    "Sampled",
    "Students",
    "Trained",
    "require_one_study",
    "sampled",
    "slope",
    "students",
    "trained",
    "two_layer_widths",
]
