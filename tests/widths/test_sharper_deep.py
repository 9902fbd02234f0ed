"""D1 by averaging, D2, D4, D5, D6: exact cases, transcriptions, refusals."""

import numpy as np
import pytest
from scipy.stats import norm

from lmctheory.measures import (
    Gaussian,
    Laplace,
    LowRankPlusNoise,
    RademacherMixture,
    TruncatedNormal,
    Uniform,
    UniformSphere,
)
from lmctheory.rates import OutOfReach, lower_bound, matching_cost, upper_bound
from lmctheory.widths.averaging_gain import halvings, matching_cost_bounds
from lmctheory.widths.deep import bound_from_costs, ensemble, error_bound
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.kernels import sampled_kernels
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.low_dimension import crossover_width, low_dimensional_bound
from lmctheory.widths.non_gaussian import gaussian_parts, non_gaussian_cost


def images(n=40, d=20, seed=0):
    return np.random.default_rng(seed).random((n, d))


def test_averaging_as_it_is_written():
    nets = ensemble(images(), 2)
    m, below = 64, 32
    values, vectors = np.linalg.eigh(nets.covariances[1])
    values, vectors = values[::-1], vectors[:, ::-1]
    k = 6
    P = vectors[:, k:] @ vectors[:, k:].T
    spectrum = np.linalg.eigvalsh(P @ nets.covariances[0] @ P).clip(0)
    gain = 2 / 8 * lower_bound(Gaussian(spectrum=spectrum), below).value
    expected = upper_bound(Gaussian(spectrum=values[:k]), m).value + 2 * values[k:].sum() - gain
    found = matching_cost_bounds(nets, (below, m))
    assert halvings(m) == k
    assert found[1] == pytest.approx(expected, rel=1e-6)
    assert found[1] < upper_bound(nets.laws[1], m).value  # the gain is one here
    assert found[0] == upper_bound(nets.laws[0], below).value


@pytest.mark.parametrize(("m", "k"), [(1, 0), (2, 1), (3, 2), (64, 6), (65, 7)])
def test_halvings(m, k):
    assert halvings(m) == k
    assert halvings(np.int64(m)) == k  # widths may come from an array


def test_no_more_than_the_tail_is_taken_off():
    """A sampled kernel of rank 4 has no tail behind 6 directions, though the layer below has one.

    The true cost of the second layer, by the exact kernel, is what the gain may not undercut.
    """
    x = images()
    kernels = sampled_kernels(x, (4, 64), networks=1, rng=np.random.default_rng(0))
    nets = ensemble(x, 2, kernels=kernels)
    assert nets.split(2, 6).tail < 1e-12 < lower_bound(nets.split(2, 6).below, 4).value
    assert matching_cost_bounds(nets, (4, 64))[1] == pytest.approx(
        upper_bound(nets.laws[1], 64).value, rel=1e-6
    )


def test_where_half_is_linear_there_is_an_explicit_gain():
    for name in ("relu", "softplus", "gelu", "tanh", "sigmoid"):
        nets = ensemble(images(), 2, name)
        first, second = matching_cost_bounds(nets, (16, 16))
        certain = [upper_bound(law, 16).value for law in nets.laws]
        assert first == certain[0]
        assert (second < certain[1]) == (name not in ("tanh", "sigmoid")), name


def test_costs_of_ones_own_enter_the_recursion():
    nets = ensemble(images(), 2)
    assert bound_from_costs([0.4, 0.2], nets).value == pytest.approx((0.4 + 0.2) / 16)
    for costs in ([0.1], [0.1, -0.1], [0.1, float("nan")]):
        with pytest.raises(ValueError, match="costs must be 2 numbers >= 0"):
            bound_from_costs(costs, nets)
    with pytest.raises(ValueError, match="n_out must be >= 1, got 0"):
        bound_from_costs([0.4, 0.2], nets, n_out=0)


def test_lower_bounds_are_those_of_the_gram_matrix():
    x = images()
    (found,) = matching_lower_bounds([x @ x.T / 20], [50], s_w=1.0, s_b=0.5)
    covariance = (x @ x.T / 20 + 0.25) / 40
    assert found == pytest.approx(lower_bound(Gaussian(covariance=covariance), 50).value, rel=1e-6)
    assert matching_lower_bounds([x @ x.T], [1], s_w=1.0)[0] == pytest.approx(
        2 * np.trace(x @ x.T) / 40
    )


def test_half_of_a_network_is_four_times_the_line():
    nets = ensemble(images(), 2)
    half = [upper_bound(law, 16).value for law in nets.laws]
    expected = bound_from_costs(half, nets, s_out=2.0, n_out=3).value
    found = dropout_bound((32, 32), nets, s_out=2.0, n_out=3)
    assert found.value == pytest.approx(4 * expected)
    assert found.scale == pytest.approx(12 * nets.mean_square)


def test_low_dimension_with_noise():
    law, near = LowRankPlusNoise(2, 20, 0.1), Gaussian(spectrum=[1.0, 1.0])
    measured = matching_cost(law, 100, repeats=64, rng=np.random.default_rng(0))
    # 5 standard errors: false alarm 3e-6 (t law)
    bound = low_dimensional_bound(near, 100, 0.1, independent=True)
    assert measured.mean <= bound + 5 * measured.standard_error
    assert bound < low_dimensional_bound(near, 100, 0.1)
    assert low_dimensional_bound(near, 100, 0.0) == pytest.approx(upper_bound(near, 100).value)
    assert low_dimensional_bound(near, 100, 1e160) == np.inf  # and no error


def test_the_crossover_is_where_the_noise_takes_over_at_about_eta_to_the_minus_k():
    near = UniformSphere(4)  # of dimension 3
    widths = [crossover_width(near, eta) for eta in (0.1, 0.01)]
    assert upper_bound(near, widths[0]).value <= 2 * 0.1**2 < upper_bound(near, widths[0] - 1).value
    assert np.log10(widths[1] / widths[0]) == pytest.approx(3, abs=0.25)


def test_gaussian_parts_have_at_most_the_variance_of_their_law():
    for marginal in (Uniform(), TruncatedNormal(cut=2.0), RademacherMixture(noise=0.5), Laplace()):
        for s2, v in gaussian_parts(marginal):
            assert 0 < v <= min(s2, 1) + 1e-12


def test_the_part_of_a_uniform_law_is_smaller_in_convex_order():
    """E (|g| - c)_+ <= E (|zeta| - c)_+ for all c, which for symmetric laws is the order."""
    r = 3**0.5
    u = np.linspace(-r, r, 20001)
    for s in (0.5, 1.0, 3.0):
        weights = norm.pdf(u / s) / norm.pdf(u / s).sum()
        variance = weights @ u**2
        assert min(abs(v - variance) for _, v in gaussian_parts(Uniform())) < 0.03
        for c in np.linspace(0, r, 9):
            excess = np.maximum(np.abs(u) - c, 0)
            assert weights @ excess <= excess.mean() + 1e-6


def test_a_laplace_law_is_a_random_multiple_of_a_normal():
    rng = np.random.default_rng(0)
    g, tau = rng.standard_normal(200_000), rng.exponential(size=200_000)
    zeta = np.sqrt(tau) * g  # variance 1; slope of zeta on g: E sqrt tau
    [(s2, v)] = gaussian_parts(Laplace())
    assert np.mean(zeta * g) ** 2 == pytest.approx(s2, abs=0.015)  # 5 standard errors
    assert np.mean(np.abs(zeta)) == pytest.approx(0.5**0.5, abs=0.01)  # that of Laplace
    assert s2 == v


def test_the_cost_of_other_laws_is_never_above_the_trivial_one():
    law = Gaussian(spectrum=[1.0, 0.5, 0.1])
    for marginal in (Uniform(), TruncatedNormal(cut=2.0), RademacherMixture(noise=0.5), Laplace()):
        cost = non_gaussian_cost(marginal)
        assert upper_bound(law, 100).value < cost(law, 100) < 2 * law.second_moment
        assert cost(law, 1) == pytest.approx(2 * law.second_moment)


def test_bad_arguments_are_refused():
    nets = ensemble(images(), 2)
    with pytest.raises(ValueError, match="data must not be 0 everywhere"):
        ensemble(np.zeros((5, 3)), 2)
    own = {"kernels": [np.eye(5), np.eye(5)]}
    with pytest.raises(ValueError, match="activation must be one of"):
        ensemble(np.ones((5, 3)), 1, "linear", **own)
    with pytest.raises(ValueError, match=r"s_w and s_b must be finite and >= 0, got nan and 0\.0"):
        ensemble(np.ones((5, 3)), 1, s_w=float("nan"), **own)
    with pytest.raises(ValueError, match=r"kernels must be finite, of shape \(5, 5\)"):
        ensemble(np.ones((5, 3)), 1, kernels=[np.full((5, 5), np.nan), np.eye(5)])
    for kernel in (-np.eye(5), np.triu(np.ones((5, 5)))):
        with pytest.raises(ValueError, match="kernels must be symmetric and positive semi"):
            ensemble(np.ones((5, 3)), 1, kernels=[kernel, np.eye(5)])
    for size in (1e-160, 1e160):
        with pytest.raises(ValueError, match="data must lie between 1e-150 and 1e150 in size"):
            ensemble(np.full((5, 3), size), 1)
    single = ensemble(images().astype(np.float32), 1)
    assert single.covariances[0].dtype == np.float64
    constant = ensemble(np.ones((5, 3)), 2)  # one direction is enough for a bound
    assert 0 < error_bound((16, 16), constant).relative < 1
    with pytest.raises(ValueError, match=r"widths must be even.*\(8, 7\)"):
        dropout_bound((8, 7), nets)
    with pytest.raises(ValueError, match="every width must be >= 1, got 0"):
        dropout_bound((8, 0), nets)
    with pytest.raises(ValueError, match="grams and widths must be as many, got 1 and 2"):
        matching_lower_bounds([np.eye(3)], [4, 4])
    with pytest.raises(ValueError, match="grams must be finite"):
        matching_lower_bounds([np.full((3, 3), np.nan)], [4])
    with pytest.raises(ValueError, match="m must lie between 1"):
        matching_lower_bounds([np.eye(3)], [0])
    for s in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=r"s_[wb] must be finite and >= 0"):
            matching_lower_bounds([np.eye(3)], [4], s_w=s)
    for eta in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="eta must be finite and >= 0"):
            low_dimensional_bound(Gaussian(spectrum=[1.0]), 10, eta)
    with pytest.raises(ValueError, match="eta must be positive"):
        crossover_width(Gaussian(spectrum=[1.0]), 0.0)
    space = UniformSphere(20)
    with pytest.raises(OutOfReach, match=r"eta is too small: the width exceeds 10\^12") as refused:
        crossover_width(space, 1e-6)
    assert crossover_width(space, 1.001 * refused.value.reached) > 10**11
    with pytest.raises(TypeError, match="no Gaussian part is known of _Unknown"):
        non_gaussian_cost(_Unknown())


class _Unknown:
    """A marginal that is none of the known ones."""

    reach = density_bound = log_sobolev_constant = 1.0

    def clipped(self, rho):
        return 0.0

    def norm(self, q):
        return 1.0

    def transport(self, z):
        return z

    def sample(self, shape, *, rng):
        return np.zeros(shape)
