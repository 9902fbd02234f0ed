"""Numbers of pairs among members, with errors over members and over molecules.

Pairs of one member are not independent, so the error over members is the jackknife's, which leaves
out one member with all its pairs at a time; the other leaves out one molecule with all its
geometries in all pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy.stats import norm
from scipy.stats import t as student

from lmctheory.sweeps.mean import Mean
from simulations.claims import Verdict
from simulations.potentials.measurement import Pair, PairTask

__all__ = ["CCX", "ONE_X", "TUNED", "Estimate", "Measured", "kind_of", "mean_rms", "verdict"]

ONE_X, CCX, TUNED = "ANI-1x", "ANI-1ccx", "fine-tuned"
"""Pairs of members of one ensemble, and of ANI-1ccx with the members of ANI-1x they began as."""

Measured = Sequence[tuple[PairTask, Pair]]
Kept = Bool[np.ndarray, " molecules"]
Statistic = Callable[[Sequence[Pair], Kept], float]
_CONFIDENCE = 0.9
_POWER = 0.8


def kind_of(task: PairTask) -> str:
    """Which kind of pair it is."""
    first, second = (name.rpartition("_")[0] for name in (task.a, task.b))
    if first != second:
        return TUNED
    return ONE_X if first == "ani1x" else CCX


@dataclass(frozen=True)
class Estimate:
    """A number from pairs.

    Attributes:
        value: from all.
        error: standard error over members; NaN for fewer than three.
        by_molecules: over molecules.
        members: how many.
    """

    value: float
    error: float
    by_molecules: float
    members: int

    @classmethod
    def of(cls, measured: Measured, statistic: Statistic) -> "Estimate":
        """A statistic of pairs and of the molecules that count.

        Args:
            measured: pairs of one kind, one or more.
            statistic: from records and a mask of molecules to a number.
        """
        everyone = sorted({number for task, _ in measured for number in _numbers(task)})
        records = [pair for _, pair in measured]
        kept = np.ones(len(records[0].counts), bool)
        without = [
            [pair for task, pair in measured if one not in _numbers(task)] for one in everyone
        ]
        left = [statistic(some, kept) for some in without if some]
        molecules = [statistic(records, np.arange(len(kept)) != one) for one in range(len(kept))]
        enough = len(everyone) >= 3 and len(left) == len(everyone)
        return cls(
            value=statistic(records, kept),
            error=_jackknife(left) if enough else float("nan"),
            by_molecules=_jackknife(molecules),
            members=len(everyone),
        )

    @property
    def mean(self) -> Mean:
        """As reports print it, the error over members."""
        return Mean(self.value, self.error)

    @property
    def interval(self) -> tuple[float, float]:
        """Of 90 % over members, by Student's law."""
        reach = float(student.ppf((1 + _CONFIDENCE) / 2, max(1, self.members - 1))) * self.error
        return self.value - reach, self.value + reach


def verdict(found: Estimate, published: float | None) -> Verdict:
    """What a number says of a claim that it is positive.

    Args:
        found: the number.
        published: how large it is said to be; None where only the sign is claimed.

    Returns:
        "reproduced" if the interval lies above 0 and reaches what was published; "different" if it
        lies between the two, or below 0; "not reproduced" if it holds 0, but not what was
        published, and that would have been seen with 80 %; else "undecided".
    """
    low, high = found.interval
    if np.isnan(low):
        return "undecided"
    if high < 0:
        return "different"
    if published is None:
        return "reproduced" if low > 0 else "undecided"
    if low > 0:
        return "reproduced" if high >= published else "different"
    quantile = float(norm.ppf((1 + _CONFIDENCE) / 2))
    power = float(norm.cdf(published / found.error - quantile)) if found.error else 1.0
    return "not reproduced" if high < published and power >= _POWER else "undecided"


def mean_rms(select: Callable[[Pair], Sequence[float]]) -> Statistic:
    """The mean over pairs of the root mean square over molecules of squares that are selected."""

    def statistic(pairs: Sequence[Pair], kept: Kept) -> float:
        values = [
            np.array(select(pair))[kept].sum() / np.array(pair.counts)[kept].sum() for pair in pairs
        ]
        return float(np.sqrt(values).mean())

    return statistic


def _numbers(task: PairTask) -> set[str]:
    return {name.rpartition("_")[2] for name in (task.a, task.b)}


def _jackknife(left: Sequence[float]) -> float:
    values = np.array(left)
    k = len(values)
    return float(np.sqrt((k - 1) / k * ((values - values.mean()) ** 2).sum()))
