r"""Numbers as macros, so that a paper's text holds none that was typed by hand."""

from collections.abc import Mapping

__all__ = ["number_macros"]

_REFUSED = frozenset("%#\n")
"""TeX reads these otherwise, wherever they stand."""
_MACRO = r"""% \lmcnumber{name}{quantity}: a number that was exported; an error if there is none
\newcommand{\lmcnumber}[2]{%
  \ifcsname lmc@\detokenize{#1}@\detokenize{#2}\endcsname
    \csname lmc@\detokenize{#1}@\detokenize{#2}\endcsname
  \else
    \GenericError{}{No exported number \detokenize{#2} of \detokenize{#1}}{}{}%
  \fi}
\newcommand{\lmcdefine}[3]{%
  \expandafter\newcommand\csname lmc@\detokenize{#1}@\detokenize{#2}\endcsname{#3}}
"""


def number_macros(numbers: Mapping[str, Mapping[str, str]]) -> str:
    r"""LaTeX that defines ``\lmcnumber{name}{quantity}``, to be input before the text.

    Args:
        numbers: by name and quantity, as LaTeX; those with a backslash are set as mathematics.

    Raises:
        ValueError: for names or quantities with a letter that TeX does not take as it is.

    Example:
        >>> import lmctheory as lmc
        >>> found = lmc.theorems["T10"].instantiate(20, 512)
        >>> print(number_macros({"T10": found.rounded(2)}).splitlines()[-1])
        \lmcdefine{T10}{upper}{0.59}
    """
    lines = []
    for name, quantities in numbers.items():
        for quantity, number in quantities.items():
            if refused := _REFUSED & set(name + quantity):
                raise ValueError(
                    f"names must hold none of {sorted(refused)}: {name!r}, {quantity!r}"
                )
            shown = rf"\ensuremath{{{number}}}" if "\\" in number else number
            lines.append(rf"\lmcdefine{{{name}}}{{{quantity}}}{{{shown}}}")
    return _MACRO + "\n".join(lines) + "\n"
