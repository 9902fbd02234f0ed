"""The steps of proofs, and what checks them."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from lmctheory.tables import Table
from lmctheory.terminal import WIDTH, shown
from lmctheory.theorems import Trial, registry
from lmctheory.theorems._registry import identity
from lmctheory.theorems.step import Step, both_ways
from lmctheory.theorems.verification import check_steps
from lmctheory.theorems.verification_tables import steps_table

DECLARED = [key for key in registry() if registry()[key].steps]
X = sp.symbols("x", real=True)


def _checked(step):
    return step.check("X", np.random.default_rng(0))


@pytest.fixture(scope="module", params=DECLARED)
def checks(request):
    return check_steps(registry()[request.param])


def test_every_step_holds_and_is_caught_with_99_percent(checks):
    for check in checks:
        assert check.good, check
        assert check.in_words or check.trials > 0
        assert check.slack < 0.5  # or a factor of two in the step would go unseen


@pytest.mark.parametrize("key", DECLARED)
def test_every_step_of_a_proof_is_looked_at_and_there_is_no_other(key):
    theorem = registry()[key]
    numbers = theorem.step_numbers
    assert numbers == tuple(range(1, len(numbers) + 1))
    assert {step.number for step in theorem.steps} == set(numbers)


def test_the_table_fits_a_terminal():
    found = [
        _checked(replace(step, sides=None)) for key in DECLARED for step in registry()[key].steps
    ]
    table = steps_table([replace(check, trials=200, held=200) for check in found])
    assert isinstance(table, Table)
    assert max(map(len, shown(table).splitlines())) <= WIDTH


def test_no_step_is_declared_that_a_proof_does_not_have():
    with pytest.raises(AssertionError, match="T3"):
        identity("T3", 9, "nothing")(lambda: iter(()))


def _squares(factor):
    def trials(rng):
        """(x + y)^2 <= factor (x^2 + y^2), where x = y every second time."""
        while True:
            x, y = rng.standard_normal(2)
            y = x if rng.random() < 0.5 else y
            yield Trial((x + y) ** 2, factor * (x**2 + y**2))

    return trials


def test_a_false_identity_does_not_hold():
    true = _checked(Step(1, "identity", "", lambda: [((X + 1) ** 2, X**2 + 2 * X + 1)]))
    assert (true.good, true.trials, true.held, true.caught) == (True, 1, 1, 1)
    false = _checked(Step(1, "identity", "", lambda: [(X, X), ((X + 1) ** 2, X**2 + X + 1)]))
    assert (false.good, false.trials, false.held) == (False, 2, 1)


def test_an_identity_of_zeros_says_nothing():
    assert not _checked(
        Step(1, "identity", "", lambda: [(sp.sin(X) ** 2 + sp.cos(X) ** 2 - 1, 0 * X)])
    ).good


def test_a_false_inequality_does_not_hold():
    true = _checked(Step(1, "inequality", "", _squares(2)))
    assert (true.good, true.trials, true.held) == (True, 200, 200)
    assert true.caught is not None
    false = _checked(Step(1, "inequality", "", _squares(1.98)))
    assert not false.good
    assert 50 < false.held < 150


def test_an_inequality_that_is_not_attained_states_its_slack():
    loose = _checked(Step(1, "inequality", "", _squares(2.5)))
    assert (loose.good, loose.held, loose.caught) == (False, 200, None)
    assert _checked(Step(1, "inequality", "", _squares(2.5), slack=0.2)).good
    assert not _checked(Step(1, "inequality", "", _squares(2.5), slack=0.1)).good


def test_an_equality_fails_on_either_side():
    def pairs(factor):
        return both_ways(lambda rng: ((x, factor * x) for x in iter(rng.random, None)))

    assert _checked(Step(1, "equality", "", pairs(1))).good
    for factor in (0.999, 1.001):
        assert not _checked(Step(1, "equality", "", pairs(factor))).good


def test_words_are_not_counted_as_checks():
    check = _checked(Step(1, "cited", "Markov's inequality"))
    assert (check.good, check.in_words, check.trials, check.caught) == (True, True, 0, None)
