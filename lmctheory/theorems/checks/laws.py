"""Checks on one sample against two, laws of bounded support, diffusions, concentration, dimension.

R3, R4, R5, R6, R10 and R12.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom, chi

from lmctheory.measures import (
    Empirical,
    Gaussian,
    Measure,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import (
    Deviation,
    NestedPartition,
    covering_bound,
    deviation,
    dyadic_bound,
    entropy_rank,
    matching_cost,
    participation_ratio,
    principal_components,
    stable_rank,
    upper_bound,
)
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.finite_laws import FiniteLaw, few_atoms, many_on_a_line
from lmctheory.theorems.checks.simulation import FALSE_ALARM, held, slack
from lmctheory.theorems.trial import Trial

_SQUARED = "m^2 neurons in place of m"


def _power(rng: np.random.Generator) -> float:
    return float(rng.choice([0.5, 1, 2, 3, 6]))


def _one_and_two(constant: Callable[[float], float], lower: float = 1.0) -> Trials:
    """Few atoms in up to three dimensions, or many on a line, where the constant is approached."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            p = _power(rng)
            few = few_atoms(rng, int(rng.integers(1, 4)))
            law, m = few if p < 1 or rng.random() < 0.5 else many_on_a_line(rng)
            one, two = law.one_sample(m, p), law.two_samples(m, p)
            yield Trial(lower * one, two)
            yield Trial(two, constant(p) * one)

    return trials


tries("R3", counts=(40, 20_000), searched=300)(_one_and_two(lambda p: max(2, 2 ** (p - 1))))

breaks("R3", "the constant 2^(1/2), that of sums")(
    _one_and_two(lambda p: max(2**0.5, 2 ** (p - 1)))
)

breaks("R3", "the constant 2 for every p")(_one_and_two(lambda _: 2.0))

breaks("R3", "two samples cost twice as much as one at least")(
    _one_and_two(lambda p: max(2, 2 ** (p - 1)), lower=2.0)
)


def _published(m: int, d: int, p: float) -> float:
    return dyadic_bound(m, d, p).terms["R4 published"]


def _dyadic(
    series: Callable[[int, int, float], float] = lambda m, d, p: dyadic_bound(m, d, p).value,
    published: Callable[[int, int, float], float] = _published,
) -> Trials:
    """The cost of few atoms below the series, and the series below what is published."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            d, p = int(rng.integers(1, 4)), _power(rng)
            law, m = few_atoms(rng, d)
            bound = series(m, d, p)
            yield Trial(law.two_samples(m, p), bound)
            yield Trial(bound, published(m, d, p))

    return trials


tries("R4", counts=(25, 10_000), searched=300)(_dyadic())

breaks("R4", "one sample's left-over for two")(
    _dyadic(lambda m, d, p: dyadic_bound(m, d, p, samples=1).value)
)

breaks("R4", "the diameter of the cube without d^(p/2)")(
    _dyadic(lambda m, d, p: dyadic_bound(m, d, p, euclidean=False).value)
)

breaks("R4", "the published bound with the exponent p/d throughout")(
    _dyadic(published=lambda m, d, p: _published(m, d, p) * (m / 2) ** (min(0.5, p / d) - p / d))
)


def _covered(law: FiniteLaw, m: int, p: float) -> float:
    return upper_bound(Empirical(law.repeated), m, p).terms["R5"]


def _covering(bound: Callable[[FiniteLaw, int, float], float] = _covered) -> Trials:
    """Few atoms; two of them are the worst case."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, m = few_atoms(rng, 2)
            p = _power(rng)
            yield Trial(law.two_samples(m, p), bound(law, m, p))

    return trials


def _singletons(law: FiniteLaw, m: int, p: float, *, samples: int) -> float:
    diameter = Empirical(law.points).diameter
    atoms = NestedPartition(np.array([diameter, 0.0]), masses=(law.masses,))
    return covering_bound(atoms, m, p, samples=samples).value


tries("R5", counts=(25, 5000), searched=200)(_covering())

breaks("R5", "one sample's left-over for two")(
    _covering(lambda law, m, p: _singletons(law, m, p, samples=1))
)

breaks("R5", "diameters to the power 2p")(_covering(lambda law, m, p: _covered(law, m, 2 * p)))


def _diffusive(rng: np.random.Generator) -> tuple[Measure, int]:
    d, kind = int(rng.integers(1, 5)), int(rng.integers(3))
    m = 1 if rng.random() < 0.1 else int(rng.integers(2, 64))
    return (UniformCube(d), UniformBall(d), UniformSphere(d + 1))[kind], m


def _few_coordinates(rng: np.random.Generator) -> tuple[Gaussian, int]:
    m = int(rng.integers(1, 3)) if rng.random() < 0.2 else int(rng.integers(2, 64))
    return Gaussian(spectrum=rng.random(int(rng.integers(1, 5))) + 1e-3), m


def _by_semigroup(
    draw: Callable[[np.random.Generator], tuple[Measure, int]],
    bound: Callable[[Measure, int], float],
) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, m = draw(rng)
            yield held(law, m, bound(law, m), rng=rng)

    return trials


def _term(key: str) -> Callable[[Measure, int], float]:
    return lambda law, m: upper_bound(law, m).terms[key]


for _key, _draw in (("R6a", _diffusive), ("R6b", _diffusive), ("R6c", _few_coordinates)):
    tries(_key, counts=(20, 400))(_by_semigroup(_draw, _term(_key)))
    breaks(_key, _SQUARED)(
        _by_semigroup(_draw, lambda law, m, key=_key: _term(key)(law, m * m))  # type: ignore[misc]
    )


@breaks("R6b", "the constant 1/2, half of that of the line")
def _half(rng: np.random.Generator) -> Iterator[Trial]:
    """Half of the constant is twice the neurons."""
    yield from _by_semigroup(_diffusive, lambda law, m: _term("R6b")(law, 2 * m))(rng)


@breaks("R6a", "the factor 2 left out")
def _without_factor(rng: np.random.Generator) -> Iterator[Trial]:
    yield from _by_semigroup(_diffusive, lambda law, m: _term("R6a")(law, m) / 2)(rng)


def _quantiles(
    of: Callable[[Measure, int, float, float], Deviation] = deviation,
) -> Trials:
    """Quantiles of the cost: of two atoms and of two single Gaussian neurons exact, else drawn.

    Of 400 draws, as many lie beyond what has probability 0.2 as a binomial number exceeds with
    probability `FALSE_ALARM`: more with that probability only.
    """
    most = int(binom.isf(FALSE_ALARM, 400, 0.2))

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            delta = float(10 ** -(0.5 + 8 * rng.random()))
            m, p = int(rng.integers(1, 41)), _power(rng)
            law = Empirical(np.repeat([0.0, 1.0], rng.integers(1, 6, size=2))[:, None])
            low, mean, high = _share(law, m, delta)
            yield from _within(low, mean, mean, high, of(law, m, delta, p))
            d = int(10 ** (4 * rng.random()))
            high, low = 2**0.5 * chi.isf(delta, d), 2**0.5 * chi.ppf(delta, d)
            one = of(Gaussian(spectrum=np.ones(d)), 1, delta, 2.0)
            yield from _within(low**2, 2.0 * d, 2.0 * d, high**2, one)
            yield Trial(2 * chi.var(d), one.variance)
            m, d = int(rng.integers(1, 7)), int(rng.integers(4, 40))
            laws = (Gaussian(spectrum=np.ones(d)), UniformCube(d), UniformBall(d), UniformSphere(d))
            drawn: Measure = laws[int(rng.integers(len(laws)))]
            costs = matching_cost(drawn, m, repeats=400, rng=rng).draws
            ordered, mean, allowed = np.sort(costs), float(costs.mean()), slack(costs)
            yield from _within(
                float(ordered[most]),
                mean - allowed,
                mean + allowed,
                float(ordered[-1 - most]),
                of(drawn, m, 0.2, 2.0),
            )

    return trials


def _within(
    low: float, least: float, most: float, high: float, beyond: Deviation
) -> Iterator[Trial]:
    """Quantiles of the cost and the ends of an interval that holds its mean."""
    yield Trial(float(high), beyond.above(most))
    yield Trial(beyond.below(least), float(low))


def _share(law: Empirical, m: int, delta: float) -> tuple[float, float, float]:
    """Quantiles and mean of |B - B'|/m, the cost of two atoms at distance 1 for every p."""
    weight = binom.pmf(np.arange(m + 1), m, law.points.mean())
    differences = np.convolve(weight, weight[::-1])
    cost = np.abs(np.arange(-m, m + 1)) / m
    order = np.argsort(cost)
    below = np.cumsum(differences[order])
    # at or beyond which more than delta lies
    high = cost[order][np.searchsorted(below, 1 - delta)]
    low = cost[order][np.searchsorted(below, delta, side="right")]
    return float(low), float(differences @ cost), float(high)


def _altered(power: float, distance: float) -> Callable[[Measure, int, float, float], Deviation]:
    """Deviations times factors."""

    def altered(law: Measure, m: int, delta: float, p: float) -> Deviation:
        found = deviation(law, m, delta, p)
        return Deviation(
            p, power * found.power, distance * found.distance, distance**2 * found.variance
        )

    return altered


tries("R10", counts=(28, 1400))(_quantiles())

breaks("R10", "exp(-4 m s^2 / D^(2p)) for bounded support")(_quantiles(_altered(0.5, 1.0)))

breaks("R10", "one sample's constant, 2C in place of 4C")(_quantiles(_altered(1.0, 0.5**0.5)))


def _spectrum(rng: np.random.Generator) -> np.ndarray:
    """Equal ones, one large one, or any, with zeros."""
    d, kind = int(rng.integers(1, 20)), int(rng.integers(3))
    values = (np.ones(d), np.r_[1.0, np.full(d - 1, rng.random())], rng.exponential(size=d))[kind]
    return np.append(values, np.zeros(int(rng.integers(0, 3))))


def _trained_spectrum(rng: np.random.Generator) -> np.ndarray:
    """Second moments of the weights of a layer."""
    from lmctheory.theorems.checks.trained import trained_neurons  # needs PyTorch

    rows, _ = trained_neurons(rng, 8)
    return np.linalg.svd(rows, compute_uv=False) ** 2


def _dimensions(draw: Callable[[np.random.Generator], np.ndarray]) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            spectrum, fraction = draw(rng), float(rng.uniform(0.01, 1))
            rank, kept = float((spectrum > 0).sum()), principal_components(spectrum, fraction)
            stable, ratio = stable_rank(spectrum), participation_ratio(spectrum)
            entropy = entropy_rank(spectrum)
            yield Trial(1.0, stable)
            yield Trial(stable, ratio)
            yield Trial(ratio, entropy)
            yield Trial(entropy, rank)
            yield Trial(ratio, stable**2)
            yield Trial(fraction * stable, float(kept))
            yield Trial(float(kept), float(np.ceil(fraction * rank)))

    return trials


tries("R12", counts=(70, 100_000), searched=500)(_dimensions(_spectrum))

tries_trained("R12", counts=(35, 2000))(_dimensions(_trained_spectrum))


@breaks("R12", "participation ratio and stable rank exchanged")
def _exchanged(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        spectrum = _spectrum(rng)
        yield Trial(participation_ratio(spectrum), stable_rank(spectrum))


@breaks("R12", "a share of the variance takes that share of the rank")
def _share_of_rank(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        spectrum, fraction = _spectrum(rng), float(rng.uniform(0.01, 1))
        kept = principal_components(spectrum, fraction)
        yield Trial(fraction * float((spectrum > 0).sum()), float(kept))
