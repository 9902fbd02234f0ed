"""U for every law: against simulation, exact cases and naive transcriptions of its arguments."""

import re
from itertools import product
from math import gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    HasSpectrum,
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
from lmctheory.rates import matching_cost, normal_matching_cost, upper_bound
from lmctheory.rates.upper.atoms import _diameter, atomic_bound
from lmctheory.rates.upper.clusters import cluster_bound
from lmctheory.rates.upper.covering import box_covering_bound
from lmctheory.rates.upper.holder import central_moment, interpolated
from lmctheory.rates.upper.pairs import normal_pair_costs
from lmctheory.rates.upper.rank_block import _cuts, rank_block_tree
from lmctheory.rates.upper.upper_arguments import ARGUMENTS, from_squares
from tests.rarely import rarely

CLUSTER = Gaussian(spectrum=[0.3, 0.1])
MIXTURE = GaussianMixture(
    [0.5, 0.2, 0.3], np.array([[-4.0, 0.0], [4.0, 0.0], [4.0, 1.0]]), [CLUSTER] * 3
)
LAWS = {
    "gaussian": Gaussian(spectrum=[1.0, 0.5, 0.1]),
    "rotated": Gaussian(covariance=np.array([[1.0, 0.6], [0.6, 1.0]])),
    "low rank": LowRankPlusNoise(2, 8, eta=0.3),
    "cube": UniformCube(3, side=2.0),
    "segment": UniformCube(1),
    "interval": UniformBall(1, radius=3.0),
    "ball": UniformBall(3),
    "circle": UniformSphere(2),
    "sphere": UniformSphere(4, radius=0.5),
    "uniform": SubGaussianProduct(Uniform(), [1.0, 0.5]),
    "truncated": SubGaussianProduct(TruncatedNormal(2.0), [1.0, 0.5]),
    "rademacher": SubGaussianProduct(RademacherMixture(0.1), [1.0, 0.5]),
    "laplace": SubGaussianProduct(Laplace(), [1.0, 0.5]),
    "mixture": MIXTURE,
    "empirical": Empirical(np.random.default_rng(0).standard_normal((40, 2))),
    "image": LipschitzImage(lambda x: 2 * np.abs(x[:, :2]), 2.0, UniformSphere(5)),
}
EVERY_LAW = pytest.mark.parametrize(
    "mu",
    [
        pytest.param(law, id=name, marks=[pytest.mark.slow] if name == "mixture" else [])
        for name, law in LAWS.items()
    ],
)


@EVERY_LAW
@pytest.mark.parametrize(
    ("m", "p"),
    rarely(product([2, 60], [0.5, 1.0, 2.0, 3.0]), [(60, 0.5), (2, 1.0), (2, 2.0), (60, 3.0)]),
)
def test_every_term_lies_above_the_truth(mu, p, m):
    # 16 draws: beyond 6 standard errors, false alarm 3e-5 each (t law, 15 d.o.f.), 1e-2 in all
    measured = matching_cost(mu, m, repeats=16, p=p, rng=np.random.default_rng(m))
    bound = upper_bound(mu, m, p)
    assert min(bound.terms.values()) >= measured.mean - 6 * measured.standard_error
    assert bound.value == min(bound.terms.values()) == bound.terms[bound.key]
    assert set(bound.terms) | set(bound.missing) == set(ARGUMENTS)
    assert not set(bound.terms) & set(bound.missing)


@EVERY_LAW
def test_no_term_is_below_what_one_neuron_costs(mu):
    """There is nothing to choose: M(1) = 2 tr Cov."""
    if not isinstance(mu, HasSpectrum):
        return
    terms = upper_bound(mu, 1).terms
    assert min(terms.values()) >= 2 * float(mu.spectrum.sum()) * (1 - 1e-9), terms


def test_costs_of_two_points_attain_what_their_distance_makes_of_other_powers():
    mu = Empirical(np.array([[0.0], [3.0]]))
    draws = {
        p: matching_cost(mu, 5, repeats=50, p=p, rng=np.random.default_rng(0)).draws
        for p in (1.0, 2.0, 3.0, 4.5)
    }
    of = from_squares(lambda _mu, _m: float(draws[2.0].mean()))
    for p in (3.0, 4.5):
        assert of(mu, 5, p) == pytest.approx(draws[p].mean(), rel=1e-12)
    assert of(mu, 5, 1.0) >= draws[1.0].mean()


@pytest.mark.parametrize("name", rarely(LAWS, ("mixture", "laplace", "rademacher")))
def test_a_wide_layer_costs_much_less_than_a_narrow_one(name):
    mu = LAWS[name]
    wide, narrow = upper_bound(mu, 10**8), upper_bound(mu, 1)
    assert wide.value < 0.2 * narrow.value
    assert narrow.value <= narrow.terms["trivial"]


@pytest.mark.parametrize(
    ("mu", "key"),
    [
        (UniformCube(1), "R7"),
        (UniformCube(3), "R14"),
        (UniformSphere(3), "R6b"),
        (UniformBall(3), "R17"),
        (Gaussian(spectrum=[1.0] * 9), "R15"),
        (Gaussian(spectrum=1 / np.arange(1, 51)), "R13"),
        pytest.param(MIXTURE, "R5 clusters", marks=pytest.mark.slow),
        (SubGaussianProduct(RademacherMixture(0.1), [1.0, 0.5]), "R15"),
        (Empirical(np.array([[0.0], [1.0], [5.0]])), "R18"),
        (Empirical(np.eye(3)), "R5"),
    ],
)
def test_which_argument_wins(mu, key):
    assert upper_bound(mu, 2000).key == key


def test_what_is_missing_is_named():
    missing = upper_bound(UniformBall(2), 10).missing
    assert missing["R13"] == "UniformBall is not Gaussian"
    assert missing["R14"] == "UniformBall is not uniform on a box"
    assert "R6a" not in missing
    mixture = upper_bound(MIXTURE, 10).missing
    assert mixture["R6a"] == "GaussianMixture has no heat_trace"
    assert mixture["R4 series"] == "GaussianMixture has no diameter"
    cubed = upper_bound(Gaussian(spectrum=[1.0]), 10, 3.0).missing
    assert cubed["R13"] == "Gaussian has no diameter, which p > 2 needs"
    many = upper_bound(Gaussian(spectrum=[1.0] * 9), 10).missing
    assert many["R6c"] == "9 positive eigenvalues; beyond 4 R13 is lower"


@pytest.mark.parametrize("mu", [UniformCube(1, side=3.0), UniformBall(1, radius=1.5)])
def test_intervals_are_exact(mu):
    for m in (1, 7, 10**9):
        assert upper_bound(mu, m).value == pytest.approx(9 / (3 * (m + 1)), rel=1e-12)


def test_a_line_in_space_is_exact():
    mu = Gaussian(covariance=np.ones((3, 3)))
    bound = upper_bound(mu, 50)
    assert bound.terms["R7"] == pytest.approx(3 * normal_matching_cost(50), rel=1e-12)


def test_images_inherit_every_bound():
    base, F = UniformSphere(5), lambda x: 3 * x[:, :2]
    image, bounds = upper_bound(LipschitzImage(F, 3.0, base), 100), upper_bound(base, 100)
    for key, value in bounds.terms.items():
        assert image.terms[key] <= 9 * value * (1 + 1e-12)
    assert image.terms["R6b"] == pytest.approx(9 * bounds.terms["R6b"])
    assert image.terms["R5"] < 9 * bounds.terms["R5"]  # the image has two dimensions
    assert "3-Lipschitz image of a UniformSphere" in image.assumptions[0]
    twice = LipschitzImage(lambda x: x, 2.0, LipschitzImage(F, 3.0, base))
    assert upper_bound(twice, 100).terms["R6b"] == pytest.approx(36 * bounds.terms["R6b"])


def test_clipped_and_bounded_laws_agree_where_nothing_is_clipped():
    mu = SubGaussianProduct(TruncatedNormal(2.0), [1.0, 0.2])
    terms = upper_bound(mu, 500).terms
    assert terms["D5"] <= terms["R5"] * (1 + 1e-9)


def test_halving_the_longest_side_beats_dyadic_cubes():
    for d in (1, 3, 6):
        terms = upper_bound(UniformCube(d), 300).terms
        assert terms["R5"] <= terms["R4 series"] * (1 + 1e-9)
        assert terms["R4 series"] <= terms["R4 published"]
    assert box_covering_bound(np.array([1.0, 0.0]), 50) == pytest.approx(
        box_covering_bound(np.array([1.0]), 50), rel=1e-9
    )


# ---- atoms and clusters


def _gap(q, m):
    counts = binom.pmf(np.arange(m + 1), m, q)
    return counts @ np.abs(np.subtract.outer(np.arange(m + 1), np.arange(m + 1))) @ counts / m


@pytest.mark.parametrize("m", [1, 4, 30])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
def test_atoms_agree_with_a_naive_sum(m, p):
    """{0, 1} and {10}: first split between 1 and 10."""
    points, masses = np.array([[0.0], [1.0], [10.0]]), np.array([0.2, 0.5, 0.3])
    expected = (10**p - 1) * _gap(0.7, m) + 1 * (_gap(0.2, m) + _gap(0.5, m)) + 10**p * _gap(0.3, m)
    assert atomic_bound(points, masses, m, p) == pytest.approx(expected / 2, rel=1e-9)


def test_two_atoms_are_exact():
    # 4000 draws, 4 standard errors: false alarm 6e-5
    mu = Empirical(np.array([[0.0], [0.0], [3.0]]))
    measured = matching_cost(mu, 9, repeats=4000, rng=np.random.default_rng(0))
    assert abs(upper_bound(mu, 9).terms["R5"] - measured.mean) < 4 * measured.standard_error


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30), d=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_atoms_may_coincide_scale_and_turn_into_a_trivial_bound(seed, n, d):
    points = np.random.default_rng(seed).integers(-3, 4, (n, d)) / 2
    masses = np.full(n, 1 / n)
    bound = atomic_bound(points, masses, 20)
    assert bound <= _diameter(points) ** 2 * (1 + 1e-9)
    assert atomic_bound(4 * points, masses, 20) == pytest.approx(16 * bound, rel=1e-9)
    assert atomic_bound(np.repeat(points, 2, axis=0), np.full(2 * n, 0.5 / n), 20) == (
        pytest.approx(bound, rel=1e-9)
    )
    assert atomic_bound(points, masses, 10**6) <= bound * (1 + 1e-9)


def test_the_diameter_of_many_points_is_bounded():
    points = np.random.default_rng(0).standard_normal((600, 3))
    exact = max(np.linalg.norm(points - point, axis=1).max() for point in points)
    assert exact <= _diameter(points) <= 1.5 * exact


def test_clusters_agree_with_the_sum_over_counts():
    """Naive expectation over the counts."""
    weights, m = np.array([0.4, 0.6]), 12
    laws = [Gaussian(spectrum=[1.0, 0.2]), Gaussian(spectrum=[0.5, 0.0])]
    mu = GaussianMixture(weights, np.array([[0.0, 0.0], [3.0, 0.0]]), laws)

    def cost(law, k):
        return upper_bound(law, k).value

    expected = 9 * _gap(0.4, m)
    for w, law in zip(weights, laws, strict=True):
        pmf = binom.pmf(np.arange(m + 1), m, w)
        for i in range(m + 1):
            for j in range(m + 1):
                k = min(i, j)
                matched = k * cost(law, k) if k else 0.0
                unmatched = abs(i - j) * law.second_moment
                expected += pmf[i] * pmf[j] * (matched + unmatched) / m
    value = cluster_bound(mu, m, cost)
    assert expected * (1 - 1e-9) <= value <= 1.1 * expected  # some counts are rounded


# ---- moments


def test_gaussian_moments_are_exact_where_they_are_even():
    mu = Gaussian(spectrum=[2.0, 2.0, 2.0])
    for q in (2.0, 4.0, 6.0):
        chi = 2 ** (q / 2) * gamma((3 + q) / 2) / gamma(1.5)
        assert central_moment(mu, q) == pytest.approx(2 ** (q / 2) * chi, rel=1e-12)
    # between them the geometric mean
    fourth, fifth, sixth = (2 ** (q / 2) * gamma((3 + q) / 2) / gamma(1.5) for q in (4, 5, 6))
    bound = central_moment(Gaussian(spectrum=[1.0] * 3), 5.0)
    assert bound == pytest.approx(np.sqrt(fourth * sixth), rel=1e-12)
    assert fifth < bound


@pytest.mark.parametrize("name", ["gaussian", "mixture", "rademacher", "laplace"])
@pytest.mark.parametrize("q", [2.0, 3.0, 4.5])
def test_moments_are_bounded(name, q):
    # 100,000 draws, 5 standard errors
    mu = LAWS[name]
    x = mu.sample(100_000, rng=np.random.default_rng(1))
    powers = np.linalg.norm(x - x.mean(axis=0), axis=1) ** q
    error = 5 * powers.std() / np.sqrt(len(x))
    assert powers.mean() - error <= central_moment(mu, q) <= 4 * powers.mean()


def test_higher_powers_fall_with_width_for_unbounded_laws():
    mu = Gaussian(spectrum=[1.0, 1.0])
    bound = upper_bound(mu, 10**8, 3.0)
    assert bound.key == "moments"
    assert bound.value < 1e-3 * bound.terms["trivial"]


def test_hoelder_by_hand():
    """V_q = 2^q E|X|^q with E G^4 = 3, E G^6 = 15, .. and exponents that sum to p."""
    mu, M = Gaussian(spectrum=[1.0]), 1e-6
    moments, value = {4: 3, 6: 15, 8: 105, 10: 945}, np.inf
    for q, moment in moments.items():
        value = min(value, M ** ((q - 3) / (q - 2)) * (2**q * moment) ** (1 / (q - 2)))
    bound = interpolated(mu, M, 3.0)
    assert 0.3 * value < bound <= value * (1 + 1e-12)
    alone = [M ** ((q - 3) / (q - 2)) * (2**q * central_moment(mu, float(q))) ** (1 / (q - 2))
             for q in range(4, 36, 2)]  # fmt: skip
    assert bound == pytest.approx(min(alone), rel=1e-12)


def test_clipping_by_hand():
    mu, m = SubGaussianProduct(Laplace(), [2.0, 1.0]), 10**9
    bounds = [
        (
            np.sqrt(box_covering_bound(2 * rho * np.array([2.0, 1.0]), m))
            + 2 * np.sqrt(5 * np.exp(-np.sqrt(2) * rho))
        )
        ** 2
        for rho in np.geomspace(0.5, 30.0, 40)
    ]
    assert upper_bound(mu, m).terms["D5"] == pytest.approx(min(bounds), rel=1e-12)


# ---- the rank-block table


@given(m=st.integers(3, 10**7))
@settings(max_examples=15, deadline=None)
def test_a_value_does_not_depend_on_what_was_asked_before(m):
    spectrum = np.array([1.0, 0.4, 0.2, 0.1])
    cold = rank_block_tree(1.0 * spectrum, m)
    rank_block_tree(spectrum, 8 * m)
    assert rank_block_tree(spectrum, m) == cold


@pytest.mark.parametrize("m", [65, 100, 1000, 5000, 10**6 + 1])
def test_blocks_are_valued_at_a_tabulated_size_no_larger(m):
    cuts = _cuts(np.array([float(m)]))
    sizes = np.concatenate([np.arange(1, 65), *[64 * 2.0**k * (1 + np.arange(1, 17) / 16)
                                                for k in range(16)]])  # fmt: skip
    value = sizes[cuts.memo]
    block = cuts.share * m
    used = block > 0
    assert (value[used] <= block[used] + 1e-6).all()
    assert (value[used] >= np.floor(block[used] + 1e-6) / 1.0626).all()


@pytest.mark.parametrize("decades", [0, 3, 12])
def test_pairs_of_all_tails_at_once(decades):
    spectrum = 10 ** -np.linspace(0, decades, 40)
    tails = [normal_pair_costs(spectrum[i:], 1)[0] for i in range(12)]
    np.testing.assert_allclose(normal_pair_costs(spectrum, 12), tails, rtol=1e-12)


# ---- refusals


def test_a_law_about_which_nothing_is_known_is_refused():
    class Unknown:
        dimension = 2

        def sample(self, m, *, rng):
            return rng.standard_normal((m, 2))

    with pytest.raises(TypeError, match="upper_bound has no argument for a Unknown"):
        upper_bound(Unknown(), 10)


@pytest.mark.parametrize(
    ("m", "p", "message"),
    [
        (0, 2.0, "m must lie between 1 and 10^12, got 0"),
        (10**12 + 1, 2.0, "m must lie between 1 and 10^12"),
        (5, 0.0, "p must be positive and finite, got 0.0"),
        (5, np.nan, "p must be positive and finite, got nan"),
    ],
)
def test_arguments_out_of_range_are_refused(m, p, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        upper_bound(UniformCube(2), m, p)
