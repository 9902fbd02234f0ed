"""The program as its user meets it: stopped in every way, resumed, refused."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import toy_study
from toy_study import executions, wait_for

from lmctheory.sweeps.store import read

ROOT = Path(__file__).parents[2]


def start(directory, *options):
    """The toy study as a program, in a session of its own, so that killing it kills its workers."""
    results = str(directory / "toy.sqlite")
    place = ("--directory", str(directory))
    return subprocess.Popen(
        [sys.executable, toy_study.__file__, "toy", *place, "--results", results, *options],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def stored(directory):
    """Indices in the results file, with duplicates, read past the store."""
    path = directory / "toy.sqlite"
    if not path.exists() or not path.stat().st_size:
        return []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT json_extract(config, '$.index') FROM task")
        return [index for (index,) in rows]


def kill_after(tasks, seconds, directory, *options):
    """Starts the program, and kills it and its workers that long after so many tasks started."""
    target = tasks + sum(executions(directory).values())
    process = start(directory, *options)
    wait_for(lambda: sum(executions(directory).values()) >= target)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    assert finish(process)[0] == -signal.SIGKILL


@pytest.mark.parametrize(
    ("tasks", "rounds"), [(40, 5), pytest.param(900, 100, marks=pytest.mark.slow)]
)
def test_killed_again_and_again_a_run_loses_only_tasks_in_flight(tmp_path, tasks, rounds):
    options = ["--tasks", str(tasks), "--seconds", "0.05", "--jobs", "2"]
    rng = random.Random(0)
    final = {}  # how often a task had run by the time that it was first seen stored
    for _ in range(rounds):
        kill_after(rng.randint(0, 8), rng.uniform(0.0, 0.06), tmp_path, *options)
        counts, kept = executions(tmp_path), stored(tmp_path)
        assert len(set(kept)) == len(kept)
        assert set(kept) >= set(final)
        for index in kept:
            final.setdefault(index, counts[index])
    assert 0 < len(final) < tasks  # else nothing was put to the test
    code, out, err = finish(start(tmp_path, *options))
    assert code == 0, err
    assert out.endswith(f"\nsum of squares: {sum(i**2 for i in range(tasks))}\n")
    assert sorted(stored(tmp_path)) == list(range(tasks))
    for config, record in read(toy_study.STUDY, tmp_path / "toy.sqlite"):
        assert record["square"] == config["index"] ** 2
        assert record["padding"] == "x" * 2000
    counts = executions(tmp_path)
    assert {index: counts[index] for index in final} == final  # not run again
    # at each kill, every worker runs one task and may have just handed over another
    assert sum(counts.values()) <= tasks + 4 * rounds


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
def test_workers_end_with_a_killed_parent(tmp_path):
    process = start(tmp_path, "--tasks", "2", "--seconds", "60", "--jobs", "2")
    wait_for(lambda: sum(executions(tmp_path).values()) == 2)
    workers = [int((tmp_path / str(i)).read_text()) for i in range(2)]
    assert all(map(alive, workers))
    process.kill()
    wait_for(lambda: not any(map(alive, workers)))
    finish(process)


@pytest.mark.parametrize("everyone", [True, False], ids=["group", "parent"])
def test_an_interrupt_stops_promptly_and_says_how_to_resume(tmp_path, everyone):
    process = start(tmp_path, "--tasks", "2", "--seconds", "60", "--jobs", "2")
    wait_for(lambda: sum(executions(tmp_path).values()) == 2)
    os.killpg(process.pid, signal.SIGINT) if everyone else process.send_signal(signal.SIGINT)
    since = time.monotonic()
    code, _, err = finish(process)
    assert code == 130
    assert time.monotonic() - since < 20.0
    assert "interrupted; 0 tasks are stored, and the same command resumes the run" in err
    assert "Traceback" not in err


def test_workers_leave_interrupts_to_the_parent(tmp_path):
    process = start(tmp_path, "--tasks", "2", "--seconds", "0.5", "--jobs", "2")
    wait_for(lambda: sum(executions(tmp_path).values()) == 2)
    for i in range(2):
        os.kill(int((tmp_path / str(i)).read_text()), signal.SIGINT)
    code, _, err = finish(process)
    assert code == 0, err


def test_a_results_file_in_use_is_refused_at_once(tmp_path):
    first = start(tmp_path, "--tasks", "1", "--seconds", "60")
    wait_for(lambda: executions(tmp_path))
    code, _, err = finish(start(tmp_path, "--tasks", "1"))
    assert code == 1
    assert err.startswith("error: another run is using ")
    assert len(err.splitlines()) == 1
    os.killpg(first.pid, signal.SIGKILL)  # the lock goes with the process
    finish(first)
    assert finish(start(tmp_path, "--tasks", "1"))[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="limits file sizes by POSIX means")
def test_a_full_disk_ends_the_run_which_resumes_when_there_is_space(tmp_path):
    code, _, err = finish(start(tmp_path, "--tasks", "40", "--file-limit", "40000"))
    assert code == 1
    assert f"error: cannot use the results file {tmp_path / 'toy.sqlite'}: " in err
    assert "Traceback" not in err
    kept = stored(tmp_path)
    assert 0 < len(kept) < 40
    assert finish(start(tmp_path, "--tasks", "40"))[0] == 0
    assert sorted(stored(tmp_path)) == list(range(40))
    counts = executions(tmp_path)
    assert all(counts[index] == 1 for index in kept)


def test_failed_tasks_end_in_a_bad_exit_code(tmp_path):
    (tmp_path / "1.raise").touch()
    code, out, err = finish(start(tmp_path))
    assert (code, out) == (1, "")
    assert "error: 1 not done:" in err
    assert "ArithmeticError: no such luck" in err
    assert "All other tasks are stored; the same command tries these again." in err
    assert sorted(stored(tmp_path)) == [0, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "0"], "Invalid value for '--jobs'"),
        (["--tasks", "0"], "Invalid value for '--tasks'"),
        (["--tasks", "13"], "Invalid value: tasks must not be 13"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
def test_bad_options_are_usage_errors(tmp_path, options, message):
    code, _, err = finish(start(tmp_path, *options))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "toy.sqlite").exists()


def test_a_log_has_a_line_for_every_tenth(tmp_path):
    code, _, err = finish(start(tmp_path, "--tasks", "100", "--jobs", "2"))
    assert code == 0
    first, *lines = filter(None, err.splitlines())  # Rich 13 ends with an empty one
    assert first == f"toy: 100 tasks, of which 0 are stored in {tmp_path / 'toy.sqlite'}"
    assert [line.split(",")[0] for line in lines] == [f"{10 * i}/100 tasks" for i in range(1, 11)]
    assert lines[-1] == "100/100 tasks, 0:00:00 left"
