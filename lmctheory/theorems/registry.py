"""What a theorem is here: a statement, its source, and a check that could fail."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

__all__ = ["Check", "Theorem", "Trial", "registry", "theorem"]


@dataclass(frozen=True)
class Trial:
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


@dataclass(frozen=True)
class Check:
    """What came of the trials of one theorem.

    Attributes:
        key: the theorem's key.
        trials: all instances tried.
    """

    key: str
    trials: tuple[Trial, ...] = field(repr=False)

    @property
    def violations(self) -> int:
        """How many instances broke the theorem: the promise is zero."""
        return sum(not trial.holds for trial in self.trials)

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
    trials: Callable[[np.random.Generator], Iterator[Trial]] = field(repr=False)

    def latex(self) -> str:
        """The statement as a displayed formula."""
        return f"\\[ {self.statement} \\]"

    def check(self, *, rng: np.random.Generator, quick: bool = True) -> Check:
        """Tries the statement on random instances: 25 when quick, else 500."""
        drawn = self.trials(rng)
        return Check(self.key, tuple(next(drawn) for _ in range(25 if quick else 500)))


_THEOREMS: dict[str, Theorem] = {}


def theorem(
    key: str,
    title: str,
    *,
    statement: str,
    source: str,
    assumptions: tuple[str, ...],
    functions: tuple[str, ...],
) -> Callable[
    [Callable[[np.random.Generator], Iterator[Trial]]],
    Callable[[np.random.Generator], Iterator[Trial]],
]:
    """Registers the decorated generator of trials under a key."""

    def register(
        trials: Callable[[np.random.Generator], Iterator[Trial]],
    ) -> Callable[[np.random.Generator], Iterator[Trial]]:
        assert key not in _THEOREMS, key
        _THEOREMS[key] = Theorem(key, title, statement, source, assumptions, functions, trials)
        return trials

    return register


def registry() -> Mapping[str, Theorem]:
    """All registered theorems by key.

    Example:
        >>> import numpy as np
        >>> from lmctheory.theorems import registry
        >>> registry()["R1"].check(rng=np.random.default_rng(0)).violations
        0
    """
    return MappingProxyType(_THEOREMS)
