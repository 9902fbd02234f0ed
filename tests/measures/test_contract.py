"""One contract for every law: what it promises, its samples keep.

Statistical tests fix seeds and sizes beforehand; each allows 5 standard errors per comparison, a
false alarm below 1e-6 each and 1e-3 over the file.
"""

import numpy as np
import pytest

from lmctheory.measures import (
    Bounded,
    Diffusive,
    Empirical,
    Gaussian,
    GaussianMixture,
    HasDensity,
    HasDistanceLaw,
    HasSpectrum,
    Laplace,
    LipschitzImage,
    LogSobolev,
    LowRankPlusNoise,
    Measure,
    Partitioned,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)

SCALES = [1.5, 1.0, 0.5]
MIXTURE = GaussianMixture(
    [0.3, 0.7],
    np.array([[3.0, 0.0], [-1.0, 1.0]]),
    [Gaussian(spectrum=[1.0, 0.5]), Gaussian(covariance=np.array([[1.0, 0.3], [0.3, 0.2]]))],
)
LAWS = {
    "gaussian": Gaussian(spectrum=[3.0, 1.0, 0.2]),
    "isotropic gaussian": Gaussian(spectrum=[2.0] * 4),
    "singular gaussian": Gaussian(covariance=np.ones((3, 3))),
    "low rank": LowRankPlusNoise(2, 5, eta=0.3),
    "line segment": UniformCube(1, side=2.0),
    "cube": UniformCube(3, side=0.5),
    "high cube": UniformCube(40),
    "interval ball": UniformBall(1, radius=2.0),
    "ball": UniformBall(4, radius=0.5),
    "circle": UniformSphere(2, radius=3.0),
    "sphere": UniformSphere(5),
    "uniform product": SubGaussianProduct(Uniform(), SCALES),
    "truncated normal": SubGaussianProduct(TruncatedNormal(1.5), SCALES),
    "rademacher mixture": SubGaussianProduct(RademacherMixture(0.5), SCALES),
    "laplace": SubGaussianProduct(Laplace(), SCALES),
    "mixture": MIXTURE,
    "empirical": Empirical(np.random.default_rng(3).standard_normal((50, 3))),
    "image": LipschitzImage(lambda x: np.abs(x[:, :2]), 1.0, UniformBall(3)),
}
DRAWS = 20_000


def laws(*capabilities):
    """The laws that have every capability; a law cannot lose one unnoticed."""
    chosen = {n: mu for n, mu in LAWS.items() if all(isinstance(mu, c) for c in capabilities)}
    return pytest.mark.parametrize("mu", chosen.values(), ids=chosen.keys())


@pytest.mark.parametrize(
    ("capability", "lacking"),
    [
        (Measure, set()),
        (HasSpectrum, {"image"}),
        (
            Bounded,
            {n for n in LAWS if "gaussian" in n}
            | {"low rank", "mixture", "rademacher mixture", "laplace"},
        ),
        (HasDensity, {"circle", "sphere", "empirical", "image"}),
        (HasDistanceLaw, {n for n in LAWS if "product" in n} | {"truncated normal"}
         | {"rademacher mixture", "laplace", "image"}),
        (
            Diffusive,
            {"mixture", "empirical", "image"}
            | {n for n, mu in LAWS.items() if isinstance(mu, SubGaussianProduct)},
        ),
        (LogSobolev, {"mixture", "empirical", "rademacher mixture", "laplace"}),
        (
            Partitioned,
            {n for n, mu in LAWS.items() if isinstance(mu, SubGaussianProduct | Gaussian)}
            | {"mixture", "image"},
        ),
    ],
)  # fmt: skip
def test_every_law_has_exactly_the_capabilities_that_it_can_have(capability, lacking):
    assert {name for name, mu in LAWS.items() if not isinstance(mu, capability)} == lacking


@laws()
def test_samples_have_the_right_form_and_repeat_with_the_seed(mu):
    first, second = (mu.sample(7, rng=np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (7, mu.dimension)
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, second)
    assert (mu.sample(7, rng=np.random.default_rng(6)) != first).any()


@laws()
def test_an_empty_sample_is_refused(mu):
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        mu.sample(0, rng=np.random.default_rng(0))


@laws(HasSpectrum)
def test_samples_have_the_spectrum_and_the_second_moment(mu):
    x = mu.sample(DRAWS, rng=np.random.default_rng(11))
    assert (np.diff(mu.spectrum) <= 0).all()
    norms = np.square(x).sum(axis=1)
    error = 5 * norms.std() / np.sqrt(DRAWS) + 1e-12
    assert abs(norms.mean() - mu.second_moment) <= error
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True).reshape(mu.dimension, -1))[::-1]
    # Weyl: an eigenvalue moves by at most the norm of the error of the covariance,
    # sqrt(d + 5^2) standard errors of at most sqrt(6) lambda_1 (Laplace has kurtosis 6)
    bound = np.sqrt(6) * np.sqrt(mu.dimension + 25) / np.sqrt(DRAWS) * 2 * mu.spectrum[0]
    np.testing.assert_allclose(values, mu.spectrum, atol=bound)


@laws(Bounded)
def test_samples_lie_within_the_diameter(mu):
    x, y = (
        mu.sample(DRAWS, rng=np.random.default_rng(1)),
        mu.sample(DRAWS, rng=np.random.default_rng(2)),
    )
    assert np.linalg.norm(x - y, axis=1).max() <= mu.diameter * (1 + 1e-12)


@laws(HasDensity)
def test_no_small_ball_holds_more_than_the_density_allows(mu):
    d = mu.dimension
    if np.isinf(mu.density_bound) or d > 5:
        return
    x = mu.sample(DRAWS, rng=np.random.default_rng(4))
    width = 0.6 * np.sqrt(mu.spectrum.min())
    # cubes of that width on the grid: their masses are at most F width^d
    counts = np.unique(np.floor(x / width), axis=0, return_counts=True)[1]
    allowed = DRAWS * mu.density_bound * width**d
    assert counts.max() <= allowed + 6 * np.sqrt(allowed) + 10


@laws(HasDistanceLaw)
def test_the_distance_law_bounds_the_simulated_one(mu):
    x = mu.sample(DRAWS, rng=np.random.default_rng(8))
    y = mu.sample(DRAWS, rng=np.random.default_rng(9))
    distance = np.linalg.norm(x - y, axis=1)
    r = np.quantile(distance, np.linspace(0.01, 0.99, 25)) * (1 + 1e-12)
    share = (distance[:, None] <= r).mean(axis=0)
    slack = 5 * np.sqrt(0.25 / DRAWS)
    assert (share <= mu.distance_cdf(r) + slack).all()
    if not isinstance(mu, GaussianMixture) and np.ptp(mu.spectrum) < 1e-9:  # exact there
        np.testing.assert_allclose(mu.distance_cdf(r), share, atol=slack)
    everywhere = mu.distance_cdf(np.append(np.linspace(0.0, 2 * r[-1], 300), 1e9))
    assert (np.diff(everywhere) >= -1e-15).all()
    assert everywhere[0] >= 0
    assert everywhere[-1] == pytest.approx(1)
    with pytest.raises(ValueError, match="r must be >= 0, got -1"):
        mu.distance_cdf(np.array([1.0, -1.0]))


@laws(Diffusive)
def test_a_semigroup_mixes(mu):
    scale = mu.spectrum[0]
    s = scale * np.geomspace(1e-14, 200, 400)
    trace, displacement, contraction = (
        f(s) for f in (mu.heat_trace, mu.mean_squared_displacement, mu.contraction)
    )
    assert (trace[1:] <= trace[:-1] * (1 + 1e-12)).all()
    assert (trace >= 1).all()
    assert trace[-1] == pytest.approx(1, abs=1e-12)
    assert (np.diff(displacement) >= -1e-15 * scale).all()
    np.testing.assert_allclose(displacement[-1], 2 * mu.spectrum.sum())
    # D(t) = 2 n t at small times, n the dimension of the support: the mean of sum |grad x_i|^2
    n = mu.dimension - isinstance(mu, UniformSphere)
    n = (mu.spectrum > 0).sum() if isinstance(mu, Gaussian) else n
    n = n * (n + 1) / (n + 2) if isinstance(mu, UniformBall) else n
    np.testing.assert_allclose(displacement[0], 2 * n * s[0], rtol=1e-6)
    assert (np.diff(contraction) <= 1e-12).all()
    assert contraction[0] == pytest.approx(1)
    assert contraction[-1] == pytest.approx(0, abs=1e-12)
    # Cauchy-Schwarz: D(t) >= 2 tr (1 - L_t)
    assert (displacement >= 2 * mu.spectrum.sum() * (1 - contraction) - 1e-12 * scale).all()
    assert 1 <= mu.semigroup_constant <= 4
    zero = np.zeros(1)
    assert mu.heat_trace(zero) == np.inf
    assert mu.mean_squared_displacement(zero) == 0
    for function in (mu.heat_trace, mu.mean_squared_displacement, mu.contraction):
        assert function(s.reshape(20, 20)).shape == (20, 20)
        with pytest.raises(ValueError, match=r"[st] must be >= 0, got nan"):
            function(np.array([np.nan]))


@laws(Partitioned)
def test_a_partition_is_nested_and_covers_the_samples(mu):
    cells, diameters = mu.nested_partition(12)
    assert cells.shape == diameters.shape == (12,)
    assert (cells[1:] >= cells[:-1]).all()
    assert (cells >= 1).all()
    assert (np.diff(diameters) <= 0).all()
    assert diameters[0] <= mu.diameter * (1 + 1e-12)
    with pytest.raises(ValueError, match="levels must be >= 1, got 0"):
        mu.nested_partition(0)


@laws(LogSobolev, HasSpectrum)
def test_a_log_sobolev_constant_is_at_least_the_variance(mu):
    """Linear functions: Poincare's inequality, and the exponential moments of Herbst."""
    assert mu.spectrum[0] * (1 - 1e-12) <= mu.log_sobolev_constant <= 2 * mu.spectrum[0]
    x = mu.sample(DRAWS, rng=np.random.default_rng(12))
    for t in np.array([0.5, 1.0, 2.0]) / np.sqrt(mu.spectrum[0]):
        for coordinate in x.T:
            powers = np.exp(t * coordinate)
            error = 5 * powers.std() / np.sqrt(DRAWS)
            assert powers.mean() - error <= np.exp(t**2 * mu.log_sobolev_constant / 2)
