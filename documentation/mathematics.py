"""Formulas of pages and docstrings in MathML, which needs neither a script nor a network."""

import html
import re

from lmctheory.theorems.atlas.mathematics import mathml

__all__ = ["with_formulas"]

_LATEX = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<kind>[(\[])(?P<latex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)


def with_formulas(page: str) -> str:
    r"""A page with every formula that Markdown's extension arithmatex found in it as MathML.

    Args:
        page: in HTML.

    Raises:
        ValueError: if some formula cannot be rendered.

    Example:
        >>> with_formulas(r'<span class="arithmatex">\(m\)</span>')
        '<math display="inline"><mrow><mi>m</mi></mrow></math>'
    """
    return _LATEX.sub(
        lambda found: str(mathml(html.unescape(found["latex"]), display=found["kind"] == "[")), page
    )
