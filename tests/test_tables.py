"""Declared tables: one declaration, all forms."""

import csv
import io
import json
import math
from dataclasses import dataclass

import pytest

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import FORMATS, Column, Table, csv_text, tables_text


@dataclass(frozen=True)
class Run:
    name: str
    width: int
    cost: Mean | None
    bound: float


RUNS = (
    Run("a_1 & b", 16, Mean(0.0241, 0.0008), 1.5e-7),
    Run("50 %", 1024, None, math.inf),
    Run(r"\x", 8, Mean(-2.0, math.nan), math.nan),
)
COLUMNS = (
    Column[Run]("name", lambda run: run.name, left=True),
    Column[Run]("width", lambda run: run.width, form="d"),
    Column[Run]("cost per neuron", lambda run: run.cost, head="cost"),
    Column[Run]("bound", lambda run: run.bound),
)
TABLE = Table("Costs of 3 runs", "cost: in brackets the standard error.", COLUMNS, RUNS)


def test_in_a_terminal_every_cell_stands_under_its_head():
    lines = TABLE.text("table").splitlines()
    assert "Costs of 3 runs" in lines[0]
    assert [line.split() for line in lines if "16" in line] == [
        ["a_1", "&", "b", "16", "0.0241(8)", "1.5e-07"]
    ]
    assert [line.split() for line in lines if "%" in line] == [["50", "%", "1024", "-", "inf"]]
    assert any("cost: in brackets" in line for line in lines)


def test_records_keep_full_precision_and_errors_apart():
    first, second, _ = TABLE.records
    assert first == {
        "name": "a_1 & b",
        "width": 16,
        "cost per neuron": 0.0241,
        "cost per neuron error": 0.0008,
        "bound": 1.5e-7,
    }
    assert second["cost per neuron"] is None


def test_csv_leaves_empty_what_is_not_there():
    first, second, third = csv.DictReader(io.StringIO(TABLE.text("csv")))
    assert float(first["bound"]) == 1.5e-7
    assert second["cost per neuron"] == second["cost per neuron error"] == ""
    assert third["name"] == r"\x"


def test_json_is_json_for_every_reader():
    content = json.loads(TABLE.text("json"), parse_constant=pytest.fail)
    assert content["title"] == TABLE.title
    assert [row["bound"] for row in content["rows"]] == [1.5e-7, "inf", None]


def test_latex_escapes_words_and_sets_numbers_as_mathematics():
    text = TABLE.to_latex(label="tab:costs")
    assert r"a\_1 \& b & $16$ & $0.0241(8)$ & $1.5\times 10^{-7}$ \\" in text
    assert r"50 \% & $1024$ & - & inf \\" in text
    assert r"\textbackslash{}x & $8$ & $-2$ & nan \\" in text
    assert r"\label{tab:costs}" in text
    assert r"\begin{tabular}{lrrr}" in text


def test_frames_hold_the_records():
    pytest.importorskip("pandas")
    frame = TABLE.to_frame()
    assert frame["bound"].tolist()[0] == 1.5e-7
    assert list(frame.columns) == list(csv.DictReader(io.StringIO(TABLE.text("csv"))).fieldnames)


def test_names_of_columns_are_keys_and_formats_are_known():
    with pytest.raises(ValueError, match="different names"):
        Table("", "", (COLUMNS[0], COLUMNS[0]), RUNS)
    with pytest.raises(ValueError, match=str(list(FORMATS)).replace("[", r"\[")):
        TABLE.text("excel")


def test_csv_has_all_keys_and_writes_lists_as_json():
    text = csv_text([{"a": 1, "b": [1, [2.5]]}, {"a": None, "c": 'x, "y"'}])
    assert text == 'a,b,c\n1,"[1,[2.5]]",\n,,"x, ""y"""\n'


def test_sections_are_told_apart_and_names_printed_once():
    rows = [("a", 1), ("a", 2), ("b", 2), ("b", 2)]
    columns = (
        Column[tuple[str, int]]("kind", lambda row: row[0], once=True, left=True),
        Column[tuple[str, int]]("number", lambda row: row[1], form=lambda n: f"<{n}>"),
    )
    table = Table("", "", columns, rows, sections=lambda row: row[0])
    assert table.cells == [["a", "<1>"], ["", "<2>"], ["b", "<2>"], ["", "<2>"]]
    lines = [line.split() for line in table.text("table").splitlines()]
    place = lines.index(["b", "<2>"])
    assert lines[place - 3 : place + 2] == [["a", "<1>"], ["<2>"], [], ["b", "<2>"], ["<2>"]]
    assert table.to_latex().count(r"\midrule") == 2
    assert [row["kind"] for row in table.records] == ["a", "a", "b", "b"]
    assert Table("", "", columns, (), sections=lambda row: row[0]).cells == []


def test_rows_of_cells_are_taken_by_place():
    columns = (Column[tuple[int, float]]("width", form="d"), Column[tuple[int, float]]("cost"))
    table = Table("", "", columns, [(8, 0.25)])
    assert table.records == [{"width": 8, "cost": 0.25}]
    assert table.cells == [["8", "0.25"]]
    for row in ((8,), (8, 0.25, 1)):
        with pytest.raises(ValueError, match="rows must have a cell for each of"):
            Table("", "", columns, [row])


def test_several_tables_make_one_text():
    other = Table("Others", "", COLUMNS, RUNS[:1])
    content = json.loads(tables_text([TABLE, other], "json"), parse_constant=pytest.fail)
    assert [one["title"] for one in content] == ["Costs of 3 runs", "Others"]
    text = tables_text([TABLE, other], "csv")
    assert [line for line in text.splitlines() if line[:1] == "#"] == [
        "# Costs of 3 runs",
        "# Others",
    ]
    last = text.partition("# Others\n")[2]
    assert [row["name"] for row in csv.DictReader(io.StringIO(last))] == ["a_1 & b"]
    assert tables_text([TABLE, other], "latex").count(r"\end{table}") == 2
    assert tables_text([], "json") == "[\n]\n"
    with pytest.raises(ValueError, match="form must be one of"):
        tables_text([TABLE], "html")
