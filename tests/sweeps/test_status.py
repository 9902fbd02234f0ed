"""How far a run has come, from its store."""

from dataclasses import replace

import pytest

from lmctheory.sweeps import Study
from lmctheory.sweeps.status import status
from lmctheory.sweeps.store import encode, writing

STUDY = Study("squares", 1, run=lambda config: {}, cost=lambda config: config["x"])
CONFIGS = [{"x": x} for x in (1, 2, 3, 4)]


@pytest.fixture
def path(tmp_path):
    """Two of four tasks are done, one of them failed before, and so did another."""
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        for x in (2, 3):
            store.add_failure(STUDY, {"x": x}, "ValueError: \u2264", "Traceback", 1.0, "{}")
        for x in (1, 2, 9):  # 9 is of another plan
            store.add(STUDY, {"x": x}, encode({}), 10.0 * x, "{}")
        store.add_failure(STUDY, {"x": 8}, "ValueError: other", "", 1.0, "{}")
    return path


def test_what_is_done_failed_and_left(path):
    found = status(STUDY, CONFIGS, path)
    assert (found.done, found.left, found.tasks) == (2, 2, 4)
    assert [failure.config for failure in found.failures] == [{"x": 3}]
    assert found.seconds_left == pytest.approx(70.0)  # costs 3 + 4 at 10 seconds each
    lines = found.lines(jobs=2)
    assert lines[:4] == [
        "done    2 of 4",
        "failed  1",
        "left    2, those that failed among them",
        "time    0:00:35 left with 2 workers, at the pace so far",
    ]
    assert lines[4] == "failed with ValueError: \u2264"
    assert lines[5].endswith('{"x":3}')


def test_nothing_is_known_of_a_run_that_has_not_begun(tmp_path):
    found = status(STUDY, CONFIGS, tmp_path / "none.sqlite")
    assert (found.done, found.left, found.failures, found.seconds_left) == (0, 4, (), None)
    assert not (tmp_path / "none.sqlite").exists()
    (tmp_path / "empty.sqlite").touch()  # of a run that was killed before it made the tables
    assert status(STUDY, CONFIGS, tmp_path / "empty.sqlite") == found


def test_a_finished_run_has_no_time_left(path):
    found = status(STUDY, CONFIGS[:2], path)
    assert (found.left, found.seconds_left) == (0, 0.0)
    assert found.lines() == ["done    2 of 2", "failed  0", "left    0"]


def test_another_version_has_done_nothing(path):
    assert status(replace(STUDY, version=2), CONFIGS, path).done == 0
