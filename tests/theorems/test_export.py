"""Theorems for papers: files that LaTeX takes as they are."""

import re
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

import lmctheory
from lmctheory.cli import app
from lmctheory.theorems import registry
from lmctheory.theorems.bibliography import WORKS
from lmctheory.theorems.export import environment, environments, export, number_macros
from lmctheory.theorems.export.tex import label

LATEX = pytest.mark.skipif(
    shutil.which("pdflatex") is None or shutil.which("bibtex") is None,
    reason="needs pdflatex and bibtex",
)
OVERFULL = 5.0
"""Points by which a line may be too long."""


def compiled(folder):
    """What LaTeX says at its last run; it must end without an error."""
    for program in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        options = ["-interaction=nonstopmode", "-halt-on-error"] if program == "pdflatex" else []
        ran = subprocess.run(
            [program, *options, "main"], cwd=folder, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]
    return (folder / "main.log").read_text(errors="replace")


def flawless(log):
    assert "undefined" not in log
    assert "multiply defined" not in log
    wide = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(wide, default=0.0) <= OVERFULL, log


@LATEX
def test_all_theorems_compile_without_a_flaw(tmp_path):
    export(tmp_path, numbers=False)
    flawless(compiled(tmp_path))


@LATEX
@pytest.mark.slow
def test_everything_compiles_with_its_numbers(tmp_path):
    files = export(tmp_path / "paper", ["R1", "R11", "T3", "C1'", "D1"])
    names = {path.relative_to(tmp_path / "paper").as_posix() for path in files}
    tables = {f"tables/{name}.tex" for name in ("bounds", "widths", "verification", "variants-1")}
    drawn = ("sandwich", "depth")
    figures = {f"figures/{name}.{kind}" for name in drawn for kind in ("pdf", "pgf")}
    assert tables | figures <= names
    flawless(compiled(tmp_path / "paper"))
    inputs = "".join(rf"\input{{figures/{name}.pgf}}" for name in drawn)
    text = r"\documentclass{article}\input{lmctheory-preamble}\begin{document}" + inputs
    (tmp_path / "paper" / "main.tex").write_text(text + r"\end{document}")
    ran = subprocess.run(
        ["pdflatex", "-halt-on-error", "main"],
        cwd=tmp_path / "paper",
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout.decode()[-1000:]


def test_every_theorem_is_there_once_with_all_that_is_known_of_it():
    text = environments(registry().values())
    for theorem in registry().values():
        assert text.count(rf"\label{{{label(theorem.key)}}}") == 1
        for line in theorem.lines:
            assert str(line) in text
        for symbol in theorem.symbols:
            assert f"${symbol}$" in text
    assert re.findall(r"\\ref\{([^}]*)\}", text) or not any(t.depends for t in registry().values())
    assert set(re.findall(r"\\ref\{([^}]*)\}", text)) <= set(
        re.findall(r"\\label\{([^}]*)\}", text)
    )


def test_what_is_not_exported_is_named_but_not_referred_to():
    theorem = next(theorem for theorem in registry().values() if theorem.depends)
    alone = environment(theorem, [theorem.key])
    assert r"\ref" not in alone
    for key in theorem.depends:
        assert key in alone


def test_files_say_where_they_come_from(tmp_path):
    for path in export(tmp_path, ["R1"], seed=7, numbers=False):
        first = path.read_text().splitlines()[0]
        assert first == f"% Written by lmctheory {lmctheory.__version__}, seed 7."


def test_single_theorems_are_printed():
    result = CliRunner().invoke(app, ["export", "D1", "R11", "D1"])
    assert result.exit_code == 0
    assert re.findall(r"\\label\{thm:(\w+)\}", result.output) == ["D1", "R11"]


def test_what_cannot_be_exported_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"keys must be registered ones, got \['X9'\]"):
        export(tmp_path, ["X9"], numbers=False)
    with pytest.raises(FileNotFoundError, match="is no folder to make"):
        export(tmp_path / "a" / "b", ["R1"], numbers=False)
    for words, message in (
        ([str(tmp_path), "papers", "R1"], "one folder at most, and known keys"),
        ([str(tmp_path), "R99"], "unknown keys ['R99']"),
        (["d1"], "unknown keys ['d1']"),
        ([""], "one folder at most"),
    ):
        result = CliRunner().invoke(app, ["export", *words])
        assert result.exit_code == 2
        assert message in result.output
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="folder must be one, got the file"):
        export(tmp_path / "file", ["R1"], numbers=False)


@LATEX
def test_numbers_are_macros_and_an_unknown_one_is_an_error(tmp_path):
    known = {"T7, d = 2": {"lower": "0.1", r"\mathbb E |f|^2": r"2 \times 10^{-7}"}}
    head = r"\documentclass{article}\usepackage{amssymb}" + number_macros(known)
    for quantity, code in (("lower", 0), (r"\mathbb E |f|^2", 0), ("upper", 1)):
        text = rf"{head}\begin{{document}}\lmcnumber{{T7, d = 2}}{{{quantity}}}\end{{document}}"
        (tmp_path / "main.tex").write_text(text)
        ran = subprocess.run(
            ["pdflatex", "-halt-on-error", "main"], cwd=tmp_path, capture_output=True, check=False
        )
        assert ran.returncode == code
    with pytest.raises(ValueError, match="names must hold none of"):
        number_macros({"50 %": {"lower": "1"}})


def test_plain_styles_print_where_preprints_are():
    assert "howpublished = {arXiv:2402.04051}" in WORKS["ito2024"].entry("ito2024")
    assert "howpublished" not in WORKS["ferbach2024"].entry("ferbach2024")
