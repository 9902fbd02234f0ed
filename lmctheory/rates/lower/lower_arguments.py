"""The arguments behind `lower_bound`, one function each: bounds by name, or what the law lacks.

Each takes a law, the number of neurons m, the exponent p and whether costs are modulo signs (S1):

* a neuron is within r of a with a probability of at most mu(B(a, r)) + mu(B(-a, r)), twice the mass
  of B(a, r) under the symmetrised law: nearest-neighbour arguments hold with twice the mass;
* orthogonal parts add up, and |a - s b| is at least the distance modulo signs in each part;
* signs change the means of samples: those of even features take their place;
* e^{|x|} <= e^x + e^{-x} costs the exponential moment of a symmetric law a factor 2 per neuron.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from lmctheory.measures import (
    Bounded,
    Empirical,
    Gaussian,
    GaussianMixture,
    HasDensity,
    HasDistanceLaw,
    HasSpectrum,
    Measure,
    RademacherMixture,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.covariance import centred
from lmctheory.measures.quotient import symmetrised
from lmctheory.rates.atom_lines import MOST_PRODUCTS, line_costs
from lmctheory.rates.bound import ROUNDED_DOWN, NotApplicable
from lmctheory.rates.lower.blocks import best_block_sum, block_edges
from lmctheory.rates.lower.box_balls import box_bound, interval_matching_cost
from lmctheory.rates.lower.even_features import even_variance
from lmctheory.rates.lower.linkage import MOST_POINTS, linkage_bound, separation_bound
from lmctheory.rates.lower.moments import exponential_moment_bound, mean_bound
from lmctheory.rates.lower.nearest_neighbour import (
    ball_bound,
    best_projection,
    correlation_bound,
    density_bound,
    empirical_bound,
    power,
)
from lmctheory.rates.lower.small_ball import NEGLIGIBLE, small_ball_bound
from lmctheory.rates.lower.voronoi import ball_voronoi_gain, cube_voronoi_gain, sphere_voronoi_gain
from lmctheory.rates.one_neuron import one_neuron_cost
from lmctheory.rates.upper.half_normal import folded_matching_cost, half_normal_matching_cost
from lmctheory.rates.upper.order_statistics import normal_matching_cost
from lmctheory.rates.upper.thinning import WIDEST, marginal_matching_cost

__all__ = ["ARGUMENTS", "EXACT", "Argument"]

Argument = Callable[[Measure, int, float, bool], dict[str, float]]
EXACT = "one neuron"
"""The bound that is no bound but the cost."""

_GAP = 9.0
"""Ratio of successive variances of points, from which ranks along the larger ones may count."""
_SIDES = 100
"""Sides of a box that are kept for its small balls at most; the exponential moment sees all."""


def _require(holds: bool | np.bool_, what: str) -> None:
    if not holds:
        raise NotApplicable(what)


def _one_neuron(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    _require(m == 1 and p == 2, "one neuron and p = 2")
    return {EXACT: one_neuron_cost(mu, signs=signs)}


def _means(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """Where the samples' means lie, or modulo signs those of even features."""
    if signs:
        _require(p >= 2, "p >= 2")
        return {"even means": (2 * even_variance(mu) / m) ** (p / 2)}
    _require(p >= 1, "p >= 1")
    if not isinstance(mu, HasSpectrum):
        raise NotApplicable("a known covariance")
    _require(p >= 2 or _strictly_sub_gaussian(mu), "strict sub-Gaussianity, as p < 2")
    return {"means": mean_bound(mu.spectrum, m, p)}


def _exponential_moment(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    _require(p == 2, "p = 2")
    if not (isinstance(mu, HasSpectrum) and _strictly_sub_gaussian(mu)):
        raise NotApplicable("strict sub-Gaussianity")
    _require(mu.spectrum[0] > 0, "a positive variance")
    return {"R9 exponential moment": exponential_moment_bound(mu.spectrum, m, signs=signs)}


def _strictly_sub_gaussian(mu: Measure) -> bool:
    """E e^{<t, X - EX>} <= e^{<t, Lambda t>/2}: see `moments`."""
    if isinstance(mu, SubGaussianProduct):
        return isinstance(mu.marginal, Uniform | RademacherMixture)
    return isinstance(mu, Gaussian | UniformCube | UniformBall | UniformSphere)


def _correlation(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    sharper = isinstance(mu, Gaussian | Empirical)
    _require(not sharper, "nothing: its sharper first form is computed instead")
    law: object = symmetrised(mu) if signs else mu
    if not isinstance(law, HasDistanceLaw):
        raise NotApplicable("a distance law")
    if isinstance(mu, Bounded):
        scale = mu.diameter**2
    elif isinstance(mu, HasSpectrum):
        scale = 16 * (mu.second_moment if signs else float(mu.spectrum.sum()))
    else:
        raise NotApplicable("a scale: neither a diameter nor a covariance is known")
    value = correlation_bound(law, scale, m, p, copies=1 + signs) if scale > 0 else 0.0
    return {"R9 correlation": value}


def _density(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """For independent coordinates the best projection onto some of them."""
    if not isinstance(mu, HasDensity):
        raise NotApplicable("a density")
    if isinstance(mu, SubGaussianProduct):
        logs = np.cumsum(np.log(mu.marginal.density_bound) - np.log(mu.spectrum) / 2)
    elif isinstance(mu, Gaussian):
        positive = mu.spectrum[mu.spectrum > 0]
        _require(positive.size > 0, "a positive variance")
        logs = np.cumsum(-np.log(2 * np.pi * positive) / 2)
    else:
        logs = np.full(mu.dimension, np.inf)
        logs[-1] = np.log(mu.density_bound)
    return {"R9 density": density_bound(logs + np.log(1 + signs), m, p)}


def _nearest_neighbour(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    if isinstance(mu, UniformBall):
        value = mu.radius**p * ball_bound(mu.dimension, m, p, copies=1 + signs)
    elif isinstance(mu, Empirical):
        value = empirical_bound(mu, m, p, signs=signs)
    else:
        sides = _sides(mu)
        unit = tuple((sides / sides[0]).tolist())
        value = float(sides[0]) ** p * _unit_box(unit, m, p, 1 + signs)
    return {"R9 nearest neighbour": value}


def _linkage(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """Gaps between clusters, of points or of the components of a mixture."""
    if isinstance(mu, Empirical):
        n = len(mu.points)
        _require(1 < n <= MOST_POINTS, f"2 to {MOST_POINTS} points: it holds all distances")
        return {"R22": linkage_bound(mu, m, p, signs=signs)}
    if not (isinstance(mu, GaussianMixture) and len(mu.components) > 1):
        raise NotApplicable("given points, or clusters")
    _require(p == 2 and not signs, "p = 2, and neurons that keep their signs")

    def survival(x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return power(np.log(mu.distance_cdf(np.sqrt(x))), m)

    return {"R22": separation_bound(mu, m, survival)}


def _voronoi(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """The nearest-neighbour cost, and what empty cells add to it."""
    copies = 1 + signs
    if isinstance(mu, UniformSphere):
        nearest = correlation_bound(mu, mu.diameter**2, m, p, copies=copies)
        value = nearest + mu.radius**p * sphere_voronoi_gain(mu.dimension, m, p, copies)
    elif isinstance(mu, UniformBall):
        gain = ball_voronoi_gain(mu.dimension, m, p, copies)
        value = mu.radius**p * (ball_bound(mu.dimension, m, p, copies=copies) + gain)
    else:
        sides = _sides(mu)
        _require(sides[0] == sides[-1], "equal sides")
        d = len(sides)
        nearest = _unit_box((1.0,) * d, m, p, copies)
        value = float(sides[0]) ** p * (nearest + cube_voronoi_gain(d, m, p, copies))
    return {"R9 Voronoi cells": value}


def _sides(mu: Measure) -> np.ndarray:
    """The sides of a box, the longest first; negligible ones are projected away."""
    if isinstance(mu, UniformCube):
        return np.full(mu.dimension, mu.side)
    if isinstance(mu, SubGaussianProduct) and isinstance(mu.marginal, Uniform):
        sides = np.sqrt(12 * mu.spectrum)
        return sides[sides >= NEGLIGIBLE * sides[0]]
    raise NotApplicable("known masses of small balls: it is no box, ball or set of given points")


def _unit_box(sides: tuple[float, ...], m: int, p: float, copies: int) -> float:
    """Of the leading sides only, as many as suit the width: the others are projected away."""
    k = best_projection(np.cumsum(-np.log(sides)), m, p)
    return box_bound(sides[: min(k, _SIDES)], m, p, copies=copies)


def _gaussian(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """Every term is homogeneous: computed at unit largest eigenvalue."""
    if not isinstance(mu, Gaussian):
        raise NotApplicable("a Gaussian law")
    top = float(mu.spectrum[0])
    _require(top > 0, "a positive variance")
    ratios = mu.spectrum / top
    unit = tuple(ratios[ratios > 0].tolist())
    return {
        name: top ** (p / 2) * value for name, value in _gaussian_terms(unit, m, p, signs).items()
    }


@lru_cache(maxsize=1024)
def _gaussian_terms(
    spectrum: tuple[float, ...], m: int, p: float, signs: bool
) -> Mapping[str, float]:
    return small_ball_bound(np.array(spectrum), m, p, signs=signs)


def _coordinates(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """R7 in each, of absolute values modulo signs; a Gaussian's comes with its blocks."""
    _require(p == 2, "p = 2")
    if isinstance(mu, Gaussian):
        each = half_normal_matching_cost(m) if signs else normal_matching_cost(m)
        return {"R7 in every coordinate": float(mu.spectrum.sum()) * each}
    if isinstance(mu, Empirical):
        _require(not signs, "neurons that keep their signs")
        _require(len(mu.points) * m <= MOST_PRODUCTS, f"{MOST_PRODUCTS} points times neurons")
        return {"R7 in every coordinate": float(line_costs(_principal(mu), m).sum()) * ROUNDED_DOWN}
    if not isinstance(mu, UniformCube | SubGaussianProduct):
        raise NotApplicable("independent coordinates")
    if isinstance(mu, SubGaussianProduct) and not isinstance(mu.marginal, Uniform):
        _require(m <= WIDEST, f"m <= {WIDEST} for order statistics of its marginal")
        cost = folded_matching_cost if signs else marginal_matching_cost
        return {"R7 in every coordinate": cost(mu.marginal, m) * float(mu.spectrum.sum())}
    return {"R7 in every coordinate": _interval(m, signs) * float((_sides(mu) ** 2).sum())}


def _principal(mu: Empirical) -> np.ndarray:
    """Coordinates of given points along their principal axes, the longest first."""
    along = centred(np.asarray(mu.points))
    return along @ np.linalg.svd(along, full_matrices=False)[2].T if mu.dimension > 1 else along


def _point_blocks(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    """R7 along the axes before the widest gap of the spectrum, R22 across the others."""
    _require(p == 2 and not signs, "p = 2, and neurons that keep their signs")
    if not isinstance(mu, Empirical):
        raise NotApplicable("given points")
    n = len(mu.points)
    _require(1 < n <= MOST_POINTS and n * m <= MOST_PRODUCTS, "2 points or more, and not too many")
    along = _principal(mu)
    squares = np.square(along).sum(axis=0)
    kept = squares > NEGLIGIBLE * squares[0]
    ratios = squares[:-1][kept[1:]] / squares[1:][kept[1:]]
    _require(ratios.size > 0 and ratios.max() >= _GAP, "a gap in the spectrum")
    first = int(ratios.argmax()) + 1
    along = along[:, kept]
    lines = float(line_costs(along[:, :first], m).sum()) * ROUNDED_DOWN
    return {"R22 blocks": lines + linkage_bound(Empirical(along[:, first:]), m, 2.0)}


def _interval(m: int, signs: bool) -> float:
    """R7 for the uniform law on an interval of length 1; its half, modulo signs."""
    return interval_matching_cost(m) / (4 if signs else 1)


def _box_blocks(mu: Measure, m: int, p: float, signs: bool) -> dict[str, float]:
    _require(p == 2, "p = 2")
    sides = _sides(mu)
    _require(sides[0] > sides[-1], "different sides")
    value = _unit_box_blocks(tuple((sides / sides[0]).tolist()), m, signs)
    return {"R9 blocks": float(sides[0]) ** 2 * value}


@lru_cache(maxsize=1024)
def _unit_box_blocks(sides: tuple[float, ...], m: int, signs: bool) -> float:
    squares = np.square(sides)

    def block(start: int, stop: int) -> float:
        ranks = _interval(m, signs) * float(squares[start:stop].sum())
        return max(ranks, _unit_box(sides[start:stop], m, 2.0, 1 + signs))

    return best_block_sum(block_edges(squares), block)


ARGUMENTS: Mapping[str, Argument] = {
    EXACT: _one_neuron,
    "means": _means,
    "R7 in every coordinate": _coordinates,
    "R9 exponential moment": _exponential_moment,
    "R9 correlation": _correlation,
    "R9 density": _density,
    "R9 nearest neighbour": _nearest_neighbour,
    "R22": _linkage,
    "R22 blocks": _point_blocks,
    "R9 Voronoi cells": _voronoi,
    "R9 Gaussian small balls": _gaussian,
    "R9 blocks of a box": _box_blocks,
}
"""Name (for `Bound.missing`) and argument."""
