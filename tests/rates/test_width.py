"""Inverted widths: exact integers, on both sides of the tolerance, in mean and probability."""

import re

import numpy as np
import pytest

from lmctheory.measures import (
    Gaussian,
    Laplace,
    LipschitzImage,
    SubGaussianProduct,
    UniformBall,
    UniformCube,
    UniformSphere,
)
from lmctheory.rates import (
    deviation,
    lower_bound,
    matching_cost,
    required_width,
    upper_bound,
    width_lower_bound,
)
from lmctheory.rates.bound import MAX_WIDTH
from lmctheory.rates.least_width import OutOfReach, first_width, last_width_above, rounded_up

LAWS = [
    (Gaussian(spectrum=[1.0, 0.5, 0.2]), 0.8),
    (Gaussian(spectrum=1 / np.arange(1, 785)), 3.0),
    (UniformCube(2), 0.1),
    (UniformBall(3), 0.2),
    (UniformSphere(3, radius=2.0), 0.3),
]


@pytest.mark.parametrize(("mu", "eps"), LAWS)
@pytest.mark.parametrize("p", [pytest.param(1.0, marks=pytest.mark.slow), 2.0])
def test_one_neuron_less_is_too_few(mu, eps, p):
    N = required_width(mu, eps, p=p)
    assert N > 1
    assert upper_bound(mu, N, p).value <= eps**p < upper_bound(mu, N - 1, p).value


@pytest.mark.parametrize(("mu", "eps"), LAWS)
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_one_neuron_less_is_too_few_with_high_probability(mu, eps, p):
    N = required_width(mu, eps, delta=0.01, p=p)

    def quantile(m):
        return deviation(mu, m, 0.01, p).above(upper_bound(mu, m, p).value)

    assert quantile(N) <= eps**p < quantile(N - 1)
    assert required_width(mu, eps, p=p) < N


@pytest.mark.parametrize(
    ("mu", "eps"),
    [
        (Gaussian(spectrum=[2.0]), 0.3),
        pytest.param(UniformCube(1), 0.02, marks=pytest.mark.slow),
    ],
)
def test_one_neuron_less_is_too_few_on_average(mu, eps):
    N = width_lower_bound(mu, eps)
    assert lower_bound(mu, N).value <= eps**2 < lower_bound(mu, N - 1).value
    assert required_width(mu, eps) >= N


@pytest.mark.slow
def test_layers_of_the_required_width_match_and_narrower_ones_do_not():
    mu, delta, rng = Gaussian(spectrum=[1.0] * 20), 0.05, np.random.default_rng(0)
    wide = required_width(mu, 5.7, delta=delta)
    narrow = width_lower_bound(mu, 3.9, delta=delta) - 1
    assert 20 < narrow < width_lower_bound(mu, 3.9)
    assert 20 < wide < 500

    def quantile(m):
        return deviation(mu, m, delta).below(lower_bound(mu, m).value)

    assert quantile(narrow + 1) <= 3.9**2 < quantile(narrow)
    # 40 draws; 9 or more failures of chance 0.05 have a chance of 2e-4
    assert (matching_cost(mu, wide, repeats=40, rng=rng).draws > 5.7**2).sum() < 9
    assert (matching_cost(mu, narrow, repeats=40, rng=rng).draws <= 3.9**2).sum() < 9


def test_widths_grow_as_tolerances_and_probabilities_shrink():
    mu = UniformCube(3)
    widths = [required_width(mu, eps) for eps in (0.5, 0.2, 0.1, 0.05)]
    assert widths == sorted(widths)
    assert required_width(mu, 0.2, delta=1e-6) > required_width(mu, 0.2, delta=0.1)


def test_any_falling_function_is_inverted():
    rng = np.random.default_rng(0)
    for _ in range(200):
        slope, tolerance = rng.uniform(0.05, 2), 10 ** rng.uniform(-3, 0.3)
        plateau = float(rng.choice([1.0, 1.5, 10.0]))

        def bound(m, slope=slope, plateau=plateau):
            return (
                float(plateau ** np.floor(np.log(m) / np.log(plateau))) ** -slope
                if (plateau > 1)
                else m**-slope
            )

        if bound(10**12) > tolerance:
            continue
        N = first_width(bound, tolerance)
        assert N == 1 if bound(1) <= tolerance else bound(N) <= tolerance < bound(N - 1)


def test_a_bump_is_found_from_above():
    def bump(m):
        return 1.0 - abs(np.log10(m) - 3) / 3

    N = last_width_above(bump, 0.5, 10**6)
    assert bump(N) <= 0.5 < bump(N - 1)
    assert 10**4.49 < N < 10**4.51
    assert last_width_above(bump, 2.0, 10**6) == 1


def test_few_evaluations_are_needed():
    asked = []

    def bound(m):
        asked.append(m)
        return m**-0.4

    first_width(bound, 1e-3)
    assert len(asked) < 40


@pytest.mark.parametrize("width", [required_width, width_lower_bound])
@pytest.mark.parametrize(
    ("eps", "options", "message"),
    [
        (0.0, {}, "eps must be positive and finite, got 0.0"),
        (-1.0, {}, "eps must be positive and finite, got -1.0"),
        (np.nan, {}, "eps must be positive and finite, got nan"),
        (1.0, {"delta": 0.0}, "delta must lie in (0, 1), got 0.0"),
        (1.0, {"delta": 1.0}, "delta must lie in (0, 1), got 1.0"),
        (1.0, {"p": 0.0}, "p must be positive and finite, got 0.0"),
    ],
)
def test_bad_arguments_are_refused(width, eps, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        width(UniformCube(2), eps, **options)


OUT_OF_REACH = [
    (UniformCube(30), 0.01),
    (UniformSphere(20), 1e-3),
    (UniformBall(20), 1e-3),
    (LipschitzImage(np.tanh, 1.0, UniformCube(40)), 0.01),  # nothing is known from below
]


@pytest.mark.parametrize(("mu", "eps"), OUT_OF_REACH)
@pytest.mark.parametrize("options", [{}, {"delta": 0.01}, {"p": 1.0}])
def test_a_tolerance_out_of_reach_is_refused_and_what_is_within_it_is_named(mu, eps, options):
    with pytest.raises(OutOfReach, match=r"eps is too small: no width up to 10\^12") as refused:
        required_width(mu, eps, **options)
    bound = upper_bound(mu, MAX_WIDTH, options.get("p", 2.0)).value
    if "delta" in options:
        bound = deviation(mu, MAX_WIDTH, 0.01).above(bound)
    assert refused.value.reached == pytest.approx(bound ** (1 / options.get("p", 2.0)))
    reached = float(re.search(r"where eps = (\S+) is reached", str(refused.value))[1])
    assert refused.value.reached <= reached <= 1.001 * refused.value.reached
    assert required_width(mu, reached, **options) <= MAX_WIDTH


@pytest.mark.parametrize("options", [{}, {"delta": 0.01}])
def test_a_tolerance_that_no_width_attains_is_refused_with_what_is_exceeded(options):
    mu = UniformSphere(8)
    with pytest.raises(OutOfReach, match=r"more than 10\^12 neurons are necessary") as refused:
        width_lower_bound(mu, 0.01, **options)
    left = lower_bound(mu, MAX_WIDTH).value
    if options:
        left = deviation(mu, MAX_WIDTH, 0.01).below(left)
    assert refused.value.reached == pytest.approx(left**0.5)
    assert width_lower_bound(mu, 1.01 * refused.value.reached, **options) > 1


def test_few_widths_are_looked_at_before_a_refusal():
    asked = []

    def bound(m):
        asked.append(m)
        return 1.0

    with pytest.raises(OutOfReach, match="which reaches 1"):
        first_width(bound, 0.5)
    assert len(asked) <= 8
    assert asked[-1] == MAX_WIDTH
    asked.clear()
    with pytest.raises(OutOfReach):
        first_width(bound, 0.5, 100)
    assert asked == [1, 2, 16, 100]


def test_a_largest_width_is_kept():
    assert first_width(lambda m: 1 / m, 0.1, 10) == first_width(lambda m: 1 / m, 0.1) == 10
    assert first_width(lambda m: 1 / m, 1.0, 1) == 1


def test_a_reached_tolerance_is_rounded_up():
    assert [rounded_up(x) for x in (1.23401, 1.234, 9.99999e-7, 12345.6, 0.0, np.inf)] == [
        "1.235", "1.234", "1e-06", "1.235e+04", "0", "inf",
    ]  # fmt: skip


def test_a_law_that_does_not_concentrate_has_no_width_with_probability():
    with pytest.raises(TypeError, match="R10 needs a law with a diameter"):
        required_width(SubGaussianProduct(Laplace(), [1.0]), 0.5, delta=0.1)
