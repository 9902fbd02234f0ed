"""Means with their errors."""

import numpy as np
import pytest

from lmctheory.sweeps.mean import Mean


def test_means_carry_standard_errors():
    assert Mean.over([1.0, 2.0, 3.0]).error == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(Mean.over([1.0]).error)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.02413, 0.00081, "0.0241(8)"),
        (1.73, 0.29, "1.7(3)"),
        (0.5, 0.096, "0.5(1)"),
        (123.4, 12.0, "123(10)"),
        (-0.026, 0.002, "-0.026(2)"),
        (0.5, float("nan"), "0.5"),
    ],
)
def test_means_are_printed_with_the_error_of_the_last_digit(value, error, text):
    assert str(Mean(value, error)) == Mean(value, error).short() == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.00041, 0.00002, "4.1e-04(2e-05)"),
        (-0.00041, 0.00002, "-4.1e-04(2e-05)"),
        (26012.0, 512.0, "2.6e+04(5e+02)"),
        (0.001, 0.0001, "0.0010(1)"),
        (9999.0, 40.0, "9999(40)"),
    ],
)
def test_means_of_many_digits_are_short_in_scientific_notation(value, error, text):
    assert Mean(value, error).short() == text


def test_errors_of_coarse_means_are_not_below_the_least():
    assert str(Mean(0.12345, 0.0004).coarse(1e-3)) == "0.123(1)"
    assert Mean(0.5, 0.02).coarse(1e-3) == Mean(0.5, 0.02)
    assert np.isnan(Mean(0.5, float("nan")).coarse(1e-3).error)  # of one draw there is none
