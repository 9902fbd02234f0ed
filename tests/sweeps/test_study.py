"""Keys identify a task: its study, the study's version and its configuration."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.sweeps.study import Study

STUDY = Study("squares", 1, run=lambda config: {"square": config["x"] ** 2})


def test_key_is_the_hash_of_canonical_json():
    text = b'{"config":{"x":3},"study":"squares","version":1}'  # keys outlive this program
    assert STUDY.key({"x": 3}) == hashlib.sha256(text).hexdigest()


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(max_size=3), st.integers() | st.floats(allow_nan=False), max_size=5))
def test_key_ignores_the_order_of_a_configuration(config):
    config = {name: value for name, value in config.items() if abs(value) < float("inf")}
    assert STUDY.key(config) == STUDY.key(dict(reversed(config.items())))


def test_key_tells_tasks_apart():
    keys = {
        STUDY.key({"x": 3}),
        STUDY.key({"x": 4}),
        STUDY.key({"y": 3}),
        replace(STUDY, version=2).key({"x": 3}),
        replace(STUDY, name="cubes").key({"x": 3}),
    }
    assert len(keys) == 5


def test_key_takes_a_tuple_for_the_list_that_it_becomes():
    assert STUDY.key({"widths": (16, 32)}) == STUDY.key({"widths": [16, 32]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_key_refuses_values_without_json(value):
    with pytest.raises(ValueError, match=r"config must be plain JSON, got \{'x'"):
        STUDY.key({"x": value})


def test_key_refuses_objects():
    with pytest.raises(TypeError, match=r"config must be plain JSON, got .*Path"):
        STUDY.key({"x": Path()})


def test_the_place_of_results_follows_the_name():
    assert STUDY.results == Path("results/squares.sqlite")
