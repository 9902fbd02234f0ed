"""The arguments behind `upper_bound`, one function each: a value, or what the law lacks.

Each takes a law, the number of neurons m and the exponent p, and returns an upper bound of E W_p^p.
Those that bound M(m) = E W_2^2 serve other exponents too (`from_squares`):

    p < 2:  E W_p^p <= M^{p/2},  by Jensen, first over the neurons, then over the samples;
    p > 2:  E W_p^p <= D^{p-2} M  for support of diameter D, at the permutation optimal for p = 2.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, singledispatch
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float

from lmctheory.measures import (
    Bounded,
    Diffusive,
    Empirical,
    Gaussian,
    GaussianMixture,
    HasSpectrum,
    Measure,
    Partitioned,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.arguments import is_value
from lmctheory.rates.atom_lines import MOST_PRODUCTS, line_costs
from lmctheory.rates.bound import ROUNDED_UP, NotApplicable
from lmctheory.rates.lower.linkage import MOST_POINTS
from lmctheory.rates.lower.small_ball import NEGLIGIBLE
from lmctheory.rates.upper.atoms import atomic_bound
from lmctheory.rates.upper.box_tree import box_tree
from lmctheory.rates.upper.chain import FEWEST, MOST_ATOMS, Chain
from lmctheory.rates.upper.clusters import cluster_bound
from lmctheory.rates.upper.covering import box_covering_bound, covering_bound
from lmctheory.rates.upper.cube_tree import CubeTree
from lmctheory.rates.upper.dyadic import dyadic_bound
from lmctheory.rates.upper.equal_cells import equal_cells_bound, equal_cells_power_bound
from lmctheory.rates.upper.holder import central_moment, interpolated
from lmctheory.rates.upper.order_statistics import normal_matching_cost
from lmctheory.rates.upper.polar_tree import polar_tree
from lmctheory.rates.upper.product_tree import product_tree
from lmctheory.rates.upper.rank_block import rank_block_tree
from lmctheory.rates.upper.semigroup import semigroup_bound
from lmctheory.rates.upper.truncated_gaussian import truncated_gaussian_bound

__all__ = [
    "ARGUMENTS",
    "Argument",
    "box",
    "few",
    "from_squares",
    "gaussian",
    "gaussian_of",
    "lacks",
    "moments_of",
    "semigroup",
    "uniform_box",
]

Argument = Callable[[Measure, int, float], float]

_FEW = 4
"""Positive eigenvalues up to which the semigroup can beat R13, at large widths."""


def lacks(mu: Measure, what: str) -> NotApplicable:
    """The reason why an argument says nothing about a law."""
    return NotApplicable(f"{type(mu).__name__} {what}")


def from_squares(argument: Callable[[Measure, int], float]) -> Argument:
    """An argument for M(m), carried over to any exponent (module docstring)."""

    def for_any_exponent(mu: Measure, m: int, p: float) -> float:
        cost = argument(mu, m)
        if p <= 2:
            return cost ** (p / 2)
        if not isinstance(mu, Bounded):
            raise lacks(mu, "has no diameter, which p > 2 needs")
        return float(mu.diameter ** (p - 2) * cost)

    return for_any_exponent


def _trivial(mu: Measure, _m: int, p: float) -> float:
    """E|X - X'|^p: any permutation."""
    bounds = [mu.diameter**p] if isinstance(mu, Bounded) else []
    if isinstance(mu, HasSpectrum):
        squared = 2 * float(mu.spectrum.sum())
        if p <= 2:
            bounds.append(squared ** (p / 2))
        elif bounds:
            bounds.append(bounds[0] ** ((p - 2) / p) * squared)
    if not bounds:
        # X - X' is sqrt 2 X for a Gaussian, and at most 2^p E|X - E X|^p in general
        bounds.append(2 ** (p / 2 if isinstance(mu, Gaussian) else p) * central_moment(mu, p))
    return float(min(bounds))


# ---- bounded support


@singledispatch
def box(mu: Measure) -> Float[np.ndarray, " d"]:
    """Sides of a box that contains the support."""
    if not isinstance(mu, Bounded):
        raise lacks(mu, "has no diameter")
    return np.full(mu.dimension, mu.diameter)


@box.register
def _(mu: UniformCube) -> Float[np.ndarray, " d"]:
    return np.full(mu.dimension, mu.side)


@box.register
def _(mu: SubGaussianProduct) -> Float[np.ndarray, " d"]:
    if not np.isfinite(mu.marginal.reach):
        raise lacks(mu, "has no diameter")
    return 2 * mu.marginal.reach * np.asarray(mu.scales)


@box.register
def _(mu: Empirical) -> Float[np.ndarray, " d"]:
    return np.ptp(mu.points, axis=0)


def _dyadic(term: str) -> Argument:
    def argument(mu: Measure, m: int, p: float) -> float:
        sides = box(mu)
        side = float(sides.max())
        return dyadic_bound(m, len(sides), p, side).terms[term] if side else 0.0

    return argument


def _covering(mu: Measure, m: int, p: float) -> float:
    if isinstance(mu, Empirical):
        n = len(mu.points)
        return atomic_bound(mu.points, np.full(n, 1 / n), m, p)
    halving = box_covering_bound(box(mu), m, p)
    if not (isinstance(mu, Partitioned) and isinstance(mu, Bounded)):
        return halving
    return min(halving, covering_bound(mu, m, p).value)


_CUBE_TREES: WeakKeyDictionary[Empirical, CubeTree] = WeakKeyDictionary()


def _cube_tree(mu: Measure, m: int) -> float:
    if not isinstance(mu, Empirical):
        raise lacks(mu, "is not the law of given points")
    if mu not in _CUBE_TREES:
        n = len(mu.points)
        _CUBE_TREES[mu] = CubeTree(np.asarray(mu.points), np.full(n, 1 / n))
    return _CUBE_TREES[mu].bound(m)


def _equal_cells(mu: Measure, m: int, p: float) -> float:
    if not isinstance(mu, Empirical):
        raise lacks(mu, "is not the law of given points")
    points = np.asarray(mu.points)
    by_squares = from_squares(lambda _, m: equal_cells_bound(points, m))(mu, m, p)
    if p == 2 or len(points) > MOST_POINTS:
        return by_squares
    return min(by_squares, equal_cells_power_bound(points, m, p))


_CHAINS: WeakKeyDictionary[Empirical, dict[float, Chain]] = WeakKeyDictionary()


def _chain(mu: Measure, m: int, p: float) -> float:
    if not isinstance(mu, Empirical):
        raise lacks(mu, "is not the law of given points")
    n = len(mu.points)
    fewest = FEWEST if p > 1 else 1
    if not (1 < n <= min(MOST_ATOMS, m / fewest) and np.ptp(mu.points, axis=0).any()):
        raise lacks(mu, f"has not 2 to {MOST_ATOMS} points with {fewest} neurons for each")
    chains = _CHAINS.setdefault(mu, {})
    if p not in chains:
        chains[p] = Chain(np.asarray(mu.points), np.full(n, 1 / n), p)
    return chains[p].bound(m)


def uniform_box(mu: Measure) -> Float[np.ndarray, " d"]:
    """Sides of the box on which the law is uniform."""
    if isinstance(mu, SubGaussianProduct) and isinstance(mu.marginal, Uniform):
        return box(mu)
    if isinstance(mu, UniformCube) or (isinstance(mu, UniformBall) and mu.dimension == 1):
        return box(mu)
    raise lacks(mu, "is not uniform on a box")


def _box_tree(mu: Measure, m: int) -> float:
    return box_tree(uniform_box(mu), m)


# ---- semigroups


@lru_cache(maxsize=256)
def gaussian_of(spectrum: tuple[float, ...]) -> Gaussian:
    """The same object for the same spectrum, so that what is known of it is remembered."""
    return Gaussian(spectrum=spectrum)


def few(mu: Gaussian) -> tuple[Gaussian, float]:
    """The law of the coordinates that matter, if they are few, and the cost of the rest (R8)."""
    kept = mu.spectrum[mu.spectrum > NEGLIGIBLE * mu.spectrum[0]]
    if not 0 < len(kept) <= _FEW:
        raise NotApplicable(f"{len(kept)} positive eigenvalues; beyond {_FEW} R13 is lower")
    return gaussian_of(tuple(kept.tolist())), 2 * float(mu.spectrum.sum() - kept.sum())


def semigroup(
    term: str, part: Callable[[Measure], Measure] = lambda mu: mu
) -> Callable[[Measure, int], float]:
    """R6a or R6b, for the leading coordinates of a Gaussian if they are few.

    Args:
        term: which of them.
        part: of a law, with the diffusion that counts; all of it by default.
    """

    def argument(mu: Measure, m: int) -> float:
        rest = 0.0
        if isinstance(mu, Gaussian):
            mu, rest = few(mu)
        found = part(mu)
        if not isinstance(found, Diffusive):
            raise lacks(mu, "has no heat_trace")
        if term == "R6b" and found.semigroup_constant >= 4:
            raise lacks(mu, "has no semigroup_constant below 4")
        known = is_value(mu) and is_value(found)
        terms = _semigroup_terms(found, m) if known else semigroup_bound(found, m).terms
        return terms[term] + rest

    return argument


@lru_cache(maxsize=256)
def _semigroup_terms(mu: Measure, m: int) -> dict[str, float]:
    return dict(semigroup_bound(mu, m).terms)


# ---- Gaussians, mixtures, products


def gaussian(mu: Measure) -> Gaussian:
    """The law, if it is Gaussian."""
    if not isinstance(mu, Gaussian):
        raise lacks(mu, "is not Gaussian")
    return mu


def _truncation(mu: Measure, m: int) -> float:
    kept, rest = few(gaussian(mu))
    return truncated_gaussian_bound(kept, m).value + rest


def _one_dimension(mu: Measure, m: int) -> float:
    if isinstance(mu, Gaussian) and (mu.spectrum > 0).sum() == 1:
        return float(mu.spectrum[0]) * normal_matching_cost(m)
    if isinstance(mu, Gaussian) or mu.dimension > 1:
        raise lacks(mu, "has more than one dimension")
    if isinstance(mu, Empirical):
        if len(mu.points) * m > MOST_PRODUCTS:
            raise lacks(mu, f"has more than {MOST_PRODUCTS} points times neurons")
        return float(line_costs(np.asarray(mu.points), m)[0]) * ROUNDED_UP
    return float(uniform_box(mu)[0] ** 2) / (3 * (m + 1))


def _first_coordinate(mu: Measure, m: int) -> float:
    spectrum = gaussian(mu).spectrum
    return float(spectrum[0]) * normal_matching_cost(m) + 2 * float(spectrum[1:].sum())


def _rank_blocks(mu: Measure, m: int) -> float:
    return rank_block_tree(gaussian(mu).spectrum, m)


def _product_tree(mu: Measure, m: int) -> float:
    if isinstance(mu, SubGaussianProduct):
        return product_tree(np.asarray(mu.scales), m, mu.marginal)
    return product_tree(np.sqrt(gaussian(mu).spectrum), m)


def _polar_tree(mu: Measure, m: int) -> float:
    solid = isinstance(mu, UniformBall)
    if not (isinstance(mu, UniformBall | UniformSphere) and mu.dimension > 1):
        raise lacks(mu, "is not uniform on a ball or a sphere")
    return mu.radius**2 * polar_tree(mu.dimension, m, solid=solid) * ROUNDED_UP


def _clusters(mu: Measure, m: int) -> float:
    if not isinstance(mu, GaussianMixture):
        raise lacks(mu, "has no clusters")
    return cluster_bound(mu, m, _best_for_a_gaussian)


def _best_for_a_gaussian(mu: Gaussian, m: int) -> float:
    return min(_trivial(mu, m, 2.0), _rank_blocks(mu, m), _product_tree(mu, m))


def _clipping(mu: Measure, m: int) -> float:
    """D5: M <= (sqrt M~ + 2 rms|X - TX|)^2, T clipping at rho standard deviations."""
    if not isinstance(mu, SubGaussianProduct):
        raise lacks(mu, "has no independent coordinates to clip")
    scales, marginal = np.asarray(mu.scales), mu.marginal
    spread = float(np.linalg.norm(scales))
    bounds = []
    for rho in np.geomspace(0.5, 30.0, 40):
        inner = box_covering_bound(2 * min(rho, marginal.reach) * scales, m)
        bounds.append((np.sqrt(inner) + 2 * spread * np.sqrt(marginal.clipped(float(rho)))) ** 2)
    return float(min(bounds))


def _moments(mu: Measure, m: int, p: float) -> float:
    return moments_of(mu, m, p, ARGUMENTS, besides=_moments)


def moments_of(
    mu: Measure, m: int, p: float, arguments: Mapping[str, Argument], *, besides: Argument
) -> float:
    """Hoelder's inequality between the best bound for p = 2 of the other arguments and moments."""
    if p <= 2 or isinstance(mu, Bounded):
        raise NotApplicable("of use for p > 2 and unbounded support only")
    best = np.inf
    for argument in arguments.values():
        if argument is not besides:
            try:
                best = min(best, argument(mu, m, 2.0))
            except NotApplicable:
                continue
    return interpolated(mu, best, p)


ARGUMENTS: dict[str, Argument] = {
    "trivial": _trivial,
    "R4 published": _dyadic("R4 published"),
    "R4 series": _dyadic("R4 series"),
    "R5": _covering,
    "R5 clusters": from_squares(_clusters),
    "R6a": from_squares(semigroup("R6a")),
    "R6b": from_squares(semigroup("R6b")),
    "R6c": from_squares(_truncation),
    "R7": from_squares(_one_dimension),
    "R8": from_squares(_first_coordinate),
    "R13": from_squares(_rank_blocks),
    "R14": from_squares(_box_tree),
    "R15": from_squares(_product_tree),
    "R16": _equal_cells,
    "R17": from_squares(_polar_tree),
    "R18": from_squares(_cube_tree),
    "R19": _chain,
    "D5": from_squares(_clipping),
    "moments": _moments,
}
"""Every argument by its key."""
