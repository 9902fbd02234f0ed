"""Docstrings as the site shows them: formulas set, sections named as parsers expect."""

import re
from typing import Any

import griffe

from documentation.formulas import typeset

__all__ = ["Docstrings"]

_EXAMPLE = re.compile(r"^(?P<indent> *)Example:\s*$", re.MULTILINE)


class Docstrings(griffe.Extension):
    """What is done to a docstring before it is parsed; the code keeps it as it is."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ARG002
        """Sets formulas, and names the section of examples as parsers expect it."""
        if obj.docstring is not None:
            text = _EXAMPLE.sub(r"\g<indent>Examples:", obj.docstring.value)
            obj.docstring.value = typeset(text)
