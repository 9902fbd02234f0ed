"""Results as flat rows, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from lmctheory.sweeps.store import Row, encode
from lmctheory.sweeps.study import Study

__all__ = ["csv_text", "flat", "flat_row"]


def flat(values: Mapping[str, object]) -> dict[str, object]:
    """Nested keys joined by dots; lists stay lists.

    Example:
        >>> flat({"width": 8, "barrier": {"naive": {"max": 0.5}, "weight": [1, 2]}})
        {'width': 8, 'barrier.naive.max': 0.5, 'barrier.weight': [1, 2]}
    """
    row: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            row |= {f"{key}.{below}": leaf for below, leaf in flat(value).items()}
        else:
            row[key] = value
    return row


def flat_row(study: Study, row: Row) -> dict[str, object]:
    """A task's study, version, seconds, time, and its flat configuration, record, provenance."""
    return flat({"study": study.name, "version": study.version} | asdict(row))


def csv_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Flat rows as comma-separated values, under all keys that come in any of them.

    Lists are written as JSON; what a row does not have, or is None, is left empty.
    """
    rows = list(rows)
    text = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, keys, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _cell(value: object) -> object:
    return encode({"": value})[4:-1] if isinstance(value, list | tuple) else value
