"""A comparison as one page that needs no network, with its tables as files beside it."""

from lmctheory.comparison.report.page import page, write_report

__all__ = ["page", "write_report"]
