"""Laws of one neuron's weight vector."""

from lmctheory.measures.ball import UniformBall
from lmctheory.measures.cube import UniformCube
from lmctheory.measures.empirical import Empirical
from lmctheory.measures.gaussian import Gaussian, LowRankPlusNoise
from lmctheory.measures.image import LipschitzImage
from lmctheory.measures.marginal import (
    Laplace,
    Marginal,
    RademacherMixture,
    TruncatedNormal,
    Uniform,
)
from lmctheory.measures.measure import (
    Bounded,
    Diffusive,
    EvenDiffusive,
    HasDensity,
    HasDistanceLaw,
    HasSpectrum,
    LogSobolev,
    Measure,
    Partitioned,
)
from lmctheory.measures.mixture import GaussianMixture
from lmctheory.measures.product import SubGaussianProduct
from lmctheory.measures.quotient import Modulo
from lmctheory.measures.sphere import UniformSphere

__all__ = [
    "Bounded",
    "Diffusive",
    "Empirical",
    "EvenDiffusive",
    "Gaussian",
    "GaussianMixture",
    "HasDensity",
    "HasDistanceLaw",
    "HasSpectrum",
    "Laplace",
    "LipschitzImage",
    "LogSobolev",
    "LowRankPlusNoise",
    "Marginal",
    "Measure",
    "Modulo",
    "Partitioned",
    "RademacherMixture",
    "SubGaussianProduct",
    "TruncatedNormal",
    "Uniform",
    "UniformBall",
    "UniformCube",
    "UniformSphere",
]
