"""Results on disk: one SQLite file, one row for each finished task, one transaction for each row.

One process writes, under a lock that the operating system drops when the process ends, however it
ends; any number may read meanwhile. A rollback journal (SQLite's default) keeps everything in one
file that can be copied between runs and works on network file systems, which a write-ahead log does
not; at one row per task its speed does not matter.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lmctheory.sweeps.study import Config, Record, Study

__all__ = ["Store", "StoreError", "decode", "encode", "read", "writing"]

APPLICATION_ID = 0x6C6D6374  # "lmct"
FORMAT = 1  # of the table below

_TABLE = """
    CREATE TABLE task (
        key TEXT PRIMARY KEY,
        study TEXT NOT NULL,
        version INTEGER NOT NULL,
        config TEXT NOT NULL,
        record TEXT NOT NULL,
        seconds REAL NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    )"""


class StoreError(RuntimeError):
    """A results file that cannot be used; the message names it and says why."""


def encode(value: Config | Record) -> str:
    """Compact JSON with sorted keys; NaN and infinities are written as Python's json does.

    Raises:
        TypeError: for anything that is no plain JSON, such as an array.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def decode(text: str) -> Config | Record:
    """Inverse of `encode`, up to tuples, which come back as lists."""
    return dict(json.loads(text))


class Store:
    """An open results file.

    Records of several studies, and of several versions of one, lie side by side; each call sees
    those of its study at its version.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def keys(self, study: Study) -> set[str]:
        """Keys of the finished tasks."""
        return {key for (key,) in self._select("key", study)}

    def records(self, study: Study) -> list[tuple[Config, Record]]:
        """Configurations and records of the finished tasks, in the order of their keys."""
        rows = self._select("config, record", study)
        return [(decode(config), decode(record)) for config, record in rows]

    def add(self, study: Study, config: Config, record: str, seconds: float) -> None:
        """Stores one finished task durably, or leaves the file as it was.

        Args:
            study: that the task belongs to.
            config: of the task.
            record: as `encode` writes it.
            seconds: that the task took.

        Raises:
            StoreError: if the file cannot take it, for instance because the disk is full.
        """
        row = (study.key(config), study.name, study.version, encode(config), record, seconds)
        with _explained(self.path):
            # outside an explicit transaction, a statement is a transaction of its own
            self._connection.execute(
                "INSERT INTO task (key, study, version, config, record, seconds)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    def _select(self, columns: str, study: Study) -> list[tuple[str, ...]]:
        with _explained(self.path):
            return self._connection.execute(
                f"SELECT {columns} FROM task WHERE study = ? AND version = ? ORDER BY key",
                (study.name, study.version),
            ).fetchall()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the results file {path}: {error}") from error


@contextmanager
def _connected(address: str, path: Path) -> Iterator[sqlite3.Connection]:
    with _explained(path):
        # the timeout bridges another process's commit or read
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=60.0)
    with closing(connection):
        yield connection


def _is_results_file(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a results file of this format, False for an empty one; others are refused."""
    with _explained(path):
        application, layout, tables = (
            connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("application_id", "user_version", "schema_version")
        )
    if not tables:
        return False
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is no results file: another program made this database")
    if layout != FORMAT:
        raise StoreError(
            f"{path} is a results file of format {layout}, but this version reads and writes"
            f" format {FORMAT}: move it away, or give another --results"
        )
    return True


@contextmanager
def writing(path: Path) -> Iterator[Store]:
    """Opens a results file for a run, made if needed; everything is checked before any work.

    Raises:
        StoreError: if another run is using the file, if it or its directory cannot be written, or
            if it is no results file of this format.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(f"{path.resolve()}.lock", timeout=0).acquire()
    except Timeout:
        raise StoreError(
            f"another run is using {path}: wait for its end, or give another --results"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot write to the results directory {path.parent}: {error}") from error
    with held, _connected(f"{path.resolve().as_uri()}?mode=rwc", path) as connection:
        new = not _is_results_file(connection, path)
        with _explained(path):
            # Setting a pragma writes even if nothing changes: a read-only file or a full disk is
            # noticed here.
            connection.execute("BEGIN IMMEDIATE")
            if new:
                connection.execute(_TABLE)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("COMMIT")
        yield Store(connection, path)


def read(study: Study, path: Path | None = None) -> list[tuple[Config, Record]]:
    """Configurations and records of a study's finished tasks; a run may be writing meanwhile.

    Args:
        study: whose records, at its present version.
        path: the results file; the study's own place by default.

    Raises:
        StoreError: if there are none, naming the command that makes them, or if the file is no
            results file of this format.
    """
    path = path or study.results
    make = f"; make them with: {study.command} --results {path}" if study.command else ""
    if not path.is_file():
        raise StoreError(f"there are no results at {path}{make}")
    # not mode=ro: after a kill in the middle of a commit the first to open the file rolls it back
    with _connected(f"{path.resolve().as_uri()}?mode=rw", path) as connection:
        connection.execute("PRAGMA query_only = ON")
        known = _is_results_file(connection, path)
        records = Store(connection, path).records(study) if known else []
    if not records:
        raise StoreError(f"{path} has no results of {study.name} version {study.version}{make}")
    return records
