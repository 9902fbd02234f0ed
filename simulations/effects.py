"""Published claims that an effect has a sign, or a size: judged by its interval, and by its power.

A claim says on which side of zero an effect lies. It is *reproduced* if the 95 % interval of what
is measured lies there. The finding is *different* if the interval lies on the other side, or, where
a size was published, if all of it is below half that size. If it holds zero, the claim is *not
reproduced* where the published effect would have been found with a power of 80 %, and *undecided*
where it would not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from simulations.claims import Exponent, Verdict
from simulations.power_law import power_law
from simulations.student import quantile

__all__ = ["Claim", "Effect", "effects_table"]

_POWER = 0.8


@dataclass(frozen=True)
class Effect:
    """A measured effect.

    Attributes:
        mean: with its standard error.
        freedom: degrees of freedom of that error.
    """

    mean: Mean
    freedom: float

    @classmethod
    def over(cls, groups: Sequence[Sequence[float]]) -> "Effect":
        """The mean of the means of groups of independent draws, each with two draws or more.

        Example:
            >>> str(Effect.over([[1.0, 3.0], [2.0, 2.0]]).mean)
            '2.0(5)'
        """
        means = [Mean.over(group) for group in groups]
        return cls.over_means(means, sum(len(group) - 1 for group in groups))

    @classmethod
    def over_means(cls, means: Sequence[Mean], freedom: int) -> "Effect":
        """The mean of independent means.

        Args:
            means: one or more.
            freedom: degrees of freedom of its error.
        """
        error = float(np.sqrt(sum(mean.error**2 for mean in means)) / len(means))
        return cls(Mean(float(np.mean([mean.value for mean in means])), error), freedom)

    @classmethod
    def of_slope(cls, means: Mapping[int, Mean], freedom: int) -> "Effect | None":
        """The exponent of positive means by width; None for fewer than two, or one without error.

        Args:
            means: by width.
            freedom: degrees of freedom of its error.
        """
        usable = all(mean.value > 0 and mean.error > 0 for mean in means.values())
        return cls(power_law(means).slope, freedom) if len(means) > 1 and usable else None

    @classmethod
    def of_exponent(cls, exponent: Exponent) -> "Effect":
        """The r of a law m^-r, with the same interval."""
        return cls(Mean(exponent.value, exponent.standard_error), exponent.freedom)

    @classmethod
    def combined(cls, parts: Sequence["Effect"], weights: Sequence[float]) -> "Effect":
        """A sum of independent effects times weights; Welch and Satterthwaite's freedom.

        Example:
            >>> half = Effect(Mean(1.0, 0.3), 4)
            >>> found = Effect.combined([half, half], [1, -1])
            >>> str(found.mean), found.freedom
            ('0.0(4)', 8.0)
        """
        value = sum(w * part.mean.value for w, part in zip(weights, parts, strict=True))
        squares = [(w * part.mean.error) ** 2 for w, part in zip(weights, parts, strict=True)]
        spread = sum(s**2 / part.freedom for s, part in zip(squares, parts, strict=True))
        freedom = sum(squares) ** 2 / spread if spread else sum(part.freedom for part in parts)
        return cls(Mean(float(value), float(sum(squares) ** 0.5)), float(freedom))

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %, by Student's law."""
        reach = quantile(self.freedom) * self.mean.error
        return self.mean.value - reach, self.mean.value + reach

    def power(self, effect: float) -> float:
        """With which an effect of that size would be told from zero, on its own side."""
        if not self.mean.error > 0:
            return 1.0
        return float(
            stats.nct.sf(quantile(self.freedom), self.freedom, abs(effect) / self.mean.error)
        )


@dataclass(frozen=True)
class Claim:
    """What was published, and what is measured here.

    Attributes:
        text: of the claim.
        source: where it was published.
        effect: measured; None where nothing was.
        published: the effect that is claimed; its sign is the side of zero.
        sized: whether that size was published, and not the side alone.
    """

    text: str
    source: str
    effect: Effect | None
    published: float
    sized: bool = False

    @property
    def verdict(self) -> Verdict:
        """One of "reproduced", "different", "not reproduced" and "undecided"."""
        if self.effect is None or not np.isfinite(self.effect.mean.error):
            return "undecided"
        low, high = sorted(np.sign(self.published) * end for end in self.effect.interval)
        if high < 0 or (low > 0 and self.sized and high < abs(self.published) / 2):
            return "different"
        if low > 0:
            return "reproduced"
        return "not reproduced" if self.effect.power(self.published) >= _POWER else "undecided"


def _said(claim: Claim) -> str:
    size = f"{claim.published:+.2g}"
    return size if claim.sized else f"({size})"


def effects_table(claims: Sequence[Claim], caption: str) -> Table[Claim]:
    """One line for each claim, with what was measured and its 95 % interval.

    Args:
        claims: in their order.
        caption: says what the effects are.
    """

    def end(claim: Claim, which: int) -> float | None:
        if claim.effect is None or not np.isfinite(claim.effect.mean.error):
            return None
        return claim.effect.interval[which]

    return Table(
        "Published claims, and what is found here",
        f"{caption} said: the size that was published, or, in brackets, at which a claim of a side"
        " alone is judged if it is not seen (power of 80 %). from, to: the 95 % interval.",
        [
            Column("claim", lambda one: one.text, left=True),
            Column("source", lambda one: one.source, left=True),
            Column("said", _said),
            Column("effect", lambda one: None if one.effect is None else one.effect.mean),
            Column("from", lambda one: end(one, 0), form="+.2g"),
            Column("to", lambda one: end(one, 1), form="+.2g"),
            Column("verdict", lambda one: one.verdict, left=True),
        ],
        claims,
    )
