"""The results file: round trips, refusals, and what survives a kill in the middle of a commit."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.sweeps.store import StoreError, decode, encode, read, reading, writing
from lmctheory.sweeps.store_format import transaction
from lmctheory.sweeps.study import Study

STUDY = Study("squares", 1, run=lambda config: {"square": config["x"] ** 2}, command="make squares")
MADE = encode({"python": "3.11"})


def add(store, x, study=STUDY):
    store.add(study, {"x": x}, encode({"square": x**2}), 0.1, MADE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_records_survive_the_round_trip(record):
    assert decode(encode(record)) == record


def test_nan_survives_the_round_trip():
    back = decode(encode({"loss": [math.nan, -math.inf]}))
    assert math.isnan(back["loss"][0])
    assert back["loss"][1] == -math.inf


def test_what_is_stored_is_read_back(tmp_path):
    path = tmp_path / "deep" / "odd ?#% name.sqlite"
    with writing(path) as store:
        for x in (1, 2):
            add(store, x)
        assert store.keys(STUDY) == {STUDY.key({"x": 1}), STUDY.key({"x": 2})}
        by_x = sorted(read(STUDY, path), key=lambda row: row[0]["x"])  # while it is being written
    assert by_x == [({"x": 1}, {"square": 1}), ({"x": 2}, {"square": 4})]


def test_versions_and_studies_lie_side_by_side(tmp_path):
    path = tmp_path / "x.sqlite"
    others = [replace(STUDY, version=2), replace(STUDY, name="cubes")]
    with writing(path) as store:
        for study in [STUDY, *others]:
            add(store, study.version, study)
    with writing(path) as store:  # opened again, nothing is lost
        assert len(store.keys(others[0])) == 1
    assert read(others[0], path) == [({"x": 2}, {"square": 4})]


def test_a_task_is_stored_once(tmp_path):
    with writing(tmp_path / "x.sqlite") as store:
        add(store, 1)
        with pytest.raises(StoreError, match="UNIQUE"):
            add(store, 1)
        assert len(store.records(STUDY)) == 1


def test_a_row_says_how_it_came_about(tmp_path):
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        add(store, 3)
        [row] = store.rows(STUDY)
    assert (row.config, row.record, row.seconds) == ({"x": 3}, {"square": 9}, 0.1)
    assert row.provenance == {"python": "3.11"}
    assert row.created.startswith("20")


def test_a_failure_is_kept_until_the_task_succeeds(tmp_path):
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        for details in ("first", "second"):
            store.add_failure(STUDY, {"x": 1}, "ValueError: no", details, 0.2, MADE)
        store.add_failure(STUDY, {"x": 2}, "ValueError: no", "third", 0.2, MADE)
        failed = sorted(store.failures(STUDY), key=lambda failure: failure.config["x"])
        assert [failure.details for failure in failed] == ["second", "third"]
        assert failed[0].error == "ValueError: no"
        assert not store.keys(STUDY)
        add(store, 1)
        assert [failure.config for failure in store.failures(STUDY)] == [{"x": 2}]
        assert store.failures(replace(STUDY, version=2)) == []


FORMAT_1 = """
    CREATE TABLE task (
        key TEXT PRIMARY KEY, study TEXT NOT NULL, version INTEGER NOT NULL, config TEXT NOT NULL,
        record TEXT NOT NULL, seconds REAL NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    )"""


def test_a_file_of_format_1_is_read_and_written_on(tmp_path):
    path = tmp_path / "x.sqlite"
    row = f"('{STUDY.key({'x': 1})}', 'squares', 1, '{{\"x\":1}}', '{{\"square\":1}}', 2.5)"
    database(
        path,
        FORMAT_1,
        f"INSERT INTO task (key, study, version, config, record, seconds) VALUES {row}",
        "COMMIT",
        f"PRAGMA application_id = {0x6C6D6374}",
        "PRAGMA user_version = 1",
    )
    before = path.read_bytes()
    assert read(STUDY, path) == [({"x": 1}, {"square": 1})]
    with reading(path) as store:
        assert [(row.seconds, row.provenance) for row in store.rows(STUDY)] == [(2.5, {})]
        assert store.failures(STUDY) == []
    assert path.read_bytes() == before  # reading changes nothing
    with writing(path) as store:
        add(store, 2)
        store.add_failure(STUDY, {"x": 3}, "ValueError: no", "", 0.2, MADE)
    with reading(path) as store:
        by_x = {row.config["x"]: row for row in store.rows(STUDY)}
        assert len(store.failures(STUDY)) == 1
    assert (by_x[1].record, by_x[1].provenance) == ({"square": 1}, {})
    assert by_x[2].provenance == {"python": "3.11"}


def test_one_run_at_a_time(tmp_path):
    path, alias = tmp_path / "x.sqlite", tmp_path / "alias.sqlite"
    alias.symlink_to(path)
    with (
        writing(path),
        pytest.raises(StoreError, match=r"another run is using .*alias\.sqlite"),
        writing(alias),
    ):
        pass
    with writing(alias):
        pass


def database(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def text_file(path):
    path.write_text("x,square\n1,1\n" * 100)


def foreign(path):
    database(path, "CREATE TABLE task (key TEXT)")


def later_format(path):
    with writing(path):
        pass
    database(path, "PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (text_file, "file is not a database"),
        (foreign, "another program made this database"),
        (later_format, "results file of format 99, but this version reads formats up to 2"),
        (lambda path: path.mkdir(), "cannot use the results file"),
    ],
)
def test_other_files_are_refused_and_left_alone(tmp_path, make, message):
    path = tmp_path / "x.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message), writing(path):
        pass
    if before is not None:
        with pytest.raises(StoreError, match=message):
            read(STUDY, path)
        assert path.read_bytes() == before


@pytest.fixture
def shared_directory():
    """A directory that every user can reach; pytest keeps tmp_path to the user that it runs as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_privileges():
    """Directory permissions do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unwritable_directory_is_refused(shared_directory):
    results = shared_directory / "results"
    results.mkdir(mode=0o555)
    for path in (results / "x.sqlite", results / "new" / "x.sqlite"):
        with (
            without_privileges(),
            pytest.raises(StoreError, match="cannot write to the results directory"),
            writing(path),
        ):
            pass


def test_a_file_in_the_way_of_the_directory_is_refused(tmp_path):
    (tmp_path / "results").touch()
    with (
        pytest.raises(StoreError, match="cannot write to the results directory"),
        writing(tmp_path / "results" / "x.sqlite"),
    ):
        pass


def test_a_read_only_file_is_refused(shared_directory):
    path = shared_directory / "x.sqlite"
    with writing(path):
        pass
    path.chmod(0o444)
    path.with_name("x.sqlite.lock").chmod(0o666)
    with (
        without_privileges(),
        pytest.raises(StoreError, match="attempt to write a readonly database"),
        writing(path),
    ):
        pass


def test_reading_names_the_command_that_makes_the_results(tmp_path):
    path = tmp_path / "x.sqlite"
    command = rf"make squares --results {path}"
    with pytest.raises(StoreError, match=f"there are no results at {path}; .*{command}"):
        read(STUDY, path)
    path.touch()  # a run that was killed before it made the table
    with pytest.raises(StoreError, match=f"no results of squares version 1; .*{command}"):
        read(STUDY, path)
    with writing(path) as store:
        add(store, 1)
    with pytest.raises(StoreError, match=f"no results of squares version 2; .*{command}"):
        read(replace(STUDY, version=2), path)


def test_a_full_disk_leaves_no_half_written_row(tmp_path):
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        add(store, 1)
        store._connection.execute("PRAGMA max_page_count = 8")
        with pytest.raises(StoreError, match=f"{path}: database or disk is full"):
            store.add(STUDY, {"x": 2}, encode({"padding": "x" * 100_000}), 0.1, MADE)
        assert read(STUDY, path) == [({"x": 1}, {"square": 1})]
        store._connection.execute("PRAGMA max_page_count = 1000000")
        add(store, 2)
    assert len(read(STUDY, path)) == 2


def test_a_transaction_is_done_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        add(store, 1)
        with suppress(ZeroDivisionError), transaction(store._connection, path):
            store._connection.execute("DELETE FROM task")
            raise ZeroDivisionError
        assert len(store.records(STUDY)) == 1
        add(store, 2)  # no transaction was left open


KILLED_IN_A_COMMIT = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # pages go to the file before the commit
connection.execute("BEGIN")
connection.execute("UPDATE task SET record = ?", ("x" * 100_000,))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_reading_after_a_kill_in_a_commit_rolls_it_back(tmp_path):
    path = tmp_path / "x.sqlite"
    with writing(path) as store:
        for x in range(50):
            add(store, x)
    before = path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_A_COMMIT, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() != before  # half a transaction is in the file
    assert path.with_name("x.sqlite-journal").exists()
    assert sorted(record["square"] for _, record in read(STUDY, path)) == [x**2 for x in range(50)]
