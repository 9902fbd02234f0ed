"""Permutation symmetry: finding the permutation that aligns two networks, and applying it."""

from lmctheory.matching._match import Matching, match
from lmctheory.matching._symmetry import (
    PermutationGroup,
    Symmetry,
    function_change,
    permute,
    symmetry,
)
from lmctheory.matching.costs.neuron_costs import (
    METHODS,
    compressed_responses,
    layer_costs,
    layer_inputs,
    layer_outputs,
    second_moments,
)
from lmctheory.matching.linear_minima import lowest_pass, minima_components, orientations
from lmctheory.matching.merging.fusion import SoftMatching, fuse, soft_match
from lmctheory.matching.merging.recalibration import (
    CalibratedNetwork,
    NoBestTemperatureError,
    calibrate_temperature,
    reset_batch_norm,
)
from lmctheory.matching.merging.repair import repair
from lmctheory.matching.merging.several import MultiMatching, match_several
from lmctheory.matching.orbits import (
    chord_barrier,
    chord_distance,
    orbit_acceleration,
    orbit_error,
    sagitta,
)
from lmctheory.matching.redundant.finding import Redundancy, redundancy
from lmctheory.matching.redundant.neurons import RedundantNeurons
from lmctheory.matching.redundant.reducing import reduced
from lmctheory.matching.redundant.spreading import Spreading, spread
from lmctheory.matching.rotations._rotate import Rotation, rotate
from lmctheory.matching.rotations.finding import RotationSymmetry, folded, rotations
from lmctheory.matching.rotations.spaces import Space
from lmctheory.matching.scales import Rescaling, rescale
from lmctheory.matching.singular import SingularAlignment, singular_alignment

__all__ = [
    "METHODS",
    "CalibratedNetwork",
    "Matching",
    "MultiMatching",
    "NoBestTemperatureError",
    "PermutationGroup",
    "Redundancy",
    "RedundantNeurons",
    "Rescaling",
    "Rotation",
    "RotationSymmetry",
    "SingularAlignment",
    "SoftMatching",
    "Space",
    "Spreading",
    "Symmetry",
    "calibrate_temperature",
    "chord_barrier",
    "chord_distance",
    "compressed_responses",
    "folded",
    "function_change",
    "fuse",
    "layer_costs",
    "layer_inputs",
    "layer_outputs",
    "lowest_pass",
    "match",
    "match_several",
    "minima_components",
    "orbit_acceleration",
    "orbit_error",
    "orientations",
    "permute",
    "reduced",
    "redundancy",
    "repair",
    "rescale",
    "reset_batch_norm",
    "rotate",
    "rotations",
    "sagitta",
    "second_moments",
    "singular_alignment",
    "soft_match",
    "spread",
    "symmetry",
]
