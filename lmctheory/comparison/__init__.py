"""Two networks of a user's own, compared by everything that this package knows."""

from lmctheory.comparison._compare import Comparison, compare
from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section
from lmctheory.comparison.sections import SECTIONS

__all__ = ["SECTIONS", "ComparedPair", "Comparison", "Drawing", "Part", "Section", "compare"]
