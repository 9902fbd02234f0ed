"""Certificates of the segment between trained networks, beside what is true on it."""

from simulations.path_certificates.command import STUDY, path_certificates
from simulations.path_certificates.measurement import ALIGNMENTS, DESCENTS, NODES, REFERENCE
from simulations.path_certificates.summary import Summary, points, require_one_study, summarise

__all__ = [
    "ALIGNMENTS",
    "DESCENTS",
    "NODES",
    "REFERENCE",
    "STUDY",
    "Summary",
    "path_certificates",
    "points",
    "require_one_study",
    "summarise",
]
