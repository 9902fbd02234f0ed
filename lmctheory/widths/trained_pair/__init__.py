"""Two networks trained alike, coupled to each other: T12 to T15."""

from lmctheory.widths.trained_pair.coupling import Coupling, carried, coupling, mean_coupling
from lmctheory.widths.trained_pair.growth import PairGrowth, pair_growth
from lmctheory.widths.trained_pair.stability import loss_growth
from lmctheory.widths.trained_pair.training import LOSSES, Loss, Path, Schedule, Task, descend
from lmctheory.widths.trained_pair.weighting import Growth

__all__ = [
    "LOSSES",
    "Coupling",
    "Growth",
    "Loss",
    "PairGrowth",
    "Path",
    "Schedule",
    "Task",
    "carried",
    "coupling",
    "descend",
    "loss_growth",
    "mean_coupling",
    "pair_growth",
]
