"""The study of barriers that rise with width: what it measures, and its tables."""

import math

import numpy as np
import pytest

from lmctheory.networks import load_dataset
from lmctheory.prediction import all_pairs
from simulations.rising_barriers.command import rising_barriers
from simulations.rising_barriers.measurement import (
    MATCHINGS,
    Apart,
    AtLaw,
    AtWidth,
    LawTask,
    Seen,
    WidthTask,
    run_law,
    run_width,
)
from simulations.rising_barriers.summary import at_law, at_widths, report
from simulations.training import Training, trained_mlps

TRAINING = Training(epochs=2, learning_rate=0.05)


@pytest.fixture(scope="module")
def measured():
    task = WidthTask("digits", 1, 8, "standard", 4, 0, 0, [], 0, TRAINING, 0)
    return run_width(task)


def test_barriers_are_those_of_the_networks(measured):
    data = load_dataset("digits")
    networks = trained_mlps(data, (64, 8, 10), TRAINING.config, range(4))
    expected = all_pairs(networks, data.test, inputs=data.train.inputs, points=9, span=2).max
    found = measured.measured["weighted"]
    assert found.max == pytest.approx(expected.value)
    assert found.error == pytest.approx(expected.value * expected.relative_error)
    assert measured.family == measured.given == {}
    outputs = np.stack([network(data.test.inputs).detach().numpy() for network in networks])
    assert measured.logits == pytest.approx(np.sqrt((outputs**2).sum(-1).mean()), rel=1e-5)


def test_each_matching_is_nearest_in_what_it_compares(measured):
    apart = measured.apart
    assert apart["naive"].in_weights < min(
        apart[name].in_weights for name in ("unmatched", "weighted")
    )
    assert apart["weighted"].on_data < min(
        apart[name].on_data for name in ("unmatched", "naive", "weight")
    )
    assert 0 < measured.moved[0] < 10


def test_networks_that_did_not_train_have_not_moved():
    still = Training(epochs=1, learning_rate=1e-12)
    task = WidthTask("digits", 2, 8, "mu", 4, 0, 0, [], 0, still, 0)
    assert max(run_width(task).moved) < 1e-12


def test_one_law_at_several_widths():
    found = run_law(LawTask("digits", 2, 4, 12, [1, 2, 3], TRAINING, 0))
    assert found.widths == [4, 8, 12]
    assert set(found.barriers[0]) == set(MATCHINGS)
    errors = [one["weighted"].function_error for one in found.barriers]
    assert errors[-1] < errors[0]


def seen(top, error=0.01):
    return Seen(top, error, [top / 1.2, top * 1.2], 2 * top)


def test_tables_show_what_was_measured():
    tasks = list(rising_barriers(depth=[2], width=[64, 128]))
    measured = {name: seen(0.1 * (k + 1)) for k, name in enumerate(MATCHINGS)}
    family = {name: seen(one.max * math.exp(0.15)) for name, one in measured.items()}
    apart = dict.fromkeys(MATCHINGS, Apart([0.5, 0.6], [0.25, 0.3], math.nan, math.nan, math.nan))
    results = [
        (task, AtLaw([64, 128], [measured, family]))
        if isinstance(task, LawTask)
        else (task, AtWidth(measured, family, {}, apart, [0.1, 0.2], 12.0, 0.2))
        for task in tasks
    ]
    barriers, scores, controls, moved, reasons = report(results)
    assert [row["naive"] for row in barriers.records] == [pytest.approx(0.2)] * 2
    assert [row["log weight"] for row in barriers.records] == [pytest.approx(0.15)] * 2
    # half widths log 1.2 of both intervals in quadrature: .26
    assert [(row["cases"], row["held"]) for row in scores.records] == [(2, "2 of 2")] * 5
    assert [row["bias"] for row in scores.records] == [pytest.approx(0.15)] * 5
    assert [row["naive at one law"] for row in controls.records] == [
        pytest.approx(0.2),
        pytest.approx(0.2 * math.exp(0.15)),
    ]
    assert [row["weighted in muP"] for row in controls.records] == [pytest.approx(0.4)] * 2
    assert len(reasons.records) == 6
    assert {row["gap"] for row in reasons.records} == {None}
    assert {(row["in 2"], row["data 1"]) for row in reasons.records} == {(0.6, 0.25)}
    assert [(row["standard first"], row["muP second"]) for row in moved.records] == [(0.1, 0.2)] * 2
    assert list(at_widths(results, 2, "mu")) == list(at_law(results, 2)) == [64, 128]
