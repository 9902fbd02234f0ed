"""The segment between two networks: loss barriers, and certificates that bound them."""

from lmctheory.paths._barrier import (
    Barrier,
    SegmentLosses,
    barrier,
    barriers,
    segment_losses,
)
from lmctheory.paths._certificate import Certificate, certificate, certificates, operator_norms
from lmctheory.paths.interpolation import interpolate, with_layers_of
from lmctheory.paths.whole_path import PathCertificate, certify

__all__ = [
    "Barrier",
    "Certificate",
    "PathCertificate",
    "SegmentLosses",
    "barrier",
    "barriers",
    "certificate",
    "certificates",
    "certify",
    "interpolate",
    "operator_norms",
    "segment_losses",
    "with_layers_of",
]
