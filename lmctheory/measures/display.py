"""How objects that hold many numbers show themselves: on a line or two, details by attribute."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

__all__ = ["Readable", "brief", "some", "some_items"]

_FEW = 6
"""Entries of a vector or a sequence that are written out."""
_LONG = 60
"""Characters of any one part."""


class Readable:
    """A dataclass whose repr writes out its fields, but not all of their numbers."""

    def __repr__(self) -> str:
        shown = (f"{f.name}={brief(getattr(self, f.name))}" for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"


def brief(value: Any) -> str:
    """A value in few characters: long arrays by shape and range, long sequences by their number.

    Example:
        >>> import numpy as np
        >>> brief(np.array([3.0, 1.0])), brief(np.arange(784.0).reshape(28, 28))
        ('[3, 1]', '<28 x 28 from 0 to 783>')
    """
    if isinstance(value, np.ndarray) and value.size:
        return _array(value)
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return _enclosed("{}", [f"{key!r}: {brief(item)}" for key, item in value.items()])
    if isinstance(value, tuple | list):
        return _enclosed("()" if isinstance(value, tuple) else "[]", [brief(x) for x in value])
    return repr(value)


def _array(values: np.ndarray) -> str:
    if values.ndim == 1 and len(values) <= _FEW:
        return _enclosed("[]", [f"{x:.6g}" for x in values.tolist()])
    shape = " x ".join(map(str, values.shape))
    return f"<{shape} from {values.min():.6g} to {values.max():.6g}>"


def _enclosed(brackets: str, parts: list[str]) -> str:
    text = ", ".join(parts)
    if len(parts) > _FEW or len(text) > 4 * _LONG:
        text = f"{parts[0][:_LONG]}, ... {len(parts)} in all"
    return f"{brackets[0]}{text}{brackets[1]}"


def some(parts: Iterable[str]) -> str:
    """The first parts, and how many more there are.

    Example:
        >>> some("abcdefgh")
        'a, b, c, d, e, f, ... 2 more'
    """
    every = list(parts)
    rest = len(every) - _FEW
    return ", ".join([*every[:_FEW], *([f"... {rest} more"] if rest > 0 else [])])


def some_items(values: Mapping[str, float]) -> str:
    """A mapping of numbers, four digits each.

    Example:
        >>> some_items({"layers.0": 2 / 3})
        "{'layers.0': 0.6667}"
    """
    return f"{{{some(f'{name!r}: {value:.4g}' for name, value in values.items())}}}"
