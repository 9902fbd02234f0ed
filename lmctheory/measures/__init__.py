"""Laws of one neuron's weight vector."""

from lmctheory.measures.gaussian import Gaussian
from lmctheory.measures.measure import Measure

__all__ = ["Gaussian", "Measure"]
