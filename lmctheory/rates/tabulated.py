r"""Bounds from stored costs of isotropic laws, for every spectrum (R21): instant, but not certain.

Let neurons be (sqrt(lambda_1) xi_1, sqrt(lambda_2) xi_2, ...) with xi_i independent, of one law and
of variance 1, lambda_i decreasing, and M_k the cost where the first k of them are 1 and no others.
As a function of lambda the cost is the mean of a minimum, over matchings, of linear functions with
coefficients >= 0: concave, of degree 1, and so superadditive. The matching that is best for the
first k coordinates, taken as they are, costs M_k / k in each of them, and 2 in every other:

    M(m) <= (M_k / k) sum_{i<=k} lambda_i + 2 sum_{i>k} lambda_i          for every k,
    M(m) >= sum_k (lambda_k - lambda_{k+1}) M_k,       M_j >= (j / k) M_k  for j >= k.

M_1 is known (R7). For the others the package holds costs that were simulated beforehand
(`cost_table`), at some dimensions and widths; R20 makes ends of them, each of which fails with
probability delta / N at most, N the number of all ends of a law. So *all bounds that rest on the
stored costs of a law, for every spectrum and every width, hold together with probability 1 - delta*
over the draws of the table. Upper ends serve all larger widths, lower ends all smaller ones (R2).

The uniform laws on balls and spheres are isotropic: in the dimensions that are stored the cost is
r^2 times that of radius 1, and no tangent is needed. Between dimensions nothing is used. The first
d coordinates of a sphere in R^{d+2} are uniform on the ball, so that by its matching, which costs
the same in every coordinate, M_ball(d) <= (d / (d + 2)) M_sphere(d + 2): more than the ball's row.

The table is what it is, whatever law is asked for: nothing is simulated, and a choice of the best
bound among many costs no confidence.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from lmctheory.measures import (
    Gaussian,
    LipschitzImage,
    Measure,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.arguments import probability
from lmctheory.measures.extreme_sizes import moderate, times_power, times_power_above
from lmctheory.measures.measure import require_law
from lmctheory.rates.bound import Bound, NotApplicable, all_but, width
from lmctheory.rates.cost_table import SEED, Law, stored
from lmctheory.rates.lower.box_balls import interval_matching_cost
from lmctheory.rates.lower.sandwich_below import lower_bound
from lmctheory.rates.upper.order_statistics import normal_matching_cost
from lmctheory.rates.upper.sandwich_above import upper_bound
from lmctheory.rates.upper.upper_arguments import uniform_box

__all__ = ["tabulated_lower_bound", "tabulated_upper_bound"]

_KEY = "R21 tabulated"
_DIGITS = 1e-8
"""Of the stored costs, half a unit of their ninth digit, and of what is made of them, relative."""
_NAMES: Mapping[Law, str] = {
    "normal": "normal coordinates",
    "uniform": "uniform coordinates",
    "ball": "balls",
    "sphere": "spheres",
}


def tabulated_upper_bound(mu: Measure, m: int, *, delta: float = 1e-9) -> Bound:
    """M(m) at most, by `upper_bound` or, with probability 1 - delta, by stored costs.

    The probability is that with which all bounds from the stored costs of normal coordinates, or
    of uniform ones, of balls or of spheres, hold together. ``failure`` is 0 where another argument
    is better.

    Args:
        mu: the law of a neuron. Stored costs serve Gaussians, uniform laws on boxes, on balls in 2
            to 10 and on spheres in 2 to 11 dimensions, and their Lipschitz images.
        m: number of neurons in each sample, 1 <= m <= 10^12.
        delta: probability of failure, between 0 and 1.

    Returns:
        The bound, in squared units of the weights, per neuron; its assumptions name the table.

    Raises:
        TypeError: if mu is no law, or no argument applies to it.
        ValueError: if m or delta is out of range.

    Reference:
        theory keys R2, R7, R20, R21; derived here.

    Example:
        >>> law = Gaussian(spectrum=[1.0, 1.0, 1.0])
        >>> bound = tabulated_upper_bound(law, 512)
        >>> bound.key, bound.failure, upper_bound(law, 512).value / bound.value > 1.5
        ('R21 tabulated', 1e-09, True)
    """
    require_law("mu", mu)
    m, delta = width("m", m), probability("delta", delta)
    return _better(mu, upper_bound(mu, m), m, delta, upper=True)


def tabulated_lower_bound(mu: Measure, m: int, *, delta: float = 1e-9) -> Bound:
    """M(m) at least, by `lower_bound` or, with probability 1 - delta, by stored costs.

    The probability is that of `tabulated_upper_bound`; both hold together with it.

    Args:
        mu: the law of a neuron; images have stored costs if their maps have Lipschitz inverses.
        m: number of neurons in each sample, 1 <= m <= 10^12.
        delta: probability of failure, between 0 and 1.

    Returns:
        The bound, in squared units of the weights, per neuron; its assumptions name the table.

    Raises:
        TypeError: if mu is no law.
        ValueError: if m or delta is out of range.

    Reference:
        theory keys R2, R7, R20, R21; derived here.

    Example:
        >>> law = UniformCube(3)
        >>> bound = tabulated_lower_bound(law, 512)
        >>> bound.key, bound.failure, bound.value / lower_bound(law, 512).value > 1.3
        ('R21 tabulated', 1e-09, True)
    """
    require_law("mu", mu)
    m, delta = width("m", m), probability("delta", delta)
    return _better(mu, lower_bound(mu, m), m, delta, upper=False)


def _better(mu: Measure, certain: Bound, m: int, delta: float, *, upper: bool) -> Bound:
    try:
        unit, size = moderate(mu, 2.0)
        law, value = _from_table(unit, m, delta, upper=upper)
    except NotApplicable as reason:
        return replace(certain, missing={**certain.missing, _KEY: str(reason)})
    value = (times_power_above if upper else times_power)(value, size, 2.0)
    terms = {**certain.terms, _KEY: value}
    if (value >= certain.value) if upper else (value <= certain.value):
        return replace(certain, terms=terms)
    assumptions = (
        *certain.assumptions,
        f"the stored costs of {_NAMES[law]} (seed {SEED}) are draws among those, of probability"
        f" {all_but(delta)} or more, whose bounds hold, all of them together",
    )
    return Bound(value, _KEY, terms, assumptions, failure=delta, missing=certain.missing)


def _from_table(mu: Measure, m: int, delta: float, *, upper: bool) -> tuple[Law, float]:
    """The law whose stored costs serve, and the bound from them alone.

    Raises:
        NotApplicable: if there is none.
    """
    if isinstance(mu, LipschitzImage):
        share = mu.L if upper else mu.least
        if share == 0:
            raise NotApplicable("the map has no Lipschitz inverse")
        law, value = _from_table(mu.base, m, delta, upper=upper)
        return law, share**2 * value
    if isinstance(mu, UniformBall | UniformSphere):
        law = "ball" if isinstance(mu, UniformBall) else "sphere"
        return law, _round(law, mu, m, delta, upper=upper)
    law, spectrum = _coordinates(mu)
    return law, (_above if upper else _below)(law, spectrum, m, delta)


def _coordinates(mu: Measure) -> tuple[Law, Float[np.ndarray, " d"]]:
    """The law of independent coordinates, and their variances, decreasing.

    Raises:
        NotApplicable: if there are none whose costs are stored.
    """
    if isinstance(mu, Gaussian):
        return "normal", mu.spectrum
    if isinstance(mu, UniformCube):
        return "uniform", np.full(mu.dimension, mu.side**2 / 12)
    return "uniform", -np.sort(-(uniform_box(mu) ** 2) / 12)


@lru_cache(maxsize=1024)
def _ends(law: Law, m: int, delta: float, *, upper: bool) -> Float[np.ndarray, " k"]:
    """M_k at most, or at least, in the stored dimensions; infinite, or 0, if no width serves."""
    costs = stored(law)
    ends = 2 * costs.means.size
    s = np.sqrt(4 * costs.constants[:, None] * np.log(ends / delta) / (costs.pairs * costs.widths))
    roots = np.sqrt(costs.means)
    if upper:
        return np.asarray(((roots + s) ** 2)[:, costs.widths <= m].min(axis=1, initial=np.inf))
    lower = np.maximum(roots - s, 0.0) ** 2
    return np.asarray(lower[:, costs.widths >= m].max(axis=1, initial=0.0))


def _round(
    law: Law, mu: UniformBall | UniformSphere, m: int, delta: float, *, upper: bool
) -> float:
    dimensions = stored(law).dimensions
    place = np.searchsorted(dimensions, mu.dimension)
    if mu.dimension not in dimensions:
        raise NotApplicable(
            f"a {law} of {dimensions[0]} to {dimensions[-1]} dimensions, not {mu.dimension}"
        )
    value = mu.radius**2 * float(_ends(law, m, delta, upper=upper)[place])
    if upper:
        return min(value, 2 * mu.second_moment) * (1 + _DIGITS)
    return value * (1 - _DIGITS)


def _line(law: Law, m: int) -> float:
    """M_1."""
    return normal_matching_cost(m) if law == "normal" else 12 * interval_matching_cost(m)


def _above(law: Law, spectrum: Float[np.ndarray, " d"], m: int, delta: float) -> float:
    counts = np.r_[1, stored(law).dimensions]
    known = np.r_[_line(law, m), _ends(law, m, delta, upper=True)]
    per_coordinate = np.minimum(known / counts, 2.0)
    sums = np.r_[0.0, np.cumsum(spectrum)]
    first = sums[np.minimum(counts, len(spectrum))]
    return float((per_coordinate * first + 2 * (sums[-1] - first)).min()) * (1 + _DIGITS)


def _below(law: Law, spectrum: Float[np.ndarray, " d"], m: int, delta: float) -> float:
    counts = np.r_[1, stored(law).dimensions]
    known = np.r_[_line(law, m), _ends(law, m, delta, upper=False)]
    per_coordinate = np.maximum.accumulate(known / counts)
    j = np.arange(1, len(spectrum) + 1)
    isotropic = j * per_coordinate[np.searchsorted(counts, j, side="right") - 1]
    return float(-np.diff(spectrum, append=0.0) @ isotropic) * (1 - _DIGITS)
