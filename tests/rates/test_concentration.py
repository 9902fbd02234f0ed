"""R10 and bounds by simulation: against the laws of W_p themselves, and where it must fail."""

import re

import mpmath
import numpy as np
import pytest
from scipy import stats

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    LipschitzImage,
    SubGaussianProduct,
    Uniform,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import (
    deviation,
    lower_bound,
    matching_cost,
    mean_lower_bound,
    normal_matching_cost,
    simulated_interval,
    simulated_lower_bound,
    simulated_upper_bound,
    upper_bound,
    upper_bound_from_costs,
)

PAIR = Gaussian(spectrum=[1.0])
LAWS = [
    Gaussian(spectrum=[2.0, 0.5]),
    UniformCube(2),
    UniformBall(2),
    UniformSphere(3),
    UniformSphere(2),
    SubGaussianProduct(Uniform(), [1.0, 0.3]),
    LipschitzImage(np.abs, 1.0, PAIR),
]
THREE_ATOMS = Empirical(np.array([[0.0], [1.0], [3.0]]))


@pytest.mark.parametrize("mu", LAWS, ids=lambda mu: type(mu).__name__)
@pytest.mark.parametrize(("p", "m"), [(0.5, 8), (1.0, 1), (2.0, 1), (2.0, 8), (3.0, 8)])
def test_both_tails_are_as_thin_as_claimed(mu, p, m):
    """1000 draws; false alarm 1e-6 each: 5 standard errors of a share of delta = 0.2."""
    if p < 1 and not hasattr(mu, "diameter"):
        return
    costs = matching_cost(mu, m, repeats=1000, p=p, rng=np.random.default_rng(m)).draws
    dev = deviation(mu, m, 0.2, p)
    limit = 0.2 + 5 * np.sqrt(0.2 * 0.8 / 1000)
    distances = costs ** (1 / p)
    assert (costs > costs.mean() + dev.power).mean() <= limit
    assert (costs < costs.mean() - dev.power).mean() <= limit
    assert (distances > distances.mean() + dev.distance).mean() <= limit
    assert (distances < distances.mean() - dev.distance).mean() <= limit
    assert distances.var() <= dev.variance * 1.2
    assert (costs > dev.above(costs.mean())).mean() <= limit
    assert (costs < dev.below(costs.mean())).mean() <= limit


def test_the_constants_by_hand():
    gaussian = deviation(Gaussian(spectrum=[3.0, 1.0]), 50, 0.1)
    assert gaussian.distance == pytest.approx(np.sqrt(4 * 3 * np.log(10) / 50))
    assert gaussian.variance == pytest.approx(2 * 3 / 50)
    assert gaussian.power == np.inf
    cube = deviation(UniformCube(2, side=3.0), 50, 0.1, 3.0)
    assert cube.power == pytest.approx(18**1.5 * np.sqrt(np.log(10) / 50))
    assert cube.distance == pytest.approx(
        np.sqrt(4 * (3 / np.pi) ** 2 * np.log(10) / 50 ** (2 / 3))
    )
    assert deviation(UniformSphere(5, radius=2.0), 9, 0.1).variance == pytest.approx(2 * 1.0 / 9)
    image = LipschitzImage(lambda x: 3 * x, 3.0, PAIR)
    assert deviation(image, 9, 0.1).variance == pytest.approx(18 / 9)
    for p in (1.0, 1.5, 2.0):  # below p = 2 a change of one neuron counts no more
        assert deviation(PAIR, 50, 0.1, p).distance == deviation(PAIR, 50, 0.1).distance


def test_two_points_exactly():
    """m = 1 on two atoms: W^2 is 0 or D^2; what is claimed is nearly attained for small delta."""
    mu = UniformSphere(2)
    dev = deviation(mu, 1, 0.3)
    assert dev.above(2.0) >= 4 * 0.7


def test_bounds_from_means_and_back():
    dev = deviation(PAIR, 100, 0.05)
    assert dev.above(0.04) == pytest.approx((0.2 + np.sqrt(0.04 * np.log(20))) ** 2)
    assert dev.below(4.0) == pytest.approx((np.sqrt(4 - 0.02) - np.sqrt(0.04 * np.log(20))) ** 2)
    assert dev.below(0.01) == 0


@pytest.mark.parametrize("mu", [PAIR, UniformCube(1)], ids=["normal", "interval"])
def test_simulated_bounds_enclose_the_exact_cost(mu):
    """delta = 0.01 on 40 tries each way: 3 or more failures have a chance below 1e-2."""
    m, failures = 60, 0
    exact = normal_matching_cost(m) if mu is PAIR else 1 / (3 * (m + 1))
    rng = np.random.default_rng(0)
    for _ in range(40):
        high = simulated_upper_bound(mu, m, width=40, repeats=5, delta=0.01, rng=rng)
        low = simulated_lower_bound(mu, m, width=90, repeats=5, delta=0.01, rng=rng)
        failures += (high.value < exact) + (low.value > exact)
    assert failures < 3


def test_every_simulated_term_encloses_the_cost_of_one_neuron():
    """M(1) = 1/6 on an interval. So many draws that half or twice of any bound is wrong.

    What chance leaves is 0.03.
    """
    options = {"width": 1, "repeats": 4000, "delta": 0.1}
    mu, rng = UniformCube(1), np.random.default_rng(3)
    high = simulated_upper_bound(mu, 1, rng=rng, **options).terms
    low = simulated_lower_bound(mu, 1, rng=rng, **options).terms
    assert set(high) == set(low) == {"R20 simulated", "R10 simulated"}
    for key in high:
        assert low[key] < 1 / 6 < high[key]
        assert low[key] > 1 / 12
        assert high[key] < 1 / 3
    assert max(high["R10 simulated"] - 1 / 6, 1 / 6 - low["R10 simulated"]) < 0.04


@pytest.mark.parametrize(
    ("mu", "m", "draws"),
    [
        (PAIR, 1, 1), (PAIR, 1, 4), (PAIR, 20, 3), (UniformCube(1), 1, 2), (UniformCube(1), 30, 5),
        (Gaussian(spectrum=[1.0] * 60), 1, 2),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-3])
def test_intervals_cover_as_often_as_they_say(mu, m, draws, delta):
    """Costs that are known exactly. 4000 intervals: 5 standard errors, false alarm 3e-7 a side."""
    d = mu.dimension
    if m == 1:
        exact = 2 * float(mu.spectrum.sum())
    else:
        exact = normal_matching_cost(m) if mu is PAIR else 1 / (3 * (m + 1))
    rng, tries = np.random.default_rng(m), 4000
    x = mu.sample(2 * tries * draws * m, rng=rng).reshape(2, tries, draws, m, d)
    a, b = np.sort(x, axis=3) if d == 1 else x
    roots = np.sqrt(((a - b) ** 2).sum(axis=3).mean(axis=(1, 2)))
    s = deviation(mu, m * draws, delta).distance
    allowed = delta + 5 * np.sqrt(delta / tries)
    assert ((roots + s) ** 2 < exact).mean() <= allowed
    assert (np.maximum(roots - s, 0) ** 2 > exact).mean() <= allowed


def test_an_interval_and_its_ends():
    mu = Gaussian(spectrum=[1.0] * 10)
    found = simulated_interval(mu, 200, delta=1e-6, repeats=30, rng=0)
    costs = matching_cost(mu, 200, repeats=30, rng=0)
    s = np.sqrt(4 * np.log(2e6) / (200 * 30))
    assert found.costs.draws.tolist() == costs.draws.tolist()
    assert found.lower.value == pytest.approx((np.sqrt(costs.mean) - s) ** 2, rel=1e-12)
    assert found.upper.value == pytest.approx((np.sqrt(costs.mean) + s) ** 2, rel=1e-12)
    assert found.failure == pytest.approx(1e-6)
    assert found.gap == pytest.approx(1 - found.lower.value / found.upper.value)
    assert 0 < found.gap < 0.2
    assert "with probability 1 - 1e-06>" in repr(found)
    cube = simulated_interval(UniformCube(2), 50, delta=0.02, repeats=3, rng=1)
    assert set(cube.lower.terms) == set(cube.upper.terms) == {"R20 simulated", "R10 simulated"}
    # both, either end: a quarter of delta each
    s = np.sqrt(4 / np.pi**2 * np.log(1 / 0.005) / 150)
    assert cube.upper.terms["R20 simulated"] == pytest.approx(
        (np.sqrt(cube.costs.mean) + s) ** 2, rel=1e-12
    )


@pytest.mark.parametrize(
    ("mu", "m", "gap"),
    [(Gaussian(spectrum=[1.0] * 10), 100, 0.1), (UniformCube(2), 9, 0.5), (THREE_ATOMS, 2, 0.5)],
    ids=["normal", "square", "atoms"],
)
def test_as_many_costs_are_drawn_as_a_gap_takes(mu, m, gap):
    found = simulated_interval(mu, m, gap=gap, rng=0)
    assert found.gap <= gap
    n = len(found.costs.draws)
    assert n == len(simulated_interval(mu, m, gap=gap, rng=1).costs.draws)  # whatever is drawn
    # were costs as low as the bound, the gap would be reached, and not with one less
    least = lower_bound(mu, m).value
    assert gap_of(mu, m, least, n) <= gap < gap_of(mu, m, least, n - 1)


def gap_of(mu, m, cost, n):
    """Of `simulated_interval`, were all costs the same."""
    shares = 2 if hasattr(mu, "diameter") and hasattr(mu, "log_sobolev_constant") else 1
    one = deviation(mu, m, 0.005 / shares)
    roots = 1 - ((cost**0.5 - one.distance / n**0.5) / (cost**0.5 + one.distance / n**0.5)) ** 2
    means = 2 / (1 + cost * n**0.5 / one.power)
    return min(roots if cost**0.5 > one.distance / n**0.5 else 1.0, means)


def test_gaps_that_cannot_be_reached_are_refused():
    with pytest.raises(ValueError, match="repeats must be left out where a gap is asked for"):
        simulated_interval(PAIR, 9, repeats=3, gap=0.1, rng=0)
    with pytest.raises(ValueError, match="gap must be left out where the lower bound of the cost"):
        simulated_interval(Empirical(np.zeros((3, 2))), 9, gap=0.1, rng=0)
    with pytest.raises(ValueError, match="gap must lie in"):
        simulated_interval(PAIR, 9, gap=0.0, rng=0)


TWELVE = {
    "normal": Gaussian(spectrum=[1.0]),
    "normal, d = 5": Gaussian(spectrum=[1.0] * 5),
    "normal 1/i": Gaussian(spectrum=[1 / i for i in range(1, 21)]),
    "cube, d = 1": UniformCube(1),
    "cube, d = 3": UniformCube(3),
    "ball": UniformBall(4),
    "circle": UniformSphere(2),
    "sphere": UniformSphere(6),
    "box": SubGaussianProduct(Uniform(), [1.0, 0.3]),
    "image": LipschitzImage(np.abs, 1.0, Gaussian(spectrum=[1.0, 0.5])),
    "three atoms": THREE_ATOMS,
    "points": Empirical(np.random.default_rng(0).standard_normal((30, 2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TWELVE)
@pytest.mark.parametrize(("m", "repeats"), [(1, 1), (12, 2)])
def test_intervals_of_twelve_laws_hold(name, m, repeats):
    """Nominally 99 %; 1,000 intervals, the mean of 40,000 costs less or more 5 standard errors."""
    mu = TWELVE[name]
    truth = matching_cost(mu, m, repeats=40_000, rng=np.random.default_rng(1))
    slack = 5 * truth.standard_error
    rng = np.random.default_rng(2)
    found = [simulated_interval(mu, m, repeats=repeats, rng=rng) for _ in range(1000)]
    missed = [
        one.lower.value > truth.mean + slack or one.upper.value < truth.mean - slack
        for one in found
    ]
    assert sum(missed) <= 10 + 5 * np.sqrt(10)  # false alarm below 1e-6


def test_an_interval_modulo_signs():
    mu = Gaussian(spectrum=[1.0] * 3)
    plain = simulated_interval(mu, 40, repeats=4, rng=0)
    signed = simulated_interval(mu, 40, repeats=4, modulo="signs", rng=0)
    assert signed.costs.mean < plain.costs.mean


def test_simulated_bounds_are_near_the_truth_in_five_dimensions():
    mu, rng = Gaussian(spectrum=[1.0] * 5), np.random.default_rng(1)
    options = {"width": 300, "repeats": 16, "delta": 1e-3, "rng": rng}
    high = simulated_upper_bound(mu, 300, **options)
    low = simulated_lower_bound(mu, 300, **options)
    truth = matching_cost(mu, 300, repeats=16, rng=rng).mean
    assert 0.85 * truth < low.value < truth < high.value < 1.15 * truth
    assert high.value < upper_bound(mu, 300).value
    assert high.key == "R20 simulated"
    assert high.assumptions[-1] == (
        "holds with probability 0.999 over 16 simulated pairs at width 300"
    )
    assert set(high.terms) == {"R20 simulated"}
    both = simulated_upper_bound(UniformCube(2), 9, width=9, repeats=3, delta=0.1, rng=rng)
    assert set(both.terms) == {"R20 simulated", "R10 simulated"}


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, np.nan])
def test_probabilities_out_of_range_are_refused(delta):
    with pytest.raises(ValueError, match=re.escape(f"delta must lie in (0, 1), got {delta}")):
        deviation(PAIR, 5, delta)
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\)"):
        simulated_upper_bound(
            PAIR, 5, width=5, repeats=1, delta=delta, rng=np.random.default_rng(0)
        )


def test_laws_that_do_not_concentrate_are_named():
    mixture = GaussianMixture([1.0], np.zeros((1, 1)), [PAIR])
    with pytest.raises(TypeError, match=r"R10 needs a law with a diameter.* GaussianMixture has"):
        deviation(mixture, 5, 0.1)
    with pytest.raises(TypeError, match=r"Gaussian has none for p = 0\.5"):
        deviation(PAIR, 5, 0.1, 0.5)


def test_widths_on_the_wrong_side_are_refused():
    options = {"repeats": 1, "delta": 0.1, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match="width must be <= m = 5, got 6"):
        simulated_upper_bound(PAIR, 5, width=6, **options)
    with pytest.raises(ValueError, match="width must be >= m = 5, got 4"):
        simulated_lower_bound(PAIR, 5, width=4, **options)
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        simulated_lower_bound(PAIR, 0, width=4, **options)
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        deviation(PAIR, 0, 0.1)
    with pytest.raises(ValueError, match="p must be positive and finite"):
        deviation(PAIR, 5, 0.1, 0.0)


@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-3])
@pytest.mark.parametrize("n", [1, 2, 20, 300])
def test_the_mean_of_coins_is_below_its_bound_as_rarely_as_promised(n, delta):
    """Every possible outcome, so that the probability is exact: no simulation."""
    lowest = [
        mean_lower_bound(np.r_[np.ones(k), np.zeros(n - k)], 1.0, delta) for k in range(n + 1)
    ]
    assert (np.diff(lowest) >= 0).all()
    worst = 0.0
    for p in np.linspace(0.001, 0.999, 333):
        least = np.searchsorted(lowest, p, side="right")  # from so many heads on it is exceeded
        worst = max(worst, float(stats.binom.sf(least - 1, n, p)))
    assert worst <= delta
    assert worst > 0.05 * delta or n == 1  # and it is not merely zero


def test_a_mean_that_scatters_little_is_known_within_a_few_per_cent():
    draws = 5 + 0.1 * np.random.default_rng(0).standard_normal(300)
    assert 0.94 * 5 < mean_lower_bound(draws, 5.0, 1e-3) < draws.mean()
    assert mean_lower_bound(10 * draws, 50.0, 1e-3) == pytest.approx(
        10 * mean_lower_bound(draws, 5.0, 1e-3)
    )
    assert mean_lower_bound(draws, 100.0, 1e-3) < 0.75 * 5  # a cap far above the draws is a loss
    assert mean_lower_bound(np.zeros(9), 1.0, 0.1) == 0
    assert 0 < mean_lower_bound(np.full(1, 0.5), 1.0, 10**-7.5) < 1e-14  # exp(-2 (needed + ln 2))


def test_costs_that_are_known_already_give_the_simulated_bound():
    options = {"width": 30, "delta": 0.01}
    costs = matching_cost(PAIR, 30, repeats=5, rng=np.random.default_rng(0))
    drawn = simulated_upper_bound(PAIR, 40, repeats=5, rng=np.random.default_rng(0), **options)
    assert upper_bound_from_costs(costs, PAIR, **options) == drawn


def test_draws_that_are_no_costs_are_refused():
    for draws, message in (
        (np.zeros(0), "draws must be a non-empty array [n], got shape (0,)"),
        (np.array([1.0, -1.0]), "draws must be >= 0, got -1.0"),
        (np.array([np.nan]), "draws must be finite, got NaN or infinity"),
        (np.array([np.inf]), "draws must be finite, got NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            mean_lower_bound(draws, 1.0, 0.1)
    with pytest.raises(ValueError, match="cap must be positive"):
        mean_lower_bound(np.ones(3), 0.0, 0.1)
    with pytest.raises(ValueError, match=r"delta must lie in \(0, 1\)"):
        mean_lower_bound(np.ones(3), 1.0, 1.0)


@pytest.mark.parametrize("q", [1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("n", [1, 8, 256, 10_000])
def test_a_mean_is_bounded_on_the_right_side_to_the_last_digit(q, n):
    """kl(q, mu) = ln(1/delta)/n, solved to 40 digits."""
    with mpmath.workdps(40):
        Q = mpmath.mpf(q)
        for delta in (0.3, 0.01, 1e-6, 1e-100):
            found = mean_lower_bound(np.full(n, q), 1.0, delta)
            needed = -mpmath.log(mpmath.mpf(delta)) / n
            if found:
                mu = mpmath.mpf(found)
                excess = Q * mpmath.log(Q / mu)
                excess += (1 - Q) * mpmath.log((1 - Q) / (1 - mu)) if q < 1 else 0
                assert excess >= needed
                assert excess <= needed * (1 + 1e-6) + 1e-13
            else:
                assert needed / Q > 600  # below the least float


def test_a_bound_of_a_mean_below_what_the_solver_searches_is_sharp():
    """At q = 1/2 and a tiny bound mu, kl(q, mu) = -ln(4 mu (1 - mu)) / 2 is -ln(delta) / 2."""
    delta = 1e-300
    found = mean_lower_bound(np.array([0.5, 0.5]), 1.0, delta)
    assert delta / 4 * (1 - 1e-10) <= found <= delta / 4
