"""Effects of factors with intervals, multiplicity control and a check of the model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import f as f_law
from scipy.stats import nct
from scipy.stats import t as student

from simulations.factors.design import Design, Word, effects_of

__all__ = ["Effect", "Fit", "fit", "holm"]

LEVEL = 0.05
"""Of all tests of one response together (Holm), and one minus the confidence of intervals."""


@dataclass(frozen=True)
class Effect:
    """Mean at the changed level less that at the base level, over all levels of the others.

    Of an interaction AB half the difference between the effects of A at both levels of B.

    Attributes:
        word: letters.
        value: estimate.
        p: of no effect, for this one alone.
        adjusted: after Holm over all effects of the response.
    """

    word: Word
    value: float
    p: float
    adjusted: float

    @property
    def found(self) -> bool:
        """Whether there is one, among all that are tried."""
        return self.adjusted < LEVEL


@dataclass(frozen=True)
class Fit:
    """The model of main effects and two-factor interactions of one response.

    Attributes:
        effects: of it.
        mean: over all runs.
        error: standard error of every effect, from runs' residuals: what interactions of three
            factors make is part of it.
        freedom: its degrees of freedom.
        residual: root mean square of what runs deviate, per repetition.
        pure: of what repetitions of runs deviate.
        lack_of_fit: p of the model being whole: residual no larger than pure by chance.
        explained: share of the variance between runs.
        extreme: the largest residual over its standard error.
    """

    effects: list[Effect]
    mean: float
    error: float
    freedom: int
    residual: float
    pure: float
    lack_of_fit: float
    explained: float
    extreme: float

    def effect(self, word: Word) -> Effect:
        """The one of these letters."""
        return next(one for one in self.effects if one.word == word)

    def interval(self, effect: Effect, tests: int = 1) -> tuple[float, float]:
        """Of 95 %, for so many effects at once (Bonferroni)."""
        reach = self.error * float(student.isf(LEVEL / (2 * tests), self.freedom))
        return effect.value - reach, effect.value + reach

    def power(self, size: float) -> float:
        """Chance that an effect of that size, > 0, is found if no other is (Holm's first step)."""
        critical = float(student.isf(LEVEL / (2 * len(self.effects)), self.freedom))
        return float(nct.sf(critical, self.freedom, size / self.error))

    def predict(self, changed: Word) -> float:
        """The mean where these factors are changed and no others are."""
        signs = (np.prod([1 if one in changed else -1 for one in e.word]) for e in self.effects)
        halves = (sign * one.value / 2 for sign, one in zip(signs, self.effects, strict=True))
        return self.mean + float(sum(halves))


def fit(design: Design, values: Float[np.ndarray, "runs pairs"]) -> Fit:
    """Least squares, whose columns are orthogonal.

    Args:
        design: of the runs, in its order.
        values: responses.

    Raises:
        ValueError: for values of another number of runs, or without repetitions.
    """
    words = effects_of(design)
    X = design.contrasts(words)
    if values.shape[0] != len(X) or values.shape[1] < 2:
        raise ValueError(f"values must be [{len(X)}, 2 or more], got {list(values.shape)}")
    runs, pairs = values.shape
    means, mean = values.mean(1), float(values.mean())
    estimates = 2 * X.T @ means / runs
    left = means - mean - X @ estimates / 2
    freedom = runs - 1 - len(words)
    between = pairs * float(left @ left) / freedom
    within = float(((values - means[:, None]) ** 2).sum()) / (runs * (pairs - 1))
    error = 2 * np.sqrt(between / (runs * pairs))
    p = 2 * student.sf(np.abs(estimates) / error, freedom)
    # all runs have the same leverage (1 + effects) / runs
    spread = np.sqrt(between / pairs * freedom / runs)
    return Fit(
        effects=[
            Effect(*one) for one in zip(words, estimates.tolist(), p.tolist(), holm(p), strict=True)
        ],
        mean=mean,
        error=float(error),
        freedom=freedom,
        residual=float(np.sqrt(between)),
        pure=float(np.sqrt(within)),
        lack_of_fit=float(f_law.sf(between / within, freedom, runs * (pairs - 1))),
        explained=1 - float(left @ left) / float(((means - mean) ** 2).sum()),
        extreme=float(np.abs(left).max() / spread),
    )


def holm(p: Sequence[float] | np.ndarray) -> list[float]:
    """Adjusted p: those below a level are false with at most its chance, one or more of them.

    The i-th smallest of n is multiplied by n - i + 1, and none is below a smaller one's.

    Reference: Holm 1979.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted.tolist()
