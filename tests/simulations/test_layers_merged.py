"""The study of merged networks: sets, what a task measures, and claims of made-up cases."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.networks import Dataset, Examples
from simulations.layers_merged.command import layers_merged
from simulations.layers_merged.measurement import (
    ALL,
    NONE,
    WAYS,
    Measured,
    Merged,
    Task,
    choices,
    run,
)
from simulations.layers_merged.sets import HALVES, PUBLISHED, SETTINGS, both
from simulations.layers_merged.summary import Case, cases, claims, report, require_one_study
from simulations.training import Training

TASK = Task(HALVES, "MLP 2", 8, 1, 0, 1, Training(2, learning_rate=0.05, schedule="constant"))
NAMES = list(choices(["a", "b", "c"]))


@pytest.fixture(scope="module")
def measured():
    return run(TASK)


def test_halves_of_the_classes_are_all_of_them():
    few, many = SETTINGS[HALVES](None)
    assert (
        few.train.labels.unique().tolist() == few.test.labels.unique().tolist() == [0, 1, 2, 3, 4]
    )
    assert many.test.labels.unique().tolist() == [5, 6, 7, 8, 9]
    assert len(few.train) + len(many.train) == 1437
    assert few.outputs == many.outputs == 10
    union = both(few.test, many.test)
    assert len(union) == 360
    assert torch.equal(union.labels[: len(few.test)], few.test.labels)


def test_mnist_is_resized(monkeypatch):
    digits = SETTINGS[HALVES](None)[0]
    images = torch.zeros(2000, 28, 28)
    images[:, 14:, :] = 1.0
    part = Examples(images.flatten(1), torch.arange(2000) % 10)
    sets = {"digits": digits, "mnist": Dataset("mnist", part, part, 10)}
    monkeypatch.setattr("simulations.layers_merged.sets.load_dataset", lambda name, **_: sets[name])
    _, mnist = SETTINGS[PUBLISHED](None)
    assert (len(mnist.train), len(mnist.test)) == (len(digits.train), 1000)
    rows = mnist.train.inputs.reshape(-1, 8, 8).mean((0, 2))
    assert rows.tolist() == [0] * 4 + [1] * 4


def test_choices_name_single_layers_and_both_sides():
    assert choices(["a", "b", "c"]) == {
        "none": (),
        "layer 1": ("a",),
        "layer 2": ("b",),
        "layer 3": ("c",),
        "first 2": ("a", "b"),
        "last 2": ("b", "c"),
        "all": ("a", "b", "c"),
    }


def test_ends_of_the_merge_are_what_they_are_called(measured):
    assert list(measured.ways) == list(WAYS)
    for found in measured.ways.values():
        assert list(found.accuracy) == NAMES
        one, other = found.accuracy[ALL]
        assert one == other  # all layers are averaged: one network
    ways = measured.ways
    # matching and starts change no network of the first set
    assert ways["matched"].accuracy[NONE] == ways["unmatched"].accuracy[NONE]
    assert ways["shared"].accuracy[NONE][0] == ways["unmatched"].accuracy[NONE][0]
    assert ways["shared"].accuracy[NONE][1] != ways["unmatched"].accuracy[NONE][1]
    own, other = ways["unmatched"].accuracy[NONE][0]
    assert own > 0.3 > other
    assert ways["trunk"].accuracy[NONE][0][0] > own  # it has trained longer


def made(gains, pairs=6, noise=0.001, seed=0):
    """A case of accuracies on both sets, by what is averaged."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(pairs):
        accuracy = {
            name: np.clip(gains.get(name, 0.4) + noise * rng.standard_normal((2, 2)), 0, 1).tolist()
            for name in NAMES
        }
        merged = Merged(accuracy, accuracy)
        found.append(Measured(dict.fromkeys(WAYS, merged), [0.9, 0.9]))
    return Case(HALVES, "MLP 2", found)


def verdicts(case):
    found = claims([case])
    return {claim.text[:3]: claim.verdict for claim in found if claim.text.endswith(" shared")}


def test_some_layers_that_are_better_are_seen():
    good = made({"layer 3": 0.6, NONE: 0.5})
    assert verdicts(good) == {"(a)": "reproduced", "(b)": "reproduced"}
    assert good.chosen("shared") == "layer 3"
    bad = made({ALL: 0.6, NONE: 0.5})
    assert verdicts(bad) == {"(a)": "different", "(b)": "different"}


def test_noise_alone_is_no_gain():
    gains = [np.mean(made({}, noise=0.05, seed=seed).best("shared")) - 0.4 for seed in range(200)]
    assert abs(np.mean(gains)) < 4 * np.std(gains) / np.sqrt(len(gains))
    case = made({}, noise=0.05)
    largest = np.max([case.mean("shared", name) for name in NAMES], axis=0)
    assert largest.mean() > 0.42  # as the best of each repetition would be


def test_order_does_not_depend_on_storage(measured):
    shuffled = {
        way: Merged(*[dict(sorted(part.items())) for part in (one.accuracy, one.loss)])
        for way, one in measured.ways.items()
    }
    [case] = cases([(TASK, replace(measured, ways=shuffled))])
    assert case.choices == NAMES


def test_what_is_missing_is_said(measured):
    results = [(replace(TASK, repetition=k), measured) for k in range(2)]
    assert "needs --data-dir" in report(results)[-1]
    both_settings = [*results, *((replace(task, setting=PUBLISHED), one) for task, one in results)]
    assert [case.setting for case in cases(both_settings)] == [HALVES, PUBLISHED]
    assert not isinstance(report(both_settings)[-1], str)
    with pytest.raises(ValueError, match="the results mix studies with seed"):
        require_one_study([*results, (replace(TASK, seed=5), measured)])


def test_settings_without_data_are_left_out():
    tasks = list(layers_merged(architecture=["MLP 2"], repetitions=3))
    assert [(task.setting, task.repetition) for task in tasks] == [(HALVES, k) for k in range(3)]
    with pytest.raises(ValueError, match="'digits, MNIST' needs --data-dir"):
        list(layers_merged(setting=[PUBLISHED]))
