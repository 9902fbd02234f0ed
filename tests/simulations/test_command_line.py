"""The program of all studies: its help, and that a study is imported when it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulations.__main__ import STUDIES
from simulations.command_line import Command, application

ROOT = Path(__file__).parents[2]


def test_help_imports_no_study():
    program = (
        "import sys\nfrom simulations.__main__ import STUDIES\n"
        "from simulations.command_line import application\n"
        "try:\n    application(STUDIES)(['--help'])\n"
        "except SystemExit:\n"
        "    print({'torch', 'sklearn', 'sympy', 'scipy', 'numpy'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environment
    )
    *text, heavy = ran.stdout.decode().splitlines()
    assert heavy == "set()"
    words = " ".join(text).split()
    for name, command in STUDIES.items():
        assert name in words
        assert command.summary in " ".join(words)


def test_only_the_study_that_is_asked_for_is_loaded():
    loaded = []

    def study(name):
        def run(times: int = 1) -> None:
            print(name, times)

        def load():
            loaded.append(name)
            return run

        return Command(f"What {name} does.", load)

    app = application({name: study(name) for name in ("one", "two")})
    assert "What one does." in CliRunner().invoke(app, ["--help"]).output
    assert not loaded
    assert CliRunner().invoke(app, ["two", "--times", "3"]).output == "two 3\n"
    assert loaded == ["two"]
    unknown = CliRunner().invoke(app, ["twoo"])
    assert unknown.exit_code == 2
    assert "No such command 'twoo'. Did you mean 'two'?" in unknown.output


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_says_what_it_does(study):
    assert STUDIES[study].summary.endswith(".")
