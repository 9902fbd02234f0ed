"""Every theorem of the package: its statement, its source, and a check that could fail.

Statements are read at once; what checks them is imported when a theorem is tried.
"""

from lmctheory.theorems import statements
from lmctheory.theorems._registry import Check, Theorem, Trial, registry

__all__ = ["Check", "Theorem", "Trial", "registry", "statements"]
