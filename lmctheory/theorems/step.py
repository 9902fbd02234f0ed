"""Steps of a proof, each checked by itself: what is said to be equal, or less, is computed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

import numpy as np

from lmctheory.results import Result
from lmctheory.theorems.trial import Trial

__all__ = ["SCALE", "Step", "StepCheck", "StepKind", "both_ways"]

StepKind = Literal["identity", "equality", "inequality", "cited", "definition", "argument"]
"""Identities are left to SymPy, equalities and inequalities are tried on numbers; the others are
words: what cites a theorem, what defines, what argues without a formula."""
SCALE = 0.99
"""What the larger side of an inequality is multiplied by in the variant that must be caught."""


@dataclass(frozen=True)
class Step:
    """A step of a proof, or one of several claims that it makes.

    Attributes:
        number: of the step in the proof.
        kind: how it is checked.
        what: a few words.
        sides: for an identity gives the pairs of expressions that are claimed to be the same;
            draws trials without end for the others; None where there is nothing to compute.
        slack: by which part of the larger side an inequality is not attained: it is scaled by
            ``SCALE * (1 - slack)`` in the variant that must be caught.
        count: of trials.
    """

    number: int
    kind: StepKind
    what: str
    sides: Callable[..., Iterable[Any]] | None = field(default=None, repr=False)
    slack: float = 0.0
    count: int = 200

    def check(self, key: str, rng: np.random.Generator) -> "StepCheck":
        """Tries the step.

        Args:
            key: of its theorem.
            rng: the random numbers.
        """
        held: list[bool] = []
        seen: list[bool] = []
        if self.sides is None:
            pass
        elif self.kind == "identity":
            for left, right in self.sides():
                held.append(_vanishes(left - right))
                seen.append(not _vanishes(right))
        else:
            for trial in islice(self.sides(rng), self.count):
                held.append(trial.holds)
                seen.append(self._catches(trial))
        caught = seen.index(True) + 1 if True in seen else None
        return StepCheck(
            key, self.number, self.kind, self.what, len(held), sum(held), caught, self.slack
        )

    def _catches(self, trial: Trial) -> bool:
        larger = SCALE * (1 - self.slack) * trial.larger
        return trial.larger > 0 and not replace(trial, larger=larger).holds


def _vanishes(expression: Any) -> bool:
    """Whether it is 0, by expansion where that is enough."""
    import sympy  # what lists steps does without

    return bool(sympy.expand(expression) == 0 or sympy.simplify(expression) == 0)


def both_ways(
    pairs: Callable[[np.random.Generator], Iterator[tuple[float, float]]],
) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Equal numbers as two trials each: neither is the larger.

    Args:
        pairs: draws numbers that are claimed to be equal, with no cancellation in either.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        for left, right in pairs(rng):
            yield Trial(float(left), float(right))
            yield Trial(float(right), float(left))

    return trials


@dataclass(frozen=True)
class StepCheck(Result):
    """What came of trying a step.

    Attributes:
        key: of the theorem.
        step: its number in the proof.
        kind: how it was checked.
        what: a few words.
        trials: how many there were, of an identity the pairs of expressions.
        held: how many of them held.
        caught: the first, counted from 1, that does not hold with its right-hand side scaled by
            `SCALE`; None if none is so near.
        slack: as in `Step`.
    """

    key: str
    step: int
    kind: StepKind
    what: str
    trials: int
    held: int
    caught: int | None
    slack: float

    @property
    def in_words(self) -> bool:
        """Whether there was nothing to compute."""
        return self.kind in ("cited", "definition", "argument")

    @property
    def good(self) -> bool:
        """Whether all trials held, and the scaled variant was caught."""
        return self.in_words or (self.held == self.trials and self.caught is not None)
