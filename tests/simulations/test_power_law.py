"""Power laws through means: recovered, their errors against formulas and scatter, refusals."""

import numpy as np
import pytest

from lmctheory.sweeps.mean import Mean
from simulations.power_law import power_law

WIDTHS = (32, 64, 128, 256)
EXACT = {m: Mean(3 * m**-0.5, 0.01 * m**-0.5) for m in WIDTHS}


def test_a_power_law_is_recovered_with_the_error_of_a_line():
    """Every logarithm has the error 1/300: the textbook's formulas for a line."""
    law = power_law(EXACT)
    assert law.slope.value == pytest.approx(-0.5)
    assert law.misfit == pytest.approx(0, abs=1e-20)
    x = np.log(WIDTHS)
    squares = np.square(x - x.mean()).sum()
    assert law.slope.error == pytest.approx(1 / 300 / np.sqrt(squares))
    found = law.at(1024)
    assert found.value == pytest.approx(3 * 1024**-0.5)
    reach = (np.log(1024) - x.mean()) ** 2 / squares
    assert found.error / found.value == pytest.approx(np.sqrt(1 / 4 + reach) / 300)


def test_precise_means_weigh_more():
    """Three means on a law and a fourth that is off, but as good as unknown."""
    law = power_law(EXACT | {256: Mean(1.0, 1e3)})
    assert law.slope.value == pytest.approx(-0.5, abs=1e-6)
    two = power_law({m: EXACT[m] for m in WIDTHS[:2]})
    assert two.slope.error == pytest.approx(np.sqrt(2) / 300 / np.log(2))
    assert two.misfit == 1


@pytest.mark.parametrize("scatter", [0.05, 0.2])
def test_errors_cover_the_scatter(scatter):
    """Fits to four means that say 5 %: the misfit is k X, k = (scatter/5 %)^2, X exponential.

    (Chi-squared of two degrees of freedom, over two.) Errors squared grow by max(1, k X), whose
    mean is 1 + k exp(-1/k); the slope's variance is k times that which the errors say.
    """
    rng = np.random.default_rng(0)
    laws = []
    for noise in np.exp(scatter * rng.standard_normal((400, len(WIDTHS)))):
        means = zip(WIDTHS, noise, strict=True)
        laws.append(power_law({m: Mean(n / m, 0.05 * n / m) for m, n in means}))
    slopes = [law.slope.value for law in laws]
    typical = np.sqrt(np.mean([law.slope.error**2 for law in laws]))
    k = (scatter / 0.05) ** 2
    # relative errors of 2.5 % above and 3.5 % below: four of them, false alarm 6e-5
    expected = np.sqrt((1 + k * np.exp(-1 / k)) / k)
    assert typical / np.std(slopes) == pytest.approx(expected, rel=0.17)
    assert np.mean(slopes) == pytest.approx(-1, abs=4 * np.std(slopes) / 20)


def test_the_misfit_is_that_of_a_raised_point():
    """The middle of three, raised by 5 errors: squared residuals 25 (1 + 4 + 1)/9, one freedom."""
    means = {m: Mean(1 / m, 0.01 / m) for m in (16, 64, 256)}
    raised = np.exp(0.05) / 64
    law = power_law(means | {64: Mean(raised, 0.01 * raised)})
    assert law.misfit == pytest.approx(25 * 6 / 9)
    line = power_law(means)
    assert law.slope.value == pytest.approx(line.slope.value)
    assert law.slope.error == pytest.approx(line.slope.error * (25 * 6 / 9) ** 0.5)


def test_a_bend_widens_the_errors():
    bent = {
        m: Mean(mean.value * (1.1 if m in (64, 128) else 1), mean.error)
        for m, mean in EXACT.items()
    }
    for quantity in (lambda law: law.slope, lambda law: law.at(1024)):
        assert quantity(power_law(bent)).error > 5 * quantity(power_law(EXACT)).error


def test_means_without_scatter_are_fitted():
    law = power_law({m: Mean(2.0 / m, 0.0) for m in WIDTHS})
    assert law.slope.value == pytest.approx(-1)
    assert law.slope.error < 1e-8


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "got 0.4 at 32"),
        ({64: Mean(0.0, 1.0)}, "0(1) at 64"),
        ({64: Mean(-1.0, 0.1)}, "-1.0(1) at 64"),
        ({64: Mean(1.0, float("nan"))}, "1 at 64"),
    ],
)
def test_means_without_a_power_law_are_refused(change, text):
    with pytest.raises(ValueError, match="two or more, positive and with errors") as caught:
        power_law({32: Mean(0.4, 0.0)} | change)
    assert text in str(caught.value)
