"""The registry, and the command line over it."""

from dataclasses import replace
from itertools import chain, islice
from operator import attrgetter

import numpy as np
import pytest
from typer.testing import CliRunner

import lmctheory
from lmctheory.cli import app
from lmctheory.theorems import Check, Trial, registry


@pytest.fixture(scope="module", params=registry())
def check(request):
    """Ten trials of a theorem, for the tests to share; the slow ones draw 25 and 500."""
    drawn = registry()[request.param].trials(np.random.default_rng(1))
    return Check(request.param, tuple(islice(drawn, 10)))


def _holds(check):
    assert check.violations == 0, check
    assert check.tightness >= 1 - 0.02  # simulated values may lie a little on the wrong side


def test_every_theorem_holds(check):
    _holds(check)


@pytest.mark.slow
@pytest.mark.parametrize("key", registry())
def test_every_theorem_holds_many_times(key):
    _holds(registry()[key].check(rng=np.random.default_rng(1)))
    assert registry()[key].check(rng=np.random.default_rng(2), quick=False).violations == 0


def test_every_check_can_fail(check):
    """With 0.4 of its right-hand side, every statement is violated somewhere."""
    more = islice(registry()[check.key].trials(np.random.default_rng(3)), 100)
    trials = chain(check.trials, more)
    assert any(not replace(trial, larger=0.4 * trial.larger).holds for trial in trials)


@pytest.mark.parametrize("key", registry())
def test_every_entry_names_functions_that_exist(key):
    for name in registry()[key].functions:
        assert callable(attrgetter(name)(lmctheory))


def test_a_trial_that_is_not_a_number_does_not_hold():
    assert not Trial(float("nan"), 1.0).holds
    assert not Trial(1.0, float("nan")).holds


def test_verify_prints_a_row_per_key():
    result = CliRunner().invoke(app, ["verify", "R1", "C1"])
    assert result.exit_code == 0
    assert "R1" in result.output
    assert "C1" in result.output


def test_verify_fails_on_a_violation(monkeypatch):
    broken = replace(registry()["R1"], trials=lambda rng: iter([Trial(2.0, 1.0)] * 25))
    monkeypatch.setattr("lmctheory.cli.registry", lambda: {"R1": broken})
    assert CliRunner().invoke(app, ["verify"]).exit_code == 1


def test_verify_refuses_unknown_keys():
    result = CliRunner().invoke(app, ["verify", "R99"])
    assert result.exit_code == 2
    assert "unknown keys ['R99']" in result.output


def test_statements_are_printed_as_latex():
    result = CliRunner().invoke(app, ["theorems", "--latex"])
    assert result.output.count(r"\[") == len(registry())


def test_theorems_are_listed():
    result = CliRunner().invoke(app, ["theorems"])
    assert all(key in result.output for key in registry())
