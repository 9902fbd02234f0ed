"""Parameters of a test, of which some are tried among the slow tests."""

from collections.abc import Iterable

import pytest


def rarely(values: Iterable, rare: Iterable) -> list:
    """All values for `parametrize`, in order, those of `rare` marked as slow."""
    rare = list(rare)
    return [_slow(value) if value in rare else value for value in values]


def _slow(value):
    several = value if isinstance(value, tuple) else (value,)
    return pytest.param(*several, marks=pytest.mark.slow)
