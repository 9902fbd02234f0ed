"""Laws whose squared weights are no floats: bounds are those of laws of size 1, scaled."""

import numpy as np
import pytest

from lmctheory.measures import (
    Bounded,
    Empirical,
    Gaussian,
    GaussianMixture,
    LipschitzImage,
    LogSobolev,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.measures.extreme_sizes import moderate, times_power
from lmctheory.rates import (
    deviation,
    lower_bound,
    tabulated_lower_bound,
    tabulated_upper_bound,
    upper_bound,
)

POINTS = np.random.default_rng(0).standard_normal((6, 2))
LAWS = {
    "Gaussian": lambda s: Gaussian(spectrum=[s * s, s * s / 2]),
    "ball": lambda s: UniformBall(2, radius=s),
    "cube": lambda s: UniformCube(5, side=s),
    "sphere": lambda s: UniformSphere(3, radius=s),
    "empirical": lambda s: Empirical(s * POINTS),
    "mixture": lambda s: GaussianMixture(
        [0.5, 0.5], np.array([[0.0], [s]]), [Gaussian(spectrum=[s * s / 64])] * 2
    ),
    "product": lambda s: SubGaussianProduct(Uniform(), [s, s / 2]),
    "image": lambda s: LipschitzImage(lambda x: s * x, s, UniformCube(2), least=s),
    "image of a large law": lambda s: LipschitzImage(lambda x: x / s, 1 / s, UniformCube(2, s)),
}
BY_SQUARES = {"Gaussian", "mixture", "product"}  # given by numbers that are squares of sizes
BOUNDS = {
    "upper": lambda law, p: upper_bound(law, 10, p).value,
    "upper, signs": lambda law, p: upper_bound(law, 10, p, modulo="signs").value,
    "lower": lambda law, p: lower_bound(law, 10, p).value,
    "lower, signs": lambda law, p: lower_bound(law, 10, p, modulo="signs").value,
    "deviation": lambda law, p: deviation(law, 10, 0.1, p).power,
    "deviation of distances": lambda law, p: deviation(law, 10, 0.1, p).distance ** p,
}
EVERY_LAW = pytest.mark.parametrize("law", LAWS)


def sizes(law):
    exponents = (-480, 480) if law in BY_SQUARES else (-990, -530, 530, 990)
    return [2.0**exponent for exponent in exponents]  # exactly, so that only sizes differ


@EVERY_LAW
@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_bounds_scale_with_the_law(law, bound, p):
    if bound == "deviation" and not isinstance(LAWS[law](1.0), Bounded):
        pytest.skip("nothing is known of costs themselves")
    if bound == "deviation of distances" and (p < 1 or not isinstance(LAWS[law](1.0), LogSobolev)):
        pytest.skip("nothing is known of distances")
    unit = BOUNDS[bound](LAWS[law](1.0), p)
    for size in sizes(law):
        scale = 1.0 if law == "image of a large law" else size**p
        found = BOUNDS[bound](LAWS[law](size), p)
        assert found == pytest.approx(scale * unit, rel=1e-9, abs=0)


@EVERY_LAW
def test_costs_that_are_no_floats_are_refused(law):
    if law == "image of a large law":
        return
    for bound in (upper_bound, lower_bound):
        with pytest.raises(
            ValueError, match=r"mu or p must be smaller: costs to the power 3 exceed"
        ):
            bound(LAWS[law](sizes(law)[-1]), 10, 3.0)


@EVERY_LAW
def test_costs_below_the_smallest_float_stay_between_bounds(law):
    if law == "image of a large law":
        return
    mu = LAWS[law](sizes(law)[0])
    assert lower_bound(mu, 10, 3.0).value == 0 < upper_bound(mu, 10, 3.0).value < 1e-300


@pytest.mark.parametrize("law", ["ball", "cube", "sphere", "image"])
def test_stored_costs_below_the_smallest_float_are_no_upper_bound_of_0(law):
    mu = LAWS[law](2.0**-990)
    assert tabulated_lower_bound(mu, 10).value == 0 < tabulated_upper_bound(mu, 10).value < 1e-300


@EVERY_LAW
def test_ordinary_laws_are_left_as_they_are(law):
    for size in (1e-50, 1.0, 1e50):
        mu = LAWS[law](size)
        assert moderate(mu, 2.0) == (mu, 1.0)


def test_a_law_is_made_moderate_once():
    mu = Empirical(2.0**600 * POINTS)
    (unit, size), (again, _) = moderate(mu, 2.0), moderate(mu, 2.0)
    assert unit is again
    assert np.array_equal(size * unit.points, mu.points)


def test_powers_that_are_no_floats_times_what_brings_them_back():
    assert times_power(1e-100, 1e200, 2.0) == pytest.approx(1e300, rel=1e-9)
    assert times_power(1e100, 1e-200, 2.0) == pytest.approx(1e-300, rel=1e-9)
    assert times_power(0.0, 1e200, 2.0) == 0
    assert times_power(1.0, 1e200, 2.0) == np.inf == times_power(np.inf, 1e-200, 2.0)


@pytest.mark.parametrize("law", ["ball", "cube", "sphere"])
def test_squares_that_are_no_floats_are_infinite(law):
    mu = LAWS[law](1e200)
    assert mu.second_moment == mu.log_sobolev_constant == np.inf
    assert np.isinf(mu.spectrum).all()


@pytest.mark.parametrize("size", [2.0**-990, 2.0**990])
def test_distances_of_points_need_no_squares(size):
    ordinary, law = Empirical(POINTS), Empirical(size * POINTS)
    assert law.diameter == size * ordinary.diameter
    radii = np.linspace(0.0, 3.0, 7)
    assert np.array_equal(law.distance_cdf(size * radii), ordinary.distance_cdf(radii))


def test_an_image_larger_than_all_floats_is_refused():
    mu = LipschitzImage(lambda x: 0 * x, 1e200, UniformCube(2, side=1e200))
    with pytest.raises(ValueError, match="mu or p must be smaller"):
        upper_bound(mu, 10)
