"""What MkDocs calls while it builds the site (`hooks` of mkdocs.yml)."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import lmctheory.pages
import lmctheory.theorems.atlas
from documentation.mathematics import with_formulas
from documentation.reference import reference_pages
from documentation.theory import theory_pages, with_theorems

__all__ = ["on_files", "on_page_content", "on_page_markdown"]

_ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\]\((?P<up>(?:\.\./)*)\.\./(?P<path>paper_figures/)")
"""Links to pictures, which lie beside the folder of pages, and on the site within it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds pages that are made of the package itself, figures, and the atlas's styles."""
    for address, text in {**theory_pages(), **reference_pages()}.items():
        files.append(File.generated(config, address, content=text))
    atlas = Path(lmctheory.theorems.atlas.__file__).parent
    copied = {
        "assets/theorem.css": atlas / "theorem.css",
        "assets/copy.js": Path(lmctheory.pages.__file__).parent / "copy.js",
    } | {f"paper_figures/{path.name}": path for path in (_ROOT / "paper_figures").glob("*.png")}
    for address, path in copied.items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Lets links to pictures lead where `on_files` puts them."""
    return _OUTSIDE.sub(r"](\g<up>\g<path>", markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Sets formulas and theorems."""
    return with_theorems(with_formulas(html))
