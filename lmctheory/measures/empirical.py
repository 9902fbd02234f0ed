"""The empirical law of given neurons, such as a trained layer's."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped
from scipy.spatial.distance import cdist

from lmctheory.measures.arguments import (
    ArrayLike,
    RandomSource,
    array,
    at_least,
    generator,
    nonnegative,
)
from lmctheory.measures.covariance import centred
from lmctheory.measures.display import Readable

__all__ = ["Empirical"]

_SMALL = 1e-100
"""Points of smaller size, or larger than its inverse, are measured in a unit of their own."""
_BLOCK_ENTRIES = 2**22
"""Distances held at once: 32 MiB, whatever the number of points."""


@dataclass(frozen=True, eq=False, repr=False)
class Empirical(Readable):
    """The uniform law on n given points; a sample is a bootstrap sample, with replacement.

    Args:
        points: ``[n, d]``, for example the rows of a trained weight matrix. Kept as a copy.

    Raises:
        TypeError: if points are no real numbers.
        ValueError: if there are no points, no coordinates, NaN or infinity.

    Reference:
        theory keys R5, R9.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Empirical
        >>> Empirical(np.array([[0.0, 0.0], [2.0, 0.0]])).spectrum
        array([1., 0.])
    """

    points: Shaped[ArrayLike, "n d"]

    def __post_init__(self) -> None:
        points = array("points", self.points, "n d").copy()
        points.setflags(write=False)
        object.__setattr__(self, "points", points)

    @property
    def dimension(self) -> int:
        """The dimension d of the space."""
        return self.points.shape[1]

    @cached_property
    def spectrum(self) -> Float[np.ndarray, " d"]:
        """Eigenvalues of the covariance (divisor n) ``[d]``, decreasing; at most n - 1 positive."""
        n, d = self.points.shape
        values = np.linalg.svd(centred(self.points), compute_uv=False)
        return np.pad(values**2 / n, (0, max(d - n, 0)))

    @property
    def second_moment(self) -> float:
        """Mean of |x_i|^2, not centred."""
        return float(np.square(self.points).sum(axis=1).mean())

    @cached_property
    def diameter(self) -> float:
        """Largest distance between two points."""
        return max(float(block.max()) for block in self._distances())

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m d"]:
        """Draws m independent neurons ``[m, d]``, with replacement.

        Raises:
            ValueError: if m < 1.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        return self.points[rng.integers(len(self.points), size=m)]

    def split_half(
        self, *, rng: RandomSource
    ) -> tuple[Float[np.ndarray, "h d"], Float[np.ndarray, "h d"]]:
        """Two disjoint random halves of the points, h = n // 2 each.

        If the points are independent draws of a law, so are the halves: their distance has the
        expectation of the law's own matching cost at width h, with no bootstrap error.

        Raises:
            ValueError: if there are fewer than two points.
        """
        rng, half = generator(rng), len(self.points) // 2
        at_least("number of points", len(self.points), 2)
        order = rng.permutation(len(self.points))
        return self.points[order[:half]], self.points[order[half : 2 * half]]

    def distance_cdf(self, r: Shaped[ArrayLike, "*n"]) -> Float[np.ndarray, "*n"]:
        """Share of the n^2 ordered pairs, pairs (i, i) included, at distance <= r, exactly.

        O(n^2 d) operations, 32 MiB of memory.
        """
        r = nonnegative("r", r)
        counts = np.zeros(r.size)
        for block in self._distances():
            counts += np.searchsorted(np.sort(block, axis=None), r.ravel(), side="right")
        return (counts / len(self.points) ** 2).reshape(r.shape)

    def nested_partition(
        self, levels: int
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Occupied cells of the dyadically halved bounding box, and their diameters (R5)."""
        levels = at_least("levels", levels, 1)
        low, sides = self.points.min(axis=0), np.ptp(self.points, axis=0)
        unit = (self.points - low) / np.where(sides > 0, sides, 1.0)
        j = np.arange(1, levels + 1)
        cells = [len(np.unique(np.minimum(np.floor(unit * 2.0**k), 2.0**k - 1), axis=0)) for k in j]
        return np.array(cells, np.float64), float(np.linalg.norm(sides)) * 0.5**j

    def _distances(self) -> Iterator[np.ndarray]:
        """All pairwise distances, some rows at a time, whether or not their squares are floats."""
        rows = max(_BLOCK_ENTRIES // len(self.points), 1)
        largest = float(np.abs(self.points).max())
        extreme = largest > 0 and not _SMALL <= largest <= 1 / _SMALL
        unit = 2.0 ** math.floor(math.log2(largest)) if extreme else 1.0
        points = self.points / unit
        for start in range(0, len(points), rows):
            yield unit * cdist(points[start : start + rows], points)
