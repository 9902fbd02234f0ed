"""Results as flat rows, for spreadsheets and data frames."""

from collections.abc import Mapping
from dataclasses import asdict

from lmctheory.sweeps.store import Row
from lmctheory.sweeps.study import Study

__all__ = ["flat", "flat_row"]


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
