"""The page: the sections of a comparison, and what reproduces them."""

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lmctheory.comparison._compare import Comparison
from lmctheory.comparison.sections import SECTIONS
from lmctheory.drawing import as_svg
from lmctheory.files import writing
from lmctheory.pages import environment
from lmctheory.sweeps.provenance import provenance
from lmctheory.tables import Table

__all__ = ["page", "write_report"]


def write_report(
    found: Comparison, path: str | Path, *, title: str = "Two networks", command: str = ""
) -> list[Path]:
    """Writes a comparison as a page, and each of its tables as CSV and LaTeX beside it.

    Args:
        found: the comparison.
        path: of the page; tables get its name, a number and their title.
        title: of the page.
        command: that reproduces it, shown at its end.

    Returns:
        What was written, the page first; each file is there whole or not at all.

    Raises:
        FileNotFoundError: if there is no such folder.
        ImportError: without Matplotlib.
    """
    path = Path(path)
    text = page(found, title=title, command=command)
    files = {path: text}
    for number, table in enumerate(found.tables, start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")
        name = f"{path.stem}-{number}-{slug}"
        files[path.with_name(f"{name}.csv")] = table.text("csv")
        files[path.with_name(f"{name}.tex")] = table.to_latex(label=f"tab:{slug}")
    for wanted, content in reversed(files.items()):  # the page last: it speaks of the others
        with writing(wanted) as beside:
            beside.write_text(content, encoding="utf-8")
    return list(files)


def page(found: Comparison, *, title: str = "Two networks", command: str = "") -> str:
    """The page as HTML, with its styles and pictures in it."""
    template = environment("lmctheory.comparison.report").get_template("page.html")
    sections = [
        {
            "name": section.name,
            "title": section.title,
            "about": section.about,
            "findings": found.parts[section.name].findings,
            "notes": found.parts[section.name].notes,
            "tables": [_table(table) for table in found.parts[section.name].tables],
            "drawings": [
                {
                    "caption": drawing.caption,
                    "svg": Markup(as_svg(drawing.draw, f"{section.name}-{k}-")),
                }
                for k, drawing in enumerate(found.parts[section.name].drawings)
            ],
        }
        for section in SECTIONS
        if section.name in found.parts
    ]
    return template.render(
        title=title,
        sections=sections,
        findings=found.findings,
        command=command,
        provenance=provenance(),
    )


def _table(table: Table[Any]) -> dict[str, Any]:
    return {
        "title": table.title,
        "caption": table.caption,
        "heads": list(zip(table.heads, (column.left for column in table.columns), strict=True)),
        "rows": [
            list(zip(cells, (column.left for column in table.columns), strict=True))
            for cells in table.cells
        ],
        "csv": table.text("csv"),
        "latex": table.to_latex(),
    }
