"""Theorems for papers: LaTeX, BibTeX, numbers, tables and figures."""

from lmctheory.theorems.export._export import export
from lmctheory.theorems.export.numbers import number_macros
from lmctheory.theorems.export.tex import environment, environments

__all__ = ["environment", "environments", "export", "number_macros"]
