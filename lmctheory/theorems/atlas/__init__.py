"""The atlas: every theorem on one page that needs no network, and one of them as a fragment."""

from lmctheory.theorems.atlas.rendering import Tests, fragment, page, write_atlas

__all__ = ["Tests", "fragment", "page", "write_atlas"]
