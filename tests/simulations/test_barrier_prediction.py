"""The study of predictions: its scores and tables, from forecasts that are made up."""

import math

import pytest

from simulations.barrier_prediction.command import barrier_prediction
from simulations.barrier_prediction.measurement import FAMILY, ROUTES, SETTINGS, Forecast, Measured
from simulations.barrier_prediction.summary import Score, covers, ratio, report


def forecast(top, interval=()):
    return Forecast([0.0, top, 0.0], top, list(interval), 2 * top)


def case(task, measured, factor):
    reach = (measured / 1.1, measured * 1.1)
    predicted = {route: forecast(factor * measured) for route in ROUTES}
    predicted[FAMILY] = forecast(factor * measured, (factor * measured / 1.1, factor * measured))
    return task, Measured(forecast(measured, reach), predicted)


@pytest.fixture(scope="module")
def results():
    tasks = barrier_prediction(architecture=list(SETTINGS), width=[512, 1024])
    return [case(task, 0.01 * (k + 1), 1.05 if k % 2 else 1 / 1.3) for k, task in enumerate(tasks)]


def test_scores_are_medians_of_logarithms(results):
    found = Score(FAMILY, results)
    assert found.score == pytest.approx((math.log(1.05) + math.log(1.3)) / 2)
    assert found.worst == pytest.approx(math.log(1.3))
    assert found.bias == pytest.approx((math.log(1.05) - math.log(1.3)) / 2)
    assert found.function_error == pytest.approx(found.score)
    assert found.curve == pytest.approx((0.05 + 1 - 1 / 1.3) / 2)
    assert found.covered == "12 of 24"  # 30 % is too much
    assert Score("widest", results).covered is None


def test_signs_that_differ_are_infinitely_far_apart():
    assert ratio(0.1, -0.1) == math.inf
    assert not covers(forecast(0.1, (-0.1, 0.3)), forecast(0.1, (0.05, 0.2)))


def test_the_report_fits_into_100_columns(results, printed):
    lines = printed(report, results).splitlines()
    assert sum("relu 2 decay 0" in line for line in lines) == 1  # once, for both widths
    assert any(line.split()[:2] == ["family", "24"] for line in lines)
