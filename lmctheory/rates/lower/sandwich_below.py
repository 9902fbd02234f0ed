"""The lower side of the sandwich (R11): L(m) <= E W_p^p for every law, by whatever applies to it.

Every argument is a function of the law, the width and p that returns its bounds by name, or raises
`NotApplicable` with what is lacking; the largest bound wins. Two of them pass between powers: for
p > 2, W_p >= W_2 and Jensen's inequality give E W_p^p >= (E W_2^2)^{p/2}; for p < 2 on a support of
diameter D, |x - y|^2 <= D^{2-p} |x - y|^p gives E W_p^p >= D^{p-2} E W_2^2.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from lmctheory.measures import (
    Bounded,
    Empirical,
    Gaussian,
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
from lmctheory.measures.arguments import positive
from lmctheory.measures.measure import require_law
from lmctheory.rates.bound import Bound, NotApplicable, width
from lmctheory.rates.lower.blocks import best_block_sum, block_edges
from lmctheory.rates.lower.box_balls import box_bound, interval_matching_cost
from lmctheory.rates.lower.moments import exponential_moment_bound, mean_bound
from lmctheory.rates.lower.nearest_neighbour import (
    ball_bound,
    best_projection,
    correlation_bound,
    density_bound,
    empirical_bound,
)
from lmctheory.rates.lower.small_ball import NEGLIGIBLE, small_ball_bound
from lmctheory.rates.lower.voronoi import ball_voronoi_gain, cube_voronoi_gain, sphere_voronoi_gain
from lmctheory.rates.upper.order_statistics import normal_matching_cost
from lmctheory.rates.upper.thinning import WIDEST, marginal_matching_cost

__all__ = ["lower_bound"]

_ASSUMPTIONS = (
    "the m neurons of A and the m neurons of B are independent draws from one law",
    "cost per neuron (1/m) sum |a_i - b_pi(i)|^p, at the best permutation pi, in expectation",
)
_SIDES = 100
"""Sides of a box that are kept for its small balls at most; the exponential moment sees all."""


def lower_bound(mu: Measure, m: int, p: float = 2.0) -> Bound:
    """L(m) <= E W_p^p between two samples of m neurons; M(m) for p = 2.

    The largest of: the nearest-neighbour arguments of R9 (exact or nearly so where small balls are
    known, by the correlation integral, or by a bound of the density), empty Voronoi cells, the
    distance of the means, the exponential moment, R7 in every coordinate, and sums over blocks.

    Args:
        mu: the law of a neuron. The more is known of it, the more arguments apply.
        m: number of neurons in each sample, 1 <= m <= 10^12.
        p: exponent of the cost, > 0.

    Returns:
        The bound, in units of the weights to the power p, per neuron; ``missing`` says why other
        arguments do not apply. It is 0 where none does, as for a general Lipschitz image.

    Raises:
        TypeError: if mu is no law, or m no integer.
        ValueError: if m or p is out of range.

    Reference:
        theory keys R7, R9, R11.

    Example:
        >>> from lmctheory.measures import Gaussian, UniformCube
        >>> mu = Gaussian(spectrum=[1 / i for i in range(1, 51)])
        >>> round(lower_bound(mu, 1000).value, 2)
        3.08
        >>> lower_bound(UniformCube(3), 1000).key
        'R9 Voronoi cells'
    """
    require_law("mu", mu)
    m, p = width("m", m), positive("p", p)
    terms: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, argument in _ARGUMENTS.items():
        try:
            terms |= argument(mu, m, p)
        except NotApplicable as reason:
            missing[name] = str(reason)
        if "2 tr" in terms:  # exact: the others can only round up to it
            break
    terms = terms or {"no argument": 0.0}
    key = max(terms, key=lambda name: terms[name])
    return Bound(terms[key], key, terms, _ASSUMPTIONS, missing=missing)


def _require(holds: bool | np.bool_, what: str) -> None:
    if not holds:
        raise NotApplicable(what)


def _one_neuron(mu: Measure, m: int, p: float) -> dict[str, float]:
    """E|X - X'|^2 = 2 tr."""
    _require(m == 1 and p == 2, "one neuron and p = 2")
    if not isinstance(mu, HasSpectrum):
        raise NotApplicable("a known covariance")
    return {"2 tr": 2 * float(mu.spectrum.sum())}


def _means(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(p >= 1, "p >= 1")
    if not isinstance(mu, HasSpectrum):
        raise NotApplicable("a known covariance")
    _require(p >= 2 or _strictly_sub_gaussian(mu), "strict sub-Gaussianity, as p < 2")
    return {"means": mean_bound(mu.spectrum, m, p)}


def _exponential_moment(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(p == 2, "p = 2")
    if not (isinstance(mu, HasSpectrum) and _strictly_sub_gaussian(mu)):
        raise NotApplicable("strict sub-Gaussianity")
    _require(mu.spectrum[0] > 0, "a positive variance")
    return {"R9 exponential moment": exponential_moment_bound(mu.spectrum, m)}


def _strictly_sub_gaussian(mu: Measure) -> bool:
    """E e^{<t, X - EX>} <= e^{<t, Lambda t>/2}: see `moments`."""
    if isinstance(mu, SubGaussianProduct):
        return isinstance(mu.marginal, Uniform | RademacherMixture)
    return isinstance(mu, Gaussian | UniformCube | UniformBall | UniformSphere)


def _correlation(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(not isinstance(mu, Gaussian), "nothing: its sharper first form is computed instead")
    if not isinstance(mu, HasDistanceLaw):
        raise NotApplicable("a distance law")
    if isinstance(mu, Bounded):
        scale = mu.diameter**2
    elif isinstance(mu, HasSpectrum):
        scale = 16 * float(mu.spectrum.sum())
    else:
        raise NotApplicable("a scale: neither a diameter nor a covariance is known")
    return {"R9 correlation": correlation_bound(mu, scale, m, p) if scale > 0 else 0.0}


def _density(mu: Measure, m: int, p: float) -> dict[str, float]:
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
    return {"R9 density": density_bound(logs, m, p)}


def _nearest_neighbour(mu: Measure, m: int, p: float) -> dict[str, float]:
    if isinstance(mu, UniformBall):
        value = mu.radius**p * ball_bound(mu.dimension, m, p)
    elif isinstance(mu, Empirical):
        value = empirical_bound(mu, m, p)
    else:
        sides = _sides(mu)
        value = float(sides[0]) ** p * _unit_box(tuple((sides / sides[0]).tolist()), m, p)
    return {"R9 nearest neighbour": value}


def _voronoi(mu: Measure, m: int, p: float) -> dict[str, float]:
    """The nearest-neighbour cost, and what empty cells add to it."""
    if isinstance(mu, UniformSphere):
        nearest = correlation_bound(mu, mu.diameter**2, m, p)
        value = nearest + mu.radius**p * sphere_voronoi_gain(mu.dimension, m, p)
    elif isinstance(mu, UniformBall):
        gain = ball_voronoi_gain(mu.dimension, m, p)
        value = mu.radius**p * (ball_bound(mu.dimension, m, p) + gain)
    else:
        sides = _sides(mu)
        _require(sides[0] == sides[-1], "equal sides")
        d = len(sides)
        value = float(sides[0]) ** p * (_unit_box((1.0,) * d, m, p) + cube_voronoi_gain(d, m, p))
    return {"R9 Voronoi cells": value}


def _sides(mu: Measure) -> np.ndarray:
    """The sides of a box, the longest first; negligible ones are projected away."""
    if isinstance(mu, UniformCube):
        return np.full(mu.dimension, mu.side)
    if isinstance(mu, SubGaussianProduct) and isinstance(mu.marginal, Uniform):
        sides = np.sqrt(12 * mu.spectrum)
        return sides[sides >= NEGLIGIBLE * sides[0]]
    raise NotApplicable("known masses of small balls: it is no box, ball or set of given points")


def _unit_box(sides: tuple[float, ...], m: int, p: float) -> float:
    """Of the leading sides only, as many as suit the width: the others are projected away."""
    k = best_projection(np.cumsum(-np.log(sides)), m, p)
    return box_bound(sides[: min(k, _SIDES)], m, p)


def _gaussian(mu: Measure, m: int, p: float) -> dict[str, float]:
    """Every term is homogeneous: computed at unit largest eigenvalue."""
    if not isinstance(mu, Gaussian):
        raise NotApplicable("a Gaussian law")
    top = float(mu.spectrum[0])
    _require(top > 0, "a positive variance")
    ratios = mu.spectrum / top
    unit = tuple(ratios[ratios > 0].tolist())
    return {name: top ** (p / 2) * value for name, value in _gaussian_terms(unit, m, p).items()}


@lru_cache(maxsize=1024)
def _gaussian_terms(spectrum: tuple[float, ...], m: int, p: float) -> Mapping[str, float]:
    return small_ball_bound(np.array(spectrum), m, p)


def _coordinates(mu: Measure, m: int, p: float) -> dict[str, float]:
    """R7 in each; a Gaussian's comes with its blocks."""
    _require(p == 2, "p = 2")
    if isinstance(mu, Gaussian):
        return {"R7 in every coordinate": float(mu.spectrum.sum()) * normal_matching_cost(m)}
    if not isinstance(mu, UniformCube | SubGaussianProduct):
        raise NotApplicable("independent coordinates")
    if isinstance(mu, SubGaussianProduct) and not isinstance(mu.marginal, Uniform):
        _require(m <= WIDEST, f"m <= {WIDEST} for order statistics of its marginal")
        each = marginal_matching_cost(mu.marginal, m)
        return {"R7 in every coordinate": each * float(mu.spectrum.sum())}
    return {"R7 in every coordinate": interval_matching_cost(m) * float((_sides(mu) ** 2).sum())}


def _box_blocks(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(p == 2, "p = 2")
    sides = _sides(mu)
    _require(sides[0] > sides[-1], "different sides")
    value = _unit_box_blocks(tuple((sides / sides[0]).tolist()), m)
    return {"R9 blocks": float(sides[0]) ** 2 * value}


@lru_cache(maxsize=1024)
def _unit_box_blocks(sides: tuple[float, ...], m: int) -> float:
    squares = np.square(sides)

    def block(start: int, stop: int) -> float:
        ranks = interval_matching_cost(m) * float(squares[start:stop].sum())
        return max(ranks, _unit_box(sides[start:stop], m, 2.0))

    return best_block_sum(block_edges(squares), block)


def _from_two_to_more(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(p > 2, "p > 2")
    return {"p = 2, Jensen": lower_bound(mu, m).value ** (p / 2)}


def _from_two_to_less(mu: Measure, m: int, p: float) -> dict[str, float]:
    _require(p < 2, "p < 2")
    if not isinstance(mu, Bounded):
        raise NotApplicable("a bounded support")
    _require(mu.diameter > 0, "a positive diameter")
    return {"p = 2, diameter": mu.diameter ** (p - 2) * lower_bound(mu, m).value}


_ARGUMENTS: Mapping[str, Callable[[Measure, int, float], dict[str, float]]] = {
    "2 tr": _one_neuron,
    "means": _means,
    "R7 in every coordinate": _coordinates,
    "R9 exponential moment": _exponential_moment,
    "R9 correlation": _correlation,
    "R9 density": _density,
    "R9 nearest neighbour": _nearest_neighbour,
    "R9 Voronoi cells": _voronoi,
    "R9 Gaussian small balls": _gaussian,
    "R9 blocks of a box": _box_blocks,
    "p = 2, Jensen": _from_two_to_more,
    "p = 2, diameter": _from_two_to_less,
}
"""Name (for `Bound.missing`) and argument."""
