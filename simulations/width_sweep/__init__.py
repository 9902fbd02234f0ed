"""The main job: measured barriers beside the theory's predictions, as the width grows."""

from simulations.report import Mean
from simulations.width_sweep.command import STUDY, width_sweep
from simulations.width_sweep.measurement import ALIGNMENTS, METRICS, PHASES
from simulations.width_sweep.summary import Summary, require_one_sweep, summarise

__all__ = [
    "ALIGNMENTS",
    "METRICS",
    "PHASES",
    "STUDY",
    "Mean",
    "Summary",
    "require_one_sweep",
    "summarise",
    "width_sweep",
]
