"""What a theorem is here: a statement, its source, and a check that could fail."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from inspect import getgeneratorlocals, isgenerator
from types import MappingProxyType

import numpy as np

from lmctheory.results import Result

__all__ = ["Check", "Theorem", "Trial", "registry", "theorem", "tries"]


@dataclass(frozen=True)
class Trial(Result):
    """One instance of a theorem: it claims ``smaller <= larger``.

    Attributes:
        smaller: the left-hand side.
        larger: the right-hand side.
        slack: what simulation allows: a stated number of standard errors; 0 for exact statements,
            which are then held to a relative 1e-9.
    """

    smaller: float
    larger: float
    slack: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the instance obeys the theorem; NaN does not."""
        return self.smaller <= self.larger + self.slack + 1e-9 * abs(self.larger)

    @property
    def ratio(self) -> float:
        """Right-hand side over left-hand side: 1 is sharp."""
        return self.larger / self.smaller if self.smaller else np.inf

    def __str__(self) -> str:
        allowed = f" + {self.slack:.3g}" if self.slack else ""
        return f"{self.smaller!r} <= {self.larger!r}{allowed}"


Trials = Callable[[np.random.Generator], Iterator[Trial]]
"""Draws instances without end."""


@dataclass(frozen=True)
class Check(Result):
    """What came of the trials of one theorem.

    Attributes:
        key: the theorem's key.
        trials: all instances tried.
    """

    key: str
    trials: tuple[Trial, ...] = field(repr=False)

    @property
    def violated(self) -> tuple[int, ...]:
        """The numbers of the trials that broke the theorem, counted from 1: the promise is none."""
        return tuple(n for n, trial in enumerate(self.trials, start=1) if not trial.holds)

    @property
    def violations(self) -> int:
        """How many instances broke the theorem: the promise is zero."""
        return len(self.violated)

    @property
    def tightness(self) -> float:
        """The median of right-hand side over left-hand side."""
        return float(np.median([trial.ratio for trial in self.trials]))

    def __str__(self) -> str:
        count = len(self.trials)
        return f"{self.key}: {count} trials, {self.violations} violations, x{self.tightness:.3g}"


@dataclass(frozen=True)
class Theorem:
    """A registered statement.

    Attributes:
        key: its key, as in the README's table.
        title: a few words.
        statement: the formula in LaTeX, without dollar signs.
        source: where it comes from.
        assumptions: its hypotheses.
        functions: public functions that compute it.
        trials: draws instances without end.
    """

    key: str
    title: str
    statement: str
    source: str
    assumptions: tuple[str, ...]
    functions: tuple[str, ...]
    trials: Trials = field(repr=False)

    def latex(self) -> str:
        """The statement as a displayed formula."""
        return f"\\[ {self.statement} \\]"

    def stream(self, seed: int) -> np.random.Generator:
        """Random numbers that depend on the seed and this key alone.

        What is drawn for a theorem does not depend on which others are tried beside it.

        Args:
            seed: >= 0.
        """
        sequence = np.random.SeedSequence(seed, spawn_key=tuple(self.key.encode()))
        return np.random.default_rng(sequence)

    def check(self, *, rng: np.random.Generator, quick: bool = True) -> Check:
        """Tries the statement on random instances: 25 when quick, else 500, the same 25 first."""
        drawn, trials = self.trials(rng), []
        for number in range(1, 26 if quick else 501):
            try:
                trials.append(next(drawn))
            except Exception as error:
                error.add_note(f"in trial {number} of {self.key}")
                raise
        return Check(self.key, tuple(trials))

    def instance(self, number: int, *, rng: np.random.Generator) -> tuple[Trial, dict[str, object]]:
        """One of the trials that `check` makes with the same random numbers, and what it drew.

        Args:
            number: of the trial, counted from 1.
            rng: the random numbers.

        Returns:
            The trial, and the local variables of the function that drew it.

        Raises:
            ValueError: if the number is below 1.

        Example:
            >>> theorem = registry()["R1"]
            >>> trial, drawn = theorem.instance(3, rng=theorem.stream(0))
            >>> trial == theorem.check(rng=theorem.stream(0)).trials[2]
            True
            >>> sorted(drawn)[:4]
            ['a', 'b', 'brute', 'd']
        """
        if number < 1:
            raise ValueError(f"number must be >= 1, got {number}")
        drawn = self.trials(rng)
        for _ in range(number):
            trial = next(drawn)
        return trial, getgeneratorlocals(drawn) if isgenerator(drawn) else {}


_THEOREMS: dict[str, Theorem] = {}
_CHECKS: dict[str, Trials] = {}


def theorem(
    key: str,
    title: str,
    *,
    statement: str,
    source: str,
    assumptions: tuple[str, ...],
    functions: tuple[str, ...],
    checks: str,
) -> None:
    """Registers a statement, whose parts `Theorem` explains.

    Args:
        key: of the theorem.
        title: of the theorem.
        statement: of the theorem.
        source: of the theorem.
        assumptions: of the theorem.
        functions: that compute it.
        checks: the module of `lmctheory.theorems.checks` that `tries` it.
    """
    assert key not in _THEOREMS, key
    trials = partial(_trials, key, checks)
    _THEOREMS[key] = Theorem(key, title, statement, source, assumptions, functions, trials)


def _trials(key: str, checks: str, rng: np.random.Generator) -> Iterator[Trial]:
    # what checks a theorem needs PyTorch and more, what lists them does not
    import_module(f"lmctheory.theorems.checks.{checks}")
    return _CHECKS[key](rng)


def tries(key: str) -> Callable[[Trials], Trials]:
    """Declares the decorated generator to draw the trials of a registered statement."""

    def declare(trials: Trials) -> Trials:
        assert key in _THEOREMS, key
        assert key not in _CHECKS, key
        _CHECKS[key] = trials
        return trials

    return declare


def registry() -> Mapping[str, Theorem]:
    """All registered theorems by key.

    Example:
        >>> import numpy as np
        >>> from lmctheory.theorems import registry
        >>> registry()["R1"].check(rng=np.random.default_rng(0)).violations
        0
    """
    return MappingProxyType(_THEOREMS)
