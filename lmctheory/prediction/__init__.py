"""Barriers of wide networks, predicted from narrow ones."""

from lmctheory.prediction._predict_barrier import NoBarrier, predict_barrier
from lmctheory.prediction._predict_family_barrier import family_unions, predict_family_barrier
from lmctheory.prediction.barrier_prediction import BarrierPrediction
from lmctheory.prediction.baselines import BASELINES, extrapolate
from lmctheory.prediction.error_terms import ErrorSizes, ErrorTerms, error_sizes, error_terms
from lmctheory.prediction.family import Member, MupFamily
from lmctheory.prediction.pairs import Jackknifed, PairCurves, all_pairs
from lmctheory.prediction.unions import Union, conditioned_rows, union, union_each

__all__ = [
    "BASELINES",
    "BarrierPrediction",
    "ErrorSizes",
    "ErrorTerms",
    "Jackknifed",
    "Member",
    "MupFamily",
    "NoBarrier",
    "PairCurves",
    "Union",
    "all_pairs",
    "conditioned_rows",
    "error_sizes",
    "error_terms",
    "extrapolate",
    "family_unions",
    "predict_barrier",
    "predict_family_barrier",
    "union",
    "union_each",
]
