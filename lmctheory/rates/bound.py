"""What a bound is: a number together with the argument and the hypotheses that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MAX_WIDTH", "Bound", "NotApplicable"]

MAX_WIDTH = 10**12
"""The largest width for which bounds are computed; by R2 an upper bound holds beyond it too."""


class NotApplicable(Exception):  # noqa: N818  a reason, not an error
    """An argument says nothing about a law; the message is what the law lacks."""


@dataclass(frozen=True)
class Bound:
    """A bound and where it comes from.

    Attributes:
        value: the bound, in the units of the bounded quantity.
        key: the winning argument, by theory key.
        terms: every applicable argument with its value.
        assumptions: the hypotheses that were used.
        rigorous: False where only a rate is known and constants were set to 1.
        missing: arguments that do not apply, each with what the law lacks.
    """

    value: float
    key: str
    terms: Mapping[str, float]
    assumptions: tuple[str, ...]
    rigorous: bool = True
    missing: Mapping[str, str] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        others = ", ".join(f"{key}: {value:.6g}" for key, value in self.terms.items())
        return f"{self.value:.6g} by {self.key} ({others})"
