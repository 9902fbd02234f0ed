"""The checks and roundings that the laws share."""

from collections.abc import Hashable
from typing import TypeGuard

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

__all__ = [
    "at_least",
    "exp_rounded_up",
    "is_value",
    "log_ball_volume",
    "nonnegative",
    "positive",
]


def at_least(name: str, value: object, least: int) -> None:
    """Refuses an integer below `least`.

    Raises:
        TypeError: if the value is no integer.
        ValueError: if it is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, got {value}")


def positive(name: str, value: float) -> None:
    """Refuses a number that is not positive and finite.

    Raises:
        ValueError: naming the argument.
    """
    if not (value > 0 and np.isfinite(value)):
        raise ValueError(f"{name} must be positive and finite, got {value}")


def nonnegative(name: str, values: Float[np.ndarray, "*n"]) -> None:
    """Refuses an array with a negative entry or NaN.

    Raises:
        ValueError: naming the argument.
    """
    if not (values >= 0).all():
        raise ValueError(f"{name} must be >= 0, got {values[~(values >= 0)][0]}")


def is_value(mu: object) -> TypeGuard[Hashable]:
    """Whether what is known of a law may be remembered: it is a frozen dataclass with a hash.

    Other objects have a hash, too, and may change all the same; a dataclass that holds an array and
    compares by value has a method for it, which fails.
    """
    parameters = getattr(type(mu), "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        return False
    try:
        hash(mu)
    except TypeError:
        return False
    return True


def exp_rounded_up(log_value: float) -> float:
    """exp, never below the smallest positive number: an upper bound must not underflow to 0."""
    with np.errstate(over="ignore", under="ignore"):
        return max(float(np.exp(log_value)), float(np.finfo(np.float64).smallest_subnormal))


def log_ball_volume(d: int) -> float:
    """Logarithm of the volume pi^{d/2} / Gamma(d/2 + 1) of the unit ball."""
    return float(d / 2 * np.log(np.pi) - gammaln(d / 2 + 1))
