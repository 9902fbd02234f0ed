"""The sections of a comparison, in the order in which they are read; a new one is one file."""

from lmctheory.comparison.section import Section
from lmctheory.comparison.sections.barriers import BARRIERS
from lmctheory.comparison.sections.certified import CERTIFIED
from lmctheory.comparison.sections.costs import COSTS
from lmctheory.comparison.sections.feature_table import FEATURES
from lmctheory.comparison.sections.layer_table import LAYERS
from lmctheory.comparison.sections.permutable import PERMUTABLE
from lmctheory.comparison.sections.predicted import PREDICTED
from lmctheory.comparison.sections.two_networks import NETWORKS

__all__ = ["SECTIONS"]

SECTIONS: tuple[Section, ...] = (
    *(NETWORKS, PERMUTABLE, BARRIERS, COSTS, LAYERS, FEATURES, CERTIFIED, PREDICTED),
)
"""All sections."""
