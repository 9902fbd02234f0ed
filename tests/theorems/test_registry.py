"""The registry of theorems, and what checks them."""

from dataclasses import replace
from itertools import chain, islice
from operator import attrgetter

import numpy as np
import pytest

import lmctheory
from lmctheory.activations import KNOWN
from lmctheory.rates import wasserstein_pow
from lmctheory.theorems import Check, Trial, registry
from lmctheory.theorems.checks.deep import matched_networks
from lmctheory.theorems.theorem import Tried

DEAR = ("C4", "C5", "C6", "D1", "D2", "R9", "R11", "S1")
"""Theorems that take most of a second to try once."""


@pytest.fixture(scope="module", params=registry())
def check(request):
    """Some trials of a theorem, for the tests to share; the slow ones draw 25 and 500."""
    drawn = registry()[request.param].tried.random(np.random.default_rng(1))
    return Check(request.param, tuple(islice(drawn, 3 if request.param in DEAR else 10)))


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
    rng = np.random.default_rng(16 if check.key == "C2" else 3)  # which is rarely so sharp
    more = islice(registry()[check.key].tried.random(rng), 100)
    trials = chain(check.trials, more)
    assert any(not replace(trial, larger=0.4 * trial.larger).holds for trial in trials)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_d1_could_fail_for_every_activation(name):
    """Small weights, where it is sharpest: half of the bound is too little somewhere."""
    rng = np.random.default_rng(0)
    trials = [matched_networks(name, 0.15, rng) for _ in range(4)]
    assert all(trial.holds for trial in trials)
    assert not all(replace(trial, larger=0.5 * trial.larger).holds for trial in trials)


@pytest.mark.parametrize("key", registry())
def test_every_entry_names_functions_that_exist(key):
    for name in registry()[key].functions:
        assert callable(attrgetter(name)(lmctheory))


def test_a_trial_that_is_not_a_number_does_not_hold():
    assert not Trial(float("nan"), 1.0).holds
    assert not Trial(1.0, float("nan")).holds


def test_a_theorem_draws_what_it_draws_whatever_is_tried_beside_it():
    first, second = registry()["R1"], registry()["R10"]
    alone = first.check(rng=first.stream(5)).trials
    second.check(rng=second.stream(5))
    assert first.check(rng=first.stream(5)).trials == alone
    assert first.check(rng=first.stream(6)).trials != alone


def test_every_theorem_has_random_numbers_of_its_own():
    streams = [
        theorem.stream(seed).bytes(8) for theorem in registry().values() for seed in (0, 1, 2**70)
    ]
    assert len(set(streams)) == len(streams)


def test_random_numbers_stay_the_same_between_releases():
    """Otherwise no command in a report of a violation could be run again."""
    assert registry()["C1'"].stream(3).integers(10**6) == 412333


def test_the_quick_trials_are_the_first_of_all():
    theorem = registry()["T1"]  # of many trials the fastest
    few, many = (theorem.check(rng=theorem.stream(0), quick=quick) for quick in (True, False))
    assert len(few.trials) == 40
    assert len(many.trials) == 100_000
    assert many.trials[:40] == few.trials


def test_one_trial_is_drawn_again_with_what_it_was_drawn_from(as_users_call):
    theorem = registry()["R1"]
    check = theorem.check(rng=theorem.stream(0))
    for number in (1, 2, 25):
        trial, drawn = theorem.instance(number, rng=theorem.stream(0))
        assert trial == check.trials[number - 1]
        assert wasserstein_pow(drawn["a"], drawn["b"], drawn["p"]) == trial.smaller
    with pytest.raises(ValueError, match="number must be >= 1, got 0"):
        theorem.instance(0, rng=theorem.stream(0))
    with pytest.raises(TypeError, match="number must be an integer, got '1'"):
        theorem.instance("1", rng=theorem.stream(0))


def test_an_error_names_the_trial_that_it_happened_in():
    def trials(rng):
        yield Trial(1.0, 2.0)
        raise ZeroDivisionError

    broken = replace(registry()["R1"], load=lambda: Tried(trials))
    with pytest.raises(ZeroDivisionError) as caught:
        broken.check(rng=np.random.default_rng(0))
    assert caught.value.__notes__ == ["in random trial 2 of R1"]


def test_violations_are_counted_and_numbered():
    check = Check("X", tuple(Trial(value, 1.0) for value in (1.0, 2.0, 0.5, np.nan)))
    assert check.violated == (("random", 2), ("random", 4))
    assert check.violations == 2
    assert str(Trial(2.0, 1.0, 0.25)) == "2.0 <= 1.0 + 0.25"
    assert str(Trial(2.0, 1.0)) == "2.0 <= 1.0"
