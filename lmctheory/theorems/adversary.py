"""Searches for a violation: an evolution strategy on all that a trial draws.

A generator of trials is a function of the random numbers that it draws. `Tape` hands it numbers
that are stored and can be changed one by one, so that every exact check has an adversary and none
needs one of its own.
"""

from collections.abc import Callable, Iterator
from inspect import getgeneratorlocals, isgenerator
from math import prod
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from lmctheory.theorems.trial import Trial

__all__ = ["Tape", "Trials", "search"]

Trials = Callable[[np.random.Generator], Iterator[Trial]]
"""Draws instances without end."""
_PATIENCE = 30
"""Changes in vain before the search begins anew."""
_FIRST_STEP, _GROWTH, _DECAY = 0.5, 1.6, 0.93
"""Of the size of changes, in standard normals: at rest where a seventh of them succeed."""
_CHANGED = 0.3
"""Share of the numbers that a change changes, in the mean."""


class _EndedError(Exception):
    """More was drawn than one instance needs."""


class Tape(np.random.Generator):
    """Draws from stored numbers in (0, 1), each a quantile of what is drawn; the rest is new.

    Args:
        numbers: stored.
        rng: where new ones come from.
    """

    def __init__(self, numbers: list[float], rng: np.random.Generator) -> None:
        # what no method below draws is the same at every replay
        super().__init__(np.random.PCG64(0))
        self.numbers, self.closed = list(numbers), False
        self._rng, self._at = rng, 0

    def _next(self, size: Any) -> Any:
        if self.closed:
            raise _EndedError
        count = 1 if size is None else prod(np.atleast_1d(size).tolist())
        missing = self._at + count - len(self.numbers)
        if missing > 0:
            self.numbers += self._rng.uniform(1e-12, 1 - 1e-12, missing).tolist()
        taken = np.array(self.numbers[self._at : self._at + count])
        self._at += count
        return taken[0] if size is None else taken.reshape(size)

    def random(self, size: Any = None) -> Any:  # type: ignore[override]
        """Uniform on [0, 1)."""
        return self._next(size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Uniform between two numbers."""
        return low + (high - low) * self._next(size)

    def standard_normal(self, size: Any = None) -> Any:  # type: ignore[override]
        """Standard normal."""
        return ndtri(self._next(size))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Normal."""
        return loc + scale * self.standard_normal(size)

    def exponential(self, scale: Any = 1.0, size: Any = None) -> Any:
        """Exponential."""
        return -scale * np.log1p(-self._next(size))

    def integers(self, low: Any, high: Any = None, size: Any = None) -> Any:  # type: ignore[override]
        """Whole numbers from low on, below high."""
        low, high = (0, low) if high is None else (low, high)
        return np.int64(np.floor(low + (high - low) * self._next(size)))

    def choice(self, a: Any, size: Any = None) -> Any:  # type: ignore[override]
        """Elements of a list, with replacement."""
        return np.asarray(a)[self.integers(len(a), size=size)]

    def permutation(self, x: Any) -> Any:  # type: ignore[override]
        """A random order of a list, or of 0, ..., x - 1."""
        listed = np.arange(x) if isinstance(x, int | np.integer) else np.asarray(x)
        return listed[np.argsort(self._next(len(listed)))]


def search(trials: Trials, rng: np.random.Generator) -> Iterator[tuple[Trial, dict[str, object]]]:
    """The worst trial of every instance that a search tries, and what drew it, without end.

    Args:
        trials: what may be violated; it draws anew for every instance.
        rng: the random numbers of the search.
    """
    while True:
        best, numbers, drawn = _worst(trials, [], rng)
        yield best, drawn
        step, vain = _FIRST_STEP, 0
        while vain < _PATIENCE:
            trial, changed, drawn = _worst(trials, _changed(numbers, step, rng), rng)
            yield trial, drawn
            if trial.margin <= best.margin:
                vain = 0 if trial.margin < best.margin else vain + 1
                best, numbers, step = trial, changed, step * _GROWTH
            else:
                step, vain = step * _DECAY, vain + 1


def _changed(numbers: list[float], step: float, rng: np.random.Generator) -> list[float]:
    u = np.array(numbers)
    chosen = rng.random(len(u)) < _CHANGED
    moved = ndtr(ndtri(u) + step * chosen * rng.standard_normal(len(u)))
    return np.clip(moved, 1e-12, 1 - 1e-12).tolist()


def _worst(
    trials: Trials, numbers: list[float], rng: np.random.Generator
) -> tuple[Trial, list[float], dict[str, object]]:
    """Of the trials that one instance is good for, all before the next draw."""
    tape = Tape(numbers, rng)
    drawn = trials(tape)
    worst = next(drawn)
    found = getgeneratorlocals(drawn) if isgenerator(drawn) else {}
    tape.closed = True
    try:
        for trial in drawn:
            if not trial.margin >= worst.margin:
                worst = trial
    except _EndedError:
        pass
    return worst, tape.numbers, dict(found)
