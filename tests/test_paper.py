"""The paper of docs: made of exports alone, in six pages, without a flaw."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lmctheory.tables import Column, Table
from paper_figures import paper
from paper_figures.quoted import find_number, find_table

PAPER = Path(__file__).parents[1] / "docs" / "paper"
PAGE = """
text above

```
Errors by width, and
their bounds

            width  error  bound
 ──────────────────────────────
  relu 1        8   .5(1)   1.0
               16   .3(1)
  tanh 1        8   .2(1)   0.9

In brackets the standard error.
```
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The paper, compiled from a fresh export."""
    missing = [name for name in ("pdflatex", "bibtex") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("paper")
    shutil.copy(PAPER / "paper.tex", folder)
    paper.main(folder / "export")
    for program in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        options = ["-interaction=nonstopmode", "-halt-on-error"] if program == "pdflatex" else []
        ran = subprocess.run(
            [program, *options, "paper"], cwd=folder, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]
    return folder


@pytest.mark.slow
def test_the_paper_compiles_without_a_flaw(built):
    log = (built / "paper.log").read_text(errors="replace")
    assert "undefined" not in log
    assert "multiply defined" not in log
    wide = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(wide, default=0.0) <= 5.0


@pytest.mark.slow
def test_it_has_six_pages_before_the_appendix(built):
    labels = (built / "paper.aux").read_text()
    (page,) = re.findall(r"\\newlabel\{app:theorems\}\{\{A\}\{(\d+)\}", labels)
    assert int(page) == 7
    assert (built / "paper.pdf").stat().st_size < 1.5e6


def test_every_quoted_number_is_found_and_used():
    text = (PAPER / "paper.tex").read_text()
    used = set(re.findall(r"\\q\{(\w+)\}\{(\w+)\}", text))
    quoted = paper.quoted_numbers()
    in_ratios = {("certificates", "low"), ("certificates", "high")}
    for page, numbers in quoted.items():
        for name in numbers:
            assert (page, name) in used | in_ratios, f"{page}: {name} is not used"


def test_numbers_are_found_over_line_breaks_and_only_where_there_is_one():
    assert find_number("of 9 all\n  hold", r"of (\d) all hold") == "9"
    assert find_number("of 9, of 9", r"of (\d)") == "9"
    for text in ("of 9, of 8", "none"):
        with pytest.raises(ValueError, match="pattern must be found with one number"):
            find_number(text, r"of (\d)")


def test_tables_are_cut_by_heads():
    table = find_table(PAGE, "Errors by width", ["", "error", "bound"])
    assert [list(row) for row in table.rows] == [
        ["relu 1", ".5(1)", "1.0"],
        ["", ".3(1)", ""],
        ["tanh 1", ".2(1)", "0.9"],
    ]
    assert table.columns[0].left
    with pytest.raises(ValueError, match="title must be that of a table, got 'Losses'"):
        find_table(PAGE, "Losses", ["error"])
    with pytest.raises(ValueError, match=r"columns must be among \['width', 'error', 'bound'\]"):
        find_table(PAGE, "Errors", ["loss"])


def test_chosen_rows_have_their_names():
    found = paper._chosen(find_table(PAGE, "Errors", ["", "width"]), ["relu 1 16", "tanh 1"])
    assert found.rows == [["relu 1", "16"], ["tanh 1", "8"]]
    with pytest.raises(ValueError, match=r"rows must be those of 'Errors', got \['gelu'\]"):
        paper._chosen(find_table(PAGE, "Errors", ["", "width"]), ["gelu"])


def test_a_tabular_is_what_a_table_of_latex_holds():
    table = Table("T", "c", [Column("width", int, form="d")], (2, 4))
    assert table.to_tabular() in table.to_latex()
    assert table.to_tabular().startswith("\\begin{tabular}{r}\n\\toprule")
