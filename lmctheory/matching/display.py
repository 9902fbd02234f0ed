"""How results show themselves: on a few lines, whatever the size of the network."""

from collections.abc import Iterable, Mapping

__all__ = ["some", "some_items"]

_MOST = 6
"""Entries that are written out."""


def some(parts: Iterable[str]) -> str:
    """The first parts, and how many more there are.

    Example:
        >>> some("abcdefgh")
        'a, b, c, d, e, f, ... 2 more'
    """
    every = list(parts)
    rest = len(every) - _MOST
    return ", ".join([*every[:_MOST], *([f"... {rest} more"] if rest > 0 else [])])


def some_items(values: Mapping[str, float]) -> str:
    """A mapping of numbers, four digits each.

    Example:
        >>> some_items({"layers.0": 2 / 3})
        "{'layers.0': 0.6667}"
    """
    return f"{{{some(f'{name!r}: {value:.4g}' for name, value in values.items())}}}"
