"""The sandwich L <= M <= U: against simulation, naive transcriptions and exact cases."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lmctheory.measures import Gaussian
from lmctheory.rates import (
    lower_bound,
    matching_cost,
    normal_matching_cost,
    required_width,
    upper_bound,
    width_lower_bound,
)
from lmctheory.rates.lower.small_ball import (
    exponential_moment_bound,
    isotropic_bound,
    small_ball_bound,
    tilted_bound,
)
from lmctheory.rates.upper.order_statistics import normal_partial_sums
from lmctheory.rates.upper.pairs import normal_pair_costs
from lmctheory.rates.upper.rank_block import _edges, rank_block_tree
from tests.rarely import rarely

SPECTRA = {
    "line": [2.0],
    "plane": [1.0, 1.0],
    "ball5": [1.0] * 5,
    "1/i": [1 / i for i in range(1, 51)],
    "1/i^2": [1 / i**2 for i in range(1, 51)],
    "spiked": [10.0, 1.0] + [0.01] * 98,
    "with zeros": [1.0, 0.5, 0.0, 0.0],
    "wide": [1.0] * 200,
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("m", rarely([2, 7, 64, 400], [7, 400]))
def test_the_truth_lies_between(name, m):
    # 12 draws: a bound fails beyond 5 standard errors, false alarm < 1e-3 in all (t law, 11 d.o.f.)
    mu = Gaussian(spectrum=SPECTRA[name])
    measured = matching_cost(mu, m, repeats=12, rng=np.random.default_rng(m))
    slack = 5 * measured.standard_error
    assert lower_bound(mu, m).value <= measured.mean + slack
    assert upper_bound(mu, m).value >= measured.mean - slack


@pytest.mark.parametrize(
    ("name", "lower", "upper"),
    [("1/i", 2.96, 4.97), ("1/i^2", 0.284, 0.561), ("spiked", 1.60, 2.21)],
)
def test_at_least_as_tight_as_the_reference_values(name, lower, upper):
    mu = Gaussian(spectrum=SPECTRA[name])
    assert lower_bound(mu, 1000).value >= lower
    assert upper_bound(mu, 1000).value <= upper


@given(
    seed=st.integers(0, 10**6),
    d=st.integers(1, 30),
    decades=st.floats(0, 12),
    zeros=st.integers(0, 3),
    m=st.one_of(st.integers(1, 2000), st.integers(1, 10**12)),
)
@settings(max_examples=3, deadline=None)  # test_properties tries hundreds of spectra
def test_lower_never_exceeds_upper(seed, d, decades, zeros, m):
    rng = np.random.default_rng(seed)
    mu = Gaussian(spectrum=np.r_[10 ** (-decades * rng.random(d)), np.zeros(zeros)])
    low, high = lower_bound(mu, m), upper_bound(mu, m)
    assert 0 <= low.value <= high.value * (1 + 1e-9)
    assert high.value <= 2 * mu.second_moment * (1 + 1e-12)
    assert low.value == max(low.terms.values())
    assert high.value == min(high.terms.values())


@given(scale=st.floats(1e-200, 1e200), m=st.sampled_from([1, 2, 50, 1000]))
@settings(max_examples=8, deadline=None)
def test_bounds_scale_with_the_spectrum(scale, m):
    spectrum = np.array([1.0, 0.5, 0.1])
    one, scaled = Gaussian(spectrum=spectrum), Gaussian(spectrum=scale * spectrum)
    for bound in (lower_bound, upper_bound):
        expected = scale * bound(one, m).value
        assert bound(scaled, m).value == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("bound", [lower_bound, upper_bound])
def test_wider_layers_match_better(bound):
    mu = Gaussian(spectrum=SPECTRA["1/i"])
    values = [bound(mu, m).value for m in (1, 2, 3, 10, 100, 101, 1000, 1100, 10**5, 10**9)]
    assert all(left >= right for left, right in itertools.pairwise(values))


@pytest.mark.parametrize("bound", [lower_bound, upper_bound])
def test_more_variance_costs_more(bound):
    values = [
        bound(Gaussian(spectrum=spectrum), 300).value
        for spectrum in ([1.0], [1.0, 0.2], [1.0, 0.5], [1.0, 1.0], [1.0, 1.0, 0.3])
    ]
    assert all(left <= right * (1 + 1e-9) for left, right in itertools.pairwise(values))


@pytest.mark.parametrize("m", [1, 5, 1000, 10**9])
def test_one_dimension_is_exact(m):
    mu = Gaussian(spectrum=[3.0, 0.0])
    exact = 3 * normal_matching_cost(m)
    assert lower_bound(mu, m).value == pytest.approx(exact, rel=1e-12)
    assert upper_bound(mu, m).value == pytest.approx(exact, rel=1e-12)


def test_one_neuron_is_exact():
    mu = Gaussian(spectrum=[2.0, 1.0])
    assert lower_bound(mu, 1).value == pytest.approx(6.0, rel=1e-15)
    assert upper_bound(mu, 1).value == pytest.approx(6.0, rel=1e-15)


def test_a_constant_law_costs_nothing():
    mu = Gaussian(spectrum=[0.0, 0.0])
    assert lower_bound(mu, 5).value == upper_bound(mu, 5).value == 0.0


def test_rank_blocks_agree_with_all_compositions():
    """Naive transcription of R13: every composition of every block, by recursion."""

    def compositions(b):
        if b == 0:
            yield ()
        for first in range(1, b + 1):
            for others in compositions(b - first):
                yield (first, *others)

    def tree(spectrum, b):
        if not spectrum or b == 1:
            return 2 * sum(spectrum)
        if b == 2:
            return normal_pair_costs(np.array(spectrum), 1)[0]
        best = np.inf
        for sizes in compositions(b):
            edges = np.cumsum([0, *sizes]).astype(float)
            sums = np.diff(normal_partial_sums(edges, np.full_like(edges, b)))
            cost = spectrum[0] * (2 - 2 / b * np.sum(sums**2 / np.array(sizes)))
            cost += sum(s / b * tree(spectrum[1:], s) for s in sizes)
            best = min(best, cost)
        return best

    spectrum = [1.0, 0.6, 0.3]
    assert rank_block_tree(np.array(spectrum), 6) == pytest.approx(tree(spectrum, 6), rel=1e-9)


@pytest.mark.parametrize(("k", "m"), [(1, 20), (2, 100), (5, 100), (30, 50)])
def test_the_isotropic_bound_is_the_nearest_neighbour_cost(k, m):
    """It is E min_j |a - b_j|^2, rounded down by a few per cent at most."""
    rng = np.random.default_rng(k)
    nearest = [
        np.min(np.sum((rng.standard_normal(k) - rng.standard_normal((m, k))) ** 2, axis=1))
        for _ in range(4000)
    ]
    mean, error = np.mean(nearest), np.std(nearest) / np.sqrt(len(nearest))
    bound = isotropic_bound(k, m)
    assert bound <= mean + 4 * error  # false alarm < 1e-4 each
    assert bound >= 0.96 * mean - 4 * error


@pytest.mark.parametrize("name", ["ball5", "1/i", "1/i^2", "spiked", "wide"])
def test_the_tilted_bound_is_below_the_nearest_neighbour_cost(name):
    rng = np.random.default_rng(5)
    root = np.sqrt(SPECTRA[name])
    nearest = [
        np.min(np.sum((root * (rng.standard_normal(len(root)) - b)) ** 2, axis=1))
        for b in rng.standard_normal((1500, 100, len(root)))
    ]
    mean, error = np.mean(nearest), np.std(nearest) / np.sqrt(len(nearest))
    bound = tilted_bound(root**2, 100)
    assert 0.7 * mean < bound <= mean + 4 * error  # false alarm < 1e-4 each


def test_the_ellipsoid_inequality_behind_the_grouping():
    """Sum w_i chi^2_1 is stochastically larger than gm(w) chi^2_k."""
    rng = np.random.default_rng(2)
    w = np.array([0.2, 0.5, 1.0, 4.0])
    x = rng.chisquare(1, (100_000, 4)) @ w
    gm = np.exp(np.log(w).mean())
    for quantile in (0.01, 0.1, 0.5, 0.9):
        level = gm * stats.chi2.ppf(quantile, 4)
        assert (x <= level).mean() <= quantile + 4 * np.sqrt(quantile / len(x))


def test_the_exponential_moment_bound_in_high_dimension():
    assert exponential_moment_bound(np.ones(100), 1000) == pytest.approx(129.3, abs=0.05)


def test_superadditivity_adds_separated_blocks():
    separated = np.r_[1e4, np.ones(3)]
    terms = small_ball_bound(separated, 1000)
    ball = 2 * 3 / 1000 + isotropic_bound(3, 1000, spread=1 - 2 / 1000)  # translation
    parts = 1e4 * normal_matching_cost(1000) + ball
    assert terms["R9 blocks"] == pytest.approx(parts, rel=1e-9)
    assert parts > max(value for key, value in terms.items() if key != "R9 blocks")


@pytest.mark.slow
def test_ten_thousand_eigenvalues_over_twelve_orders_of_magnitude():
    mu = Gaussian(spectrum=np.geomspace(1, 1e-12, 10_000))
    for m in (1, 1000, 10**12):
        low, high = lower_bound(mu, m).value, upper_bound(mu, m).value
        assert 0.5 * high < low <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("width", "bound", "eps"),
    [(required_width, upper_bound, 0.8), (width_lower_bound, lower_bound, 0.5)],
)
def test_widths_invert_the_bounds(width, bound, eps):
    mu = Gaussian(spectrum=[1.0, 0.5, 0.2])
    N = width(mu, eps)
    assert N > 1
    assert bound(mu, N).value <= eps**2 < bound(mu, N - 1).value


@pytest.mark.parametrize(
    "spectrum",
    rarely(
        [[1.0, 1e-290], [1.0, *[1e-160] * 3], [1e300, 1.0, 1.0], [1.0, 5e-324], [5e-324] * 2],
        [[1.0, *[1e-160] * 3], [1.0, 5e-324]],
    ),
)
def test_extreme_ratios_neither_overflow_nor_cross(spectrum):
    mu = Gaussian(spectrum=spectrum)
    for m in (2, 1000, 10**12):
        low, high = lower_bound(mu, m).value, upper_bound(mu, m).value
        assert 0 < low <= high * (1 + 1e-9) or high < 1e-300


def test_a_diagonal_covariance_has_the_bounds_of_its_spectrum():
    spectrum = np.array([1.0] + [1e-10] * 60)
    covariance = Gaussian(covariance=np.diag(spectrum))
    for bound in (lower_bound, upper_bound):
        expected = bound(Gaussian(spectrum=spectrum), 10**9).value
        assert bound(covariance, 10**9).value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("b", [1, 2, 95, 96, 97, 98, 5000, 12_001, 30_000, 10**6, 10**12])
def test_the_candidate_edges_of_a_block_reach_from_end_to_end(b):
    edges, sums = _edges(float(b))
    assert edges[0] == 0
    assert edges[-1] == b
    assert (np.diff(edges) >= 0).all()
    assert sums[0] == sums[-1] == 0


def test_a_generous_tolerance_needs_one_neuron():
    assert required_width(Gaussian(spectrum=[1.0]), 2.0) == 1


@pytest.mark.parametrize("m", [0, -1, 10**12 + 1])
def test_widths_out_of_range_are_refused(m):
    for bound in (lower_bound, upper_bound):
        with pytest.raises(ValueError, match=rf"m must lie between 1 and 10\^12, got {m}"):
            bound(Gaussian(spectrum=[1.0]), m)


def test_bad_tolerances_are_refused():
    with pytest.raises(ValueError, match="eps must be positive and finite, got 0"):
        required_width(Gaussian(spectrum=[1.0]), 0.0)
    with pytest.raises(ValueError, match=r"eps is too small: no width up to 10\^12"):
        required_width(Gaussian(spectrum=[1.0]), 1e-9)
