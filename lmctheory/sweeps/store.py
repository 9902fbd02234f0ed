"""Results on disk: one SQLite file, one row for each finished task, one transaction for each row.

A row holds the configuration (seeds are part of it), the record, seconds, when it was stored, and
what it was computed with; tasks that failed have rows of their own, with their error, until they
succeed. Files of format 1, which had neither, are read as they are and become format 2 with the
next run.

One process writes, under a lock that the operating system drops when the process ends, however it
ends; any number may read meanwhile. A rollback journal (SQLite's default) keeps everything in one
file that can be copied between runs and works on network file systems, which a write-ahead log does
not; at one row per task its speed does not matter.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lmctheory.sweeps.store_format import (
    FIRST,
    FORMAT,
    StoreError,
    explained,
    layout_of,
    settle,
    transaction,
)
from lmctheory.sweeps.study import Config, Record, Study

__all__ = [
    "Failure",
    "Row",
    "Store",
    "StoreError",
    "decode",
    "encode",
    "read",
    "read_rows",
    "reading",
    "writing",
]


def encode(value: Config | Record) -> str:
    """Compact JSON with sorted keys; NaN and infinities are written as Python's json does.

    Raises:
        TypeError: for anything that is no plain JSON, such as an array.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def decode(text: str) -> Config | Record:
    """Inverse of `encode`, up to tuples, which come back as lists."""
    return dict(json.loads(text))


@dataclass(frozen=True)
class Row:
    """A finished task, and how it came about.

    Attributes:
        config: its configuration.
        record: what it measured.
        seconds: that it took.
        created: when it was stored, in UTC.
        provenance: versions, device, threads; empty where a file of format 1 did not keep them.
    """

    config: Config
    record: Record
    seconds: float
    created: str
    provenance: dict[str, str]


@dataclass(frozen=True)
class Failure:
    """A task that failed, the last time that it was tried.

    Attributes:
        config: its configuration.
        error: in one line.
        details: the traceback, if there is one.
        seconds: until it failed.
        created: when, in UTC.
        provenance: as of a row.
    """

    config: Config
    error: str
    details: str
    seconds: float
    created: str
    provenance: dict[str, str]


class Store:
    """An open results file.

    Records of several studies, and of several versions of one, lie side by side; each call sees
    those of its study at its version.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, layout: int = FORMAT) -> None:
        self._connection = connection
        self._layout = layout
        self.path = path

    def keys(self, study: Study) -> set[str]:
        """Keys of the finished tasks."""
        return {key for (key,) in self._select("key", study)}

    def records(self, study: Study) -> list[tuple[Config, Record]]:
        """Configurations and records of the finished tasks, in the order of their keys."""
        rows = self._select("config, record", study)
        return [(decode(config), decode(record)) for config, record in rows]

    def rows(self, study: Study) -> list[Row]:
        """The finished tasks with all that is known of them, in the order of their keys."""
        kept = "'{}'" if self._layout == FIRST else "provenance"
        rows = self._select(f"config, record, seconds, created, {kept}", study)
        return [
            Row(decode(config), decode(record), float(seconds), created, decode(made))
            for config, record, seconds, created, made in rows
        ]

    def failures(self, study: Study) -> list[Failure]:
        """The tasks that failed when they were tried last, in the order of their keys."""
        if self._layout < FORMAT:
            return []
        rows = self._select(
            "config, error, details, seconds, created, provenance", study, table="failure"
        )
        return [
            Failure(decode(config), error, details, float(seconds), created, decode(made))
            for config, error, details, seconds, created, made in rows
        ]

    def add(
        self, study: Study, config: Config, record: str, seconds: float, provenance: str
    ) -> None:
        """Stores one finished task durably, or leaves the file as it was.

        Args:
            study: that the task belongs to.
            config: of the task.
            record: as `encode` writes it.
            seconds: that the task took.
            provenance: with what it was computed, as `encode` writes it.

        Raises:
            StoreError: if the file cannot take it, for instance because the disk is full.
        """
        with transaction(self._connection, self.path):
            self._insert("task", study, config, record=record, **_made(seconds, provenance))
            self._connection.execute("DELETE FROM failure WHERE key = ?", (study.key(config),))

    def add_failure(
        self,
        study: Study,
        config: Config,
        error: str,
        details: str,
        seconds: float,
        provenance: str,
    ) -> None:
        """Stores that a task failed, in place of its last failure.

        Args:
            study: that the task belongs to.
            config: of the task.
            error: in one line.
            details: the traceback, if there is one.
            seconds: until it failed.
            provenance: with what it was tried, as `encode` writes it.

        Raises:
            StoreError: if the file cannot take it.
        """
        with transaction(self._connection, self.path):
            self._connection.execute("DELETE FROM failure WHERE key = ?", (study.key(config),))
            made = _made(seconds, provenance)
            self._insert("failure", study, config, error=error, details=details, **made)

    def _insert(self, table: str, study: Study, config: Config, **values: object) -> None:
        row = {
            "key": study.key(config),
            "study": study.name,
            "version": study.version,
            "config": encode(config),
        } | values
        names, places = ", ".join(row), ", ".join("?" for _ in row)
        self._connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(row.values())
        )

    def _select(self, columns: str, study: Study, table: str = "task") -> list[tuple[Any, ...]]:
        with explained(self.path):
            return self._connection.execute(
                f"SELECT {columns} FROM {table} WHERE study = ? AND version = ? ORDER BY key",
                (study.name, study.version),
            ).fetchall()


def _made(seconds: float, provenance: str) -> dict[str, object]:
    return {"seconds": seconds, "provenance": provenance}


@contextmanager
def _connected(address: str, path: Path) -> Iterator[sqlite3.Connection]:
    with explained(path):
        # the timeout bridges another process's commit or read
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=60.0)
    with closing(connection):
        yield connection


@contextmanager
def writing(path: Path) -> Iterator[Store]:
    """Opens a results file for a run, made if needed; everything is checked before any work.

    Raises:
        StoreError: if another run is using the file, if it or its directory cannot be written, or
            if it is no results file that this version knows.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(f"{path.resolve()}.lock", timeout=0).acquire()
    except Timeout:
        raise StoreError(
            f"another run is using {path}: wait for its end, or name another results file"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot write to the results directory {path.parent}: {error}") from error
    with held, _connected(f"{path.resolve().as_uri()}?mode=rwc", path) as connection:
        settle(connection, path)
        yield Store(connection, path)


@contextmanager
def reading(path: Path) -> Iterator[Store | None]:
    """Opens a results file to read it; a run may be writing meanwhile. None if it is empty.

    Raises:
        StoreError: if it cannot be read, or is no results file that this version knows.
    """
    # not mode=ro: after a kill in the middle of a commit the first to open the file rolls it back
    with _connected(f"{path.resolve().as_uri()}?mode=rw", path) as connection:
        connection.execute("PRAGMA query_only = ON")
        layout = layout_of(connection, path)
        yield Store(connection, path, layout) if layout else None


def read(study: Study, path: Path | None = None) -> list[tuple[Config, Record]]:
    """Configurations and records of a study's finished tasks; a run may be writing meanwhile.

    Args:
        study: whose records, at its present version.
        path: the results file; the study's own place by default.

    Raises:
        StoreError: if there are none, naming the command that makes them, or if the file is no
            results file that this version knows.
    """
    return [(row.config, row.record) for row in read_rows(study, path)]


def read_rows(study: Study, path: Path | None = None) -> list[Row]:
    """As `read`, with all that is known of each task."""
    path = path or study.results
    make = f"; make them with: {study.command} --results {path}" if study.command else ""
    if not path.is_file():
        raise StoreError(f"there are no results at {path}{make}")
    with reading(path) as store:
        rows = store.rows(study) if store else []
    if not rows:
        raise StoreError(f"{path} has no results of {study.name} version {study.version}{make}")
    return rows
