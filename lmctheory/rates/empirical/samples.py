"""Two samples of neurons as they come in, brought to a size at which nothing over- or underflows.

Coordinates that are the same in all neurons cost nothing and are left out; the others are divided
by a power of two, 2^exponent, so that the widest spans between 1/2 and 2 units. Differences survive
both without a rounding error, whatever the units and wherever the origin: none of the coordinates
that are left exceeds 2^54. Only numbers below 2^-1022 units lose digits.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import ArrayLike, array

__all__ = ["Samples", "lengths", "samples", "times_power_of_two"]


class Samples(NamedTuple):
    """Two samples in units of 2^exponent; at least one coordinate, which may be constant."""

    a: Float[np.ndarray, "m d"]
    b: Float[np.ndarray, "m d"]
    exponent: int


def samples(a: Shaped[ArrayLike, "m d"], b: Shaped[ArrayLike, "m d"]) -> Samples:
    """Two samples of equal size, checked and brought to size.

    Raises:
        TypeError: unless both hold real numbers.
        ValueError: unless they are finite, not empty, and of the same shape ``[m, d]``.
    """
    a, b = array("a", a, "m d"), array("b", b, "m d")
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape [m, d], got {a.shape} and {b.shape}")
    low, high = (np.minimum(a.min(0), b.min(0)), np.maximum(a.max(0), b.max(0)))
    moving = low < high
    if not moving.any():
        return Samples(np.zeros((len(a), 1)), np.zeros((len(a), 1)), 0)
    with np.errstate(over="ignore"):
        span = min(float((high - low).max()), float(np.finfo(np.float64).max))
    exponent = int(np.frexp(span)[1])
    return Samples(np.ldexp(a[:, moving], -exponent), np.ldexp(b[:, moving], -exponent), exponent)


def lengths(vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
    """Euclidean norms of rows, of any size."""
    top = np.abs(vectors).max(axis=1)
    return np.linalg.norm(vectors / np.where(top > 0, top, 1.0)[:, None], axis=1) * top


def times_power_of_two(value: float, exponent: float) -> float:
    """The value times 2^exponent: exact for integers, infinite where it overflows."""
    whole = int(np.floor(exponent))
    with np.errstate(over="ignore"):
        return float(np.ldexp(value * 2.0 ** (exponent - whole), whole))
