"""U at extreme scales and cuts, and for laws that change or cannot be hashed."""

from dataclasses import dataclass

import numpy as np
import pytest

from lmctheory.measures import (
    Gaussian,
    GaussianMixture,
    Laplace,
    RademacherMixture,
    SubGaussianProduct,
    TruncatedNormal,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import normal_matching_cost, upper_bound
from lmctheory.rates.upper.covering import mean_left_over


@pytest.mark.parametrize("size", [1e-60, 1e-10, 1e10, 1e60])
@pytest.mark.parametrize(
    "law",
    [
        lambda s: SubGaussianProduct(Laplace(), [s, s]),
        lambda s: SubGaussianProduct(RademacherMixture(0.3), [s]),
        lambda s: GaussianMixture(
            [0.5, 0.5], np.array([[0.0], [s]]), [Gaussian(spectrum=[0.01 * s**2])] * 2
        ),
    ],
)
def test_high_moments_are_homogeneous(law, size):
    bound, unit = upper_bound(law(size), 10, 3.0).terms, upper_bound(law(1.0), 10, 3.0).terms
    for key in ("trivial", "moments"):
        assert bound[key] == pytest.approx(size**3 * unit[key], rel=1e-9, abs=0)


@pytest.mark.parametrize("size", [1e-200, 1e200])
@pytest.mark.parametrize(
    "law",
    [
        lambda s: UniformCube(2, side=s),
        lambda s: UniformBall(2, radius=s),
        lambda s: UniformSphere(3, radius=s),
    ],
)
def test_distances_survive_where_their_squares_do_not(law, size):
    bound = upper_bound(law(size), 10, 1.0).value
    exact = size * upper_bound(law(1.0), 10, 1.0).value
    assert bound == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("cut", [1e-12, 1e-8, 1e-5, 1e-3])
def test_a_tiny_cut_leaves_a_uniform_law(cut):
    law, uniform = TruncatedNormal(cut), Uniform()
    assert law.reach == pytest.approx(uniform.reach, rel=1e-6)
    assert law.density_bound == pytest.approx(uniform.density_bound, rel=1e-6)
    z = np.linspace(-6.0, 6.0, 49)
    np.testing.assert_allclose(law.transport(z), uniform.transport(z), rtol=1e-6)
    values = [upper_bound(SubGaussianProduct(k, [1.0]), 100).terms["R15"] for k in (law, uniform)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize(("noise", "rel"), [(1e-6, 1e-5), (1e15, 1e-6), (1e100, 1e-6)])
def test_signs_nearly_without_noise_and_noise_without_signs(noise, rel):
    law = SubGaussianProduct(RademacherMixture(noise), [1.0])
    if noise > 1:
        limit = normal_matching_cost(50)
    else:  # a share g(1/2) of the neurons goes from one sign to the other, at the distance 2
        limit = 4 * float(mean_left_over(np.array([0.5]), 50)[0])
    assert upper_bound(law, 50).terms["R15"] == pytest.approx(limit, rel=rel)


class Growing:
    """Uniform in [0, diameter], which may be set anew."""

    dimension = 1
    diameter = 1.0

    def sample(self, m, *, rng):
        return self.diameter * rng.random((m, 1))


def test_a_law_that_changes_has_no_stale_bound():
    mu = Growing()
    before = upper_bound(mu, 5, 1.0).value
    mu.diameter = 10.0
    assert upper_bound(mu, 5, 1.0).value == pytest.approx(10 * before)


@dataclass(frozen=True)
class WithArray:
    """A frozen dataclass that compares by value and holds an array: hash() fails."""

    weights: np.ndarray
    dimension: int = 1
    diameter: float = 1.0

    def sample(self, m, *, rng):
        return rng.random((m, 1))


def test_a_law_without_a_hash_has_a_bound():
    assert upper_bound(WithArray(np.ones(2)), 5).value > 0
