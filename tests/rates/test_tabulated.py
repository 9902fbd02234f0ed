"""Stored costs and tangents: rows drawn again, a transcription, exact cases, simulation.

Statistical tests fix seeds and sizes beforehand: 60 draws, 6 standard errors (t law, 59 degrees of
freedom) are exceeded with probability 7e-8 each where a bound is attained, and hardly elsewhere.
"""

import numpy as np
import pytest

import lmctheory.rates.tabulated as module
from lmctheory.measures import (
    Empirical,
    Gaussian,
    LipschitzImage,
    RademacherMixture,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import (
    lower_bound,
    matching_cost,
    normal_matching_cost,
    tabulated_lower_bound,
    tabulated_upper_bound,
    upper_bound,
)
from lmctheory.rates.cost_table import LAWS, law_of, row, stored
from lmctheory.rates.upper.pairs import normal_pair_costs

KEY = "R21 tabulated"
COORDINATES = ("normal", "uniform")
ROUND = {"ball": UniformBall, "sphere": UniformSphere}


def ends(mu, m, delta=1e-9):
    """Of the stored costs alone."""
    low, high = (module._from_table(mu, m, delta, upper=upper)[1] for upper in (False, True))
    return low, high


def random_law(rng):
    if rng.random() < 0.5:
        of = UniformBall if rng.random() < 0.5 else UniformSphere
        return of(int(rng.integers(2, 11)), radius=10 ** rng.uniform(-1, 1))
    d = int(rng.integers(1, 20))
    variances = 10 ** (-3 * rng.random() * rng.random(d))
    if rng.random() < 0.5:
        return Gaussian(spectrum=variances)
    return SubGaussianProduct(Uniform(), np.sqrt(variances))


@pytest.mark.parametrize(
    ("law", "d", "m"),
    [
        ("normal", 2, 4),
        ("normal", 100, 16),
        ("uniform", 5, 6),
        ("uniform", 30, 4),
        ("ball", 3, 4),
        ("ball", 10, 45),
        ("sphere", 2, 6),
        ("sphere", 8, 16),
    ],
)
def test_a_row_is_what_its_seed_says(law, d, m):
    costs = stored(law)
    place = list(costs.dimensions).index(d), list(costs.widths).index(m)
    pairs, mean = row(law, d, m)
    assert costs.pairs[place] == pairs
    assert costs.means[place] == pytest.approx(mean, rel=1e-8)


@pytest.mark.parametrize("law", LAWS)
def test_rows_are_plausible(law):
    costs, d = stored(law), stored(law).dimensions
    constants = {
        "normal": 1.0,
        "uniform": 12 / np.pi**2,
        "ball": 1 / (d + 1),
        "sphere": 1 / (d - 1),
    }
    assert costs.constants == pytest.approx(np.broadcast_to(constants[law], d.shape))
    assert (np.diff(costs.means, axis=0) > 0).all()  # more coordinates cost more
    assert (np.diff(costs.means, axis=1) < 0.02 * costs.means[:, 1:]).all()  # more neurons less
    if law in COORDINATES:
        per_coordinate = costs.means / d[:, None]
        assert (np.diff(per_coordinate, axis=0) > -0.02).all()
        assert per_coordinate.max() < 2
    for k, w in ((0, 4), (4, 2)):
        mu, m = law_of(law, int(costs.dimensions[k])), int(costs.widths[w])
        assert lower_bound(mu, m).value < 1.02 * costs.means[k, w] < upper_bound(mu, m).value


@pytest.mark.parametrize("law", COORDINATES)
def test_ends_against_the_definition(law):
    """Both formulas, coordinate by coordinate, with ends by R20 at delta over their number."""
    costs, delta, m = stored(law), 0.01, 100
    spectrum = np.array([2.0, 1.5, 0.3, 0.3, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001])
    count = 2 * costs.means.size
    above, below = {}, {}
    for k, d in enumerate(costs.dimensions.tolist()):
        for w, width in enumerate(costs.widths.tolist()):
            n, F = costs.pairs[k, w], costs.means[k, w]
            s = np.sqrt(4 * costs.constants[k] * np.log(count / delta) / (n * width))
            if width <= m:
                above[d] = min(above.get(d, np.inf), (np.sqrt(F) + s) ** 2)
            if width >= m:
                below[d] = max(below.get(d, 0.0), max(np.sqrt(F) - s, 0.0) ** 2)
    above[1] = below[1] = normal_matching_cost(m) if law == "normal" else 4 / (m + 1)
    padded = np.r_[spectrum, np.zeros(200)]
    high = min(above[k] / k * padded[:k].sum() + 2 * padded[k:].sum() for k in above)
    low = sum(
        (padded[j - 1] - padded[j]) * max(j / k * below[k] for k in below if k <= j)
        for j in range(1, 12)
    )
    mu = (
        Gaussian(spectrum=spectrum)
        if law == "normal"
        else SubGaussianProduct(Uniform(), np.sqrt(spectrum))
    )
    assert ends(mu, m, delta) == pytest.approx((low, high), rel=3e-8)


@pytest.mark.parametrize(
    ("law", "constant"), [("ball", lambda d: 1 / (d + 1)), ("sphere", lambda d: 1 / (d - 1))]
)
def test_ends_of_round_laws_against_the_definition(law, constant):
    costs, delta, m = stored(law), 0.01, 128
    for k, d in enumerate(costs.dimensions.tolist()):
        above, below = [], []
        for n, F, width in zip(costs.pairs[k], costs.means[k], costs.widths, strict=True):
            s = np.sqrt(4 * constant(d) * np.log(2 * costs.means.size / delta) / (n * width))
            above.append((np.sqrt(F) + s) ** 2 if width <= m else np.inf)
            below.append((np.sqrt(F) - s) ** 2 if width >= m else 0.0)
        expected = 9 * max(below), 9 * min(above)
        assert ends(ROUND[law](d, radius=3.0), m, delta) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("law", ROUND)
def test_round_laws_of_other_dimensions_are_missing(law):
    last = {"ball": 10, "sphere": 11}[law]
    for d in (last + 1, *([1] if law == "ball" else [])):
        for bound in (tabulated_upper_bound, tabulated_lower_bound):
            found = bound(ROUND[law](d), 100)
            assert found.missing[KEY] == f"a {law} of 2 to {last} dimensions, not {d}"
            assert (KEY in found.terms, found.rigorous) == (False, True)
    assert KEY in tabulated_upper_bound(ROUND[law](last), 100).terms


@pytest.mark.parametrize(
    ("law", "d", "m"),
    [("ball", 2, 64), ("ball", 5, 128), ("sphere", 2, 91), ("sphere", 3, 64), ("sphere", 11, 45)],
)
def test_other_draws_cost_as_much(law, d, m):
    """20 draws or more of another seed, 6 standard errors: within 20 %, at a stored width."""
    mu = ROUND[law](d)
    measured = matching_cost(mu, m, repeats=20 if d > 3 else 100, rng=7)
    low, high = ends(mu, m)
    allowed = 6 * measured.standard_error
    assert low - allowed <= measured.mean <= high + allowed
    assert high / low < 1.5


@pytest.mark.parametrize("part", range(4))
def test_two_neurons_cost_what_is_known(part):
    rng = np.random.default_rng(part)
    for _ in range(50):
        spectrum = -np.sort(-(10 ** (-3 * rng.random(int(rng.integers(1, 150))))))
        low, high = ends(Gaussian(spectrum=spectrum), 2)
        assert low <= float(normal_pair_costs(spectrum, 1)[0]) <= high


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 20))]
)
def test_simulated_costs_lie_between(part):
    rng = np.random.default_rng(part)
    for _ in range(30):
        mu, m = random_law(rng), int(rng.integers(1, 150))
        measured = matching_cost(mu, m, repeats=60, rng=rng)
        low, high = ends(mu, m)
        allowed = 6 * measured.standard_error
        assert low - allowed <= measured.mean <= high + allowed, (mu, m)


def test_the_probability_is_stated_where_it_is_used_and_nowhere_else():
    mu = Gaussian(spectrum=[1.0, 1.0])
    simulated, certain = tabulated_upper_bound(mu, 128, delta=1e-6), tabulated_upper_bound(mu, 1)
    assert simulated.key == KEY
    assert (simulated.failure, simulated.rigorous) == (1e-6, False)
    assert "probability 1 - 1e-06" in simulated.assumptions[-1]
    assert "with probability 1 - 1e-06" in repr(simulated)
    assert (certain.failure, certain.rigorous) == (0.0, True)
    assert certain.assumptions == upper_bound(mu, 1).assumptions
    below = tabulated_lower_bound(mu, 100)
    assert (below.key, below.failure) == (KEY, 1e-9)
    line = Gaussian(spectrum=[1.0])
    assert tabulated_lower_bound(line, 100).failure == tabulated_upper_bound(line, 100).failure == 0
    assert upper_bound(mu, 128).failure == 0
    assert KEY not in upper_bound(mu, 128).terms


def test_less_confidence_is_nearer():
    mu = UniformCube(3)
    values = [ends(mu, 100, delta) for delta in (1e-12, 1e-9, 1e-3, 0.5)]
    assert (np.diff(values, axis=0) * [1, -1] > 0).all()


def test_they_are_homogeneous_and_fall_with_width():
    law = SubGaussianProduct(Uniform(), [1.0, 0.5, 0.25])
    twice = SubGaussianProduct(Uniform(), [2.0, 1.0, 0.5])
    assert ends(twice, 77) == pytest.approx(np.multiply(4, ends(law, 77)))
    for mu in (
        law,
        Gaussian(spectrum=1 / np.arange(1, 300)),
        UniformBall(4),
        UniformSphere(2, radius=2.0),
    ):
        found = np.array([ends(mu, m) for m in (1, 2, 3, 10, 100, 1000, 10**4, 10**9)])
        assert (np.diff(found, axis=0) <= 0).all()
        assert (found[:, 0] < found[:, 1]).all()


@pytest.mark.parametrize(
    "base", [Gaussian(spectrum=[1.0, 1.0]), UniformBall(3, radius=0.5), UniformSphere(5)]
)
def test_images_inherit(base):
    image = LipschitzImage(base=base, F=np.sin, L=2.0)
    above = [tabulated_upper_bound(mu, 100).terms[KEY] for mu in (base, image)]
    assert above == pytest.approx([ends(base, 100)[1], 4 * ends(base, 100)[1]])
    assert "no Lipschitz inverse" in tabulated_lower_bound(image, 100).missing[KEY]
    firm = LipschitzImage(base=base, F=lambda x: 2 * x, L=2.0, least=0.5)
    assert ends(firm, 100)[0] == pytest.approx(ends(base, 100)[0] / 4)


def test_other_laws_have_no_stored_costs():
    coins = SubGaussianProduct(RademacherMixture(), [1.0, 1.0])
    for mu in (Empirical(np.eye(3)), coins):
        for bound in (tabulated_upper_bound, tabulated_lower_bound):
            found = bound(mu, 20)
            assert KEY in found.missing
            assert found.rigorous


@pytest.mark.parametrize(
    ("d", "ratios"), [(2, (1.25, 1.3)), (3, (1.2, 1.2)), (5, (1.12, 1.12)), (10, (1.1, 1.1))]
)
def test_how_tight_they_are(d, ratios):
    """At stored widths, beside the stored mean."""
    for law, ratio in zip(COORDINATES, ratios, strict=True):
        costs = stored(law)
        for m in (64, 256, 724):
            mean = costs.means[list(costs.dimensions).index(d), list(costs.widths).index(m)]
            low, high = ends(law_of(law, d), m)
            assert high / mean < ratio
            assert mean / low < ratio * 1.1


@pytest.mark.parametrize("law", ROUND)
def test_how_tight_round_laws_are(law):
    """At stored widths, beside the stored mean."""
    costs = stored(law)
    for k, d in enumerate(costs.dimensions.tolist()):
        for mean, m in zip(costs.means[k, 4:], costs.widths[4:].tolist(), strict=True):
            low, high = ends(ROUND[law](d), m)
            assert max(high / mean, mean / low) < 1.2


def test_arguments_are_checked():
    for bound in (tabulated_upper_bound, tabulated_lower_bound):
        with pytest.raises(TypeError, match="mu"):
            bound("ball", 100)
        with pytest.raises(TypeError, match="m"):
            bound(UniformBall(3), 100.5)
        with pytest.raises(ValueError, match="m"):
            bound(UniformSphere(3), 0)
        with pytest.raises(ValueError, match="delta"):
            bound(UniformBall(3), 100, delta=0.0)
