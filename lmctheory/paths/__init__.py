"""The segment between two networks: loss barriers, and certificates that bound them."""

from lmctheory.paths.barrier import Barrier, barrier, barriers
from lmctheory.paths.certificate import Certificate, certificate, certificates, operator_norms
from lmctheory.paths.descent import CertificateMatching, match_by_certificate
from lmctheory.paths.interpolation import interpolate, with_layers_of
from lmctheory.paths.rescaling import Rescaling, rescaled
from lmctheory.paths.whole_path import PathCertificate, certify

__all__ = [
    "Barrier",
    "Certificate",
    "CertificateMatching",
    "PathCertificate",
    "Rescaling",
    "barrier",
    "barriers",
    "certificate",
    "certificates",
    "certify",
    "interpolate",
    "match_by_certificate",
    "operator_norms",
    "rescaled",
    "with_layers_of",
]
