"""What a bound is: a number together with the argument and the hypotheses that it rests on."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lmctheory.measures import Gaussian

__all__ = ["MAX_WIDTH", "Bound", "gaussian_bound"]

MAX_WIDTH = 10**12
"""The largest width for which bounds are computed; by R2 an upper bound holds beyond it too."""

_ASSUMPTIONS = (
    "the m neurons of A and the m neurons of B are independent draws from one Gaussian",
    "cost per neuron (1/m) sum |a_i - b_pi(i)|^2, at the best permutation pi, in expectation",
)


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


def gaussian_bound(
    best: Callable[..., str],
    terms: Callable[[tuple[float, ...], int], dict[str, float]],
    mu: Gaussian,
    m: int,
) -> Bound:
    """The best term; every term is homogeneous, so it is computed at unit largest eigenvalue."""
    m = operator.index(m)
    if not 1 <= m <= MAX_WIDTH:
        raise ValueError(f"m must lie between 1 and 10^12, got {m}")
    scale = float(mu.spectrum[0])
    if scale == 0:
        return Bound(0.0, "2 tr", {"2 tr": 0.0}, _ASSUMPTIONS)
    unit = tuple((mu.spectrum / scale).tolist())
    values = {key: scale * value for key, value in terms(unit, m).items()}
    key = best(values, key=lambda name: values[name])
    return Bound(values[key], key, values, _ASSUMPTIONS)
