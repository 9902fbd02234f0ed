r"""Tables, declared once: as a terminal shows them, as records, CSV, JSON, LaTeX, data frames.

A table says what its columns hold; all its forms follow::

    columns = (
        Column("width", lambda row: row.width, left=True),
        Column("barrier", lambda row: row.barrier),
        Column("lower bound", lambda row: row.lower, head="L", form=".2f"),
    )
    Table("Barriers by width", "In brackets the standard error.", columns, rows)
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from rich.table import Table as RichTable

from lmctheory.choices import require_choice
from lmctheory.terminal import empty_table, shown

if TYPE_CHECKING:
    import pandas

__all__ = [
    "FORMATS",
    "Cell",
    "Cells",
    "Column",
    "Table",
    "Uncertain",
    "as_json",
    "csv_text",
    "frame",
    "tables_text",
]

FORMATS = ("table", "csv", "json", "latex")
"""What `Table.text` gives."""

Row = TypeVar("Row")


@runtime_checkable
class Uncertain(Protocol):
    """A figure with its standard error, printed together; records have a column for each."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def error(self) -> float:
        """Its standard error, NaN where it is unknown."""


Cell = str | bool | int | float | Uncertain | None
"""What a place of a table holds; None where there is nothing."""

Cells = Sequence[Cell]
"""A row, cell by cell."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        name: its key in records, and its head.
        of: what it holds in a row; by default what stands there in the column's place, for rows
            that are sequences of cells.
        form: how numbers are printed, as `format` takes it, while `str` prints figures with errors;
            or a function that prints whatever the column holds.
        head: above the column in print, where names are too long for it or recur.
        left: justified to the left, as names of rows are; numbers are to the right.
        none: what stands where there is nothing.
        once: printed only where it is not the same as in the row above.
    """

    name: str
    of: Callable[[Row], Cell] | None = None
    form: str | Callable[[Any], str] = ".3g"
    head: str = ""
    left: bool = False
    none: str = "-"
    once: bool = False

    def printed(self, cell: Cell) -> str:
        """A cell as it is shown."""
        if cell is None:
            return self.none
        if callable(self.form):
            return self.form(cell)
        return format(cell, self.form) if _is_real(cell) else str(cell)

    def entries(self, cell: Cell) -> dict[str, Cell]:
        """A cell under the column's name; of a figure with an error also that."""
        if isinstance(cell, Uncertain):
            return {self.name: cell.value, f"{self.name} error": cell.error}
        return {self.name: cell}


def _is_real(cell: Cell) -> bool:
    return isinstance(cell, float) or (isinstance(cell, int) and not isinstance(cell, bool))


@dataclass(frozen=True)
class Table(Generic[Row]):
    """Rows under declared columns.

    Attributes:
        title: says what the table shows.
        caption: says what its columns mean.
        columns: of different names.
        rows: what the columns are taken from.
        sections: a line is drawn between rows of which this differs.

    Example:
        >>> columns = (Column("width", int, form="d"), Column("cost", lambda m: 1 / m, form=".2f"))
        >>> table = Table("Costs", "cost: per neuron.", columns, (2, 4))
        >>> table.records
        [{'width': 2, 'cost': 0.5}, {'width': 4, 'cost': 0.25}]
        >>> print(table.text("csv"), end="")
        width,cost
        2,0.5
        4,0.25
    """

    title: str
    caption: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    sections: Callable[[Row], object] | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"columns must have different names, got {names}")
        if any(column.of is None for column in self.columns):
            for row in self.rows:
                if len(row) != len(names):  # type: ignore[arg-type]  # a sequence of cells
                    raise ValueError(f"rows must have a cell for each of {names}, got {row}")

    @property
    def _rows(self) -> list[list[tuple[Column[Row], Cell]]]:
        """The columns with their cells, by row."""
        takers: list[Callable[[Any], Cell]] = [
            column.of or itemgetter(place) for place, column in enumerate(self.columns)
        ]
        return [
            [(column, of(row)) for column, of in zip(self.columns, takers, strict=True)]
            for row in self.rows
        ]

    @property
    def records(self) -> list[dict[str, Cell]]:
        """One dictionary for each row, in full precision."""
        return [
            {key: entry for one, cell in row for key, entry in one.entries(cell).items()}
            for row in self._rows
        ]

    @property
    def heads(self) -> list[str]:
        """Above the columns in print."""
        return [column.head or column.name for column in self.columns]

    @property
    def cells(self) -> list[list[str]]:
        """As they are printed, by row."""
        whole = [[column.printed(cell) for column, cell in row] for row in self._rows]
        return whole[:1] + [
            [
                "" if column.once and cell == before else cell
                for column, cell, before in zip(self.columns, here, above, strict=True)
            ]
            for above, here in pairwise(whole)
        ]

    @property
    def ends(self) -> list[bool]:
        """Whether a line is drawn below each row."""
        if self.sections is None or not self.rows:
            return [False] * len(self.rows)
        kinds = [self.sections(row) for row in self.rows]
        return [here != below for here, below in pairwise(kinds)] + [False]

    def __rich__(self) -> RichTable:
        """As a terminal shows it."""
        table = empty_table(self.title, self.caption)
        for column, head in zip(self.columns, self.heads, strict=True):
            table.add_column(head, justify="left" if column.left else "right", no_wrap=True)
        for cells, end in zip(self.cells, self.ends, strict=True):
            table.add_row(*cells, end_section=end)
        return table

    def text(self, form: str) -> str:
        """The table in one of `FORMATS`, ending in a line break.

        Raises:
            ValueError: for other formats.
        """
        require_choice("form", form, FORMATS)
        return _TEXTS[form](self)

    def to_latex(self, *, label: str = "") -> str:
        r"""A table environment for LaTeX with the package booktabs; title and caption are its own.

        Args:
            label: for ``\ref``; none if empty.
        """
        caption = f"{self.title}. {self.caption}" if self.caption else self.title
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{as_latex(caption)}}}",
            *([rf"\label{{{label}}}"] if label else []),
            self.to_tabular() + r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def to_tabular(self) -> str:
        """Its rows for LaTeX with the package booktabs, for a caption of one's own."""
        align = "".join("l" if column.left else "r" for column in self.columns)
        rows = [
            " & ".join(map(as_latex, cells)) + r" \\" + "\n\\midrule" * end
            for cells, end in zip(self.cells, self.ends, strict=True)
        ]
        lines = [
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            " & ".join(map(as_latex, self.heads)) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def to_frame(self) -> "pandas.DataFrame":
        """The records as a data frame of pandas, which is imported here.

        Raises:
            ImportError: without pandas.
        """
        return frame(self.records)


def tables_text(tables: Sequence[Table[Any]], form: str) -> str:
    """Several tables in one of `FORMATS`: CSV below a title with a #, JSON as a list.

    Raises:
        ValueError: for other formats.
    """
    texts = [table.text(form) for table in tables]
    if form == "json":
        return f"[\n{','.join(texts)}]\n"
    if form == "csv":
        texts = [f"# {one.title}\n{text}" for one, text in zip(tables, texts, strict=True)]
    return "\n".join(texts)


def frame(records: Iterable[Mapping[str, object]]) -> "pandas.DataFrame":
    """Records as a data frame of pandas, which is imported here.

    Raises:
        ImportError: without pandas.
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install pandas") from error
    return DataFrame(list(records))


def csv_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Records as comma-separated values, under all keys that come in any of them.

    Lists are written as JSON; what a record does not have, or is None, is left empty.
    """
    rows = list(rows)
    text = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, keys, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _csv_cell(value) for key, value in row.items()})
    return text.getvalue()


def _csv_cell(value: object) -> object:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | tuple) else value


def _json(table: Table[Any]) -> str:
    """The records, see `as_json`."""
    content = {"title": table.title, "caption": table.caption, "rows": table.records}
    return json.dumps(as_json(content), indent=2, allow_nan=False) + "\n"


def as_json(value: Any) -> Any:
    """A value of dictionaries, lists, words and numbers, in which NaN is null, infinities words."""
    if isinstance(value, Mapping):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}
_NUMBER = re.compile(r"(?P<digits>[-+]?\d[\d.]*(?:\(\d+\))?)(?:e(?P<power>[-+]\d+))?")


def as_latex(text: str) -> str:
    """Numbers in mathematics, with powers of ten; everything else letter by letter."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return "".join(_SPECIAL.get(letter, letter) for letter in text)
    power = number["power"]
    return f"${number['digits']}" + (rf"\times 10^{{{int(power)}}}$" if power else "$")


_TEXTS: dict[str, Callable[[Table[Any]], str]] = {
    "table": shown,
    "csv": lambda table: csv_text(table.records),
    "json": _json,
    "latex": Table.to_latex,
}
