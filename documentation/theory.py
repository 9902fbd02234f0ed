"""Pages of theorems: statement, hypotheses and proof of each, as the atlas shows them."""

import re
from collections.abc import Mapping
from functools import cache

from lmctheory.theorems import registry
from lmctheory.theorems.atlas.dependency_graph import dependency_graph
from lmctheory.theorems.atlas.families import family, family_names
from lmctheory.theorems.atlas.rendering import fragment
from lmctheory.theorems.theorem import Theorem

__all__ = ["address", "theorem_address", "theory_pages", "with_theorems"]

_MARK = re.compile(r"<!-- theorem (\S+) -->")
_GRAPH = "<!-- graph of theorems -->"
_FUNCTION = re.compile(r"<dd><code>(?P<name>[\w.]+)</code>")


def address(letter: str) -> str:
    """The file of a family's page, from the root of the site.

    Args:
        letter: that its keys begin with.
    """
    name = family_names(registry())[letter].lower().replace(" ", "_").replace("-", "_")
    return f"theory/{name}.md"


def theorem_address(key: str) -> str:
    """Where a theorem stands, from the root of the site.

    Args:
        key: of the theorem.
    """
    return f"{address(family(key))}#theorem-{key}"


def theory_pages() -> dict[str, str]:
    """A page for each family of theorems and one of them all, in Markdown, by their addresses."""
    theorems = registry()
    pages = {
        address(letter): _family_page(
            name, {key: theorem for key, theorem in theorems.items() if family(key) == letter}
        )
        for letter, name in family_names(theorems).items()
    }
    return {"theory/index.md": _first_page(theorems), **pages}


def _family_page(name: str, theorems: Mapping[str, Theorem]) -> str:
    parts = [
        f"## {key}: {theorem.title} {{ #theorem-{key} }}\n\n<!-- theorem {key} -->"
        for key, theorem in theorems.items()
    ]
    return "\n\n".join([f"# {name}", *parts])


def _first_page(theorems: Mapping[str, Theorem]) -> str:
    lists = [
        f"## {name}\n\n"
        + "\n".join(
            f"- [**{key}**]({theorem_address(key).removeprefix('theory/')}) {theorem.title}"
            for key, theorem in theorems.items()
            if family(key) == letter
        )
        for letter, name in family_names(theorems).items()
    ]
    about = (
        f"{len(theorems)} theorems, each with its hypotheses, its source, the functions that"
        " compute it, and a proof where it is stated for this package. "
        "[How they are checked](../theorems.md): `lmctheory verify` tries each of them,"
        " `lmctheory export` writes them for a paper.\n\nA line leads from a theorem to one whose"
        " proof or functions use it, on its right."
    )
    return "\n\n".join(["---\nhide: [toc]\n---", "# Theorems and proofs", about, _GRAPH, *lists])


def with_theorems(page: str) -> str:
    """A page with theorems where its marks are.

    Args:
        page: in HTML.

    Raises:
        KeyError: if a mark names no theorem.
    """
    page = _MARK.sub(lambda found: _theorem(found[1]), page)
    return page.replace(_GRAPH, f'<div class="scroll">{_graph()}</div>') if _GRAPH in page else page


@cache
def _theorem(key: str) -> str:
    """A theorem's article, whose functions lead to their documentation."""
    article = str(fragment(registry()[key], href=_from_theory))
    return _FUNCTION.sub(
        r'<dd><autoref identifier="lmctheory.\g<name>"><code>\g<name></code></autoref>', article
    )


@cache
def _graph() -> str:
    return str(dependency_graph(registry(), _from_theory))


def _from_theory(key: str) -> str:
    """Where a theorem stands, from a page of theorems."""
    name, anchor = theorem_address(key).removeprefix("theory/").split(".md")
    return f"../{name}/{anchor}"
