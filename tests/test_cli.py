"""The command line: lists, checks, and what reproduces a violation."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lmctheory
from lmctheory.cli import app
from lmctheory.commands.bound_command import bound
from lmctheory.theorems import Trial, registry
from lmctheory.theorems.step import Step
from lmctheory.theorems.theorem import Tried

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "sklearn", "sympy", "scipy.stats"}


def invoke(*arguments, exit_code=0):
    if arguments[0] == "verify":
        arguments = (*arguments, "--jobs", "1")  # so that a registry of ours is tried
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == exit_code, result.output
    return result.output


def run(*command, **environment):
    """In a process of its own, with its output as bytes in files' stead."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, check=False, env=environment, cwd=ROOT
    )


def _false(rng):
    """That a uniform number is at most 0.9."""
    while True:
        x = rng.random()
        yield Trial(x, 0.9)


@pytest.fixture
def false_theorem(monkeypatch):
    """A registry with a false theorem among true ones; its key needs quoting."""
    known = {key: registry()[key] for key in ("R1", "R2", "T1")}
    known["F'"] = replace(known["R1"], key="F'", load=lambda: Tried(_false))
    known["T3"] = registry()["T3"]
    for module in (
        "commands.verify_command",
        "theorems.verification",
        "theorems.verification_tables",
    ):
        monkeypatch.setattr(f"lmctheory.{module}.registry", lambda: known)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["theorems"], ["verify", "-h"], ["atlas", "-h"]]
)
def test_what_computes_nothing_imports_nothing_heavy(arguments):
    program = (
        "import sys\nfrom lmctheory.cli import app\n"
        f"try:\n    app({arguments})\n"
        f"except SystemExit:\n    print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    ran = run("-c", program)
    assert ran.stderr.decode().splitlines()[-1] == "[]"


def test_rates_are_verified_without_pytorch():
    program = (
        "import sys\nfrom lmctheory.cli import app\n"
        "try:\n    app(['verify', 'R7', '--jobs', '1'])\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)"
    )
    assert run("-c", program).stdout.decode().splitlines()[-1] == "0 False"


def test_the_version_is_the_package_s():
    assert invoke("--version") == f"lmctheory {lmctheory.__version__}\n"
    assert f"\nversion: {lmctheory.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_subpackages_are_attributes_and_nothing_else_is():
    assert set(lmctheory.__all__) <= set(dir(lmctheory))
    for name in lmctheory.__all__:
        found = getattr(lmctheory, name)
        own = (lmctheory.sweeps.sweep, lmctheory.comparison.compare)
        assert found in own or found.__name__ == f"lmctheory.{name}"
    with pytest.raises(AttributeError, match="no attribute 'rate'"):
        lmctheory.rate  # noqa: B018
    source = ast.parse(Path(lmctheory.__file__).read_text())
    [seen] = [n.body for n in source.body if isinstance(n, ast.If)]
    assert (
        sorted(name.name for n in seen for name in n.names) == lmctheory.__all__
    )  # by type checkers


@pytest.mark.parametrize(
    ("columns", "group", "listed"), [(60, [], app), (100, ["bound"], bound)], ids=["all", "bound"]
)
def test_commands_are_listed_whole(columns, group, listed):
    program = "from lmctheory.cli import app; app()"
    text = run("-c", program, *group, "--help", COLUMNS=str(columns)).stdout.decode()
    widest = max(map(len, text.splitlines()))
    assert columns - 15 < widest <= columns
    for command in listed.registered_commands:
        sentence = command.callback.__doc__.partition("\n")[0]
        assert sentence.rstrip(".") in " ".join(text.split())


def test_theorems_are_listed_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = invoke("theorems")
    for entry in registry().values():
        lines = (f"{entry.key:5}{entry.title}", entry.note, ", ".join(entry.functions))
        assert "\n     ".join(lines) in text


@pytest.mark.parametrize("command", [["theorems"], ["theorems", "--latex"], ["verify", "R1"]])
@pytest.mark.parametrize(
    "colour", [{"NO_COLOR": "1"}, pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow)]
)
def test_every_command_prints_in_an_ascii_locale(command, colour):
    locale = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ran = run("-c", "from lmctheory.cli import app; app()", *command, **locale, **colour)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.isascii()
    assert b"\x1b" not in ran.stdout
    assert ran.stdout.count(b"\n") > 4


def test_statements_are_printed_as_latex():
    assert invoke("theorems", "--latex").count(r"\[") == len(registry())


def test_verify_prints_a_row_per_key():
    text = invoke("verify", "R1", "T1", "R1")
    assert re.findall(r"^ +(\w+)  .* +\d+ +[-\d]+ +[-\d]+ +0  ", text, flags=re.MULTILINE) == [
        "R1",
        "T1",
    ]


def test_verify_draws_for_a_key_what_it_draws_for_all(false_theorem):
    def about(text):
        # all but the seconds
        return [line.split()[:-1] for line in text.splitlines() if "F'" in line]

    everything = about(invoke("verify", "--seed", "3", exit_code=1))
    assert len(everything) > 3
    for keys in (["F'"], ["T3", "F'"], ["F'", "R1"]):
        assert about(invoke("verify", "--seed", "3", *keys, exit_code=1)) == everything
    assert about(invoke("verify", "--seed", "4", "F'", exit_code=1)) != everything


def test_a_violation_names_the_command_that_shows_it(false_theorem):
    text = invoke("verify", "--seed", "3", exit_code=1)
    found = re.findall(
        r"^F', random trial (\d+): not ([\d.]+) <= 0.9; see\n +lmctheory (.*)$", text, re.M
    )
    assert found
    for number, x, command in found:
        shown = invoke(*shlex.split(command), exit_code=1)
        assert shown.splitlines() == [
            f"F', seed 3, random trial {number}: {x} <= 0.9 is violated, where",
            f"  x = {x}",
        ]
    held = next(n for n in range(1, 26) if str(n) not in {number for number, *_ in found})
    assert " <= 0.9 holds, where" in invoke("verify", "F'", "--seed", "3", "--trial", str(held))


def test_of_many_violations_the_first_are_shown_and_all_counted(false_theorem):
    text = invoke("verify", "F'", "--full", exit_code=1)
    assert text.count("--trial") == 5
    violations = int(re.search(r" 500  +- +- +(\d+)  ", text)[1])
    assert 20 < violations < 80  # binomial, mean 50, standard deviation 6.7
    assert f"F': and {violations - 5} more trials" in text


def test_verify_prints_a_row_per_step(tmp_path):
    text = invoke("verify", "--steps", "T3", "R11", "--json", tmp_path / "steps.json")
    assert re.findall(r"^ +(\w+) +(\d+)  (\w+)", text, flags=re.MULTILINE) == [
        ("T3", "1", "identity"),
        ("T3", "2", "identity"),
        ("T3", "3", "identity"),
        ("T3", "3", "inequality"),
        ("R11", "1", "cited"),
        ("R11", "2", "equality"),
        ("R11", "3", "inequality"),
    ]
    assert text.endswith("6 steps of 2 proofs: 5 checked, 1 in words.\n")
    [first, *_] = json.loads((tmp_path / "steps.json").read_text())
    assert (first["key"], first["held"]) == ("T3", 1)


def test_verify_fails_if_a_step_does_not_hold(monkeypatch):
    false = Step(1, "inequality", "", _false)
    known = {"T3": replace(registry()["T3"], load_steps=lambda: (false,))}
    for module in ("commands.verify_command", "theorems.verification"):
        monkeypatch.setattr(f"lmctheory.{module}.registry", lambda: known)
    text = invoke("verify", "--steps", "T3", exit_code=1)
    assert "1 checked, 0 in words. Not looked at: 2 of T3." in text


def test_verify_refuses_steps_where_no_proof_has_any(monkeypatch):
    known = {"R1": replace(registry()["R1"], proof="")}
    monkeypatch.setattr("lmctheory.commands.verify_command.registry", lambda: known)
    assert "told in steps" in invoke("verify", "R1", "--steps", exit_code=2)


def test_verify_refuses_what_it_cannot_do():
    assert "give one of them" in invoke("verify", "--steps", "--variants", exit_code=2)
    assert "unknown keys ['R99']" in invoke("verify", "R99", exit_code=2)
    assert "--trial needs one key, got 2" in invoke(
        "verify", "R1", "R2", "--trial", "1", exit_code=2
    )
    assert "greater than or equal to 1" in invoke("verify", "R1", "--trial", "0", exit_code=2)
