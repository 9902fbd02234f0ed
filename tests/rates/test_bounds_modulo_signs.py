"""The sandwich modulo signs (S1): against simulation, exact cases, naive transcriptions."""

import itertools

import numpy as np
import pytest

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    LipschitzImage,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import (
    deviation,
    lower_bound,
    matching_cost,
    required_width,
    semigroup_bound,
    simulated_lower_bound,
    simulated_upper_bound,
    truncated_gaussian_bound,
    upper_bound,
    width_lower_bound,
)
from lmctheory.rates.lower.even_features import even_variance
from lmctheory.rates.lower.voronoi import (
    ball_voronoi_gain,
    cube_voronoi_gain,
    sphere_voronoi_gain,
)
from lmctheory.rates.upper.half_normal import (
    folded_matching_cost,
    folded_order_statistics,
    half_normal_matching_cost,
    half_normal_partial_sums,
)
from lmctheory.rates.upper.signed_arguments import folded_law
from tests.rarely import rarely
from tests.rates.test_properties import EVERY_FAMILY, FAMILIES

SIGNS = {"modulo": "signs"}
MIRRORED = GaussianMixture(
    [0.5, 0.5], np.array([[4.0, 1.0], [-4.0, -1.0]]), [Gaussian(spectrum=[1.0, 0.2])] * 2
)
LAWS = {name: family(1.0) for name, family in FAMILIES.items()} | {
    "line": Gaussian(spectrum=[2.0]),
    "wide": Gaussian(spectrum=[1.0] * 40),
    "spiked": Gaussian(spectrum=[10.0, 1.0] + [0.01] * 30 + [0.0]),
    "bumps": SubGaussianProduct(RademacherMixture(0.1), [1.0, 0.3]),
    "mirrored": MIRRORED,
    "far from 0": Empirical(np.random.default_rng(1).standard_normal((9, 2)) + 5),
    "small cube": UniformCube(3, side=0.1),
    "interval": UniformBall(1),
}
EVERY_LAW = pytest.mark.parametrize(
    "mu",
    [
        pytest.param(law, id=name, marks=[pytest.mark.slow] if name == "mixture" else [])
        for name, law in LAWS.items()
    ],
)


@EVERY_LAW
@pytest.mark.parametrize("p", rarely([1.0, 2.0, 3.0], [1.0, 3.0]))
def test_the_truth_lies_between(mu, p):
    # 64 draws at least: beyond 5 standard errors by chance 5e-6 (t law), < 1e-3 in all
    for m, draws in ((1, 800), (3, 400), (30, 64)):
        measured = matching_cost(mu, m, repeats=draws, p=p, rng=np.random.default_rng(m), **SIGNS)
        slack = 5 * measured.standard_error
        for key, value in upper_bound(mu, m, p, **SIGNS).terms.items():
            assert value >= measured.mean - slack, (m, key)
        for key, value in lower_bound(mu, m, p, **SIGNS).terms.items():
            assert value <= measured.mean + slack, (m, key)


@pytest.mark.parametrize(
    ("mu", "key", "share"),
    [
        (Gaussian(spectrum=[1.0] * 4), "R9 isotropic", 0.9),
        (Gaussian(spectrum=[1.0, 0.5, 0.3, 0.2, 0.2, 0.1]), "R9 tilted", 0.75),
        (UniformBall(3), "R9 nearest neighbour", 0.9),
        (UniformCube(3), "R9 nearest neighbour", 0.9),
        (UniformSphere(4), "R9 correlation", 0.9),
        (MIRRORED, "R9 correlation", 0.2),
        (Empirical(np.random.default_rng(2).standard_normal((40, 3)) + 0.5), None, 0.98),
    ],
    ids=["isotropic", "tilted", "ball", "cube", "sphere", "mixture", "atoms"],
)
def test_nearest_neighbours_modulo_signs(mu, key, share):
    """Balls count twice, no more and no less; 5 standard errors of 4000 draws."""
    m, rng = 20, np.random.default_rng(0)
    a, b = mu.sample(4000, rng=rng), mu.sample(4000 * m, rng=rng).reshape(4000, m, -1)
    near = np.minimum(
        np.square(a[:, None] - b).sum(axis=2), np.square(a[:, None] + b).sum(axis=2)
    ).min(axis=1)
    slack = 5 * near.std() / 4000**0.5
    bound = lower_bound(mu, m, **SIGNS).terms[key or "R9 nearest neighbour"]
    assert share * near.mean() - slack <= bound <= near.mean() + slack


@pytest.mark.slow
def test_the_truth_lies_between_for_hundreds_of_spectra():
    rng = np.random.default_rng(0)
    for _ in range(300):
        d, m = int(rng.integers(1, 9)), int(rng.integers(1, 65))
        mu = Gaussian(spectrum=10 ** (-3 * rng.random(d)))
        measured = matching_cost(mu, m, repeats=32, rng=rng, **SIGNS)
        slack = 7 * measured.standard_error  # 31 d.o.f.: false alarm 2e-5 in all
        assert lower_bound(mu, m, **SIGNS).value <= measured.mean + slack
        assert measured.mean - slack <= upper_bound(mu, m, **SIGNS).value


@EVERY_FAMILY
def test_the_lower_bound_lies_below_the_upper(family):
    mu = family(1.0)
    for m, p in ((1, 1.0), (2, 3.0), (50, 1.0), (200, 2.0)):
        low, high = lower_bound(mu, m, p, **SIGNS), upper_bound(mu, m, p, **SIGNS)
        assert 0 <= low.value <= high.value * (1 + 1e-9), (m, p, low, high)


@pytest.mark.slow
@EVERY_FAMILY
def test_the_lower_bound_lies_below_the_upper_at_any_width(family):
    for m, p in itertools.product((10**4, 10**8, 10**12), (1.0, 2.0, 3.0)):
        low, high = (bound(family(1.0), m, p, **SIGNS) for bound in (lower_bound, upper_bound))
        assert 0 <= low.value <= high.value * (1 + 1e-9), (m, p, low, high)


@EVERY_FAMILY
def test_signs_never_cost_more(family):
    mu = family(1.0)
    for m, p in ((1, 1.0), (30, 2.0), (300, 2.0)):
        assert upper_bound(mu, m, p, **SIGNS).value <= upper_bound(mu, m, p).value * (1 + 1e-9)
        assert lower_bound(mu, m, p, **SIGNS).value <= upper_bound(mu, m, p).value


@EVERY_FAMILY
@pytest.mark.parametrize("c", [pytest.param(1e-12, marks=pytest.mark.slow), 1e12])
def test_units(family, c):
    for bound in (upper_bound, lower_bound):
        one, scaled = (bound(family(size), 70, **SIGNS).value for size in (1.0, c))
        assert scaled == pytest.approx(c**2 * one, rel=1e-6, abs=0)


@EVERY_FAMILY
def test_wider_layers_cost_less(family):
    values = [upper_bound(family(1.0), m, **SIGNS).value for m in (1, 2, 4, 32, 256)]
    assert all(left >= right * (1 - 1e-9) for left, right in itertools.pairwise(values))


def test_the_sandwich_is_about_as_tight_as_without_signs():
    """At 128 neurons: to 15 % in four dimensions and more, to a quarter in three, less in two."""
    for spectrum, most in (
        ([1.0] * 8, 1.1),
        ([1.0] * 4, 1.15),
        ([1.0] * 3, 1.25),
        ([1.0] * 2, 1.6),
        ([1 / i for i in range(1, 51)], 1.05),
    ):
        mu = Gaussian(spectrum=spectrum)
        signed, plain = (
            upper_bound(mu, 128, modulo=modulo).value / lower_bound(mu, 128, modulo=modulo).value
            for modulo in ("signs", None)
        )
        assert signed <= most * plain


# ---- exact cases


@pytest.mark.parametrize("m", [1, 7, 300])
def test_the_line_is_exact(m):
    """Absolute values, sorted: uniform ones have M = side^2 / (3 (m + 1))."""
    exact = pytest.approx(1 / (3 * (m + 1)), rel=1e-9)
    for mu in (UniformCube(1, side=2.0), SubGaussianProduct(Uniform(), [3**-0.5])):
        for bound in (upper_bound, lower_bound):
            assert bound(mu, m, **SIGNS).value == exact
    assert upper_bound(UniformBall(1), m, **SIGNS).value == exact
    for bound in (upper_bound, lower_bound):
        value = bound(Gaussian(spectrum=[3.0]), m, **SIGNS).value
        assert value == pytest.approx(3 * folded_matching_cost(None, m), rel=1e-9)


@pytest.mark.parametrize(
    "mu",
    [
        Gaussian(spectrum=[2.0, 1.0, 0.1]),
        Gaussian(spectrum=[1.0] * 50),
        UniformBall(4),
        UniformSphere(2, radius=3.0),
    ],
)
def test_one_neuron_is_exact(mu):
    low, high = lower_bound(mu, 1, **SIGNS).value, upper_bound(mu, 1, **SIGNS).value
    assert low == pytest.approx(high, rel=1e-9)
    rng = np.random.default_rng(0)
    a, b = mu.sample(400_000, rng=rng), mu.sample(400_000, rng=rng)
    cost = (a**2).sum(1) + (b**2).sum(1) - 2 * np.abs((a * b).sum(1))
    assert abs(cost.mean() - low) < 5 * cost.std() / 400_000**0.5


def test_one_normal_neuron_by_hand():
    assert lower_bound(Gaussian(spectrum=[3.0]), 1, **SIGNS).value == pytest.approx(
        6 * (1 - 2 / np.pi), rel=1e-10
    )
    # on the plane <X, X'> is |X||X'| cos: E|X| = (pi/2)^{1/2}, E|cos| = 2/pi
    assert upper_bound(Gaussian(spectrum=[1.0, 1.0]), 1, **SIGNS).value == pytest.approx(2.0)


# ---- pieces


@pytest.mark.parametrize("m", [1, 2, 9, 500])
def test_order_statistics_of_a_folded_uniform_law(m):
    exact = 3**0.5 * np.arange(1, m + 1) / (m + 1)
    np.testing.assert_allclose(folded_order_statistics(Uniform(), m), exact, rtol=1e-10)


@pytest.mark.parametrize(
    "marginal", [None, Laplace(), TruncatedNormal(), RademacherMixture(0.01)], ids=str
)
def test_order_statistics_against_simulation(marginal):
    rng = np.random.default_rng(0)
    shape = (100_000, 5)
    x = rng.standard_normal(shape) if marginal is None else marginal.sample(shape, rng=rng)
    x = np.sort(np.abs(x), axis=1)
    errors = (folded_order_statistics(marginal, 5) - x.mean(0)) / (x.std(0) / len(x) ** 0.5)
    assert np.abs(errors).max() < 5


def test_the_half_normal_cost_is_the_same_by_both_ways():
    for m in (1, 100, 512, 513, 3000):
        exact = folded_matching_cost(None, m)
        assert half_normal_matching_cost(m) == pytest.approx(exact, rel=1e-8)
    assert half_normal_matching_cost(10**12) < half_normal_matching_cost(10**9) < 1e-8


def test_partial_sums_of_the_half_normal():
    ranks = np.arange(0.0, 301.0)
    sums = np.r_[0.0, np.cumsum(folded_order_statistics(None, 300))]
    np.testing.assert_allclose(
        half_normal_partial_sums(ranks, np.full(301, 300.0)), sums, rtol=1e-10, atol=1e-12
    )
    # the expansion for large ranks meets the quadrature at its border
    b = 10.0**6
    near = half_normal_partial_sums(np.array([20_000.0, 20_001.0, 20_002.0]), np.full(3, b))
    assert np.diff(near, 2)[0] == pytest.approx(0, abs=1e-4 * np.diff(near)[0])


@pytest.mark.parametrize("s", [0.05, 0.4, 3.0])
def test_even_heat_traces_count_even_eigenfunctions(s):
    k = np.arange(3000)
    first, second = np.exp(-s * k), np.exp(-s * k / 0.5)
    even = first[::2].sum() * second[::2].sum() + first[1::2].sum() * second[1::2].sum()
    law = Gaussian(spectrum=[1.0, 0.5, 0.0])
    assert law.even_heat_trace([s])[0] == pytest.approx(even, rel=1e-12)
    waves = np.exp(-((np.pi * k) ** 2) * s / 4)
    e, o = waves[::2].sum(), waves[1::2].sum()
    cube = UniformCube(3, side=2.0)
    assert cube.even_heat_trace([s])[0] == pytest.approx(e**3 + 3 * e * o**2, rel=1e-12)
    d = 3
    harmonics = (2 * k + d - 2) * np.exp(-k * (k + d - 2) * s)
    assert UniformSphere(d).even_heat_trace([s])[0] == pytest.approx(harmonics[::2].sum())
    polynomials = (k + 1) * np.exp(-k * (k + 2) * s)  # on the disc
    assert UniformBall(2).even_heat_trace([s])[0] == pytest.approx(polynomials[::2].sum())


def test_half_of_all_eigenfunctions_are_even_at_tiny_times():
    for law in (UniformSphere(3), UniformBall(3), UniformCube(3), Gaussian(spectrum=[1.0] * 3)):
        for s in (1e-12, 1e-5):
            ratio = law.even_heat_trace([s])[0] / law.heat_trace([s])[0]
            assert 0.5 - 1e-12 <= ratio < 0.5002


def test_semigroup_bounds_gain_what_half_the_eigenfunctions_are_worth():
    """R6 sees twice as many neurons, and fewer long waves."""
    for law in (UniformSphere(3), UniformCube(2)):
        twice = semigroup_bound(law, 8192).value
        assert 0.85 * twice < semigroup_bound(law, 4096, **SIGNS).value < twice
    plane = Gaussian(spectrum=[1.0, 1.0])
    twice = truncated_gaussian_bound(plane, 2 * 10**5).value
    assert 0.85 * twice < truncated_gaussian_bound(plane, 10**5, **SIGNS).value < 1.01 * twice


def test_even_features_by_sampling():
    rng = np.random.default_rng(0)
    for mu in (UniformBall(3), UniformSphere(2, radius=2.0), MIRRORED):
        x = mu.sample(200_000, rng=rng)
        if mu is MIRRORED:
            x = x @ np.linalg.svd(x, full_matrices=False)[2].T
        moduli = np.var(np.abs(x), axis=0).sum()
        square = (x[:, :, None] * x[:, None]) / np.linalg.norm(x, axis=1)[:, None, None]
        squares = ((x**2).sum(1).mean() - (square.mean(0) ** 2).sum()) / 2
        expected = moduli if mu is MIRRORED else max(moduli, squares)
        assert even_variance(mu) == pytest.approx(expected, rel=0.02)
    points = rng.standard_normal((20, 3)) + 1
    atoms = Empirical(points)
    assert even_variance(atoms) == pytest.approx(even_variance(Empirical(-points)))
    assert even_variance(Empirical(np.r_[points, -points])) == pytest.approx(even_variance(atoms))


def test_two_samples_of_atoms_are_bounded_at_every_width():
    """Nearest neighbours are atoms again once all are drawn; gaps and even features remain."""
    atoms = Empirical(np.random.default_rng(0).standard_normal((30, 3)))
    bound = lower_bound(atoms, 1000, **SIGNS)
    assert bound.value > bound.terms["even means"] > 1e-3
    assert bound.key == "R22"


@pytest.mark.parametrize("m", [1, 30])
def test_empty_cells_cost_more_modulo_signs_too(m):
    for gain in (sphere_voronoi_gain, ball_voronoi_gain, cube_voronoi_gain):
        one, two = gain(2, m, 2.0, 1), gain(2, m, 2.0, 2)
        assert 0 <= two <= one
        assert (two > 0) == (m > 1)


@pytest.mark.slow
def test_mirrored_clusters_are_one():
    merged = folded_law(MIRRORED)
    assert len(merged.components) == 1
    assert merged.weights.tolist() == [1.0]
    for m in (2, 100):
        alone = upper_bound(merged, m).value
        assert upper_bound(MIRRORED, m, **SIGNS).value <= alone
        assert upper_bound(MIRRORED, m).value > 1.2 * alone


def test_atoms_are_folded():
    """Two atoms opposite each other are one: nothing to pay."""
    opposite = Empirical(np.array([[1.0, 2.0], [-1.0, -2.0]]))
    assert upper_bound(opposite, 10, **SIGNS).value == 0
    assert upper_bound(opposite, 10).value > 0.5
    assert required_width(opposite, 1e-6, **SIGNS) == 1


def test_images_have_the_bounds_that_they_had():
    image = LipschitzImage(np.abs, 1.0, UniformCube(2))
    signed = upper_bound(image, 50, **SIGNS)
    assert signed.value == upper_bound(image, 50).value
    assert signed.key == "without signs"
    assert "folded" in signed.missing
    assert lower_bound(image, 50, **SIGNS).value == 0


# ---- concentration and widths


def test_deviations_are_those_of_the_quotient():
    ball, gauss = UniformBall(3), Gaussian(spectrum=[2.0, 1.0])
    plain, signed = (deviation(ball, 50, 0.1, modulo=modulo) for modulo in (None, "signs"))
    assert signed.power == pytest.approx(plain.power / 2)
    assert signed.distance == plain.distance
    assert deviation(gauss, 50, 0.1, **SIGNS) == deviation(gauss, 50, 0.1)
    atoms = Empirical(np.array([[3.0, 0.0], [-3.0, 1.0]]))
    apart = np.sqrt(2 * 10.0)  # of |x|^2 + |y|^2, at most
    assert deviation(atoms, 4, 0.1, 1.0, **SIGNS).power == pytest.approx(
        apart * np.sqrt(np.log(10) / 4)
    )


def test_deviations_hold():
    """400 draws at 0.2 and 5 standard errors from the quantile: false alarm 3e-7."""
    rng = np.random.default_rng(0)
    for law in (UniformSphere(20), UniformCube(10), Gaussian(spectrum=[1.0] * 20)):
        costs = matching_cost(law, 3, repeats=400, rng=rng, **SIGNS)
        beyond = deviation(law, 3, 0.2, **SIGNS)
        slack = 5 * costs.standard_error
        low, high = np.quantile(costs.draws, [0.3, 0.7])
        assert high <= beyond.above(costs.mean + slack)
        assert beyond.below(costs.mean - slack) <= low


def test_simulated_bounds_enclose():
    mu, rng = Gaussian(spectrum=[1.0] * 4), np.random.default_rng(0)
    options = {"width": 64, "repeats": 16, "delta": 1e-3, "rng": rng}
    truth = matching_cost(mu, 64, repeats=64, rng=rng, **SIGNS).mean
    high = simulated_upper_bound(mu, 64, **options, **SIGNS).value
    low = simulated_lower_bound(mu, 64, **options, **SIGNS).value
    assert 0.6 * truth < low < truth < high < 1.6 * truth
    assert high < simulated_upper_bound(mu, 64, **options).value


@pytest.mark.slow
def test_widths_are_smaller_and_in_order():
    for mu in (Gaussian(spectrum=[1.0] * 3), UniformSphere(3)):
        eps = 0.5 * mu.second_moment**0.5
        necessary, sufficient = (
            width_lower_bound(mu, eps, **SIGNS),
            required_width(mu, eps, **SIGNS),
        )
        assert 1 < necessary <= sufficient < required_width(mu, eps)
        assert upper_bound(mu, sufficient, **SIGNS).value <= eps**2
        assert upper_bound(mu, sufficient - 1, **SIGNS).value > eps**2
        assert required_width(mu, eps, delta=0.01, **SIGNS) >= sufficient


@pytest.mark.parametrize(
    "call",
    [
        lambda mu, **k: upper_bound(mu, 5, **k),
        lambda mu, **k: lower_bound(mu, 5, **k),
        lambda mu, **k: required_width(mu, 0.5, **k),
        lambda mu, **k: width_lower_bound(mu, 0.5, **k),
        lambda mu, **k: deviation(mu, 5, 0.1, **k),
        lambda mu, **k: semigroup_bound(mu, 5, **k),
        lambda mu, **k: truncated_gaussian_bound(mu, 5, **k),
    ],
)
def test_an_unknown_modulo_is_refused(call):
    with pytest.raises(ValueError, match=r"modulo must be one of \[None, 'signs'\], got 'sign'"):
        call(Gaussian(spectrum=[1.0]), modulo="sign")


def test_a_diffusion_without_an_even_part_is_refused():
    class Drift:
        dimension, spectrum, semigroup_constant = 1, np.ones(1), 4.0

        def sample(self, m, *, rng):
            return rng.random((m, 1))

        def heat_trace(self, s):
            return 1 + np.exp(-s)

        mean_squared_displacement = contraction = heat_trace

    with pytest.raises(TypeError, match="modulo signs needs a law with an even_heat_trace, Drift"):
        semigroup_bound(Drift(), 5, **SIGNS)


# ---- the law


@pytest.mark.parametrize(
    ("mu", "m"), [(UniformSphere(6), 256), (UniformBall(5), 256)], ids=["sphere", "ball"]
)
def test_costs_fall_by_2_to_the_minus_2_over_d(mu, m):
    """Bounded densities of dimension above 4, to 2 % and 5 standard errors."""
    rng = np.random.default_rng(0)
    signed = matching_cost(mu, m, repeats=24, rng=rng, **SIGNS)
    plain = matching_cost(mu, m, repeats=24, rng=rng)
    ratio = signed.mean / plain.mean
    error = ratio * np.hypot(signed.standard_error / signed.mean, plain.standard_error / plain.mean)
    d = mu.dimension - isinstance(mu, UniformSphere)
    assert abs(ratio - 2 ** (-2 / d)) < 0.02 + 5 * error


def test_shifted_laws_are_an_exception():
    """Mean 8: no neuron meets the negative of another."""
    shifted = GaussianMixture([1.0], np.array([[8.0, 0.0, 0.0]]), [Gaussian(spectrum=[1.0] * 3)])
    rng = np.random.default_rng(0)
    a, b = shifted.sample(50, rng=rng), shifted.sample(50, rng=rng)
    law = Empirical(np.r_[a, b])
    signed, plain = (matching_cost(law, 20, rng=1, modulo=x).mean for x in ("signs", None))
    assert signed == pytest.approx(plain, rel=1e-12)
