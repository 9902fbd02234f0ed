"""Exact cases, independent references and bad input, law by law."""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.distance import pdist
from scipy.stats import chi2

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    Laplace,
    LipschitzImage,
    LowRankPlusNoise,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures import ball as ball_module
from lmctheory.measures import sphere as sphere_module
from lmctheory.measures.lattice import box_partition

TIMES = np.array([1e-3, 0.0014, 0.0016, 0.02, 0.3, 0.32, 2.0])


def test_the_cube_sums_its_series():
    k = np.arange(2001)
    odd = k[1::2]
    mu = UniformCube(3, side=2.0)
    decay = np.exp(-((np.pi * k) ** 2) * TIMES[:, None])
    np.testing.assert_allclose(mu.heat_trace(4 * TIMES), decay.sum(axis=1) ** 3, rtol=1e-12)
    displaced = 2 * 3 * 4 * (1 / 12 - decay[:, odd] @ (8 / (np.pi * odd) ** 4))
    np.testing.assert_allclose(mu.mean_squared_displacement(4 * TIMES), displaced, rtol=1e-9)
    slope = decay[:, odd] @ (4 / np.pi * np.resize([1, -1], len(odd)) / odd)
    np.testing.assert_allclose(mu.contraction(4 * TIMES), slope, rtol=1e-12)


def test_the_cube_at_tiny_times_is_flat_space():
    # theta(u) -> 1/2 + 1/(2 sqrt(pi u)): bulk and boundary terms of the heat kernel
    u = np.array([1e-20, 1e-6])
    expected = 0.5 + 0.5 / np.sqrt(np.pi * u)
    np.testing.assert_allclose(UniformCube(1).heat_trace(u), expected, rtol=1e-14)


def test_boxes_have_the_constants_of_R6b():
    values = [UniformCube(d).semigroup_constant for d in (1, 2, 3, 5)]
    np.testing.assert_allclose(values, [1, 1.63, 2.09, 2.63], atol=0.005)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_distances_in_the_cube_match_an_integral(d):
    # the law of the distance in d dimensions from that in d - 1, by one quadrature
    def exact(r, d):
        if d == 0:
            return 1.0
        top = min(r, 1.0)
        return quad(lambda x: 2 * (1 - x) * exact(np.sqrt(r * r - x * x), d - 1), 0, top)[0]

    r = np.array([0.05, 0.5, 0.999, 1.2]) if d < 3 else np.array([0.3, 0.9])
    if d == 5:  # closed form against convolution instead of a fivefold quadrature
        sampled = np.random.default_rng(0).random((2, 400_000, d))
        distance = np.linalg.norm(sampled[0] - sampled[1], axis=1)
        expected, tolerance = [(distance <= x).mean() for x in r], 0.004  # 5 standard errors
    else:
        expected, tolerance = [exact(x, d) for x in r], 2e-5
    np.testing.assert_allclose(UniformCube(d).distance_cdf(r), expected, atol=tolerance)


def test_the_circle_and_the_three_sphere_sum_to_theta_functions():
    s = np.array([1e-12, 1e-7, 1e-3])
    np.testing.assert_allclose(UniformSphere(2).heat_trace(s), np.sqrt(np.pi / s), rtol=1e-9)
    four = np.exp(s) * np.sqrt(np.pi) / (4 * s**1.5)
    np.testing.assert_allclose(UniformSphere(4).heat_trace(s), four, rtol=1e-9)
    k = np.arange(200)
    plain = ((2 * k + 1) * np.exp(-k * (k + 1) * TIMES[:, None])).sum(axis=1)
    np.testing.assert_allclose(UniformSphere(3, radius=2.0).heat_trace(4 * TIMES), plain)


@pytest.mark.parametrize("d", [2, 3, 10, 100])
def test_the_heat_expansion_continues_the_sum(d, monkeypatch):
    u = np.array([3e-8])
    summed = UniformSphere(d).heat_trace(u)
    monkeypatch.setattr(sphere_module, "_MANY_TERMS", 10)
    np.testing.assert_allclose(UniformSphere(d).heat_trace(u), summed, rtol=1e-9)


def test_round_laws_know_their_distances():
    r = np.array([0.0, 0.5, 1.0, np.sqrt(2), 2.0, 3.0])
    # the chord of the two-sphere has P(chord <= r) = r^2/4; on the circle the angle is uniform
    np.testing.assert_allclose(UniformSphere(3).distance_cdf(r), np.minimum(r, 2) ** 2 / 4)
    angle = 2 * np.arcsin(np.minimum(r, 2) / 2) / np.pi
    np.testing.assert_allclose(UniformSphere(2).distance_cdf(r), angle)
    interval = np.minimum(r, 2) - np.minimum(r, 2) ** 2 / 4
    np.testing.assert_allclose(UniformBall(1).distance_cdf(r), interval)


@pytest.mark.parametrize(("d", "level"), [(2, 1), (2, 4), (3, 3), (4, 2)])
def test_cells_that_meet_a_ball_are_counted(d, level):
    R = 2 ** (level - 1)
    corners = np.array(list(product(range(-R, R), repeat=d)))
    near = np.where(corners >= 0, corners, corners + 1)
    far = np.where(corners >= 0, corners + 1, corners)
    meets = np.square(near).sum(axis=1) < R * R
    inside = np.square(far).sum(axis=1) <= R * R
    assert UniformBall(d).nested_partition(level)[0][-1] == meets.sum()
    assert UniformSphere(d).nested_partition(level)[0][-1] == (meets & ~inside).sum()
    assert UniformCube(d).nested_partition(level)[0][-1] == 2 ** (d * level)


def test_high_dimensions_overflow_to_infinity_and_never_to_zero():
    for mu in (UniformCube(1500), UniformBall(1500), UniformSphere(1500)):
        cells, diameters = mu.nested_partition(3)
        assert cells[-1] == np.inf
        assert np.isfinite(diameters).all()
    assert 0 < UniformCube(784, side=50.0).density_bound < 1e-300
    assert UniformBall(784, radius=1e-3).density_bound == np.inf
    assert UniformCube(784).heat_trace(np.array([1e-9])) == np.inf


def test_an_isotropic_gaussian_has_chi_square_distances():
    r = np.array([0.1, 1.0, 4.0])
    exact = chi2.cdf(r**2 / (2 * 3.0), 4)
    np.testing.assert_allclose(Gaussian(spectrum=[3.0] * 4).distance_cdf(r), exact)


def test_a_gaussian_semigroup_is_the_product_of_its_coordinates():
    s = np.geomspace(1e-6, 30, 9)
    lam = np.array([2.0, 0.5, 1e-300])
    mu = Gaussian(spectrum=[*lam, 0.0])
    np.testing.assert_allclose(
        mu.heat_trace(s), np.prod([1 / -np.expm1(-s / x) for x in lam[:2]], 0)
    )
    displaced = -2 * np.expm1(-s[:, None] / lam[:2]) @ lam[:2]
    np.testing.assert_allclose(mu.mean_squared_displacement(s), displaced)
    np.testing.assert_allclose(mu.contraction(s), np.exp(-s / 2))


def test_a_point_mass_has_nothing_to_mix():
    mu, s = Gaussian(spectrum=[0.0, 0.0]), np.array([0.5])
    assert (mu.heat_trace(s), mu.mean_squared_displacement(s), mu.contraction(s)) == (1, 0, 0)
    assert mu.distance_cdf(s) == 1
    assert mu.density_bound == np.inf


def test_the_smallest_positive_eigenvalue_overflows_nothing():
    mu, s = Gaussian(spectrum=[1.0, 5e-324]), np.array([1.0, 1e9])
    np.testing.assert_allclose(mu.heat_trace(s), 1 / -np.expm1(-s))
    assert (mu.distance_cdf(s) <= chi2.cdf(s**2 / 2, 1)).all()
    assert mu.mean_squared_displacement(s)[1] == 2
    assert Gaussian(spectrum=[5e-324]).contraction(s)[0] == 0


def test_low_rank_plus_noise_splits_into_signal_and_noise():
    mu = LowRankPlusNoise(2, 8, eta=0.4)
    np.testing.assert_allclose(mu.spectrum, [1.02, 1.02] + [0.02] * 6)
    assert mu.second_moment == pytest.approx(2 + 0.4**2)
    assert (mu.rank, mu.eta) == (2, 0.4)
    assert (LowRankPlusNoise(2, 8, eta=0.0).spectrum[2:] == 0).all()


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0, 3.0])
def test_the_density_of_a_rademacher_mixture_stays_below_its_bound(noise):
    z = np.linspace(-3, 3, 20_001)
    density = sum(np.exp(-((z - s) ** 2) / (2 * noise**2)) for s in (-1, 1)) / 2
    top = density.max() / (noise * np.sqrt(2 * np.pi)) * np.hypot(1, noise)
    assert top <= RademacherMixture(noise).density_bound <= 2.001 * top


def test_marginals_have_their_reach():
    assert Uniform().reach == pytest.approx(np.sqrt(3))
    assert TruncatedNormal(1e-3).reach == pytest.approx(np.sqrt(3))  # flat within a tiny cut
    assert TruncatedNormal(2.0).density_bound == pytest.approx(0.36765, abs=1e-4)
    mu = SubGaussianProduct(Uniform(), [1.0, 2.0])
    assert mu.diameter == pytest.approx(np.sqrt(12 * 5))
    assert mu.density_bound == pytest.approx(1 / 24)
    assert not hasattr(SubGaussianProduct(Laplace(), [1.0]), "diameter")


def test_a_mixture_of_one_is_a_gaussian():
    part = Gaussian(covariance=np.array([[2.0, 1.0], [1.0, 1.0]]))
    mu = GaussianMixture([1.0], np.array([[5.0, 0.0]]), [part])
    r = np.array([0.3, 1.0, 3.0])
    np.testing.assert_allclose(mu.spectrum, part.spectrum)
    np.testing.assert_allclose(mu.distance_cdf(r), part.distance_cdf(r))
    assert mu.density_bound == pytest.approx(part.density_bound)
    assert mu.second_moment == pytest.approx(25 + 3)


def test_far_clusters_are_seldom_close():
    one = Gaussian(spectrum=[1.0, 0.0])
    for offset in ([50.0, 0.0], [0.0, 50.0]):  # with and without spread along the offset
        mu = GaussianMixture([0.5, 0.5], np.array([[0.0, 0.0], offset]), [one, one])
        half = one.distance_cdf(np.array([10.0])) / 2
        np.testing.assert_allclose(mu.distance_cdf(np.array([10.0])), half)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**31))
def test_an_empirical_law_is_its_points(n, d, seed):
    points = np.random.default_rng(seed).integers(-2, 3, (n, d)).astype(float)
    mu = Empirical(points)
    covariance = np.cov(points.T, bias=True).reshape(d, d)
    np.testing.assert_allclose(mu.spectrum, np.linalg.eigvalsh(covariance)[::-1], atol=1e-9)
    pairs = pdist(points)
    assert mu.diameter == pytest.approx(pairs.max(initial=0.0))
    expected = (n + 2 * (pairs <= 2).sum()) / n**2
    assert mu.distance_cdf(np.array([2.0]))[0] == pytest.approx(expected)
    assert mu.nested_partition(40)[0][-1] == len(np.unique(points, axis=0))


def test_halves_are_disjoint():
    points = np.arange(7.0)[:, None]
    first, second = Empirical(points).split_half(rng=np.random.default_rng(0))
    assert first.shape == second.shape == (3, 1)
    assert len(np.unique(np.r_[first, second])) == 6


def test_distances_come_in_blocks_of_bounded_size(monkeypatch):
    mu = Empirical(np.random.default_rng(0).standard_normal((30, 2)))
    whole = mu.distance_cdf(np.array([0.5, 1.0]))
    monkeypatch.setattr("lmctheory.measures.empirical._BLOCK_ENTRIES", 64)
    np.testing.assert_array_equal(mu.distance_cdf(np.array([0.5, 1.0])), whole)


def test_neither_points_nor_law_see_each_other_change():
    points = np.zeros((2, 1))
    mu = Empirical(points)
    points[0] = 1.0
    assert (mu.points == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        mu.points[0] = 1.0


def test_a_ball_is_a_projected_sphere():
    image = LipschitzImage(lambda x: x[:, :3], 1.0, UniformSphere(5))
    x = image.sample(20_000, rng=np.random.default_rng(2))
    shares = (np.linalg.norm(x, axis=1)[:, None] <= [0.5, 0.8]).mean(axis=0)
    np.testing.assert_allclose(shares, [0.5**3, 0.8**3], atol=0.02)  # 5 standard errors
    assert (image.dimension, image.diameter) == (3, 2.0)
    assert not hasattr(LipschitzImage(np.tanh, 1.0, Gaussian(spectrum=[1.0])), "diameter")


ONE = Gaussian(spectrum=[1.0])


@pytest.mark.parametrize(
    ("law", "error", "message"),
    [
        (lambda: UniformCube(0), ValueError, "dimension must be >= 1, got 0"),
        (lambda: UniformCube(2, side=0.0), ValueError, "side must be positive and finite, got 0"),
        (lambda: UniformBall(1, radius=np.nan), ValueError, "radius must be positive and finite"),
        (lambda: UniformSphere(1), ValueError, "dimension must be >= 2, got 1"),
        (lambda: LowRankPlusNoise(3, 2, 1.0), ValueError, "dimension must be >= 3, got 2"),
        (lambda: LowRankPlusNoise(0, 2, 1.0), ValueError, "rank must be >= 1, got 0"),
        (lambda: LowRankPlusNoise(1, 2, -1.0), ValueError, "eta must be finite and >= 0"),
        (lambda: TruncatedNormal(0.0), ValueError, "cut must be positive and finite, got 0"),
        (lambda: RademacherMixture(-1.0), ValueError, "noise must be finite and >= 1e-06"),
        (lambda: SubGaussianProduct(Uniform(), []), ValueError, "scales must be a non-empty"),
        (lambda: SubGaussianProduct(Uniform(), [1.0, 0.0]), ValueError, "scales must be positive"),
        (
            lambda: GaussianMixture([0.5, 0.4], np.zeros((2, 1)), [ONE, ONE]),
            ValueError,
            "weights must be positive with sum 1, got [0.5, 0.4]",
        ),
        (
            lambda: GaussianMixture([1.0], np.zeros((2, 1)), [ONE]),
            ValueError,
            "means must be one per weight, got shape (2, 1)",
        ),
        (
            lambda: GaussianMixture([1.0], np.zeros((1, 2)), [ONE]),
            ValueError,
            "components must be 1 Gaussians of dimension 2, got dimensions [1]",
        ),
        (lambda: Empirical(np.zeros((0, 2))), ValueError, "points must be a non-empty array"),
        (lambda: Empirical(np.full((1, 1), np.inf)), ValueError, "points must be finite"),
        (
            lambda: Empirical(np.zeros((1, 1))).split_half(rng=np.random.default_rng(0)),
            ValueError,
            "number of points must be >= 2, got 1",
        ),
        (lambda: LipschitzImage(np.abs, 0.0, ONE), ValueError, "L must be positive and finite"),
        (
            lambda: LipschitzImage(lambda x: x[:, 0], 1.0, ONE),
            ValueError,
            "F must map [1, 1] to [1, q], got (1,)",
        ),
        (lambda: LipschitzImage(lambda x: x * np.nan, 1.0, ONE), ValueError, "F must be finite"),
    ],
)
def test_bad_laws_are_refused(law, error, message):
    with pytest.raises(error, match=re.escape(message)):
        law()


@pytest.mark.parametrize("d", [1, 2, 5, 40])
@pytest.mark.parametrize("u", [1e-7, 3e-6])
def test_the_heat_trace_of_the_ball_is_bounded_where_it_is_not_summed(d, u, monkeypatch):
    u = np.array([u])
    monkeypatch.setattr(ball_module, "_MANY_TERMS", 2**17)
    summed = UniformBall(d).heat_trace(u)
    monkeypatch.setattr(ball_module, "_MANY_TERMS", 10)
    bound = UniformBall(d).heat_trace(u)
    assert (summed <= bound).all()
    assert (bound <= summed * (1 + 4 * np.sqrt(u))).all()


def test_the_interval_has_the_legendre_semigroup():
    k = np.arange(200)
    plain = np.exp(-k * (k + 1) * TIMES[:, None]).sum(axis=1)
    np.testing.assert_allclose(UniformBall(1, radius=2.0).heat_trace(4 * TIMES), plain)


@pytest.mark.parametrize(
    "marginal", [Uniform(), TruncatedNormal(1.5), TruncatedNormal(6.0), RademacherMixture(0.3),
                 Laplace()]
)  # fmt: skip
def test_marginals_know_their_tails_and_norms(marginal):
    # 400,000 draws, 5 standard errors: false alarm 6e-7 each
    z = np.abs(marginal.sample((400_000, 1), rng=np.random.default_rng(3))[:, 0])
    for rho in (0.0, 0.5, 1.5):
        excess = np.maximum(z - rho, 0) ** 2
        error = 5 * excess.std() / np.sqrt(len(z))
        assert excess.mean() - error <= marginal.clipped(rho)
        if not isinstance(marginal, TruncatedNormal):  # the others are exact
            assert marginal.clipped(rho) <= excess.mean() + error
    for q in (1.0, 2.0, 3.0):
        norm, error = np.mean(z**q) ** (1 / q), 0.01
        assert norm <= marginal.norm(q) * (1 + error) <= 1.7 * norm
    assert marginal.clipped(30.0) < 1e-9
    assert marginal.reach == np.inf or marginal.clipped(marginal.reach) == 0


@pytest.mark.parametrize("sides", [[1.0], [2.0, 2.0], [1.0, 0.3, 0.0]])
def test_boxes_are_halved_across_their_longest_side(sides):
    cells, diameters = box_partition(np.array(sides), 6)
    np.testing.assert_array_equal(cells, 2.0 ** np.arange(1, 7))
    for cell, diameter in zip(cells, diameters, strict=True):
        halvings = [
            np.array(n) for n in product(range(7), repeat=len(sides)) if 2.0 ** sum(n) == cell
        ]
        # halving the longest side is the best way to halve
        best = min(np.linalg.norm(np.array(sides) / 2.0**n) for n in halvings)
        assert diameter == pytest.approx(best)


def test_no_levels_are_refused():
    with pytest.raises(ValueError, match="levels must be >= 1, got 0"):
        box_partition(np.ones(2), 0)


def test_the_ball_has_the_constants_of_the_sphere_above_it():
    for d in (1, 2, 5):
        ball, sphere = UniformBall(d, radius=2.0), UniformSphere(d + 2, radius=2.0)
        assert ball.semigroup_constant == sphere.semigroup_constant
        assert ball.log_sobolev_constant == sphere.log_sobolev_constant


def test_distances_in_very_many_dimensions():
    r = np.array([0.0, 5.0, 12.0, 20.0])
    for mu in (UniformCube(1200), UniformBall(2500, radius=10.0)):
        found = mu.distance_cdf(r)
        assert np.isfinite(found).all()
        assert (np.diff(found) >= -1e-12).all()  # rounded up
        assert found[0] == 0


def test_mixtures_at_extreme_scales():
    def law(s: float) -> GaussianMixture:
        parts = [Gaussian(spectrum=[s * s, s * s]), Gaussian(spectrum=[s * s, 0.0])]
        return GaussianMixture([0.5, 0.5], s * np.eye(2), parts)

    r = np.array([0.1, 1.0, 3.0])
    for s in (1e-100, 1e100):
        np.testing.assert_allclose(law(s).distance_cdf(s * r), law(1.0).distance_cdf(r), rtol=1e-9)


def test_scales_whose_squares_are_no_numbers_are_refused():
    for scale in (1e160, 1e-170):
        with pytest.raises(ValueError, match="so must their squares"):
            SubGaussianProduct(Laplace(), [scale])
