"""LaTeX formulas as MathML that browsers set as TeX would.

latex2mathml translates. What it leaves to luck, or to MathML 3, which browsers gave up for MathML
Core, is mended here: alphabets, spacing of names and relations, limits below names, accents.
"""

import re
import unicodedata
from functools import cache
from itertools import chain
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markupsafe import Markup

__all__ = ["mathml"]

_ALPHABETS = {
    "bold": ("BOLD", "BOLD"),
    "bold-italic": ("BOLD ITALIC", "BOLD ITALIC"),
    "double-struck": ("DOUBLE-STRUCK", "DOUBLE-STRUCK"),
    "fraktur": ("FRAKTUR", "BLACK-LETTER"),
    "monospace": ("MONOSPACE", "MONOSPACE"),
    "sans-serif": ("SANS-SERIF", "SANS-SERIF"),
    "script": ("SCRIPT", "SCRIPT"),
}
"""Unicode's names of the letters that MathML 3 calls variants: of most, and of the exceptions."""
_LIMITS = frozenset({"arg min", "arg max", "inf", "lim", "liminf", "limsup", "max", "min", "sup"})
"""Names with what belongs to them below."""
_LARGE = frozenset("∑∏∐⋃⋂⨁⨂")
"""Signs with what belongs to them below."""
_ORDINARY = frozenset("∞∅⊤⊥†‡·…⋯ℓ∂∇∀∃")
"""Of those signs that are no letters, the ones that neither relate nor combine."""
_DELIMITERS = {"\\{": "{", "\\}": "}", "\\|": "‖"}
_BARS, _SIGNS = frozenset("|‖"), frozenset("+−-±∓")
_OPENING, _CLOSING = frozenset("([{⟨⌊⌈"), frozenset(")]}⟩⌋⌉")
_PRIMES = frozenset("′″‴")
_ACCENTS = {"^": "ˆ", "~": "˜", "¯": "¯", "―": "¯", "˙": "˙", "¨": "¨", "→": "→"}
_THIN = "0.1667em"
_TALL = frozenset({"mfrac", "mroot", "msqrt", "mtable", "munder", "munderover"})
_ROWS = frozenset({"math", "mrow", "msqrt", "mstyle", "mtd"})
_SCRIPTED = frozenset({"msub", "msup", "msubsup", "munder", "munderover"})
_PARTS = {"mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2}
_SCRIPTS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}


@cache
def mathml(latex: str, *, display: bool = False) -> Markup:
    r"""A formula as a ``math`` element.

    Args:
        latex: without dollar signs.
        display: set on a line of its own.

    Raises:
        ValueError: if some of it cannot be rendered.

    Example:
        >>> print(mathml(r"\mathbb E x"))
        <math display="inline"><mrow><mi>𝔼</mi><mi>x</mi></mrow></math>
    """
    braces = re.sub(r"\\.|[^{}]", "", latex, flags=re.DOTALL)
    if braces.count("{") != braces.count("}"):
        raise ValueError(f"cannot render {latex!r}: braces do not match")
    try:
        text = convert(_prepared(latex), display="block" if display else "inline")
        root = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text, count=1))
    except Exception as error:  # of many kinds: the library's own, and of whatever trips it
        raise ValueError(f"cannot render {latex!r}: {error!r}") from error
    for element in list(root.iter()) if display else ():
        if element.tag in _ROWS:
            _grow(element)
    for element in root.iter():
        if len(element) < _PARTS.get(element.tag, 0):
            raise ValueError(f"cannot render {latex!r}: a part of its {element.tag} is missing")
        _mend(element)
    if left := re.findall(r"\\[A-Za-z]*|[$⧸]", "".join(root.itertext())):
        raise ValueError(f"cannot render {left[0]} in {latex!r}")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _prepared(latex: str) -> str:
    """In words that the library knows."""
    latex = re.sub(r"\\(begin|end)\{(aligned|align|split)\}", r"\\\1{align*}", latex)
    latex = re.sub(
        r"\\operatorname\*?\{([^{}]*)\}",
        lambda found: "\\operatorname{" + re.sub(r"\\,|\s", "", found[1]) + "}",
        latex,
    )
    latex = re.sub(r"\^\{?\\prime\b\}?", "'", latex)
    # delimiters as large as what is between them, which browsers size better than any number
    latex = re.sub(r"\\[bB]igg?l(?![a-zA-Z])", r"\\left", latex)
    latex = re.sub(r"\\[bB]igg?r(?![a-zA-Z])", r"\\right", latex)
    return re.sub(r"\\text\{([^{}]*)\}", lambda found: _words(found[1]), latex)


def _words(text: str) -> str:
    """Words in a formula, which may have formulas in them."""
    parts = text.replace("\\ ", " ").split("$")
    return "".join(
        part if number % 2 else rf"\text{{{part}}}" for number, part in enumerate(parts) if part
    )


def _mend(element: Element) -> None:
    """What an element is itself, then how its children stand beside each other."""
    element.tail = None
    if element.tag in ("mi", "mn", "mo"):
        _mend_letters(element)
    elif element.tag == "mspace" and element.get("width") == "negativethinmathspace":
        element.set("width", f"-{_THIN}")
    elif element.tag == "mtd" and (align := element.attrib.pop("columnalign", "")):
        element.set("style", f"text-align: {align}")
    elif element.tag in ("mover", "munderover") and (sign := element[-1].text or "") in _ACCENTS:
        element.set("accent", "true")
        element[-1].text = _ACCENTS[sign]
    if element.tag in _SCRIPTED:
        _mend_prime(element)
        for operator in chain.from_iterable(script.iter("mo") for script in element[1:]):
            operator.attrib.update(lspace="0", rspace="0")  # as in TeX
    for before, child in zip([None, *element], list(element), strict=False):
        _mend_sign(before, child)
    _mend_names(element)
    if element.tag == "mrow":
        _mend_fences(element)
        _join_letters(element)


def _mend_prime(element: Element) -> None:
    """Takes primes, which are high already, out of superscripts."""
    if element.tag in ("msup", "msubsup") and (element[-1].text or "") in _PRIMES:
        row, prime = Element("mrow"), Element("mo", lspace="0", rspace="0")
        prime.text = element[-1].text
        row[:] = [element[0], prime]
        if element.tag == "msup":
            element.tag, element[:] = "mrow", [*row]
        else:
            element.tag, element[:] = "msub", [row, element[1]]


def _mend_letters(element: Element) -> None:
    text = (element.text or "").strip()
    text = _DELIMITERS.get(text, text)
    if variant := _ALPHABETS.get(element.get("mathvariant", "")):
        del element.attrib["mathvariant"]
        text = "".join(_letter(letter, variant) for letter in text)
    if text == "~":
        text = "∼"
    element.text = text
    if len(text) == 1:
        _mend_kind(element, text)


def _mend_kind(element: Element, sign: str) -> None:
    """Tells operators, which have space around them, from what has none."""
    if sign in _ORDINARY:
        element.tag = "mi"
    elif sign in _BARS:
        element.tag = "mo"
        if "form" not in element.attrib:  # which side they are on is not known
            element.attrib.update(stretchy="false", lspace="0", rspace="0")
    elif element.tag == "mi" and unicodedata.category(sign) in ("Sm", "Ps", "Pe"):
        element.tag = "mo"
        if sign in _OPENING | _CLOSING:
            element.set("stretchy", "false")
    elif "GREEK CAPITAL" in unicodedata.name(sign, ""):
        element.set("mathvariant", "normal")
    elif sign == ";":
        element.tag = "mo"
    elif sign == "/":
        element.attrib.update(lspace="0", rspace="0")


def _letter(letter: str, variant: tuple[str, str]) -> str:
    kind = unicodedata.name(letter, "").replace(" LETTER", "")
    kind = kind.removeprefix("LATIN ").removeprefix("GREEK ")
    for name in (f"MATHEMATICAL {variant[0]} {kind}", f"{variant[1]} {kind}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return letter


def _mend_names(element: Element) -> None:
    """Gives names of functions the space that TeX does, and limits below them.

    Browsers do not agree on the space around operators with limits: it is put between explicitly.
    """
    children = [None, *element, None]
    named = [child is not None and _mend_name(child) for child in children]
    row: list[Element] = []
    for k, child in enumerate(element, start=1):
        if named[k] and _ends_term(children[k - 1]) and not named[k - 1]:
            row.append(Element("mspace", width=_THIN))
        row.append(child)
        after = children[k + 1]
        if named[k] and after is not None and after.tag != "mspace":
            opened = (after.text or "") in _OPENING
            row += [] if opened else [Element("mspace", width=_THIN)]
    if element.tag in _ROWS:
        element[:] = row


def _ends_term(element: Element | None) -> bool:
    if element is None or element.tag == "mspace":
        return False
    return element.tag != "mo" or (element.text or "") in _CLOSING | _BARS


def _mend_name(element: Element) -> bool:
    """Whether it is the name of a function, with what is above and below it."""
    core = element[0] if element.tag in _SCRIPTS and len(element) else element
    name = (core.text or "").strip().replace("\N{SIX-PER-EM SPACE}", "")
    name = re.sub(r"^arg(min|max)$", r"arg \1", name)
    if core.tag == "mo" and name in _LARGE:
        element.tag = _SCRIPTS.get(element.tag, element.tag)
    if core.tag not in ("mi", "mo") or not re.fullmatch(r"[A-Za-z]{2,}( [a-z]+)?", name):
        return False
    core.tag, core.text = "mo", name.replace(" ", "\N{NO-BREAK SPACE}")
    core.attrib.update(form="prefix", lspace="0", rspace="0")
    if name in _LIMITS:
        core.set("movablelimits", "true")
        element.tag = _SCRIPTS.get(element.tag, element.tag)
    return True


def _mend_sign(before: Element | None, child: Element) -> None:
    """Gives a minus that has nothing before it no space after it."""
    if child.tag == "mo" and child.text in _SIGNS:
        sign = before.text or "" if before is not None and before.tag == "mo" else ""
        if before is None or (before.tag == "mo" and sign not in _CLOSING | _BARS | {"!"}):
            child.set("form", "prefix")


def _grow(row: Element) -> None:
    r"""Lets brackets around what is tall grow with it, as ``\left`` and ``\right`` would."""
    levels: list[list[Element]] = [[]]
    for child in row:
        core = child[0] if child.tag in _SCRIPTS and len(child) else child
        plain = core.tag == "mo" and core.get("stretchy") == "false"
        if plain and core is child and child.text in ("(", "["):
            levels.append([child])
        elif plain and core.text in (")", "]") and len(levels) > 1:
            opened = levels.pop()
            if any(map(_is_tall, opened)):
                opened[0].attrib.update(stretchy="true", fence="true", form="prefix")
                core.attrib.update(stretchy="true", fence="true", form="postfix")
                group = Element("mrow")
                group[:] = [*opened, core]
                if core is not child:
                    child[0] = group
                levels[-1].append(group if core is child else child)
            else:
                levels[-1] += [*opened, child]
        else:
            levels[-1].append(child)
    row[:] = [*chain.from_iterable(levels)]


def _is_tall(element: Element) -> bool:
    if element.tag in ("mfrac", "mroot", "msqrt", "mtable"):
        return True
    if element.tag == "mstyle" and element.get("displaystyle") == "false":
        return False
    if element.tag in _SCRIPTED:
        return _is_tall(element[0])
    return (element.text or "") in _LARGE | {"∫"} or any(map(_is_tall, element))


def _mend_fences(row: Element) -> None:
    """Leaves delimiters as they are around what is not tall: stretched glyphs have wide margins."""
    fences = [child for child in row if child.tag == "mo" and child.get("fence") == "true"]
    if fences and not any(part.tag in _TALL or _is_tall(part) for part in row.iter()):
        for fence in fences:
            fence.set("stretchy", "false")


def _join_letters(row: Element) -> None:
    """Upright letters that are one word become one, or they stand apart."""
    if len(row) > 1 and all(c.tag == "mi" and c.get("mathvariant") == "normal" for c in row):
        word = "".join(letter.text or "" for letter in row)
        row[:] = [Element("mi")]
        row[0].text = word
