r"""Bounds from simulated costs (R2, R10, R20, R23): true with a stated probability, near the truth.

Costs at a width say something about all larger ones, or all smaller ones, by R2. F is the mean of
the costs W = W_2^2 of n independent pairs of samples at width w.

*Log-Sobolev constant C* (R20). Where W is differentiable in the 2w neurons, its squared gradient is
8 W / w: it bounds itself. With k = 4 C / w, Herbst's argument for min(W, R), R -> infinity, gives

    ln E e^{tW} <= t M / (1 - kt),  0 < t < 1/k,      ln E e^{-tW} <= -t M / (1 + kt),  t > 0,

and Chernoff's bound for the mean of n of them, each with probability 1 - delta,

    M(m) <= M(w) <= (sqrt F + s)^2   for m >= w,      M(m) >= M(w) >= (sqrt F - s)_+^2   for m <= w,
    s = sqrt(4 C ln(1/delta) / (w n)).

*Bounded support, diameter D* (R10): with s = D^2 sqrt(ln(1/delta) / (w n)), M(m) <= F + s for
m >= w and M(m) >= F - s for m <= w. Where both apply, delta is shared.

*Given points* (R23). A walk among them, made for the scale of one cost that is not used again,
gives weights of points; costs and what weights add to them have narrow intervals together, as in
`rates.atom_walk`. Which of R10 and R23 is taken is decided by what both would say of n costs like
that one.

*How many costs.* With r = sqrt F / s the first interval is a share 1 - ((r - 1) / (r + 1))^2 of its
upper end, with r = F / s the second one 2 / (1 + r). Both are at most g if F is at least L and s is
small enough beside L. So n follows from g and a lower bound L of M(m), without a look at any cost,
and the interval holds as often as it says; whether F is above L, and how far costs and weights of
given points scatter, is left to chance.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lmctheory.measures import Bounded, Empirical, LogSobolev, Measure, Modulo
from lmctheory.measures.arguments import RandomSource, at_least, generator, probability
from lmctheory.measures.extreme_sizes import moderate
from lmctheory.measures.quotient import by_signs, distances, quotient_diameter
from lmctheory.rates.atom_walk import MOST_PAIRS, AtomWalk, atom_walk
from lmctheory.rates.bound import Bound, all_but
from lmctheory.rates.concentration import Deviation, deviation
from lmctheory.rates.empirical.exact import MEMORY_LIMIT
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost
from lmctheory.rates.empirical.points import drawn_points, point_cost
from lmctheory.rates.lower.sandwich_below import lower_bound
from lmctheory.results import Result

__all__ = [
    "SimulatedInterval",
    "simulated_interval",
    "simulated_lower_bound",
    "simulated_upper_bound",
    "upper_bound_from_costs",
]

_SELF, _SUPPORT, _WALK = "R20 simulated", "R10 simulated", "R23 simulated"
_REPEATS = 16
_MOST_ATOMS = 1500
"""Among which a walk is looked for: in a minute, by dense matrices."""


@dataclass(frozen=True, repr=False)
class SimulatedInterval(Result):
    """Both ends of a matching cost, from the same simulated costs.

    Attributes:
        lower: M(m) at least, and at every smaller width.
        upper: M(m) at most, and at every larger width.
        costs: what was simulated.
    """

    lower: Bound
    upper: Bound
    costs: Estimate

    @property
    def failure(self) -> float:
        """The probability with which M(m) may lie outside."""
        return self.lower.failure + self.upper.failure

    @property
    def gap(self) -> float:
        """(upper - lower) / upper; 0 for a zero cost."""
        return 1 - self.lower.value / self.upper.value if self.upper.value else 0.0

    def __repr__(self) -> str:
        ends = f"{self.lower.value:.6g} to {self.upper.value:.6g}"
        return f"<SimulatedInterval: {ends}, with probability {all_but(self.failure)}>"


def simulated_interval(
    mu: Measure,
    m: int,
    *,
    delta: float = 0.01,
    repeats: int | None = None,
    gap: float | None = None,
    modulo: Modulo = None,
    rng: RandomSource,
) -> SimulatedInterval:
    """Encloses M(m) with probability 1 - delta, from exact costs simulated at this width.

    Half of delta for either end: alone, each holds with probability 1 - delta / 2.

    Args:
        mu: a law with a log-Sobolev constant (R20); up to 1,500 given points (R23; the search for
            weights takes 3 s for 500, 15 s for 1,000); or any of bounded support (R10), whose
            interval is much wider.
        m: number of neurons in each sample, >= 1.
        delta: probability of failure, between 0 and 1.
        repeats: number of independent pairs of samples, >= 1; 16 unless a gap is asked for.
        gap: asked for, between 0 and 1: as many pairs as it takes by the lower bound L (R11), which
            knows nothing of what is drawn. Costs are above L as a rule, and the gap is smaller.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        Both ends, in squared units of the weights, per neuron.

    Raises:
        TypeError: if the law has neither a log-Sobolev constant nor a diameter.
        ValueError: if an argument is out of range, both repeats and a gap are given, or a gap is
            asked for where L is 0, or that takes more than 2^30 pairs.

    Reference:
        theory keys R2, R10, R20, R23, S1; derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> found = simulated_interval(Gaussian(spectrum=[1.0] * 10), 200, gap=0.1, rng=0)
        >>> found.gap < 0.1
        True
    """
    m, delta = at_least("m", m, 1), probability("delta", delta)
    if gap is not None:
        if repeats is not None:
            raise ValueError(f"repeats must be left out where a gap is asked for, got {repeats}")
        gap = probability("gap", gap)
    repeats = at_least("repeats", _REPEATS if repeats is None else repeats, 1)
    choice, rng = _Choice(mu, m, delta / 2, modulo), generator(rng)
    if gap is None:
        walk = choice.shorter(repeats, rng)
    else:
        repeats, walk = choice.enough(gap, rng)
    drawn = _drawn(mu, m, repeats, modulo, walk, rng)
    lower, upper = (
        _from_costs(drawn, mu, m, delta / 2, modulo, terms, best)
        for terms, best in ((_below, max), (_above, min))
    )
    return SimulatedInterval(lower, upper, drawn.costs)


def _both(mu: Measure) -> bool:
    return isinstance(mu, Bounded) and isinstance(mu, LogSobolev)


def simulated_upper_bound(
    mu: Measure,
    m: int,
    *,
    width: int,
    repeats: int,
    delta: float,
    modulo: Modulo = None,
    rng: RandomSource,
) -> Bound:
    """M(m) at most, with probability 1 - delta, from exact costs simulated at a smaller width.

    Args:
        mu: a law of bounded support, such as given points, or with a log-Sobolev constant.
        m: number of neurons in each sample.
        width: simulated width w, 1 <= w <= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10, R20, R23, S1.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_upper_bound(mu, 1000, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.771 < bound.value < 2.2
        True
    """
    m, width = at_least("m", m, 1), at_least("width", width, 1)
    if not width <= m:
        raise ValueError(f"width must be <= m = {m}, got {width}")
    drawn = _simulated(mu, width, repeats, delta, modulo, rng)
    return _from_costs(drawn, mu, width, delta, modulo, _above, min)


def upper_bound_from_costs(
    costs: Estimate, mu: Measure, *, width: int, delta: float, modulo: Modulo = None
) -> Bound:
    """M(width) at most, with probability 1 - delta, from exact costs that are known already.

    Args:
        costs: of independent pairs of samples from mu.
        mu: a law of bounded support, or with a log-Sobolev constant.
        width: number of neurons in each sample.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for costs that are modulo signs.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R10, R20, S1.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> costs = matching_cost(mu, 200, repeats=4, rng=rng)
        >>> upper_bound_from_costs(costs, mu, width=200, delta=0.01).value > costs.mean
        True
    """
    return _from_costs(_Drawn(costs), mu, width, delta, modulo, _above, min)


def simulated_lower_bound(
    mu: Measure,
    m: int,
    *,
    width: int,
    repeats: int,
    delta: float,
    modulo: Modulo = None,
    rng: RandomSource,
) -> Bound:
    """M(m) at least, with probability 1 - delta, from exact costs simulated at a larger width.

    Args:
        mu: a law of bounded support, such as given points, or with a log-Sobolev constant.
        m: number of neurons in each sample, >= 1.
        width: simulated width w >= m.
        repeats: number n of independent pairs of samples, >= 1.
        delta: probability of failure, between 0 and 1.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Returns:
        The bound, in squared units of the weights; its assumptions state the probability.

    Raises:
        TypeError: if R10 does not apply to the law.
        ValueError: if an argument is out of range.

    Reference:
        theory keys R2, R10, R20, R23, S1; the mirror image of the upper bound, derived here.

    Example:
        >>> from lmctheory.measures import Gaussian
        >>> mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(0)
        >>> bound = simulated_lower_bound(mu, 100, width=200, repeats=4, delta=0.01, rng=rng)
        >>> 0.9 < bound.value < 2.2
        True
    """
    m, width = at_least("m", m, 1), at_least("width", width, 1)
    if not width >= m:
        raise ValueError(f"width must be >= m = {m}, got {width}")
    drawn = _simulated(mu, width, repeats, delta, modulo, rng)
    return _from_costs(drawn, mu, width, delta, modulo, _below, max)


@dataclass(frozen=True)
class _Drawn:
    """Costs, and of given points sums G of costs and what a walk adds to them."""

    costs: Estimate
    walk: AtomWalk | None = None
    sums: Estimate | None = None


class _Choice:
    """Between R10 and R23, where there are given points, by one cost that is not used again.

    Args:
        mu: any law; of others than given points there is no walk.
        width: of both samples.
        delta: probability of failure of either end.
        modulo: what neurons are compared modulo.
    """

    def __init__(self, mu: Measure, width: int, delta: float, modulo: Modulo) -> None:
        # refuses what is wrong before the work
        self.one = deviation(mu, width, delta / 2 if _both(mu) else delta, modulo=modulo)
        self.mu, self.width, self.delta, self.modulo = mu, width, delta, modulo

    def walk(self, rng: np.random.Generator) -> tuple[AtomWalk | None, float]:
        """What the search finds, and the cost that it was made for."""
        mu, signs = self.mu, by_signs(self.modulo)
        if not isinstance(mu, Empirical) or moderate(mu, 2.0)[1] != 1:
            return None, 0.0
        atoms, place, masses = _atoms(np.asarray(mu.points), signs)
        if not 1 < len(atoms) <= _MOST_ATOMS:
            return None, 0.0
        pilot = matching_cost(mu, self.width, repeats=1, modulo=self.modulo, rng=rng).mean
        diameter = quotient_diameter(mu) if signs else mu.diameter
        costs = distances(atoms, atoms, signs=signs, metric="sqeuclidean")
        walk = atom_walk(costs, masses, pilot, below=diameter**4 / 2)
        return None if walk is None else replace(walk, added=walk.added[place]), pilot

    def shorter(self, repeats: int, rng: np.random.Generator) -> AtomWalk | None:
        """The walk, if so many costs like the first had a shorter interval by it than by R10."""
        walk, pilot = self.walk(rng)
        if walk is None:
            return None
        off = self.one.power / repeats**0.5
        by_support = pilot + off - max(pilot - off, 0.0)
        by_walk = walk.length(pilot, repeats, self.width, self.delta)
        return walk if by_walk < by_support else None

    def enough(self, gap: float, rng: np.random.Generator) -> tuple[int, AtomWalk | None]:
        """How many costs at L make the interval a share `gap` of its upper end, by what."""
        least = lower_bound(self.mu, self.width, modulo=self.modulo).value
        if least == 0:
            raise ValueError(
                f"gap must be left out where the lower bound of the cost is 0, got {gap}"
            )
        left = (1 - gap) ** 0.5
        for_roots = self.one.distance**2 / least * ((1 + left) / (1 - left)) ** 2
        for_means = (self.one.power / least * (2 / gap - 1)) ** 2
        needed = max(min(for_roots, for_means), 1.0)
        walk, _ = self.walk(rng)
        if walk is not None:
            by_walk = float(walk.enough(least, gap, self.width, self.delta))
            needed, walk = (by_walk, walk) if by_walk < needed else (needed, None)
        if needed >= MOST_PAIRS:
            raise ValueError(f"gap must be larger: {gap} takes more than 2^30 costs")
        return int(np.ceil(needed)), walk


def _atoms(points: np.ndarray, signs: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that differ, where each of all points is among them, and their masses."""
    if signs:  # the first coordinate but zeros made positive
        leading = np.take_along_axis(points, (points != 0).argmax(axis=1)[:, None], axis=1)
        points = np.where(leading < 0, -points, points)
    points = points + 0.0  # one zero
    atoms, place, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    return atoms, place.ravel(), counts / len(points)


def _simulated(
    mu: Measure, width: int, repeats: int, delta: float, modulo: Modulo, rng: RandomSource
) -> _Drawn:
    repeats = at_least("repeats", repeats, 1)
    choice, rng = _Choice(mu, width, probability("delta", delta), modulo), generator(rng)
    return _drawn(mu, width, repeats, modulo, choice.shorter(repeats, rng), rng)


def _drawn(
    mu: Measure,
    width: int,
    repeats: int,
    modulo: Modulo,
    walk: AtomWalk | None,
    rng: np.random.Generator,
) -> _Drawn:
    if walk is None or not isinstance(mu, Empirical):
        return _Drawn(matching_cost(mu, width, repeats=repeats, modulo=modulo, rng=rng))
    cost = point_cost(mu, width, 2.0, signs=by_signs(modulo), memory_limit=MEMORY_LIMIT)
    both = [
        (cost(a, b), walk.added[a].mean() + walk.added[b].mean())
        for a, b in drawn_points(mu, width, repeats, rng)
    ]
    costs, added = np.array(both).T
    return _Drawn(Estimate(costs), walk, Estimate(costs + added))


def _above(drawn: _Drawn, one: Deviation, width: int, delta: float) -> dict[str, float]:
    costs, n = drawn.costs, len(drawn.costs.draws)
    if drawn.walk is not None and drawn.sums is not None:
        return {_WALK: drawn.walk.upper(drawn.sums.mean, n, width, delta)}
    root = costs.mean**0.5 + one.distance / n**0.5
    return {_SELF: root**2, _SUPPORT: costs.mean + one.power / n**0.5}


def _below(drawn: _Drawn, one: Deviation, width: int, delta: float) -> dict[str, float]:
    costs, n = drawn.costs, len(drawn.costs.draws)
    if drawn.walk is not None and drawn.sums is not None:
        root = float(np.sqrt(drawn.sums.draws).mean())
        return {_WALK: drawn.walk.lower(root, n, width, delta)}
    root, mean = costs.mean**0.5 - one.distance / n**0.5, costs.mean - one.power / n**0.5
    return {_SELF: max(root, 0.0) ** 2, _SUPPORT: max(mean, 0.0)}


def _from_costs(
    drawn: _Drawn,
    mu: Measure,
    width: int,
    delta: float,
    modulo: Modulo,
    terms_of: Callable[[_Drawn, Deviation, int, float], dict[str, float]],
    best: Callable[..., str],
) -> Bound:
    width, delta = at_least("width", width, 1), probability("delta", delta)
    one = deviation(mu, width, delta / 2 if _both(mu) else delta, modulo=modulo)
    found = terms_of(drawn, one, width, delta)
    known = {_SELF: np.isfinite(one.distance), _SUPPORT: np.isfinite(one.power), _WALK: True}
    terms = {key: value for key, value in found.items() if known[key]}
    key = best(terms, key=lambda name: terms[name])
    assumptions = (
        f"neurons independent, from one {type(mu).__name__}",
        f"holds with probability {all_but(delta)} over {len(drawn.costs.draws)} simulated pairs at"
        f" width {width}",
    )
    return Bound(terms[key], key, terms, assumptions, failure=delta)
