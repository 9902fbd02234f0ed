"""Published claims and what a study makes of them, each in one line that the data decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.power_law import power_law
from simulations.student import quantile

__all__ = ["Claim", "Exponent", "Verdict", "claims_table", "pooled"]

Verdict = Literal["reproduced", "not reproduced", "different", "undecided"]


@dataclass(frozen=True)
class Claim:
    """A claim and its fate.

    Attributes:
        claim: in few words.
        of: who says so, a theory key for this package's own; or what it is said of.
        verdict: from the data.
        found: the number behind it.
    """

    claim: str
    of: str
    verdict: Verdict
    found: str


def claims_table(claims: Sequence[Claim]) -> Table[Claim]:
    """One line for each."""
    return Table(
        "Claims, and what was found",
        "Intervals are of 95 %.",
        [
            Column("claim", lambda one: one.claim, left=True),
            Column("source", lambda one: one.of, left=True),
            Column("verdict", lambda one: one.verdict, left=True),
            Column("found", lambda one: one.found, left=True),
        ],
        claims,
    )


@dataclass(frozen=True)
class Exponent:
    """The r of a law y ~ m^-r, with its 95 % interval.

    Attributes:
        value: r.
        error: half the length of the interval.
        freedom: degrees of freedom of the interval, which is Student's.
    """

    value: float
    error: float
    freedom: int

    @classmethod
    def of(cls, draws: Mapping[int, Sequence[float]], power: float = 1.0) -> "Exponent | None":
        """Fitted to the means of draws by width; None for fewer than three, without an interval.

        The relative spread of draws is taken to be the same at all widths, as few draws say little
        of it. The interval is the wider of two of Student's: from that spread, and, as the law may
        be rough, from how far the means scatter about it.

        Args:
            draws: positive, two or more in all widths together beyond one each.
            power: of the mean, of which r is asked: 1/2 for the root of a mean square.
        """
        if len(draws) < 3:
            return None
        law = power_law(pooled(draws)).law
        freedoms = {"draws": sum(map(len, draws.values())) - len(draws), "law": len(draws) - 2}
        by_draws = quantile(freedoms["draws"])
        by_scatter = quantile(freedoms["law"]) * law.misfit**0.5
        reach = law.standard_error * max(by_draws, by_scatter)
        freedom = freedoms["law" if by_scatter > by_draws else "draws"]
        return cls(-power * law.slope, power * reach, freedom)

    @property
    def standard_error(self) -> float:
        """Of which the interval is Student's."""
        return self.error / quantile(self.freedom)

    @property
    def low(self) -> float:
        """Lower end."""
        return self.value - self.error

    @property
    def high(self) -> float:
        """Upper end."""
        return self.value + self.error

    def holds(self, value: float) -> bool:
        """Whether a value lies in the interval."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.value:.3f}+-{self.error:.3f}"


def pooled(draws: Mapping[int, Sequence[float]]) -> dict[int, Mean]:
    """Means by width, their errors from one relative spread of all draws."""
    freedom = sum(len(ones) - 1 for ones in draws.values())
    squares = sum(
        float(np.square(np.array(ones) / np.mean(ones) - 1).sum()) for ones in draws.values()
    )
    spread = (squares / freedom) ** 0.5
    means = {m: float(np.mean(ones)) for m, ones in draws.items()}
    return {m: Mean(mean, spread * mean / len(draws[m]) ** 0.5) for m, mean in means.items()}
