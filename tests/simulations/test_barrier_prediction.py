"""The study of predictions: its settings, and its scores and tables from made-up forecasts."""

import math
from collections import Counter
from hashlib import sha256
from itertools import product

import pytest
from scipy.stats import binom

from simulations.barrier_prediction.command import barrier_prediction
from simulations.barrier_prediction.measurement import FAMILY, ROUTES, Forecast, Measured, data_of
from simulations.barrier_prediction.settings import DATA, HALVES, SETTINGS, USUAL, half_of
from simulations.barrier_prediction.summary import (
    Coverage,
    Regime,
    Score,
    advantage,
    covers,
    ratio,
    report,
)

NAMES = [name for name, one in SETTINGS.items() if one.data != "mnist"]


def forecast(top, interval=()):
    return Forecast([0.0, top, 0.0], top, list(interval), 2 * top)


def case(task, measured, factor):
    reach = (measured / 1.1, measured * 1.1)
    predicted = {route: forecast(1.5 * factor * measured) for route in ROUTES}
    predicted[FAMILY] = forecast(factor * measured, (factor * measured / 1.1, factor * measured))
    return task, Measured(forecast(measured, reach), predicted)


@pytest.fixture(scope="module")
def results():
    tasks = barrier_prediction(architecture=NAMES, width=[512, 1024])
    return [case(task, 0.01 * (k + 1), 1.05 if k % 2 else 1 / 1.3) for k, task in enumerate(tasks)]


def test_halves_are_fixed_before_anything_is_measured():
    """A setting that moves from one half to the other, or is added, invalidates what was judged."""
    count = Counter((one.data, half_of(name)) for name, one in SETTINGS.items())
    assert all(count[data, "report"] == count[data, "tuning"] for data in DATA)
    assert len(SETTINGS) == sum(count.values()) >= 60
    assert all(half_of(name) == "tuning" for name, one in SETTINGS.items() if one.measured_before)
    assert set(USUAL) < {name for name, one in SETTINGS.items() if one.measured_before}
    reported = "\n".join(sorted(name for name in SETTINGS if half_of(name) == "report"))
    assert sha256(reported.encode()).hexdigest() == (
        "05a4bf37a5954c02dd035064d5df76758c1511f4cbe4f7649e905b66748abcdc"
    )


def test_settings_meet_in_every_value():
    """Every value of a factor is met with every optimiser and every data set, in either half."""
    kinds = {
        "depth": lambda one: one.shape.depth,
        "activation": lambda one: one.shape.activation,
        "decay": lambda one: one.shape.weight_decay > 0,
        "scaling": lambda one: one.shape.parametrisation == "standard",
    }
    for kind in kinds.values():
        values = {kind(one) for one in SETTINGS.values()}
        for other in ("optimiser", "data"):
            met = {(kind(one), getattr(one, other)) for one in SETTINGS.values()}
            own = {getattr(one, other) for one in SETTINGS.values()}
            missing = set(product(values, own)) - met
            # AdamW without decay is Adam
            assert missing <= {(False, "adamw")}
        for half in HALVES:
            assert {kind(one) for name, one in SETTINGS.items() if half_of(name) == half} == values


def test_options_choose_among_settings():
    def names(**options):
        return list(dict.fromkeys(task.name for task in barrier_prediction(**options)))

    assert names() == list(USUAL)
    reported = names(half="report", dataset="teacher")
    assert len(reported) == 10
    assert all(half_of(name) == "report" and name.startswith("teacher") for name in reported)
    assert names(architecture=["relu 1", "gelu 2 muP adamw"]) == ["relu 1", "gelu 2 muP adamw"]
    (task, _) = barrier_prediction(architecture=["gelu 2 muP adamw"])
    assert task.training.config.optimiser == "adamw"
    assert (task.training.learning_rate, task.training.weight_decay) == (0.05, 0.3)


def test_the_teacher_is_always_the_same():
    first, again = (data_of("teacher").test for _ in range(2))
    assert (first.inputs == again.inputs).all()


def test_scores_are_medians_of_logarithms(results):
    found = Score(FAMILY, results)
    assert found.score == pytest.approx((math.log(1.05) + math.log(1.3)) / 2)
    assert found.worst == pytest.approx(math.log(1.3))
    assert found.bias == pytest.approx((math.log(1.05) - math.log(1.3)) / 2)
    assert found.function_error == pytest.approx(found.score)
    assert found.curve == pytest.approx((0.05 + 1 - 1 / 1.3) / 2)
    half = len(results) // 2
    assert str(found.coverage) == f"{half} of {2 * half}"  # 30 % is too much
    assert Score("widest", results).coverage is None


def test_coverage_is_judged_by_the_binomial_law():
    """Two-sided: all outcomes that are no likelier than the one that was seen."""
    for held in (6, 9, 10):
        law = [binom.pmf(k, 10, 0.9) for k in range(11)]
        expected = sum(one for one in law if one <= law[held] * (1 + 1e-7))
        assert Coverage(held, 10).p == pytest.approx(expected)


def test_an_advantage_is_a_mean_over_settings():
    """Not over cases: two widths of one setting share the networks that are given."""
    tasks = barrier_prediction(architecture=["relu 1", "tanh 1"], width=[512, 1024])
    some = [case(task, 0.01, 1.0) for task in tasks]
    for (_, one), factor in zip(some, (2.0, 4.0, 1.0, -1.0), strict=True):
        one.predicted["widest"] = forecast(factor * 0.01)
    of_settings = [math.log(8) / 2, math.log(10) / 2]  # a wrong sign counts as a factor of 10
    found = advantage(some, "widest")
    assert found.value == pytest.approx(sum(of_settings) / 2)
    assert found.error == pytest.approx(abs(of_settings[0] - of_settings[1]) / 2)
    for _, one in some:
        del one.predicted["widest"]
    assert advantage(some, "widest") is None


def test_the_rival_is_the_baseline_that_is_best_in_the_regime(results):
    for _, one in results[:3]:
        one.predicted["power law"] = forecast(one.measured.max * 1.001)
    assert Regime("", "", results[:3]).rival.route == "power law"


def test_signs_that_differ_are_infinitely_far_apart():
    assert ratio(0.1, -0.1) == math.inf
    assert not covers(forecast(0.1, (-0.1, 0.3)), forecast(0.1, (0.05, 0.2)))


def test_the_report_fits_into_100_columns(results, printed):
    lines = printed(report, results).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("relu 2 decay 0" in line for line in lines) == 1  # once, for both widths
    assert sum(line.split()[:1] == ["family"] for line in lines) == len(HALVES)
    assert any(line.split()[:2] == ["optimiser", "sgd"] for line in lines)
    missing = [(task, Measured(one.measured, dict(one.predicted))) for task, one in results]
    for _, one in missing:
        del one.predicted["given networks"]
    assert "given networks " not in printed(report, missing)
