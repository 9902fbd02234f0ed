"""Laws so large or small that powers of their size leave the range of floats.

Bounds of matching costs are homogeneous: those of a law are size^p times those of the law at size
1. What is computed for a law of extreme size is computed for one of moderate size, a power of two
smaller, so that no weight is rounded.
"""

from collections.abc import MutableMapping
from dataclasses import replace
from functools import singledispatch
from math import exp, frexp, inf, ldexp, log, ulp
from sys import float_info
from weakref import WeakKeyDictionary

import numpy as np

from lmctheory.measures.arguments import raised
from lmctheory.measures.ball import UniformBall
from lmctheory.measures.cube import UniformCube
from lmctheory.measures.empirical import Empirical
from lmctheory.measures.gaussian import Gaussian
from lmctheory.measures.image import LipschitzImage
from lmctheory.measures.measure import Measure
from lmctheory.measures.mixture import GaussianMixture
from lmctheory.measures.product import SubGaussianProduct
from lmctheory.measures.sphere import UniformSphere

__all__ = ["beyond_floats", "moderate", "times_power", "times_power_above"]

_LOG_RANGE = 690.0
"""Of numbers up to 1e300."""
_LEAST_SHARE = 1e-150
"""Of the largest scale of a product: squares of smaller ones, divided by it, would be no floats."""
_SHRUNK: MutableMapping[Measure, dict[float, tuple[Measure, float]]] = WeakKeyDictionary()
"""By p, kept with the law, as trees and chains are with the one that is moderate."""


def moderate(mu: Measure, p: float) -> tuple[Measure, float]:
    """The law and 1; or the law over a power of two, and that, if powers of its size are no floats.

    Args:
        mu: any law; those of other packages are taken as they are.
        p: the largest power that is taken, but for fourth ones.

    Raises:
        ValueError: for a law whose size is no float, as an image's may be.
    """
    sizes = [size for size in _sizes(mu) if size > 0]
    if all(abs(log(size)) * max(p, 4.0) <= _LOG_RANGE for size in sizes):
        return mu, 1.0
    if sizes[0] == inf:
        raise beyond_floats(p)
    known = _SHRUNK.setdefault(mu, {})
    if p not in known:
        unit = ldexp(1.0, frexp(sizes[0])[1] - 1)
        known[p] = _over(mu, unit, p), unit
    return known[p]


def times_power(value: float, size: float, p: float) -> float:
    """size^p times a value >= 0; infinite where it exceeds the largest float."""
    factor = raised(size, p)
    if float_info.min <= factor < inf:
        return factor * value
    if value in (0.0, inf):
        return value
    logarithm = p * log(size) + log(value)
    return exp(logarithm) if logarithm < log(float_info.max) else inf


def times_power_above(value: float, size: float, p: float) -> float:
    """`times_power`, not underflown to 0: an upper bound must stay one."""
    scaled = times_power(value, size, p)
    return max(scaled, ulp(0.0)) if value > 0 else scaled


def beyond_floats(p: float) -> ValueError:
    """What to raise where a bound is no float."""
    return ValueError(f"mu or p must be smaller: costs to the power {p:g} exceed the largest float")


def _sizes(mu: Measure) -> tuple[float, ...]:
    """The law's, and those of all that it is made of."""
    made_of = (mu.L, *_sizes(mu.base)) if isinstance(mu, LipschitzImage) else ()
    return _size(mu), *made_of


@singledispatch
def _size(mu: Measure) -> float:  # noqa: ARG001
    return 1.0


@singledispatch
def _over(mu: Measure, unit: float, p: float) -> Measure:  # noqa: ARG001
    """The law of X over a unit, where the p-th powers of all in it are floats."""
    return mu


@_size.register
def _(mu: Gaussian) -> float:
    return float(mu.spectrum[0]) ** 0.5


@_over.register
def _(mu: Gaussian, unit: float, p: float) -> Measure:  # noqa: ARG001
    return Gaussian(spectrum=mu.spectrum / unit / unit)


@_size.register
def _(mu: UniformCube) -> float:
    return mu.side


@_over.register
def _(mu: UniformCube, unit: float, p: float) -> Measure:  # noqa: ARG001
    return replace(mu, side=mu.side / unit)


@_size.register(UniformBall)
@_size.register(UniformSphere)
def _(mu: UniformBall | UniformSphere) -> float:
    return mu.radius


@_over.register(UniformBall)
@_over.register(UniformSphere)
def _(mu: UniformBall | UniformSphere, unit: float, p: float) -> Measure:  # noqa: ARG001
    return replace(mu, radius=mu.radius / unit)


@_size.register
def _(mu: Empirical) -> float:
    return float(np.abs(mu.points).max())


@_over.register
def _(mu: Empirical, unit: float, p: float) -> Measure:  # noqa: ARG001
    return Empirical(np.asarray(mu.points) / unit)


@_size.register
def _(mu: GaussianMixture) -> float:
    return max(float(np.abs(mu.means).max()), *map(_size, mu.components))


@_over.register
def _(mu: GaussianMixture, unit: float, p: float) -> Measure:  # noqa: ARG001
    components = [Gaussian(covariance=one.covariance / unit / unit) for one in mu.components]
    return GaussianMixture(mu.weights, np.asarray(mu.means) / unit, components)


@_size.register
def _(mu: SubGaussianProduct) -> float:
    least, largest = float(np.min(mu.scales)), float(np.max(mu.scales))
    return largest if least > _LEAST_SHARE * largest else 1.0


@_over.register
def _(mu: SubGaussianProduct, unit: float, p: float) -> Measure:  # noqa: ARG001
    return SubGaussianProduct(mu.marginal, np.asarray(mu.scales) / unit)


@_size.register
def _(mu: LipschitzImage) -> float:
    return mu.L * _size(mu.base)


@_over.register
def _(mu: LipschitzImage, unit: float, p: float) -> Measure:
    base, of_base = moderate(mu.base, p)
    F = mu.F
    L, least = (constant / unit * of_base for constant in (mu.L, mu.least))
    return LipschitzImage(lambda x: F(x * of_base) / unit, L, base, min(least, L))
