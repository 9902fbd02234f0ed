"""The segment between two networks: loss barriers, and certificates that bound them."""

from lmctheory.paths.barrier import Barrier, barrier, barriers
from lmctheory.paths.certificate import Certificate, certificate, certificates
from lmctheory.paths.interpolation import interpolate

__all__ = [
    "Barrier",
    "Certificate",
    "barrier",
    "barriers",
    "certificate",
    "certificates",
    "interpolate",
]
