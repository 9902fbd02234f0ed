"""The lower side for every law: simulated truth, exact cases, invariants, and what is refused.

Statistical tests fix seeds and sizes beforehand. A bound may exceed the simulated mean by 5
standard errors: with 16 draws (t law, 15 degrees of freedom) a false alarm has probability
< 1e-4 each, where the bound is attained; elsewhere far less.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from lmctheory.rates import lower_bound, matching_cost, normal_matching_cost, upper_bound
from lmctheory.rates.lower.blocks import best_block_sum
from lmctheory.rates.lower.box_balls import box_bound
from lmctheory.rates.lower.small_ball import isotropic_bound
from tests.rarely import rarely

SCALES = [1.5, 1.0, 0.5]
LAWS = {
    "gaussian": Gaussian(spectrum=[3.0, 1.0, 0.2]),
    "plane": Gaussian(spectrum=[1.0, 1.0]),
    "low rank": LowRankPlusNoise(2, 6, eta=0.3),
    "interval": UniformCube(1, side=2.0),
    "square": UniformCube(2),
    "cube": UniformCube(3, side=0.5),
    "high cube": UniformCube(40),
    "ball": UniformBall(3, radius=2.0),
    "circle": UniformSphere(2),
    "sphere": UniformSphere(4, radius=0.5),
    "box": SubGaussianProduct(Uniform(), SCALES),
    "truncated normal": SubGaussianProduct(TruncatedNormal(1.5), SCALES),
    "signs": SubGaussianProduct(RademacherMixture(0.5), SCALES),
    "laplace": SubGaussianProduct(Laplace(), SCALES),
    "mixture": GaussianMixture(
        [0.3, 0.7],
        np.array([[3.0, 0.0], [-1.0, 1.0]]),
        [Gaussian(spectrum=[1.0, 0.5]), Gaussian(spectrum=[0.2, 0.1])],
    ),
    "points": Empirical(np.random.default_rng(3).standard_normal((50, 3))),
    "ties": Empirical(np.repeat(np.eye(3), 4, axis=0)),
}
every_law = pytest.mark.parametrize("mu", LAWS.values(), ids=LAWS.keys())


SIZES = [(1, 1.0), (2, 1.0), (2, 2.0), (10, 0.5), (10, 2.0), (10, 3.0), (150, 2.0)]
RARE = [(2, 1.0), (10, 2.0)]


@pytest.mark.parametrize(
    ("name", "m", "p"),
    rarely(
        [(name, *size) for name in LAWS for size in SIZES],
        [
            *((name, *size) for name in LAWS for size in RARE),
            *(("ball", 10, 0.5), ("ball", 10, 3.0), ("box", 10, 0.5), ("box", 150, 2.0)),
        ],
    ),
)
def test_no_argument_exceeds_the_truth(name, m, p):
    mu, repeats = LAWS[name], 300 if m == 1 else 16
    measured = matching_cost(mu, m, repeats=repeats, p=p, rng=np.random.default_rng(m))
    bound = lower_bound(mu, m, p)
    assert bound.value == max(bound.terms.values()) > 0
    assert bound.value <= measured.mean + 5 * measured.standard_error, bound


@pytest.mark.parametrize(
    ("mu", "truth", "ratio"),
    [  # truths at m = 1000, +- 3 % or better
        (Gaussian(spectrum=[1.0] * 3), 0.155, 1.75),
        (Gaussian(spectrum=[1.0] * 5), 0.771, 1.36),
        (Gaussian(spectrum=[1.0] * 10), 4.24, 1.22),
        (Gaussian(spectrum=[1 / i for i in range(1, 51)]), 3.60, 1.18),
        (Gaussian(spectrum=[10.0, 1.0] + [0.01] * 98), 1.87, 1.15),
        (UniformCube(3), 0.0078, 1.85),
        (UniformCube(5), 0.0473, 1.40),
        (UniformCube(8), 0.180, 1.25),
    ],
)
def test_how_tight_the_bounds_are(mu, truth, ratio):
    assert truth / ratio <= lower_bound(mu, 1000).value <= truth


@every_law
def test_one_neuron_is_exact(mu):
    assert lower_bound(mu, 1).value == pytest.approx(2 * mu.spectrum.sum(), rel=1e-12)


def test_the_circle_has_the_nearest_neighbour_cost_of_its_angles():
    """m uniform angles: the nearest is farther than t with probability (1 - t/pi)^m."""
    m = 5
    t = np.linspace(0, np.pi, 200_001)
    chord = 4 * np.sin(t / 2) ** 2
    exact = np.trapezoid((1 - t / np.pi) ** m, chord)
    value = lower_bound(UniformSphere(2), m).terms["R9 correlation"]
    assert 0.99 * exact < value <= exact


def test_given_points_agree_with_a_direct_sum():
    """m = 2, from all triples: the nearest of two draws."""
    x = np.array([[0.0], [1.0], [3.0], [3.0]])
    distances = np.abs(x - x.T)
    triples = [
        min(distances[i, j], distances[i, k]) for i, j, k in itertools.product(range(4), repeat=3)
    ]
    value = lower_bound(Empirical(x), 2, 1.0).terms["R9 nearest neighbour"]
    assert value == pytest.approx(np.mean(triples), rel=1e-12)


def test_two_normal_neurons_on_the_line_are_exact_with_the_translation():
    exact = 2 * (1 - 1 / np.pi)
    assert normal_matching_cost(2) == pytest.approx(exact, rel=1e-9)
    assert 0.99 * exact < 1 + isotropic_bound(1, 2, 2.0, 0.0) <= exact


def test_translation_shrinks_the_point_that_looks_for_neighbours():
    """For m = 2 it sits at the mean: spread 1 - 2/m = 0."""
    value = lower_bound(LAWS["plane"], 2).terms["R9 isotropic"]
    assert value == pytest.approx(2 + isotropic_bound(2, 2, 2.0, 0.0), rel=1e-12)


def test_boxes_split_into_blocks():
    thin = SubGaussianProduct(Uniform(), [100.0, 1.0, 1.0, 1.0])
    terms = lower_bound(thin, 1000).terms
    parts = 12 * (1e4 / 3003 + box_bound((1.0, 1.0, 1.0), 1000, 2.0))
    assert terms["R9 blocks"] == pytest.approx(parts, rel=1e-9)
    assert parts > max(value for key, value in terms.items() if key != "R9 blocks")


def test_block_sums_agree_with_all_splittings():
    rng = np.random.default_rng(0)
    table = rng.random((6, 6))
    edges = list(range(6))
    brute = max(
        sum(table[i, j] for i, j in itertools.pairwise([0, *inner, 5]))
        for n in range(5)
        for inner in itertools.combinations(range(1, 5), n)
    )
    assert best_block_sum(edges, lambda i, j: float(table[i, j])) == pytest.approx(brute)


@every_law
def test_wider_layers_match_better(mu):
    values = [lower_bound(mu, m).value for m in (1, 2, 10, 150, 10**12)]
    assert all(left >= right * (1 - 1e-9) for left, right in itertools.pairwise(values))


@given(scale=st.floats(1e-3, 1e3), p=st.sampled_from([2.0, 3.0]))
@settings(max_examples=10, deadline=None)
def test_costs_scale_with_the_weights(scale, p):
    points = np.random.default_rng(0).standard_normal((20, 2))
    pairs = [
        (Gaussian(spectrum=[1.0, 0.5]), Gaussian(spectrum=[scale**2, 0.5 * scale**2])),
        (UniformCube(2), UniformCube(2, side=scale)),
        (UniformBall(3), UniformBall(3, radius=scale)),
        (UniformSphere(3), UniformSphere(3, radius=scale)),
        (SubGaussianProduct(Laplace(), [1.0]), SubGaussianProduct(Laplace(), [scale])),
        (Empirical(points), Empirical(scale * points)),
    ]
    for unit, scaled in pairs:
        expected = scale**p * lower_bound(unit, 10, p).value
        assert lower_bound(scaled, 10, p).value == pytest.approx(expected, rel=1e-6)


def test_a_lipschitz_image_has_no_lower_bound():
    mu = LipschitzImage(lambda x: x[:, :2], 1.0, UniformSphere(3))
    bound = lower_bound(mu, 10)
    assert bound.value == 0
    assert bound.missing["R9 correlation"] == "a distance law"
    assert bound.missing["R9 density"] == "a density"


def test_a_law_of_one_point_costs_nothing():
    for mu in (Gaussian(spectrum=[0.0, 0.0]), Empirical(np.ones((3, 2)))):
        for p in (1.0, 2.0, 3.0):
            assert lower_bound(mu, 4, p).value == 0


@pytest.mark.parametrize("m", [2, 1000])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_scales_too_far_apart_for_their_ratio(m, p):
    """The small one is projected away, also where its ratio to the large one underflows to 0."""
    expected = lower_bound(Gaussian(spectrum=[1e200]), m, p).value
    for small in (1e-60, 1e-200):
        value = lower_bound(Gaussian(spectrum=[1e200, small]), m, p).value
        assert value == pytest.approx(expected, rel=1e-9)
    expected = lower_bound(SubGaussianProduct(Uniform(), [1e100]), m, p).value
    for small in (1e-60, 1e-100):
        value = lower_bound(SubGaussianProduct(Uniform(), [1e100, small]), m, p).value
        assert value == pytest.approx(expected, rel=1e-9)


def test_every_argument_applies_or_says_what_is_missing():
    for mu in LAWS.values():
        bound = lower_bound(mu, 10)
        assert all(bound.missing.values())
        assert ("R9 correlation" in bound.terms) != ("R9 correlation" in bound.missing)


@pytest.mark.parametrize("law", ["laplace", "truncated normal", "mixture", "points", "ties"])
def test_only_strictly_sub_gaussian_laws_have_its_arguments(law):
    """Their simulated cost need not betray a bound that is not proved."""
    missing = lower_bound(LAWS[law], 10, 1.0).missing
    assert missing["means"] == "strict sub-Gaussianity, as p < 2"
    assert lower_bound(LAWS[law], 10).missing["R9 exponential moment"] == "strict sub-Gaussianity"


@pytest.mark.parametrize("m", [0, -3, 10**12 + 1])
def test_widths_out_of_range_are_refused(m):
    with pytest.raises(ValueError, match=rf"m must lie between 1 and 10\^12, got {m}"):
        lower_bound(UniformCube(2), m)


@pytest.mark.parametrize("p", [0.0, -1.0, np.inf, np.nan])
def test_powers_out_of_range_are_refused(p):
    with pytest.raises(ValueError, match=f"p must be positive and finite, got {p}"):
        lower_bound(UniformCube(2), 10, p)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_images_inherit_from_their_base_what_distances_keep(p):
    line = Gaussian(spectrum=[1.0])
    stretched = LipschitzImage(lambda x: 3 * x, 3.0, line, least=3.0)
    assert lower_bound(stretched, 40, p).value == pytest.approx(
        3**p * lower_bound(line, 40, p).value, rel=1e-12
    )
    base = Gaussian(spectrum=[1.0, 0.5, 0.5])
    wavy = LipschitzImage(lambda x: x + 0.5 * np.sin(x), 1.5, base, least=0.5)
    bound = lower_bound(wavy, 40, p)
    assert bound.value == pytest.approx(0.5**p * lower_bound(base, 40, p).value)
    assert bound.terms["base"] == bound.value
    cost = matching_cost(wavy, 40, p=p, repeats=60, rng=np.random.default_rng(0))
    assert bound.value < cost.mean - 4 * cost.standard_error
    assert cost.mean + 4 * cost.standard_error < upper_bound(wavy, 40, p).value
    # an image of an image
    twice = LipschitzImage(lambda x: 2 * x, 2.0, wavy, least=2.0)
    assert lower_bound(twice, 40, p).value == pytest.approx(2**p * bound.value)


def test_what_an_image_does_not_inherit():
    folded = LipschitzImage(np.abs, 1.0, UniformCube(2))
    assert lower_bound(folded, 9).value == 0
    assert "Lipschitz inverse" in lower_bound(folded, 9).missing["base"]
    kept = LipschitzImage(lambda x: x, 1.0, UniformCube(2), least=1.0)
    assert "odd" in lower_bound(kept, 9, modulo="signs").missing["base"]
    for least in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="least must be"):
            LipschitzImage(np.abs, 1.0, UniformCube(2), least=least)
