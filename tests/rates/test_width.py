"""Inverted widths: exact integers, on both sides of the tolerance, in mean and probability."""

import re

import numpy as np
import pytest

from lmctheory.measures import (
    Gaussian,
    Laplace,
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
from lmctheory.rates.width import _first_width, _last_above

LAWS = [
    (Gaussian(spectrum=[1.0, 0.5, 0.2]), 0.8),
    (Gaussian(spectrum=1 / np.arange(1, 785)), 3.0),
    (UniformCube(2), 0.1),
    (UniformBall(3), 0.2),
    (UniformSphere(3, radius=2.0), 0.3),
]


@pytest.mark.parametrize(("mu", "eps"), LAWS)
@pytest.mark.parametrize("p", [1.0, 2.0])
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


@pytest.mark.parametrize(("mu", "eps"), [(Gaussian(spectrum=[2.0]), 0.3), (UniformCube(1), 0.02)])
def test_one_neuron_less_is_too_few_on_average(mu, eps):
    N = width_lower_bound(mu, eps)
    assert lower_bound(mu, N).value <= eps**2 < lower_bound(mu, N - 1).value
    assert required_width(mu, eps) >= N


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
        N = _first_width(bound, tolerance)
        assert N == 1 if bound(1) <= tolerance else bound(N) <= tolerance < bound(N - 1)


def test_a_bump_is_found_from_above():
    def bump(m):
        return 1.0 - abs(np.log10(m) - 3) / 3

    N = _last_above(bump, 0.5, 10**6)
    assert bump(N) <= 0.5 < bump(N - 1)
    assert 10**4.49 < N < 10**4.51
    assert _last_above(bump, 2.0, 10**6) == 1


def test_few_evaluations_are_needed():
    asked = []

    def bound(m):
        asked.append(m)
        return m**-0.4

    _first_width(bound, 1e-3)
    assert len(asked) < 40


@pytest.mark.parametrize("width", [required_width, width_lower_bound])
@pytest.mark.parametrize(
    ("eps", "options", "message"),
    [
        (0.0, {}, "eps must be > 0, got 0.0"),
        (-1.0, {}, "eps must be > 0, got -1.0"),
        (np.nan, {}, "eps must be > 0, got nan"),
        (1.0, {"delta": 0.0}, "delta must lie between 0 and 1, got 0.0"),
        (1.0, {"delta": 1.0}, "delta must lie between 0 and 1, got 1.0"),
        (1.0, {"p": 0.0}, "p must be positive and finite, got 0.0"),
    ],
)
def test_bad_arguments_are_refused(width, eps, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        width(UniformCube(2), eps, **options)


def test_a_tolerance_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"eps is too small: no width up to 10\^12"):
        required_width(UniformCube(30), 0.01)


def test_a_law_that_does_not_concentrate_has_no_width_with_probability():
    with pytest.raises(TypeError, match="R10 needs a law with a diameter"):
        required_width(SubGaussianProduct(Laplace(), [1.0]), 0.5, delta=0.1)
