"""The segment between two networks: loss barriers, and certificates that bound them."""

from lmctheory.paths._barrier import (
    Barrier,
    SegmentLosses,
    barrier,
    barriers,
    segment_losses,
)
from lmctheory.paths._certificate import Certificate, certificate, certificates, operator_norms
from lmctheory.paths._certified_barrier import CertifiedBarrier, certified_barrier
from lmctheory.paths._complete import CompleteCertificate
from lmctheory.paths._decomposition import Decomposition, decompose
from lmctheory.paths._least_barrier import LeastBarrier, least_barrier
from lmctheory.paths.barrier_search import Interval
from lmctheory.paths.interpolation import interpolate, with_layers_of
from lmctheory.paths.whole_path import PathCertificate, certify

__all__ = [
    "Barrier",
    "Certificate",
    "CertifiedBarrier",
    "CompleteCertificate",
    "Decomposition",
    "Interval",
    "LeastBarrier",
    "PathCertificate",
    "SegmentLosses",
    "barrier",
    "barriers",
    "certificate",
    "certificates",
    "certified_barrier",
    "certify",
    "decompose",
    "interpolate",
    "least_barrier",
    "operator_norms",
    "segment_losses",
    "with_layers_of",
]
