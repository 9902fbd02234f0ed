"""Formulas of docstrings, plain text in the code, as HTML with raised and lowered signs."""

import html
import re
from collections.abc import Iterator

__all__ = ["typeset"]

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "eta": "η", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "phi": "φ", "pi": "π", "psi": "ψ", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "theta": "θ", "xi": "ξ", "Delta": "Δ", "Lambda": "Λ", "Phi": "Φ",
    "Sigma": "Σ",
}  # fmt: skip
_SIGNS = {"<=": "≤", ">=": "≥", "->": "→", "+-": "±", "sqrt(": "√("}
_NAMES = {**_GREEK, "sum": "∑", "int": "∫", "max": "max", "min": "min", "sup": "sup", "inf": "inf"}
_LETTER = rf"(?:{'|'.join(_NAMES)}|[A-Za-z])"
_SCRIPT = (
    rf"\{{[^{{}}]*\}}|\([^()]*\)|-?\d+(?:\.\d+)?|-?(?:{_LETTER}'?)(?![A-Za-z])"
    r"|-?[a-z]{2,3}(?![A-Za-z_])"
)
_INDEX = rf"(?:{_SCRIPT}|[A-Za-z0-9]{{1,3}}(?![A-Za-z_0-9]))"
_TOKEN = re.compile(
    rf"""
    (?P<code>``.*?``|`[^`]*`)
    | (?<![\w.])(?P<letter>{_LETTER})
      (?:(?P<bar>-bar)(?P<below>_{_INDEX})?|(?P<low>_{_INDEX}))(?P<high>\^(?:{_SCRIPT}))?
    | (?P<power>(?<=[\w)\]|}}'])\^(?:{_SCRIPT}))
    | (?P<sign><=|>=|->|\+-|sqrt\()
    | (?P<special>[<>&_*]|\]\()
    """,
    re.VERBOSE,
)
_HEADER = re.compile(r"[A-Z][A-Za-z ]*:$")
_EXAMPLES = ("Example:", "Examples:")
_NAMED = re.compile(r"(?P<name>[\w*, ]+:\s)(?P<rest>.*)")
_SECTION_INDENT = 4


def typeset(docstring: str) -> str:
    """A docstring in Markdown whose formulas have scripts and signs; code stays as it is.

    Paragraphs that are indented for show become blocks of their own.

    Args:
        docstring: without the indentation that it has in the code.

    Example:
        >>> typeset("M(m) <= m^(-2/d), see `x_1`.")
        'M(m) ≤ m<sup>-2/d</sup>, see `x_1`.'
    """
    return "\n".join(_lines(docstring.splitlines()))


def _lines(lines: list[str]) -> Iterator[str]:
    header = ""
    shown: list[str] = []
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line and not indent:
            header = line if _HEADER.fullmatch(line) else ""
        deepest = _SECTION_INDENT * (2 if header else 1)
        after_blank = number == 0 or not lines[number - 1].strip()
        if header in _EXAMPLES:
            yield line
        elif line.strip() and indent >= deepest and (shown or after_blank):
            shown.append(line)
        else:
            yield from _block(shown, _SECTION_INDENT if header else 0)
            shown = []
            yield _line(line, named=bool(header) and indent == _SECTION_INDENT)
    yield from _block(shown, _SECTION_INDENT if header else 0)


def _block(lines: list[str], indent: int) -> Iterator[str]:
    if lines:
        least = min(len(line) - len(line.lstrip()) for line in lines)
        text = "\n".join(" " * indent + _formulas(line[least:], plain=True) for line in lines)
        yield f'{" " * indent}<pre class="shown">{text.strip()}</pre>'


def _line(line: str, *, named: bool) -> str:
    """One line, of which the name of an argument stays as it is."""
    found = _NAMED.match(line) if named else None
    return found["name"] + _formulas(found["rest"]) if found else _formulas(line)


def _formulas(text: str, *, plain: bool = False) -> str:
    """Text whose formulas are set; plain text is not read as Markdown afterwards."""
    return _TOKEN.sub(lambda found: _token(found, plain=plain), text)


def _token(found: re.Match[str], *, plain: bool) -> str:
    if found["code"]:
        return html.escape(found["code"], quote=False) if plain else found["code"]
    if found["letter"]:
        letter = _NAMES.get(found["letter"], found["letter"])
        bar = "\u0304" if found["bar"] else ""
        return letter + bar + _low(found["low"] or found["below"]) + _high(found["high"])
    if found["power"]:
        return _high(found["power"])
    if found["sign"]:
        return _SIGNS[found["sign"]]
    if found["special"] in "<>&":
        return html.escape(found["special"], quote=False)
    escaped = {"_": r"\_", "](": r"]\("}  # no emphasis, no links
    return found["special"] if plain else escaped.get(found["special"], found["special"])


def _low(script: str | None) -> str:
    return f"<sub>{_script(script)}</sub>" if script else ""


def _high(script: str | None) -> str:
    return f"<sup>{_script(script)}</sup>" if script else ""


def _script(script: str) -> str:
    """What follows the sign for a script, without braces or the pair of brackets around it."""
    inner = re.fullmatch(r"[_^](?:\{(.*)\}|\((.*)\)|(.*))", script)
    assert inner is not None
    text = next(part for part in inner.groups() if part is not None)
    return re.sub(rf"\b({'|'.join(_GREEK)})\b", lambda name: _GREEK[name[1]], html.escape(text))
