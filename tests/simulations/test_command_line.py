"""The program of all studies: its help, and that a study is imported when it is asked for."""

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import wraps
from pathlib import Path

import pytest
from toy_study import DECLARATION, ENTRIES, toy
from typer.testing import CliRunner

from lmctheory.sweeps import RunError
from lmctheory.tables import FORMATS
from simulations.__main__ import STUDIES
from simulations.command_line import application
from simulations.declaration import Entry

ROOT = Path(__file__).parents[2]


def invoke(*arguments, studies=ENTRIES):
    return CliRunner().invoke(application(studies), [str(argument) for argument in arguments])


def test_listing_the_studies_imports_none():
    program = (
        "import sys\nfrom simulations.__main__ import STUDIES\n"
        "from simulations.command_line import application\n"
        "try:\n    application(STUDIES)(['list'])\n"
        "except SystemExit:\n"
        "    print({'torch', 'sklearn', 'sympy', 'scipy', 'numpy'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environment
    )
    *lines, heavy = ran.stdout.decode("ascii").splitlines()
    assert heavy == "set()"
    assert [line.split()[0] for line in lines] == list(STUDIES)
    for line, entry in zip(lines, STUDIES.values(), strict=True):
        assert line.endswith(entry.summary)
        assert len(line) <= 100


def test_only_the_study_that_is_asked_for_is_loaded():
    loaded = []

    def entry(name):
        def load():
            loaded.append(name)
            return DECLARATION

        return Entry(f"What {name} does.", load)

    studies = {name: entry(name) for name in ("one", "two")}
    assert "What one does." in invoke("run", "--help", studies=studies).output
    assert not loaded
    for arguments in (("two",), ("run", "two"), ("status", "two")):
        loaded.clear()
        assert "--tasks" in invoke(*arguments, "--help", studies=studies).output
        assert loaded == ["two"]
    unknown = invoke("run", "twoo", studies=studies)
    assert unknown.exit_code == 2
    assert "No such command 'twoo'. Did you mean 'two'?" in unknown.output


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_says_what_it_does(study):
    assert STUDIES[study].summary.endswith(".")


def planned(tmp_path, *options):
    """Configurations of the toy study's plan."""
    rows = []
    studies = {"toy": Entry("", lambda: replace(DECLARATION, plan=recording(rows)))}
    ran = invoke("status", "toy", *options, "--results", tmp_path / "x.sqlite", studies=studies)
    assert ran.exit_code == 0, ran.output
    return rows


def recording(rows):
    @wraps(toy)
    def plan(**options):
        rows.extend(toy(**options))
        return rows

    return plan


def test_fields_of_the_plan_are_set_in_three_ways(tmp_path):
    assert len(planned(tmp_path)) == 4
    [config, *others] = planned(tmp_path, "--quick", "--set", "labels=a,b c", "--set", "seconds=3")
    assert len(others) == 1
    assert (config.seconds, config.labels) == (3.0, ["a", "b c"])
    # an option of its own comes first, then --set, then --quick, in whatever order
    assert len(planned(tmp_path, "--set", "tasks=3", "--quick")) == 3
    assert len(planned(tmp_path, "--tasks", "5", "--set", "tasks=3", "--quick")) == 5


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("task=3", "key of directory, tasks, seconds, labels, file_limit, got 'task=3'"),
        ("results=x", "must be KEY=VALUE with a key of directory"),
        ("tasks", "must be KEY=VALUE"),
        ("tasks=three", "Invalid value for '--tasks'"),
        ("tasks=0", "Invalid value for '--tasks'"),
        ("tasks=13", "tasks must not be 13"),
    ],
)
def test_bad_settings_are_refused_before_any_work(tmp_path, setting, message):
    results = tmp_path / "x.sqlite"
    ran = invoke("run", "toy", "--set", setting, "--results", results)
    assert ran.exit_code == 2
    assert message in " ".join(ran.output.split())
    assert not results.exists()


def test_a_key_is_set_once():
    ran = invoke("run", "toy", "--set", "tasks=1", "--set", "tasks=2")
    assert ran.exit_code == 2
    assert "must name each key once, got tasks twice" in ran.output


@pytest.mark.usefixtures("in_this_process")
def test_quick_results_lie_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = invoke("run", "toy", "--quick")
    assert ran.output.endswith("sum of squares: 1\n")
    assert (tmp_path / "results" / "quick" / "toy.sqlite").exists()
    assert not (tmp_path / "results" / "toy.sqlite").exists()


@pytest.mark.usefixtures("in_this_process")
def test_status_tells_what_is_done_failed_and_left(tmp_path):
    options = ("--directory", tmp_path, "--results", tmp_path / "x.sqlite", "--tasks", 4)
    assert "time    unknown, as no task is done" in invoke("status", "toy", *options).output
    (tmp_path / "1.raise").touch()
    assert isinstance(invoke("run", "toy", *options).exception, RunError)
    lines = invoke("status", "toy", *options).output.splitlines()
    assert lines[1:4] == [
        "done    3 of 4",
        "failed  1",
        "left    1, those that failed among them",
    ]
    assert lines[4].endswith("left with 2 workers, at the pace so far")
    assert "failed with ArithmeticError: no such luck" in lines
    assert max(map(len, lines)) <= 100


@pytest.mark.usefixtures("in_this_process")
def test_results_are_exported_as_flat_rows(tmp_path):
    place = ("--results", tmp_path / "x.sqlite")
    invoke("run", "toy", "--directory", tmp_path, "--tasks", 2, *place)
    printed = invoke("export", "toy", "--csv", *place).output
    written = tmp_path / "x.csv"
    assert invoke("export", "toy", "--csv", *place, "--output", written).exit_code == 0
    for text in (printed, written.read_text()):
        rows = list(csv.DictReader(io.StringIO(text)))
        assert sorted(row["record.square"] for row in rows) == ["0", "1"]
        assert {row["config.directory"] for row in rows} == {str(tmp_path)}
        assert all(row["provenance.python"] and row["created"] for row in rows)
        assert rows[0]["record.limits"] == "[NaN,Infinity]"
    for options in ((), ("--csv", "--tables", "json")):
        refused = invoke("export", "toy", *options, *place)
        assert refused.exit_code == 2
        assert "name a format: --csv" in refused.output
    unwritable = invoke("export", "toy", "--csv", *place, "--output", tmp_path / "no" / "x.csv")
    assert unwritable.exit_code == 2


@pytest.mark.usefixtures("in_this_process")
def test_the_tables_of_a_report_are_exported_in_every_form(tmp_path):
    place = ("--results", tmp_path / "x.sqlite")
    invoke("run", "toy", "--directory", tmp_path, "--tasks", 2, *place)
    texts = {form: invoke("export", "toy", "--tables", form, *place).output for form in FORMATS}
    squares = sorted(row["square"] for row in json.loads(texts["json"])[0]["rows"])
    assert squares == [0, 1]
    head, *rows = texts["csv"].splitlines()
    assert head == "# Squares"
    assert sorted(rows) == ["0", "1", "square"]
    assert texts["latex"].startswith(r"\begin{table}")
    assert "Squares" in texts["table"]
    refused = invoke("export", "toy", "--tables", "html", *place)
    assert refused.exit_code == 2
    assert "--tables must be one of" in refused.output
