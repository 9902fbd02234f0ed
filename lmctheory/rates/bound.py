"""What a bound is: a number together with the argument and the hypotheses that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lmctheory.measures.arguments import integer
from lmctheory.results import Result

__all__ = ["MAX_WIDTH", "ROUNDED_DOWN", "ROUNDED_UP", "Bound", "NotApplicable", "all_but", "width"]

MAX_WIDTH = 10**12
"""The largest width for which bounds are computed; by R2 an upper bound holds beyond it too."""
ROUNDED_DOWN, ROUNDED_UP = 1 - 1e-11, 1 + 1e-11
"""What sums of many rounded terms are multiplied by, lest a bound be on the wrong side."""
_SHOWN = 3
"""Arguments that are named beside the winning one."""


class NotApplicable(Exception):  # noqa: N818  a reason, not an error
    """An argument says nothing about a law; the message is what the law lacks."""


@dataclass(frozen=True, repr=False)
class Bound(Result):
    """A bound and where it comes from.

    It is a theorem, evaluated in float64 and, where integrals have no closed form, by quadrature:
    correct to a relative 1e-9. Rates whose constants are unknown are no bounds, and of another type
    (`lmctheory.widths.paper_rates`).

    Attributes:
        value: the bound, in the units of the bounded quantity.
        key: the winning argument, by theory key.
        terms: every applicable argument with its value.
        assumptions: the hypotheses that were used.
        failure: the probability with which it may be wrong, as it rests on a simulation; 0 for
            what is certain.
        missing: arguments that do not apply, each with what the law lacks.

    Example:
        >>> Bound(2.0, "R8", {"trivial": 9.0, "R8": 2.0}, ("neurons i.i.d.",), failure=0.01)
        <Bound: 2 by R8, with probability 0.99 (trivial: 9)>
    """

    value: float
    key: str
    terms: Mapping[str, float]
    assumptions: tuple[str, ...]
    failure: float = 0.0
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def rigorous(self) -> bool:
        """Whether it is certain: not simulated, but proved."""
        return self.failure == 0

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        """Value, argument and probability, and the next best arguments."""
        rest = sorted((abs(v - self.value), k) for k, v in self.terms.items() if k != self.key)
        others = [f"{key}: {self.terms[key]:.6g}" for _, key in rest[:_SHOWN]]
        if left := len(rest) - len(others):
            others.append(f"{left} more")
        chance = "" if self.rigorous else f", with probability {all_but(self.failure)}"
        listed = f" ({', '.join(others)})" if others else ""
        return f"{self.value:.6g} by {self.key}{chance}{listed}"

    def __repr__(self) -> str:
        lacking = f"; {len(self.missing)} do not apply" if self.missing else ""
        return f"<Bound: {self}{lacking}>"


def all_but(failure: float) -> str:
    """The probability of success as it is written: 0.99, but 1 - 1e-09, which would round to 1.

    Args:
        failure: the probability of failure.
    """
    return f"{1 - failure:g}" if failure >= 1e-3 else f"1 - {failure:g}"


def width(name: str, value: Any) -> int:
    """A number of neurons for which bounds are computed.

    Raises:
        TypeError: if it is no integer.
        ValueError: unless it lies between 1 and 10^12.
    """
    found = integer(name, value)
    if not 1 <= found <= MAX_WIDTH:
        raise ValueError(f"{name} must lie between 1 and 10^12, got {value}")
    return found
