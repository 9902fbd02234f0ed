"""What docs/paper inputs, written into a folder: `python -m paper_figures.paper`.

Theorems with proofs and bibliography from the registry, numbers of theorems with numbers in place,
bounds beside simulated costs, figures of studies, and what the pages of docs say of them.
"""

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from lmctheory.measures import Gaussian
from lmctheory.tables import Column, Table
from lmctheory.theorems import registry
from lmctheory.theorems.bibliography import bibtex
from lmctheory.theorems.export import export, number_macros
from lmctheory.theorems.export.tables import bounds_table
from lmctheory.widths.two_layer import neuron_with_fixed_output
from paper_figures.quoted import find_number, find_table

__all__ = ["FIGURES", "KEYS", "main", "quoted_numbers", "quoted_tables"]

KEYS = (
    *("R1", "R2", "R9", "R11", "R13", "R14", "R15", "R18", "R22"),
    *("T1", "T1b", "T2", "T4", "T7", "T8", "T9", "T10", "T11"),
    *("D1", "D7", "D8", "T12", "T13", "T14", "T15", "P2", "P2a", "P1", "T16"),
    *("C4", "C5", "C6", "C7"),
)
"""Theorems of the appendix."""
FIGURES = (
    *("matching_rates", "from_below", "deep_widths", "trained_coupling"),
    *("barrier_prediction", "path_certificates"),
)
"""Of the studies."""
_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs"
_PALETTE = 128
"""Colours of a figure's picture, which has a few and their blends with white."""


def main(
    folder: Annotated[Path, typer.Argument(help="Is made if its parent exists.")] = _DOCS
    / "paper"
    / "export",
) -> None:
    """Writes theorems, bibliography, numbers, tables and figures for the paper."""
    export(folder, KEYS, numbers=False)
    for name in ("tables", "figures"):
        (folder / name).mkdir(exist_ok=True)
    quoted = quoted_numbers()
    numbers = {**_of_theorems(), **_of_registry(), **quoted, "ratios": _ratios(quoted)}
    texts = {"lmctheory.bib": bibtex(), "numbers.tex": number_macros(numbers)}
    tables = {"bounds": _bounds(), **quoted_tables()}
    texts |= {f"tables/{name}.tex": table.to_tabular() for name, table in tables.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in FIGURES:
        _draw(name, folder / "figures")
    typer.echo(f"wrote {folder}")


def quoted_numbers() -> dict[str, dict[str, str]]:
    """What the pages say, by page and name.

    Raises:
        ValueError: naming the page and the pattern that it does not hold.
    """
    found: dict[str, dict[str, str]] = {}
    for page, parts in _quotes().items():
        try:
            found[page] = {
                name: find_number(_page(page), pattern)
                for name, pattern in parts.get("numbers", {}).items()
            }
        except ValueError as error:
            error.add_note(f"in docs/{page}.md")
            raise
    return found


def quoted_tables() -> dict[str, Table[Sequence[str]]]:
    """By name; of some, chosen rows."""
    return {
        name: _chosen(find_table(_page(page), given["title"], given["columns"]), given.get("rows"))
        for page, parts in _quotes().items()
        for name, given in parts.get("tables", {}).items()
    }


def _quotes() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((_DOCS / "paper" / "quotes.toml").read_text(encoding="utf-8"))


def _page(name: str) -> str:
    return (_DOCS / f"{name}.md").read_text(encoding="utf-8")


def _chosen(table: Table[Sequence[str]], begun: Sequence[str] | None) -> Table[Sequence[str]]:
    """The rows that begin as given, once a name that stands for several is written in each."""
    if begun is None:
        return table
    full, name = [], ""
    for row in table.rows:
        name = row[0] or name
        full.append([name, *row[1:]])
    missing = [one for one in begun if not any(" ".join(row).startswith(one) for row in full)]
    if missing:
        raise ValueError(f"rows must be those of {table.title!r}, got {missing}")
    rows = [next(row for row in full if " ".join(row).startswith(one)) for one in begun]
    first = Column[Sequence[str]](table.columns[0].name, left=True)
    return Table(table.title, table.caption, [first, *table.columns[1:]], rows)


def _of_theorems() -> dict[str, dict[str, str]]:
    known = registry()

    def rounded(key: str, digits: int, *arguments: Any) -> dict[str, str]:
        return known[key].instantiate(*arguments).rounded(digits)

    law = Gaussian(spectrum=np.ones(3))
    neuron = neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
    width = known["T4"].instantiate(0.05, law, neuron, delta=0.01)
    (barrier,) = rounded("T11", 2, 20, 512).values()
    return {
        "T4": {"N": f"{width.values['N']:,.0f}"},
        "T7": rounded("T7", 3, Gaussian(spectrum=np.ones(10)), 512),
        "T10": rounded("T10", 2, 20, 512),
        "T11": {"barrier": barrier},
    }


def _of_registry() -> dict[str, dict[str, str]]:
    known = registry()
    proved = sum(bool(known[key].proof) for key in KEYS)
    counts = {"statements": len(known), "shown": len(KEYS), "proofs": proved}
    return {"registry": {name: str(count) for name, count in counts.items()}}


def _ratios(quoted: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """How far bounds are from what they bound, where the pages show both and no ratio."""
    tables = quoted_tables()
    found: dict[str, str] = {}
    for name, table, above, below in (("T14", "growth", 3, 2), ("T16", "law", 3, 2)):
        ratios = [_number(row[above]) / _number(row[below]) for row in tables[table].rows]
        found |= {f"{name} least": _shown(min(ratios)), f"{name} most": _shown(max(ratios))}
    over = [_number(row[2]) for row in tables["functions"].rows]
    found |= {"T15 least": _shown(min(over)), "T15 most": _shown(max(over))}
    low, high = (float(quoted["certificates"][name]) for name in ("low", "high"))
    return {**found, "C6": f"{high / low:.2f}"}


def _number(text: str) -> float:
    """A figure without its standard error."""
    return float(text.split("(")[0])


def _shown(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}"


def _bounds() -> Table[Any]:
    """The sandwich at the largest width of the export's table."""
    table = bounds_table(0)
    widest = max(row.m for row in table.rows)
    columns = (
        Column[Any]("law", lambda row: _short(row.law), left=True),
        *(column for column in table.columns if column.name not in ("law", "m")),
    )
    return Table(
        table.title, table.caption, columns, [row for row in table.rows if row.m == widest]
    )


def _short(law: str) -> str:
    return law.removesuffix(", i to 50").replace("spectrum ", "").replace("^2", "²")


def _draw(name: str, folder: Path) -> None:
    """The vector graphics where the study was drawn here, else the picture of the docs."""
    drawn = _HERE / f"{name}.pdf"
    if drawn.exists():
        shutil.copy(drawn, folder)
        return
    (folder / f"{name}.pdf").unlink(missing_ok=True)
    with Image.open(_HERE / f"{name}.png") as picture:
        picture.convert("RGB").quantize(_PALETTE).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    typer.run(main)
