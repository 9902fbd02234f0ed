"""What results have in common: all of them can be had as plain numbers and words."""

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Result", "plain"]


class Result:
    """A frozen data class of numbers that a function of this package hands back.

    Example:
        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> @dataclass(frozen=True)
        ... class Costs(Result):
        ...     values: np.ndarray
        ...     @property
        ...     def mean(self):
        ...         return self.values.mean()
        >>> Costs(np.array([1.0, 2.0])).to_dict()
        {'values': [1.0, 2.0], 'mean': 1.5}
    """

    def to_dict(self) -> dict[str, Any]:
        """All attributes and properties, as dictionaries, lists, numbers and words.

        Arrays become nested lists; keys that are no words become words. NaN and infinities stay:
        `lmctheory.tables.as_json` replaces what JSON lacks.
        """
        own = fields(self)  # type: ignore[arg-type]  # data classes inherit it, and only they
        names = [field.name for field in own if not field.name.startswith("_")]
        for kind in reversed(type(self).__mro__):
            names += [
                name
                for name, member in vars(kind).items()
                if isinstance(member, property | cached_property) and not name.startswith("_")
            ]
        return {name: plain(getattr(self, name)) for name in dict.fromkeys(names)}


def plain(value: Any) -> Any:
    """A value as dictionaries, lists, numbers and words; what is none of them by its `repr`."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "detach"):
        return value.tolist()  # of NumPy's floats, which are floats too, Python's
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_word(key): plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple | Set) else repr(value)


def _word(key: Any) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
