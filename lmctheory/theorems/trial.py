"""One instance of a theorem, and what came of many."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lmctheory.results import Result

__all__ = ["KINDS", "Check", "Kind", "Trial"]

Kind = Literal["random", "trained", "searched"]
"""Where an instance comes from: drawn at random, from trained networks, searched for."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Trial(Result):
    """One instance of a theorem: it claims ``smaller <= larger``.

    Attributes:
        smaller: the left-hand side.
        larger: the right-hand side.
        slack: what simulation allows, see `lmctheory.theorems.checks.simulation`; 0 for exact
            statements, which are then held to a relative 1e-9.
    """

    smaller: float
    larger: float
    slack: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the instance obeys the theorem; NaN does not."""
        return bool(self.smaller <= self.larger + self.slack + _ROUNDING * abs(self.larger))

    @property
    def ratio(self) -> float:
        """Right-hand side over left-hand side: 1 is sharp."""
        return self.larger / self.smaller if self.smaller else np.inf

    @property
    def margin(self) -> float:
        """How far it is from a violation, relative to the larger side: below 0 it is beyond."""
        room = self.larger + self.slack - self.smaller
        size = max(abs(self.smaller), abs(self.larger))
        return room / size if 0 < size < np.inf else room

    def __str__(self) -> str:
        allowed = f" + {self.slack:.3g}" if self.slack else ""
        return f"{self.smaller!r} <= {self.larger!r}{allowed}"


@dataclass(frozen=True)
class Check(Result):
    """What came of the trials of one theorem.

    Attributes:
        key: the theorem's key.
        trials: drawn at random.
        trained: from trained networks; none where the theorem is not about them.
        searched: met in a search for violations; none where both sides are not exact.
        seconds: all of it took.
    """

    key: str
    trials: tuple[Trial, ...] = field(repr=False)
    trained: tuple[Trial, ...] = field(default=(), repr=False)
    searched: tuple[Trial, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    def of(self, kind: Kind) -> tuple[Trial, ...]:
        """The trials of one kind."""
        return self.trials if kind == "random" else getattr(self, kind)

    @property
    def count(self) -> int:
        """How many instances were tried, of all kinds."""
        return sum(len(self.of(kind)) for kind in KINDS)

    @property
    def violated(self) -> tuple[tuple[Kind, int], ...]:
        """The trials that broke the theorem, counted from 1 in each kind: the promise is none."""
        return tuple(
            (kind, number)
            for kind in KINDS
            for number, trial in enumerate(self.of(kind), start=1)
            if not trial.holds
        )

    @property
    def violations(self) -> int:
        """How many instances broke the theorem: the promise is zero."""
        return len(self.violated)

    @property
    def tightness(self) -> float:
        """The median of right-hand side over left-hand side, of what was not searched for."""
        return float(np.median([trial.ratio for trial in self.trials + self.trained]))

    @property
    def worst_margin(self) -> float:
        """The smallest margin of all."""
        return min(trial.margin for kind in KINDS for trial in self.of(kind))

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.count} trials, {self.violations} violations, x{self.tightness:.3g}"
        )
