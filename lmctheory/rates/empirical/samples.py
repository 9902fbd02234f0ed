"""Two samples of neurons as they come in, brought to a size at which nothing over- or underflows.

Coordinates that are the same in all neurons cost nothing and are left out; the others are divided
by a power of two, 2^exponent, so that the widest spans between 1/2 and 2 units. Differences survive
both without a rounding error, whatever the units and wherever the origin: none of the coordinates
that are left exceeds 2^54. Only numbers below 2^-1022 units lose digits.

Modulo signs the origin matters and constants cost something: all coordinates are kept, and none
exceeds half a unit, so that sums and differences do not exceed one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from lmctheory.measures import Modulo
from lmctheory.measures.arguments import ArrayLike, array
from lmctheory.measures.quotient import by_signs

__all__ = ["Samples", "lengths", "samples", "times_power_of_two"]


class Samples(NamedTuple):
    """Two samples in units of 2^exponent; at least one coordinate, which may be constant.

    Attributes:
        a: neurons of A ``[m, d]``.
        b: neurons of B ``[m, d]``.
        exponent: of the units.
        signs: whether neurons are to be compared modulo signs.
    """

    a: Float[np.ndarray, "m d"]
    b: Float[np.ndarray, "m d"]
    exponent: int
    signs: bool

    def distances(self, perm: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """How far every neuron of A is from its partner."""
        partner = self.b[perm]
        apart = lengths(self.a - partner)
        return np.minimum(apart, lengths(self.a + partner)) if self.signs else apart


def samples(
    a: Shaped[ArrayLike, "m d"], b: Shaped[ArrayLike, "m d"], modulo: Modulo = None
) -> Samples:
    """Two samples of equal size, checked and brought to size.

    One coordinate modulo signs becomes its absolute value: on the line that is all there is.

    Raises:
        TypeError: unless both hold real numbers.
        ValueError: unless they are finite, not empty, and of the same shape ``[m, d]``, or for
            another modulo than None and "signs".
    """
    signs = by_signs(modulo)
    a, b = array("a", a, "m d"), array("b", b, "m d")
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape [m, d], got {a.shape} and {b.shape}")
    return _around_the_origin(a, b) if signs else _spread(a, b)


def _spread(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"]) -> Samples:
    low, high = (np.minimum(a.min(0), b.min(0)), np.maximum(a.max(0), b.max(0)))
    moving = low < high
    if not moving.any():
        return Samples(np.zeros((len(a), 1)), np.zeros((len(a), 1)), 0, signs=False)
    with np.errstate(over="ignore"):
        span = min(float((high - low).max()), float(np.finfo(np.float64).max))
    exponent = int(np.frexp(span)[1])
    x, y = (np.ldexp(sample[:, moving], -exponent) for sample in (a, b))
    return Samples(x, y, exponent, signs=False)


def _around_the_origin(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"]) -> Samples:
    exponent = int(np.frexp(max(np.abs(a).max(), np.abs(b).max()))[1]) + 1
    x, y = (np.ldexp(sample, -exponent) for sample in (a, b))
    if x.shape[1] == 1:
        return Samples(np.abs(x), np.abs(y), exponent, signs=False)
    return Samples(x, y, exponent, signs=True)


def lengths(vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
    """Euclidean norms of rows, of any size."""
    top = np.abs(vectors).max(axis=1)
    return np.linalg.norm(vectors / np.where(top > 0, top, 1.0)[:, None], axis=1) * top


def times_power_of_two(value: float, exponent: float) -> float:
    """The value times 2^exponent: exact for integers, infinite where it overflows."""
    whole = int(np.floor(exponent))
    with np.errstate(over="ignore"):
        return float(np.ldexp(value * 2.0 ** (exponent - whole), whole))
