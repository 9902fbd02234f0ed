"""What a bound is: a number together with the argument and the hypotheses that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Bound"]


@dataclass(frozen=True)
class Bound:
    """A bound and where it comes from.

    Attributes:
        value: the bound, in the units of the bounded quantity.
        key: the winning argument, by theory key.
        terms: every applicable argument with its value.
        assumptions: the hypotheses that were used.
        rigorous: False where only a rate is known and constants were set to 1.
    """

    value: float
    key: str
    terms: Mapping[str, float]
    assumptions: tuple[str, ...]
    rigorous: bool = True

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        others = ", ".join(f"{key}: {value:.6g}" for key, value in self.terms.items())
        return f"{self.value:.6g} by {self.key} ({others})"
