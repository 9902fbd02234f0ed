"""Barriers of wide networks, predicted from narrow ones."""

from lmctheory.prediction.family import Member, MupFamily
from lmctheory.prediction.pairs import Jackknifed, PairCurves, all_pairs
from lmctheory.prediction.unions import Union, conditioned_rows, union

__all__ = [
    "Jackknifed",
    "Member",
    "MupFamily",
    "PairCurves",
    "Union",
    "all_pairs",
    "conditioned_rows",
    "union",
]
