"""The tables of a results file, their formats so far, and how errors of SQLite are told."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FIRST", "FORMAT", "StoreError", "explained", "layout_of", "settle", "transaction"]

APPLICATION_ID = 0x6C6D6374  # "lmct"
FORMAT = 2  # of the tables below
FIRST = 1  # had no provenance and no failures

_TASKS = """
    CREATE TABLE task (
        key TEXT PRIMARY KEY,
        study TEXT NOT NULL,
        version INTEGER NOT NULL,
        config TEXT NOT NULL,
        record TEXT NOT NULL,
        seconds REAL NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        provenance TEXT NOT NULL DEFAULT '{}'
    )"""
_FAILURES = """
    CREATE TABLE failure (
        key TEXT PRIMARY KEY,
        study TEXT NOT NULL,
        version INTEGER NOT NULL,
        config TEXT NOT NULL,
        error TEXT NOT NULL,
        details TEXT NOT NULL,
        seconds REAL NOT NULL,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        provenance TEXT NOT NULL
    )"""
_CHANGES = {
    0: (_TASKS, _FAILURES),
    FIRST: ("ALTER TABLE task ADD COLUMN provenance TEXT NOT NULL DEFAULT '{}'", _FAILURES),
    FORMAT: (),
}
"""What makes a file of each format one of the present format; 0 is an empty one."""


class StoreError(RuntimeError):
    """A results file that cannot be used; the message names it and says why."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Tells SQLite's errors in our words, with the file's name."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the results file {path}: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All of what is done inside, or nothing."""
    with explained(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors, such as a full disk, have ended it
                connection.execute("ROLLBACK")
            raise


def layout_of(connection: sqlite3.Connection, path: Path) -> int:
    """Format of a results file, 0 for an empty one; other files are refused."""
    with explained(path):
        application, layout, tables = (
            connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("application_id", "user_version", "schema_version")
        )
    if not tables:
        return 0
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is no results file: another program made this database")
    if layout not in _CHANGES:
        raise StoreError(
            f"{path} is a results file of format {layout}, but this version reads formats up to"
            f" {FORMAT}: move it away, or name another results file"
        )
    return int(layout)


def settle(connection: sqlite3.Connection, path: Path) -> None:
    """Makes an empty file, or one of an earlier format, one of the present format.

    Raises:
        StoreError: if it is no results file that this version knows, or cannot be written.
    """
    changes = _CHANGES[layout_of(connection, path)]
    with transaction(connection, path):
        # Setting a pragma writes even if nothing changes: a read-only file or a full disk is
        # noticed here.
        for change in changes:
            connection.execute(change)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
