"""One theorem as a fragment of HTML, and all of them as a page."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lmctheory.files import writing
from lmctheory.pages import environment
from lmctheory.sweeps.provenance import provenance
from lmctheory.theorems._registry import registry
from lmctheory.theorems.atlas.code_places import code_place
from lmctheory.theorems.atlas.dependency_graph import dependency_graph
from lmctheory.theorems.atlas.families import family, family_names
from lmctheory.theorems.atlas.mathematics import mathml
from lmctheory.theorems.atlas.text import lines, prose, words
from lmctheory.theorems.atlas.trial_picture import COLOURS, trial_picture
from lmctheory.theorems.bibliography import WORKS, Work
from lmctheory.theorems.theorem import Theorem
from lmctheory.theorems.trial import KINDS, Check
from lmctheory.theorems.verification import Variant

__all__ = ["Tests", "fragment", "page", "write_atlas"]

Tests = Mapping[str, tuple[Check, Sequence[Variant]]]
"""By key: what came of a theorem's trials, and of its false variants."""
_PLACES = ("journal", "booktitle", "publisher")


def anchor(key: str) -> str:
    """Address of a theorem on a page that has it."""
    return f"#{key}"


def fragment(
    theorem: Theorem,
    check: Check | None = None,
    variants: Sequence[Variant] = (),
    *,
    known: Mapping[str, Theorem] | None = None,
    href: Callable[[str], str] = anchor,
    repository: str = "",
) -> Markup:
    """A theorem as an ``article`` element whose id is its key.

    Args:
        theorem: which one.
        check: what came of its trials; None leaves numbers and picture out.
        variants: what came of its false variants.
        known: the theorems that are spoken of, by key; all by default.
        href: address of one of them by its key.
        repository: address of the code at some revision, which functions link to; none by default.

    Raises:
        ValueError: if some of its LaTeX cannot be rendered.
        ImportError: without Matplotlib, if there is a check.

    Example:
        >>> from lmctheory.theorems import registry
        >>> text = fragment(registry()["R1"])
        >>> "Matching is optimal transport" in text, "<math" in text
        (True, True)
    """
    known = registry() if known is None else known
    try:
        content = _content(theorem, known, repository)
    except ValueError as error:
        error.add_note(f"in theorem {theorem.key}")
        raise
    template = environment("lmctheory.theorems.atlas").get_template("theorem.html")
    colour = list(family_names(known)).index(family(theorem.key))
    tested = None if check is None else _tested(check, variants)
    return Markup(
        template.render(
            theorem=theorem, href=href, known=known, colour=colour, tested=tested, **content
        )
    )


def _content(theorem: Theorem, known: Mapping[str, Theorem], repository: str) -> dict[str, Any]:
    return {
        "title": words(theorem.title),
        "note": words(theorem.note),
        "rows": [mathml(part, display=True) for row in theorem.lines for part in lines(str(row))],
        "symbols": [(mathml(name), words(meaning)) for name, meaning in theorem.symbols.items()],
        "hypotheses": [words(hypothesis) for hypothesis in theorem.hypotheses],
        "proof": prose(theorem.proof),
        "sources": [_cited(WORKS[key]) for key in theorem.sources],
        "used_by": [key for key, other in known.items() if theorem.key in other.depends],
        "places": [code_place(name, repository) for name in theorem.functions],
    }


def _cited(work: Work) -> dict[str, Any]:
    """A work as a line: its parts, and where it is on arXiv."""
    names = [name.partition(",")[0] for name in work.author.split(" and ")]
    listed = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    place = next((work.fields[part] for part in _PLACES if part in work.fields), "")
    volume = f" {work.fields['volume']}" if "volume" in work.fields else ""
    pages = f", {work.fields['pages']}" if "pages" in work.fields else ""
    return {
        "authors": _line(listed),
        "title": _line(work.title),
        "place": _line(f"{place}{volume}{pages}"),
        "year": work.year,
        "eprint": work.fields.get("eprint", ""),
    }


def _line(latex: str) -> Markup:
    paragraph = prose(latex)
    return Markup(paragraph.removeprefix("<p>").removesuffix("</p>"))


def _tested(check: Check, variants: Sequence[Variant]) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if check.of(kind)]
    return {
        "kinds": [(kind, len(check.of(kind)), COLOURS[kind]) for kind in kinds],
        "violations": check.violations,
        "margin": f"{check.worst_margin:.2g}",
        "tightness": "∞" if check.tightness == inf else f"{check.tightness:.3g}",
        "seconds": f"{check.seconds:.1f}",
        "picture": trial_picture(check, f"trials-{_name(check.key)}"),
        "variants": [
            (words(found.wrong.replace(" x ", " × ")), found.caught, found.kind, found.least)
            for found in variants
        ],
    }


def _name(key: str) -> str:
    """A key in letters and digits."""
    return "".join(sign if sign.isalnum() else f"_{ord(sign):x}" for sign in key)


def page(
    theorems: Mapping[str, Theorem],
    tests: Tests | None = None,
    *,
    seed: int = 0,
    command: str = "",
    repository: str = "",
) -> str:
    """The atlas as HTML that needs nothing else, with its styles, pictures and script in it.

    Args:
        theorems: which ones, by key.
        tests: of each of them; None leaves numbers and pictures out.
        seed: of the tests.
        command: that reproduces the page, shown at its end.
        repository: address of the code at some revision, which functions link to; none by default.

    Raises:
        ValueError: if some LaTeX cannot be rendered, or theorems depend on each other in a circle.
        ImportError: without Matplotlib, if there are tests.
    """
    families = family_names(theorems)
    articles = {
        key: fragment(
            theorem,
            *(tests[key] if tests is not None else ()),
            known=theorems,
            repository=repository,
        )
        for key, theorem in theorems.items()
    }
    return (
        environment("lmctheory.theorems.atlas")
        .get_template("page.html")
        .render(
            families=[
                (letter, name, [articles[key] for key in theorems if family(key) == letter])
                for letter, name in families.items()
            ],
            statuses=sorted({theorem.status for theorem in theorems.values()}),
            theorems=theorems,
            family=family,
            graph=dependency_graph(theorems, anchor),
            tested=None if tests is None else _totals(tests),
            seed=seed,
            command=command,
            provenance=provenance(),
        )
    )


def _totals(tests: Tests) -> dict[str, Any]:
    checks = [check for check, _ in tests.values()]
    variants = [variant for _, found in tests.values() for variant in found]
    return {
        "count": sum(check.count for check in checks),
        "violations": sum(check.violations for check in checks),
        "variants": len(variants),
        "caught": sum(variant.caught is not None for variant in variants),
    }


def write_atlas(
    path: str | Path,
    theorems: Mapping[str, Theorem],
    tests: Tests | None = None,
    *,
    seed: int = 0,
    command: str = "",
    repository: str = "",
) -> None:
    """Writes the atlas, whole or not at all; for the arguments, see `page`.

    Args:
        path: of the page.
        theorems: which ones, by key.
        tests: of each of them, or None.
        seed: of the tests.
        command: that reproduces the page.
        repository: address of the code.

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    text = page(theorems, tests, seed=seed, command=command, repository=repository)
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8")
