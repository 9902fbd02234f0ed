"""Checks on the matching cost of independent neurons (R), but for those in `laws`."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy.stats import binom, chi2

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Measure,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformSphere,
)
from lmctheory.rates import (
    box_tree,
    cube_tree,
    deviation,
    lower_bound,
    normal_matching_cost,
    polar_tree,
    product_tree,
    upper_bound,
    wasserstein_pow,
)
from lmctheory.rates.upper.chain import Chain
from lmctheory.rates.upper.equal_cells import equal_cells_bound, equal_cells_power_bound
from lmctheory.rates.upper.pairs import normal_pair_costs
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.finite_laws import FiniteLaw, few_atoms, many_on_a_line
from lmctheory.theorems.checks.simulation import held, slack
from lmctheory.theorems.trial import Trial

Pair = tuple[np.ndarray, np.ndarray, float]
_SQUARED = "m^2 neurons in place of m"


def _given(rng: np.random.Generator, most: int) -> Pair:
    """Two samples and an exponent."""
    m, d, p = int(rng.integers(1, most)), int(rng.integers(1, 5)), float(rng.choice([0.5, 1, 2, 3]))
    a, b = rng.standard_normal((2, m, d))
    return a, b, p


def _trained(rng: np.random.Generator, most: int) -> Pair:
    """Some neurons of a layer of two trained networks."""
    from lmctheory.theorems.checks.trained import trained_neurons  # needs PyTorch

    a, b = trained_neurons(rng, int(rng.integers(1, min(most, 9))))
    return a, b, float(rng.choice([0.5, 1, 2, 3]))


def _brute(a: np.ndarray, b: np.ndarray, p: float) -> float:
    distances = np.linalg.norm(a[:, None] - b, axis=2) ** p
    orders = np.array(list(itertools.permutations(range(len(a)))))
    return float(distances[np.arange(len(a)), orders].mean(axis=1).min())


def _birkhoff(draw: Callable[[np.random.Generator, int], Pair]) -> Trials:
    """Both directions, against all permutations."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            a, b, p = draw(rng, 7)
            exact, brute = wasserstein_pow(a, b, p), _brute(a, b, p)
            yield Trial(exact, brute)
            yield Trial(brute, exact)

    return trials


tries("R1", counts=(25, 100_000), searched=500)(_birkhoff(_given))

tries_trained("R1", counts=(20, 2000))(_birkhoff(_trained))


@breaks("R1", "neurons in the order of their first weights")
def _sorted(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a, b, p = _given(rng, 7)
        ordered = np.linalg.norm(a[a[:, 0].argsort()] - b[b[:, 0].argsort()], axis=1) ** p
        yield Trial(float(ordered.mean()), wasserstein_pow(a, b, p))


def _monotone(
    draw: Callable[[np.random.Generator, int], Pair],
    ends: Callable[[float, float, int], Trial] = lambda cost, left_out, _: Trial(cost, left_out),
) -> Trials:
    """Sample by sample: the cost is at most the mean over leave-one-out pairs."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            a, b, p = draw(rng, 12)
            if len(a) > 1:
                left_out = [
                    wasserstein_pow(np.delete(a, i, axis=0), np.delete(b, i, axis=0), p)
                    for i in range(len(a))
                ]
                yield ends(wasserstein_pow(a, b, p), float(np.mean(left_out)), len(a))

    return trials


tries("R2", counts=(25, 50_000), searched=500)(_monotone(_given))

tries_trained("R2", counts=(20, 2000))(_monotone(_trained))

breaks("R2", "wider layers match worse")(
    _monotone(_given, lambda cost, left_out, _: Trial(left_out, cost))
)

breaks("R2", "by a factor of 1 - 1/m")(
    _monotone(_given, lambda cost, left_out, m: Trial(cost, (1 - 1 / m) * left_out))
)


def _order_statistics(x: np.ndarray, masses: np.ndarray, m: int, *, centred: bool = True) -> float:
    """(2/m) sum_i Var X_(i:m) of atoms in their order."""
    levels = np.minimum(np.cumsum(masses), 1.0)
    levels[-1] = 1.0
    law = np.diff(binom.sf(np.arange(m)[:, None], m, levels), axis=1, prepend=0.0)
    moments = law @ x**2 - (law @ x) ** 2 * centred
    return float(2 / m * moments.sum())


def _one_dimension(
    bound: Callable[[int], float] = normal_matching_cost,
    of_atoms: Callable[[np.ndarray, np.ndarray, int], float] = _order_statistics,
) -> Trials:
    """Both directions: sorted normal samples, and all samples of up to three atoms."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            m = int(rng.integers(1, 100))
            a, b = np.sort(rng.standard_normal((2, 1000, m)), axis=2)
            costs = ((a - b) ** 2).mean(axis=1)
            yield Trial(float(costs.mean()), bound(m), slack(costs, upper=True))
            yield Trial(bound(m), float(costs.mean()), slack(costs, upper=False))
            n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
            x, copies = np.sort(rng.standard_normal(n)), rng.integers(1, 6, size=n)
            plane = FiniteLaw(np.c_[x, np.zeros(n)], copies)  # nothing is sorted there
            cost, stated = plane.two_samples(m, 2.0), of_atoms(x, plane.masses, m)
            yield Trial(cost, stated)
            yield Trial(stated, cost)

    return trials


tries("R7", counts=(40, 2000))(_one_dimension())

breaks("R7", "1/m in place of 2/m")(
    _one_dimension(
        lambda m: normal_matching_cost(m) / 2, lambda x, q, m: _order_statistics(x, q, m) / 2
    )
)

breaks("R7", "second moments in place of variances")(
    _one_dimension(of_atoms=lambda x, q, m: _order_statistics(x, q, m, centred=False))
)


def _gaussian(rng: np.random.Generator) -> tuple[Gaussian, int]:
    """1 to 12 eigenvalues over up to 4 orders of magnitude, now and then with zeros.

    Now and then one dimension or two neurons, where the cost is known and bounds are sharp.
    """
    d = 1 if rng.random() < 0.1 else int(rng.integers(1, 13))
    spectrum = 10 ** (-4 * rng.random() * rng.random(d))
    m = 2 if rng.random() < 0.2 else int(rng.integers(1, 64))
    return Gaussian(spectrum=np.append(spectrum, np.zeros(int(rng.integers(0, 2))))), m


def _against_cost(bound: Callable[[Gaussian, int], float], *, upper: bool) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            mu, m = _gaussian(rng)
            yield held(mu, m, bound(mu, m), upper=upper, rng=rng)

    return trials


def _by_upper(key: str) -> Callable[[Gaussian, int], float]:
    return lambda mu, m: upper_bound(mu, m).terms[key]


def _by_product_tree(mu: Gaussian, m: int) -> float:
    return product_tree(np.sqrt(mu.spectrum), m)


tries("R8", counts=(20, 400))(_against_cost(_by_upper("R8"), upper=True))

breaks("R8", _SQUARED)(_against_cost(lambda mu, m: _by_upper("R8")(mu, m * m), upper=True))

breaks("R8", "one sample's variance of the other coordinates")(
    _against_cost(lambda mu, m: _by_upper("R8")(mu, m) - float(mu.spectrum[1:].sum()), upper=True)
)

tries("R9", counts=(12, 300))(_against_cost(lambda mu, m: lower_bound(mu, m).value, upper=False))

breaks("R9", "half as many neurons")(
    _against_cost(lambda mu, m: lower_bound(mu, (m + 1) // 2).value, upper=False)
)

tries("R13", counts=(20, 400))(_against_cost(_by_upper("R13"), upper=True))

breaks("R13", _SQUARED)(_against_cost(lambda mu, m: _by_upper("R13")(mu, m * m), upper=True))

breaks("R13", "the last coordinate left out")(
    _against_cost(
        lambda mu, m: (
            upper_bound(Gaussian(spectrum=mu.spectrum[:-1]), m).terms["R13"]
            if len(mu.spectrum) > 1
            else np.inf
        ),
        upper=True,
    )
)


def _box(bound: Callable[[np.ndarray, int], float]) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            d = 1 if rng.random() < 0.2 else int(rng.integers(1, 6))
            m, sides = int(rng.integers(1, 64)), 10 ** -rng.random(d)
            if d == 1:
                yield Trial(float(sides[0] ** 2) / (3 * (m + 1)), bound(sides, m))
            else:
                law = SubGaussianProduct(Uniform(), sides / 12**0.5)
                yield held(law, m, bound(sides, m), rng=rng)

    return trials


tries("R14", counts=(25, 1000))(_box(box_tree))

breaks("R14", _SQUARED)(_box(lambda sides, m: box_tree(sides, m * m)))

breaks("R14", "a_i^4 in place of a_i^2")(_box(lambda sides, m: box_tree(sides**2, m)))

tries("R15", counts=(25, 600))(_against_cost(_by_product_tree, upper=True))

breaks("R15", _SQUARED)(_against_cost(lambda mu, m: _by_product_tree(mu, m * m), upper=True))

breaks("R15", "2 G in place of G")(
    _against_cost(
        lambda mu, m: 2 * _by_product_tree(mu, m) - 2 * float(mu.spectrum.sum()), upper=True
    )
)


def _by_polar_tree(mu: UniformBall | UniformSphere, m: int) -> float:
    return mu.radius**2 * polar_tree(mu.dimension, m, solid=isinstance(mu, UniformBall))


def _balls(bound: Callable[[UniformBall | UniformSphere, int], float] = _by_polar_tree) -> Trials:
    """Balls and spheres; single neurons too, whose cost is known."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law = (UniformBall, UniformSphere)[int(rng.integers(2))]
            mu, m = law(int(rng.integers(2, 6)), 10 ** -rng.random()), int(rng.integers(1, 33))
            yield held(mu, m, bound(mu, m), rng=rng)
            yield Trial(2 * mu.second_moment, bound(mu, 1))

    return trials


tries("R17", counts=(12, 300))(_balls())

breaks("R17", _SQUARED)(_balls(lambda mu, m: _by_polar_tree(mu, m * m)))

breaks("R17", "an angle left out")(
    _balls(lambda mu, m: _by_polar_tree(replace(mu, dimension=max(mu.dimension - 1, 2)), m))
)


def _atoms(bound: Callable[[np.ndarray, np.ndarray, int], float] = cube_tree) -> Trials:
    """Few atoms, many on a line, where both are exact, or 30 in up to three dimensions."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            law, m = few_atoms(rng, 2)
            yield Trial(law.two_samples(m, 2.0), bound(law.points, law.masses, m))
            law, m = many_on_a_line(rng)
            yield Trial(law.two_samples(m, 2.0), bound(law.points, law.masses, m))
            points, m = rng.standard_normal((30, int(rng.integers(1, 4)))), int(rng.integers(2, 64))
            yield held(Empirical(points), m, bound(points, np.full(30, 1 / 30), m), rng=rng)

    return trials


tries("R18", counts=(24, 600))(_atoms())

breaks("R18", _SQUARED)(_atoms(lambda x, q, m: cube_tree(x, q, m * m)))

breaks("R18", "equal masses for all atoms")(
    _atoms(lambda x, q, m: cube_tree(x, np.full(len(q), 1 / len(q)), m))
)


def _chain(x: np.ndarray, q: np.ndarray, m: int, p: float) -> float:
    return Chain(x, q, p).bound(m)


def _chains(bound: Callable[[np.ndarray, np.ndarray, int, float], float] = _chain) -> Trials:
    """Few atoms, exactly, two of them for many neurons, where a chain is sharp; many on a line.

    And 12 points in up to four dimensions.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            p = float(rng.choice([1, 2, 3]))
            atoms, m = few_atoms(rng, 2)
            if np.ptp(atoms.points, axis=0).any():
                yield Trial(atoms.two_samples(m, p), bound(atoms.points, atoms.masses, m, p))
            two, m = (
                FiniteLaw(rng.random((2, 2)), rng.integers(1, 6, size=2)),
                int(10 ** rng.uniform(1, 3)),
            )
            yield Trial(two.two_samples(m, p), bound(two.points, two.masses, m, p))
            line, m = many_on_a_line(rng)
            yield Trial(line.two_samples(m, p), bound(line.points, line.masses, m, p))
            points, m = (
                rng.standard_normal((12, int(rng.integers(1, 5)))),
                int(rng.integers(2, 200)),
            )
            cost = bound(points, np.full(12, 1 / 12), m, p)
            yield held(Empirical(points), m, cost, p=p, rng=rng)

    return trials


tries("R19", counts=(24, 600))(_chains())

breaks("R19", _SQUARED)(_chains(lambda x, q, m, p: _chain(x, q, m * m, p)))

breaks("R19", "half as many neurons of B")(
    _chains(lambda x, q, m, p: 0.75**0.5 * _chain(x, q, m, p))
)

breaks("R19", "what lacks is free")(_chains(lambda x, q, m, p: Chain(x, q, p).parts(m)[0]))


def _equal_cells(law: Empirical, m: int, p: float) -> float:
    points = np.asarray(law.points)
    return equal_cells_bound(points, m) if p == 2 else equal_cells_power_bound(points, m, p)


def _equal(bound: Callable[[Empirical, int, float], float] = _equal_cells) -> Trials:
    """Two or three atoms, exactly, where one cell is sharp; up to 40 points in many dimensions."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            for p in (2.0, float(rng.choice([0.5, 1, 3]))):
                atoms, m = few_atoms(rng, 2)
                yield Trial(atoms.two_samples(m, p), bound(Empirical(atoms.repeated), m, p))
                n, d = int(rng.integers(2, 41)), int(10 ** (2 * rng.random()))
                law, m = Empirical(rng.standard_normal((n, d))), int(rng.integers(2, 64))
                yield held(law, m, bound(law, m, p), p=p, rng=rng)

    return trials


tries("R16", counts=(24, 600))(_equal())

breaks("R16", _SQUARED)(_equal(lambda law, m, p: _equal_cells(law, m * m, p)))

breaks("R16", "the mean over all pairs of points, equal ones included")(
    _equal(lambda law, m, p: _equal_cells(law, m, p) * (1 - 1 / len(law.points)))
)


def _self_bounding(share: float = 1.0) -> Trials:
    """Quantiles of mean costs of single Gaussian neurons, whose law is known: chi-square over n."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            d, n = int(10 ** (3 * rng.random())), int(rng.integers(1, 9))
            delta, scale = float(10 ** -(8 * rng.random())), float(rng.exponential())
            law = Gaussian(spectrum=np.full(d, scale))
            s = share * deviation(law, n, delta).distance  # n costs at 1 are as one at n
            mean = (2 * scale * d) ** 0.5
            low, high = (2 * scale * q(delta, n * d) / n for q in (chi2.ppf, chi2.isf))
            yield Trial(mean - s, float(low**0.5))
            yield Trial(float(high**0.5), mean + s)

    return trials


tries("R20", counts=(60, 20_000), searched=400)(_self_bounding())

breaks("R20", "2C in place of 4C")(_self_bounding(0.5**0.5))

breaks("R20", "C in place of 4C")(_self_bounding(0.5))


def _two_neurons(spectrum: np.ndarray) -> float:
    """M(2) of a Gaussian, exactly."""
    return float(normal_pair_costs(spectrum, 1)[0])


def _tangent(spectrum: np.ndarray, isotropic: np.ndarray, k: int) -> float:
    return float(isotropic[k - 1] / k * spectrum[:k].sum() + 2 * spectrum[k:].sum())


def _layers(spectrum: np.ndarray, isotropic: np.ndarray) -> float:
    return float(-np.diff(spectrum, append=0.0) @ isotropic[: len(spectrum)])


def _spectra(
    above: Callable[[np.ndarray, np.ndarray, int], float] = _tangent,
    below: Callable[[np.ndarray, np.ndarray], float] = _layers,
) -> Trials:
    """Two Gaussian neurons, whose cost is known for every spectrum; all is sharp for equal ones."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            d = int(rng.integers(1, 9))
            spectrum = -np.sort(-(10 ** (-2 * rng.random() * rng.random(d))))
            k, j = int(rng.integers(1, d + 1)), d + int(rng.integers(1, 9))
            isotropic = np.array([_two_neurons(np.ones(i)) for i in range(1, j + 1)])
            cost = _two_neurons(spectrum)
            yield Trial(cost, above(spectrum, isotropic, k))
            yield Trial(below(spectrum, isotropic), cost)
            yield Trial(j / d * isotropic[d - 1], isotropic[j - 1])

    return trials


tries("R21", counts=(60, 20_000), searched=400)(_spectra())

breaks("R21", "half as much in the other coordinates")(
    _spectra(above=lambda x, M, k: _tangent(x, M, k) - float(x[k:].sum()))
)

breaks("R21", "M_k / (k + 1) in each coordinate")(
    _spectra(above=lambda x, M, k: _tangent(x, M * k / (k + 1), k))
)

breaks("R21", "M_{k+1} in place of M_k")(_spectra(below=lambda x, M: _layers(x, M[1:])))


def _linked(law: Measure, m: int, p: float) -> float:
    return lower_bound(law, m, p).terms.get("R22", 0.0)


def _gaps(bound: Callable[[Measure, int, float], float] = _linked) -> Trials:
    """Few atoms, exactly; 20 points in up to three dimensions; a mixture of small Gaussians."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            atoms, m = few_atoms(rng, 2)
            p = float(rng.choice([0.5, 1, 2, 3]))
            yield Trial(bound(Empirical(atoms.repeated), m, p), atoms.two_samples(m, p))
            law: Measure = Empirical(rng.standard_normal((20, int(rng.integers(1, 4)))))
            m = int(rng.integers(2, 64))
            yield held(law, m, bound(law, m, p), p=p, upper=False, rng=rng)
            small = Gaussian(spectrum=10 ** -(2 + 2 * rng.random(2)))
            law = GaussianMixture(rng.dirichlet(np.ones(3)), rng.random((3, 2)), [small] * 3)
            yield held(law, m, bound(law, m, 2.0), upper=False, rng=rng)

    return trials


tries("R22", counts=(24, 600))(_gaps())

breaks("R22", "twice as much for gaps")(_gaps(lambda law, m, p: 2 * _linked(law, m, p)))

breaks("R22", "half as many neurons")(_gaps(lambda law, m, p: _linked(law, (m + 1) // 2, p)))


def _sandwich(above: Callable[[Gaussian, int], float]) -> Trials:
    """Lower below upper, far beyond widths that can be simulated."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            mu, m = _gaussian(rng)[0], int(10 ** (9 * rng.random()))
            if rng.random() < 0.3:
                mu = Gaussian(spectrum=[float(rng.exponential())])  # both are exact there
            yield Trial(lower_bound(mu, m).value, above(mu, m))

    return trials


tries("R11", counts=(6, 100), searched=2)(_sandwich(lambda mu, m: upper_bound(mu, m).value))

breaks("R11", "twice as many neurons above")(_sandwich(lambda mu, m: upper_bound(mu, 2 * m).value))

breaks("R11", "above modulo signs")(
    _sandwich(lambda mu, m: upper_bound(mu, m, modulo="signs").value)
)
