"""The command `atlas`."""

import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lmctheory.cli import app
from lmctheory.theorems import Trial, registry
from lmctheory.theorems.theorem import Tried


def invoke(*arguments, exit_code=0):
    result = CliRunner().invoke(app, ["atlas", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


def _false(rng):
    """That a uniform number is at most 0.9."""
    while True:
        yield Trial(rng.random(), 0.9)


@pytest.fixture
def few(monkeypatch):
    known = {key: registry()[key] for key in ("R1", "T1")}
    for module in ("commands.atlas_command", "theorems.verification"):
        monkeypatch.setattr(f"lmctheory.{module}.registry", lambda: known)
    return known


def test_it_writes_a_page(few, tmp_path):
    out = tmp_path / "atlas.html"
    assert f"atlas.html: {len(few)} theorems" in invoke(out, "--jobs", 1, "--seed", 3)
    text = out.read_text(encoding="utf-8")
    assert "Seed 3" in text
    for theorem in few.values():
        assert f"{theorem.tried.counts[0]} random" in text
    assert len(re.findall(r"\d+ random", text)) == len(few)


def test_without_verification_it_draws_no_trials(few, tmp_path):
    invoke(tmp_path / "atlas.html", "--no-verify")
    page = (tmp_path / "atlas.html").read_text(encoding="utf-8")
    assert not re.search(r"\d+ random", page)


def test_it_fails_if_a_theorem_is_violated_and_shows_it(few, tmp_path):
    few["F"] = replace(few["R1"], key="F", load=lambda: Tried(_false), depends=())
    out = tmp_path / "atlas.html"
    assert "violated: F; see lmctheory verify --seed 0" in invoke(out, "--jobs", 1, exit_code=1)
    assert "badge violated" in out.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_refused_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr("lmctheory.theorems.verification.verify_both", None)
    assert "is no folder to write a.html to" in invoke(tmp_path / "no" / "a.html", exit_code=2)
    assert "must end in .html" in invoke(tmp_path / "a.txt", exit_code=2)
