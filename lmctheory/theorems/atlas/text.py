"""Words with formulas in them, as HTML: short ones, and LaTeX of the kind that proofs are in."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from markupsafe import Markup, escape

from lmctheory.theorems.atlas.mathematics import mathml
from lmctheory.theorems.bibliography import WORKS

__all__ = ["lines", "prose", "words"]

_ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303"} | {
    "=": "\u0304", ".": "\u0307", "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b"
}  # fmt: skip
"""Unicode's combining marks of LaTeX's accents."""
_TAGS = {"emph": "em", "textit": "em", "textbf": "strong", "texttt": "code", "text": "span"}
_GROUP = r"\{(?P<content>(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
_DISPLAY = r"equation|align|gather"
_ACCENT = re.compile(
    r"""\{?\\(?P<accent>['`"^~=.]|[cvuH](?=[\s{]))\s*\{?(?P<letter>[A-Za-z])\}?\}?"""
)
_TOKEN = re.compile(
    rf"""
    \\begin\{{(?P<environment>(?:{_DISPLAY})\*?)\}}(?P<body>.*?)\\end\{{(?P=environment)\}}
    | \\\[(?P<display>.*?)\\\] | \$\$(?P<dollars>.*?)\$\$
    | \$(?P<inline>[^$]+)\$ | \\\((?P<parenthesis>.*?)\\\)
    | \\(?P<tag>{"|".join(_TAGS)}){_GROUP}
    | \\cite(?:\[(?P<place>[^\]]*)\])?\{{(?P<cited>[^{{}}]*)\}}
    | {_ACCENT.pattern}
    | \\(?P<escaped>[%&_\#\${{}}])
    | \\(?P<space>[ \n,;]|q?quad\b|noindent\b) | \\(?P<section>S)(?![A-Za-z]) | \\(?P<end>qed)\b
    """,
    re.VERBOSE | re.DOTALL,
)
_LIST = re.compile(r"\\begin\{(itemize|enumerate)\}(.*?)\\end\{\1\}", re.DOTALL)
_SIGNS = (("---", "—"), ("--", "–"), ("~", "\N{NO-BREAK SPACE}"), ("``", "“"), ("''", "”"))

_OPENS = frozenset({"{", "(", "[", r"\{", r"\begin"})
_CLOSES = frozenset({"}", ")", "]", r"\}", r"\end"})


def words(text: str) -> Markup:
    """Words as they are but for LaTeX's accents and dashes, with formulas between dollar signs.

    Raises:
        ValueError: if LaTeX is outside them, or some of it cannot be rendered.

    Example:
        >>> print(words("width < $m$"))
        width &lt; <math display="inline"><mrow><mi>m</mi></mrow></math>
    """
    parts = text.split("$")
    parts[::2] = (_ACCENT.sub(_accented, part).replace("--", "–") for part in parts[::2])
    if len(parts) % 2 == 0 or "\\" in "".join(parts[::2]):
        raise ValueError(f"LaTeX must stand between dollar signs, got {text!r}")
    return Markup("").join(
        mathml(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def lines(latex: str) -> tuple[str, ...]:
    r"""A statement cut where it has a comma and a ``\quad``, outside braces and delimiters.

    Example:
        >>> lines(r"a \le b, \quad b = \{1, \quad 2\}_{x, \quad y}")
        ('a \\le b,', 'b = \\{1, \\quad 2\\}_{x, \\quad y}')
    """
    cuts, depth = [0], 0
    for token in re.finditer(r",\s*\\q?quad\b\s*|\\(?:[A-Za-z]+|.)|[{}()\[\]]", latex):
        found = token[0]
        if found[0] == ",":
            if depth == 0:
                cuts += [token.start() + 1, token.end()]
        elif found in _OPENS:
            depth += 1
        elif found in _CLOSES:
            depth -= 1
    cuts.append(len(latex))
    return tuple(latex[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True))


def prose(latex: str) -> Markup:
    r"""LaTeX text as paragraphs.

    It may have formulas in a line and displayed, lists, emphasis, citations of
    `lmctheory.theorems.bibliography`, accents, dashes and quotes.

    Raises:
        ValueError: naming a command that is none of these.

    Example:
        >>> print(prose(r"By \emph{convexity} --- or Sch{\"o}lkopf."))
        <p>By <em>convexity</em> — or Schölkopf.</p>
    """
    parts = _LIST.split(latex)
    blocks: list[Markup] = []
    for before, kind, body in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        paragraphs = (part for part in re.split(r"\n\s*\n", before) if part.strip())
        blocks += [Markup("<p>{}</p>").format(_inline(part.strip())) for part in paragraphs]
        if kind:
            items = Markup("").join(
                Markup("<li>{}</li>").format(_inline(item.strip()))
                for item in re.split(r"\\item\b", body)[1:]
            )
            tag = "ul" if kind == "itemize" else "ol"
            blocks.append(Markup("<{0}>{1}</{0}>").format(Markup(tag), items))
    return Markup("\n").join(blocks)


def _inline(latex: str) -> Markup:
    return Markup("").join(_pieces(latex))


def _pieces(latex: str) -> Iterator[Markup]:
    at = 0
    for token in _TOKEN.finditer(latex):
        yield _plain(latex[at : token.start()])
        yield _rendered(token)
        at = token.end()
    yield _plain(latex[at:])


def _plain(text: str) -> Markup:
    if left := re.findall(r"\\[A-Za-z]*.?|\$", text):
        raise ValueError(f"cannot render {left[0]} in {text!r}")
    for written, sign in _SIGNS:
        text = text.replace(written, sign)
    return escape(re.sub(r"[{}]", "", text))


def _rendered(token: re.Match[str]) -> Markup:
    found = {name: text for name, text in token.groupdict().items() if text is not None}
    return next(render(found) for name, render in _RENDER.items() if name in found)


def _environment(found: Mapping[str, str]) -> Markup:
    if found["environment"].startswith("equation"):
        return _displayed(found["body"])
    return _displayed(rf"\begin{{align*}}{found['body']}\end{{align*}}")


def _displayed(latex: str) -> Markup:
    formula = mathml(latex.strip(), display=True)
    return Markup('<span class="formula" tabindex="0">{}</span>').format(formula)


def _tagged(found: Mapping[str, str]) -> Markup:
    tag = Markup(_TAGS[found["tag"]])
    return Markup("<{0}>{1}</{0}>").format(tag, _inline(found["content"]))


def _cited(found: Mapping[str, str]) -> Markup:
    keys = [key.strip() for key in found["cited"].split(",")]
    if unknown := [key for key in keys if key not in WORKS]:
        raise ValueError(f"cites {unknown}, which the bibliography does not have")
    names = escape(", ".join(WORKS[key].short for key in keys))
    return Markup("{}, {}").format(names, _inline(found["place"])) if "place" in found else names


def _accented(found: Mapping[str, str] | re.Match[str]) -> str:
    return unicodedata.normalize("NFC", found["letter"] + _ACCENTS[found["accent"]])


_RENDER: Mapping[str, Callable[[Mapping[str, str]], Markup]] = {
    "environment": _environment,
    "display": lambda found: _displayed(found["display"]),
    "dollars": lambda found: _displayed(found["dollars"]),
    "inline": lambda found: mathml(found["inline"]),
    "parenthesis": lambda found: mathml(found["parenthesis"]),
    "tag": _tagged,
    "cited": _cited,
    "accent": lambda found: escape(_accented(found)),
    "escaped": lambda found: escape(found["escaped"]),
    "space": lambda found: Markup("" if found["space"] == "noindent" else " "),
    "section": lambda _: Markup("§"),
    "end": lambda _: Markup("∎"),
}
"""By the name of what a token has."""
