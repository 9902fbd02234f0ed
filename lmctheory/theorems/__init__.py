"""Every theorem of the package: its statement, its source, and a check that could fail.

Statements are read at once; what checks them is imported when a theorem is tried. A key in brackets
is a theorem, as in ``lmctheory.theorems["D1"]``.
"""

import sys
from collections.abc import Iterator
from types import ModuleType

from lmctheory.theorems import statements
from lmctheory.theorems._registry import registry
from lmctheory.theorems.bibliography import Work, bibtex
from lmctheory.theorems.formula import Formula
from lmctheory.theorems.instances import Instance
from lmctheory.theorems.theorem import Theorem
from lmctheory.theorems.trial import Check, Trial

__all__ = [
    "Check",
    "Formula",
    "Instance",
    "Theorem",
    "Trial",
    "Work",
    "bibtex",
    "registry",
    "statements",
]


class _Module(ModuleType):
    """The registry is what this module is about, and its brackets are the registry's."""

    def __getitem__(self, key: str) -> Theorem:
        known = registry()
        if key not in known:
            raise KeyError(f"no theorem has the key {key!r}; there are {', '.join(known)}")
        return known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(registry())

    def __len__(self) -> int:
        return len(registry())


sys.modules[__name__].__class__ = _Module
