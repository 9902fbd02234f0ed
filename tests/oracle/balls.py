"""Ball arithmetic as an oracle: numbers whose error is bounded by proof.

A ball is a midpoint and a radius that holds the exact value. `certified` evaluates a formula, from
its mathematical definition, at more and more bits until the radius is below 1e-20 relative, and
`require` holds what the package says against such balls. No number of the package or of SciPy
enters the oracle.
"""

from collections.abc import Callable, Iterable

import pytest
from flint import acb, arb, ctx

__all__ = ["COUNTS", "certified", "integral", "require", "symmetric"]

COUNTS = [12, pytest.param(1000, marks=pytest.mark.slow)]
"""Random arguments of a test: some in every run, many among the slow ones."""

_BITS = (128, 192, 256, 384, 512, 1024, 2048, 4096)
_ACCURATE = 67
"""Bits of relative accuracy: 2^-67 < 1e-20."""


def certified(value: Callable[[], arb]) -> arb:
    """The value, at the first precision that leaves a radius below 1e-20 relative."""
    ball = arb.nan()
    for bits in _BITS:
        with ctx.workprec(bits):
            ball = arb(value())
        if ball.is_finite() and (ball.is_exact() or ball.rel_accuracy_bits() >= _ACCURATE):
            return ball
    raise ArithmeticError(f"no precision is enough: {ball}")


def integral(f: Callable[[acb, bool], acb], low: arb, high: arb) -> arb:
    """The integral of f over an interval, f analytic where its second argument asks for it."""
    value = acb.integral(f, low, high, rel_tol=arb(2) ** -(_ACCURATE + 13))
    return value.real


def symmetric(radius: arb) -> arb:
    """The ball of a radius around 0: what may be left out of an integral or a series."""
    return (-radius).union(radius)


def require(
    found: Iterable[float],
    exact: Iterable[arb],
    allowance: float,
    arguments: Iterable[object],
    unit: float | None = None,
) -> None:
    """Asserts that every number is within the allowance of its ball, and names the worst if not.

    Errors are relative to the exact value or, where a unit is given, to that.
    """
    triples = zip(found, exact, arguments, strict=True)
    errors = [(_error(value, ball, unit), where, value) for value, ball, where in triples]
    worst, where, value = max(errors, key=lambda one: one[0])
    assert worst <= allowance, f"off by {worst:.2e} at {where}: {value!r}"


def _error(found: float, exact: arb, unit: float | None) -> float:
    """Infinite for anything but 0 where the value is 0."""
    with ctx.workprec(256):
        if unit is None and exact.is_zero():
            return 0.0 if found == 0 else float("inf")
        error = abs(arb(float(found)) - exact) / (abs(exact) if unit is None else arb(unit))
        return float(error.upper())
