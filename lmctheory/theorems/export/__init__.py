"""Theorems for papers: LaTeX, BibTeX, tables and figures."""

from lmctheory.theorems.export._export import export
from lmctheory.theorems.export.tex import environment, environments

__all__ = ["environment", "environments", "export"]
