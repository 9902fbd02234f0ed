"""Curves of matching cost: slopes and crossovers recovered from known power laws."""

import re

import numpy as np
import pytest

from lmctheory.measures import Gaussian
from lmctheory.rates import matching_cost, wasserstein_pow
from lmctheory.rates.empirical.curve import Curve, matching_cost_curve
from lmctheory.rates.empirical.monte_carlo import Estimate
from lmctheory.rates.empirical.power_law import fit_power_law

WIDTHS = (16, 32, 64, 128, 256, 512, 1024)


def synthetic(law, widths=WIDTHS, *, spread=0.05, repeats=16, rng, p=2.0):
    """Draws with a relative spread about a given law."""
    draws = [law(m) * (1 + spread * rng.standard_normal(repeats)) for m in widths]
    return Curve(widths, tuple(map(Estimate, draws)), p)


def test_an_exact_power_law():
    curve = synthetic(lambda m: 3 * m**-0.4, spread=0.0, rng=np.random.default_rng(0))
    fit = curve.power_law()
    assert fit.slope == pytest.approx(-0.4, abs=1e-9)
    assert np.exp(fit.intercept) == pytest.approx(3)
    np.testing.assert_allclose(curve.local_slopes()[0], -0.4, atol=1e-9)


@pytest.mark.parametrize("repeats", [2, 3, 4, 16])
@pytest.mark.parametrize("spread", ["even", "falling", "uneven"])
def test_the_interval_covers_the_slope(repeats, spread):
    # 400 curves: binomial with mean 380, 3.5 standard errors below is 365; few draws hold more
    rng = np.random.default_rng(1)
    fits = [power_law_of(repeats, spread, rng) for _ in range(400)]
    covered = sum(fit.interval[0] <= -0.5 <= fit.interval[1] for fit in fits)
    assert covered >= 365
    if repeats == 16:
        assert covered < 400
        scatter = np.std([fit.slope for fit in fits])
        assert np.mean([fit.standard_error for fit in fits]) == pytest.approx(scatter, rel=0.15)
        assert np.mean([fit.misfit for fit in fits]) == pytest.approx(1.1, abs=0.3)


def power_law_of(repeats, spread, rng):
    """A curve of m^-1/2 whose draws are Gamma distributed, fitted."""
    m = np.array(WIDTHS)
    relative = {
        "even": np.full(7, 0.1),
        "falling": 0.3 * (m / 16) ** -0.5,
        "uneven": np.where(np.arange(7) % 2, 0.2, 0.02),
    }[spread]
    draws = [
        mean * rng.gamma(r**-2, r**2, repeats) for mean, r in zip(m**-0.5, relative, strict=True)
    ]
    return Curve(WIDTHS, tuple(map(Estimate, draws)), 2.0).power_law()


def test_errors_that_are_known_weigh_as_they_are():
    curve = synthetic(lambda m: m**-0.5, rng=np.random.default_rng(2))
    weights = curve.means / curve.standard_errors
    (slope, intercept), covariance = np.polyfit(
        np.log(WIDTHS), np.log(curve.means), 1, w=weights, cov="unscaled"
    )
    fit = fit_power_law(WIDTHS, curve.means, curve.standard_errors)
    assert (fit.slope, fit.intercept) == pytest.approx((slope, intercept))
    np.testing.assert_allclose(fit.covariance, covariance)


def test_local_slopes_and_their_errors():
    curve = synthetic(lambda m: m**-0.5, rng=np.random.default_rng(3))
    slopes, errors = curve.local_slopes()
    assert (np.abs(slopes + 0.5) < 5 * errors).all()  # false alarm < 1e-4
    relative = curve.standard_errors / curve.means
    assert errors[0] == pytest.approx(np.hypot(relative[0], relative[1]) / np.log(2))


def test_a_critical_dimension_is_fitted_with_its_logarithm():
    rng = np.random.default_rng(4)
    curve = synthetic(lambda m: np.log(m) / m, spread=0.01, rng=rng)
    with_logarithm, without = curve.power_law(log_power=1.0), curve.power_law()
    assert with_logarithm.interval[0] - 0.01 <= -1 <= with_logarithm.interval[1] + 0.01
    assert without.misfit > 10 * with_logarithm.misfit


def test_a_crossover_is_found():
    def law(m):
        return m**-1.0 if m < 100 else 100**-0.75 * m**-0.25

    rng = np.random.default_rng(5)
    curve = synthetic(law, rng=rng)
    found = curve.crossover()
    assert 80 < found.width < 125
    assert found.slopes == pytest.approx((-1.0, -0.25), abs=0.06)
    assert found.misfit < 4 < curve.power_law().misfit
    # 60 curves: binomial with mean 57, 4 standard errors below is 50
    intervals = [synthetic(law, rng=rng).crossover().interval for _ in range(60)]
    assert sum(low <= 100 <= high for low, high in intervals) >= 50


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [2, 4, 16])
@pytest.mark.parametrize("where", [60, 256, 1000])
def test_the_interval_covers_the_crossover(repeats, where):
    def law(m):
        return (m / where) ** (-0.9 if m < where else -0.4)

    rng, widths = np.random.default_rng(8), tuple(16 * 2**k for k in range(10))
    curves = (synthetic(law, widths, spread=0.02, repeats=repeats, rng=rng) for _ in range(400))
    intervals = [curve.crossover().interval for curve in curves]
    assert sum(low <= where <= high for low, high in intervals) >= 365  # 3.5 standard errors


def test_the_line_has_exponent_one():
    # 1/m up to log log m: the exact cost (R7) has slope -0.94 here
    curve = matching_cost_curve(
        Gaussian(spectrum=[1.0]), [64, 256, 1024], repeats=32, rng=np.random.default_rng(6)
    )
    assert curve.power_law().slope == pytest.approx(-0.94, abs=0.08)
    assert str(curve.power_law()).startswith("slope -")


def test_a_large_sample_on_the_line():
    cost = matching_cost(Gaussian(spectrum=[1.0]), 10**6, repeats=2, rng=np.random.default_rng(7))
    assert 0 < cost.mean < 1e-4


@pytest.mark.parametrize("widths", [[], [3, 3], [4, 2]])
def test_bad_widths_are_refused(widths):
    with pytest.raises(ValueError, match="widths must be strictly increasing and not empty"):
        matching_cost_curve(Gaussian(spectrum=[1.0]), widths, rng=np.random.default_rng(0))


def test_fits_refuse_what_they_cannot_fit():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="widths must hold at least 5 values, got 2"):
        synthetic(lambda m: 1 / m, (2, 4), rng=rng).crossover()
    with pytest.raises(ValueError, match="widths must hold at least 2 values, got 1"):
        synthetic(lambda m: 1 / m, (2,), rng=rng).power_law()
    with pytest.raises(ValueError, match="repeats must be >= 2 for an error, got 1"):
        synthetic(lambda m: 1 / m, repeats=1, rng=rng).local_slopes()
    with pytest.raises(ValueError, match="costs must be > 0 for a power law"):
        synthetic(lambda m: 0.0, rng=rng).power_law()
    with pytest.raises(ValueError, match="widths must be > 1 for a fit with a logarithm"):
        synthetic(lambda m: 1 / m, (1, 2), rng=rng).power_law(log_power=1.0)
    for fit in (Curve.power_law, Curve.crossover):
        with pytest.raises(ValueError, match=re.escape("confidence must lie in (0, 1), got 1.0")):
            fit(synthetic(lambda m: 1 / m, rng=rng), confidence=1.0)


def test_too_large_a_cost_matrix_is_refused_with_its_size():
    message = re.escape("memory_limit must be >= 80000 bytes here, got 79999")
    x = np.random.default_rng(0).random((100, 2))
    with pytest.raises(ValueError, match=message):
        wasserstein_pow(x, x, memory_limit=79_999)
    with pytest.raises(ValueError, match=message):
        matching_cost(
            Gaussian(spectrum=[1.0, 1.0]), 100, rng=np.random.default_rng(0), memory_limit=79_999
        )
    assert wasserstein_pow(x, x, memory_limit=80_000) == 0
    assert wasserstein_pow(x[:, :1], x[:, :1], memory_limit=0) == 0  # sorting needs no matrix
    wide = np.random.default_rng(0).random((30_000, 2))
    with pytest.raises(ValueError, match=str(8 * 30_000**2)):
        wasserstein_pow(wide, wide)


def test_a_power_law_is_evaluated_with_the_error_of_a_line():
    widths, error = np.array([32.0, 64.0, 128.0, 256.0]), 0.01
    law = fit_power_law(widths, 3 * widths**-0.5, 3 * widths**-0.5 * error)
    value, deviation = law.at(1024.0)
    assert value == pytest.approx(3 / 32)
    x = np.log(widths)
    squares = np.square(x - x.mean()).sum()
    reach = (np.log(1024) - x.mean()) ** 2 / squares
    assert deviation / value == pytest.approx(error * np.sqrt(1 / 4 + reach))
    assert law.standard_error == pytest.approx(error / np.sqrt(squares))
    critical = fit_power_law(widths, np.log(widths) / widths, widths**-1.0, log_power=1.0)
    assert critical.slope == pytest.approx(-1)
    assert critical.at(1024.0)[0] == pytest.approx(np.log(1024) / 1024)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2.0], [1.0], [0.1]), "two or more and as many, got 1, 1 and 1"),
        (([2.0, 3.0], [1.0], [0.1, 0.1]), "two or more and as many, got 2, 1 and 2"),
        (([2.0, 3.0], [1.0, 0.0], [0.1, 0.1]), "means must be > 0 for a power law"),
        (([2.0, 3.0], [1.0, 2.0], [0.1, -0.1]), "errors must be >= 0, got -0.1"),
    ],
)
def test_what_has_no_power_law_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fit_power_law(*arguments)
