"""Segments, curves and simplices between networks: barriers, and certificates that bound them."""

from lmctheory.paths._barrier import (
    Barrier,
    SegmentLosses,
    barrier,
    barriers,
    segment_losses,
)
from lmctheory.paths._certificate import Certificate, certificate, certificates, operator_norms
from lmctheory.paths._certified_barrier import CertifiedBarrier, certified_barrier
from lmctheory.paths._certified_deviation import CertifiedDeviation, certified_deviation
from lmctheory.paths._complete import CompleteCertificate
from lmctheory.paths._decomposition import Decomposition, decompose
from lmctheory.paths._least_barrier import LeastBarrier, least_barrier
from lmctheory.paths._path import Path
from lmctheory.paths._simplex import (
    SimplexBarrier,
    SimplexCertificate,
    certified_simplex_barrier,
    certify_simplex,
)
from lmctheory.paths._star import StarCertificate, certify_star
from lmctheory.paths.barrier_search import Interval
from lmctheory.paths.connecting import connect
from lmctheory.paths.interpolation import interpolate, with_layers_of
from lmctheory.paths.whole_path import PathCertificate, certify

__all__ = [
    "Barrier",
    "Certificate",
    "CertifiedBarrier",
    "CertifiedDeviation",
    "CompleteCertificate",
    "Decomposition",
    "Interval",
    "LeastBarrier",
    "Path",
    "PathCertificate",
    "SegmentLosses",
    "SimplexBarrier",
    "SimplexCertificate",
    "StarCertificate",
    "barrier",
    "barriers",
    "certificate",
    "certificates",
    "certified_barrier",
    "certified_deviation",
    "certified_simplex_barrier",
    "certify",
    "certify_simplex",
    "certify_star",
    "connect",
    "decompose",
    "interpolate",
    "least_barrier",
    "operator_norms",
    "segment_losses",
    "with_layers_of",
]
