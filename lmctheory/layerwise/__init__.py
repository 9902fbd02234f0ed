"""Layer by layer: the cube between two networks with one coordinate per layer."""

from typing import TYPE_CHECKING

from lmctheory.layerwise._layers import Layer, groups, layers
from lmctheory.layerwise.barriers.curves import Curves
from lmctheory.layerwise.barriers.layer_barriers import LayerBarriers, layer_barriers, windows
from lmctheory.layerwise.barriers.null_models import RandomDirections, perturbed, random_directions
from lmctheory.layerwise.barriers.recommendation import Recommendation, recommend
from lmctheory.layerwise.barriers.selection import (
    cumulative,
    moving_windows,
    random_groups,
    single_layers,
)
from lmctheory.layerwise.barriers.temperature import RecalibratedBarrier, recalibrated_barrier
from lmctheory.layerwise.connectivity.linearity import FeatureConnectivity, feature_connectivity
from lmctheory.layerwise.connectivity.stitching import stitch
from lmctheory.layerwise.connectivity.subspaces import principal_angles
from lmctheory.layerwise.connectivity.vanishing import Vanishing, vanishing
from lmctheory.layerwise.convexity.convexity import TwoLayerConvexity, two_layer_convexity
from lmctheory.layerwise.convexity.one_layer import LayerBounds, layer_bounds
from lmctheory.layerwise.points.derivatives import LayerCube, layer_cube
from lmctheory.layerwise.points.evaluation import Evaluated, evaluate
from lmctheory.layerwise.points.subsets import Moebius, Shapley, moebius, shapley
from lmctheory.layerwise.second_order.curvature import Curvature, curvature
from lmctheory.layerwise.second_order.interaction import Interaction, interaction_matrix
from lmctheory.layerwise.second_order.kinks import Kinks, kinks
from lmctheory.layerwise.second_order.sharpness import layer_hessian

if TYPE_CHECKING:
    from lmctheory.layerwise.convexity.proofs import Proof, proof
else:

    def __getattr__(name):
        """Proofs on first use: SymPy takes a second to import, and nothing else needs it."""
        if name in ("Proof", "proof"):
            from lmctheory.layerwise.convexity import proofs

            return getattr(proofs, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Curvature",
    "Curves",
    "Evaluated",
    "FeatureConnectivity",
    "Interaction",
    "Kinks",
    "Layer",
    "LayerBarriers",
    "LayerBounds",
    "LayerCube",
    "Moebius",
    "Proof",
    "RandomDirections",
    "RecalibratedBarrier",
    "Recommendation",
    "Shapley",
    "TwoLayerConvexity",
    "Vanishing",
    "cumulative",
    "curvature",
    "evaluate",
    "feature_connectivity",
    "groups",
    "interaction_matrix",
    "kinks",
    "layer_barriers",
    "layer_bounds",
    "layer_cube",
    "layer_hessian",
    "layers",
    "moebius",
    "moving_windows",
    "perturbed",
    "principal_angles",
    "proof",
    "random_directions",
    "random_groups",
    "recalibrated_barrier",
    "recommend",
    "shapley",
    "single_layers",
    "stitch",
    "two_layer_convexity",
    "vanishing",
    "windows",
]
