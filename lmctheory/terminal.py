"""How commands print: whole, whatever the width, the colours and the encoding of the terminal."""

import io
import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleRenderable, RichCast
from rich.measure import Measurement
from rich.protocol import rich_cast
from rich.table import Table

__all__ = ["WIDTH", "empty_table", "print_any_text", "show", "shown"]

WIDTH = 100
"""Columns of a terminal that every report fits into."""


def print_any_text() -> None:
    r"""Lets standard output take characters that its encoding lacks, as escapes such as \u2264.

    Standard error does so anyway. Paths may hold any character, whatever the locale.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def show(*parts: ConsoleRenderable | RichCast | str) -> None:
    """Prints tables and lines to standard output, the same whatever the terminal's width.

    They are `WIDTH` columns wide; a table that needs more takes more, and is not cut. Between a
    caption and the next table there is an empty line. Brackets are brackets, not markup.
    """
    _print(Console(width=WIDTH, highlight=False, markup=False, emoji=False), parts)


def shown(*parts: ConsoleRenderable | RichCast | str) -> str:
    """What `show` prints, without colours."""
    text = io.StringIO()
    _print(Console(file=text, width=WIDTH, highlight=False, markup=False, emoji=False), parts)
    return text.getvalue()


def _print(console: Console, parts: Iterable[ConsoleRenderable | RichCast | str]) -> None:
    captioned = False
    for given in parts:
        part = rich_cast(given)
        needed = 0
        if isinstance(part, Table):
            if captioned:
                console.print()
            unlimited = console.options.update(max_width=10**4)
            needed = Measurement.get(console, unlimited, part).maximum
        console.width = max(WIDTH, needed)
        console.print(part)
        captioned = isinstance(part, Table) and bool(part.caption)


def empty_table(title: str, caption: str) -> Table:
    """A table without columns or rows, as all of them look."""
    return Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
    )
