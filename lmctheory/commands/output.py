"""What commands hand back: tables and sentences, files of numbers, pictures."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from lmctheory.choices import require_choice
from lmctheory.commands.given import refusals
from lmctheory.comparison.section import Part
from lmctheory.drawing import new_figure
from lmctheory.files import writing
from lmctheory.files.writing import require_folder
from lmctheory.tables import FORMATS, as_json
from lmctheory.terminal import show

__all__ = ["deliver", "require_output"]


def require_output(form: str, *files: Path | None) -> None:
    """Refuses a format that is none, and files for which there is no folder."""
    with refusals():
        require_choice("format", form, FORMATS)
        for file in files:
            if file is not None:
                require_folder(file)


def deliver(
    parts: Iterable[Part], form: str, json_file: Path | None = None, figure: Path | None = None
) -> None:
    """Prints parts of a comparison, and writes their numbers and their first picture."""
    found = list(parts)
    tables = [table for part in found for table in part.tables]
    sentences = [line for part in found for line in (*part.findings, *part.notes)]
    if form == "table":
        show(*tables, *sentences)
    elif form == "json":
        typer.echo(_numbers(found), nl=False)
    else:
        typer.echo("\n".join(table.text(form) for table in tables), nl=False)
    if json_file is not None:
        with writing(json_file) as beside:
            beside.write_text(_numbers(found), encoding="utf-8")
    drawings = [drawing for part in found for drawing in part.drawings]
    if figure is not None:
        with refusals():
            _draw(drawings, figure)


def _numbers(parts: Sequence[Part]) -> str:
    content = {
        "findings": [sentence for part in parts for sentence in part.findings],
        "notes": [note for part in parts for note in part.notes],
        "tables": {table.title: table.records for part in parts for table in part.tables},
    }
    return json.dumps(as_json(content), indent=2, allow_nan=False) + "\n"


def _draw(drawings: Sequence[Any], path: Path) -> None:
    if not drawings:
        raise ValueError(f"there is nothing to draw in {path.name}")
    figure = new_figure()
    drawings[0].draw(figure.subplots())
    if path.suffix.lstrip(".") not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"{path} must end in .pdf, .png or .svg")
    with writing(path) as beside:
        figure.savefig(beside)
