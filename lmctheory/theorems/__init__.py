"""Every theorem of the package: its statement, its source, and a check that could fail.

Statements are read at once; what checks them is imported when a theorem is tried.
"""

from lmctheory.theorems import statements
from lmctheory.theorems._registry import registry
from lmctheory.theorems.bibliography import Work, bibtex
from lmctheory.theorems.formula import Formula
from lmctheory.theorems.theorem import Theorem
from lmctheory.theorems.trial import Check, Trial

__all__ = ["Check", "Formula", "Theorem", "Trial", "Work", "bibtex", "registry", "statements"]
