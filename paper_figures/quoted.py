"""What the pages of docs say, for the paper: numbers by pattern, tables by title."""

import re
from collections.abc import Sequence

from lmctheory.tables import Column, Table

__all__ = ["find_number", "find_table"]

_Place = tuple[str, int, int]
"""What stands in a line, where it begins and where it ends."""


def find_number(page: str, pattern: str) -> str:
    r"""What the one group of a pattern matches, line breaks counting as blanks.

    Args:
        page: the text.
        pattern: a regular expression.

    Raises:
        ValueError: if it is found nowhere, or with different numbers.

    Example:
        >>> find_number("0 of 816 certified\nnumbers", r"of ([0-9,]+) certified numbers")
        '816'
    """
    found = {match[1] for match in re.finditer(pattern, " ".join(page.split()))}
    if len(found) != 1:
        raise ValueError(f"pattern must be found with one number, got {sorted(found)}: {pattern!r}")
    return found.pop()


def find_table(page: str, title: str, columns: Sequence[str]) -> Table[Sequence[str]]:
    """Columns of the table of fixed widths that follows a title.

    Args:
        page: the text.
        title: begins a line above the table.
        columns: heads; of equal ones the first is meant, and an empty one is that of names at the
            left, which have none.

    Raises:
        ValueError: if there is no such title, table or head.
    """
    lines = iter(page.splitlines())
    if not any(line.startswith(title) for line in lines):
        raise ValueError(f"title must be that of a table, got {title!r}")
    above = title
    for line in lines:
        if line.strip().startswith("─"):
            break
        above = line
    heads = [*([("", 2, 2)] if "" in columns else []), *_places(above)]
    names = [name for name, _, _ in heads]
    if unknown := [name for name in columns if name not in names]:
        raise ValueError(f"columns must be among {names}, got {unknown}")
    rows = []
    for line in lines:
        if line.startswith("```") or (line and not line.startswith(" ")):
            break
        if line.strip():
            cells = {_nearest(place, heads): place[0] for place in _places(line)}
            rows.append([cells.get(names.index(name), "") for name in columns])
    listed = [Column[Sequence[str]](name, left=not name) for name in columns]
    return Table(title, "", listed, rows)


def _places(line: str) -> list[_Place]:
    """What two blanks or more part."""
    return [(found[0], found.start(), found.end()) for found in re.finditer(r"\S+(?: \S+)*", line)]


def _nearest(cell: _Place, heads: Sequence[_Place]) -> int:
    """The head with which a cell is flush on one side."""
    _, start, end = cell
    return min(
        range(len(heads)), key=lambda k: min(abs(start - heads[k][1]), abs(end - heads[k][2]))
    )
