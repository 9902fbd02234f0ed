"""Barriers on a grid of t, with the standard errors that they have over the examples.

A barrier is the mean over examples of `loss_x(theta_t) - t loss_x(one end) - (1-t) loss_x(other)`;
its standard error is that of this mean, the networks being fixed. At the maximum over t it is the
one of the t where the maximum was found.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from lmctheory.measures.arguments import odd_points
from lmctheory.results import Result

__all__ = ["Curves", "above_chord", "grid"]


@dataclass(frozen=True, eq=False)
class Curves(Result):
    """Barriers on a grid of t.

    Attributes:
        t: ``[points]`` from 0 to 1, with 1/2 in the middle; t = 1 is the base network.
        value: ``[2, subsets, points]``, from the base networks A and B.
        error: ``[2, subsets, points]``; NaN for a single example.
    """

    t: Float[np.ndarray, " points"]
    value: Float[np.ndarray, "2 subsets points"]
    error: Float[np.ndarray, "2 subsets points"]

    @property
    def midpoint(self) -> Float[np.ndarray, "2 subsets"]:
        """At t = 1/2."""
        return self.value[..., len(self.t) // 2]

    @property
    def midpoint_error(self) -> Float[np.ndarray, "2 subsets"]:
        """Of the midpoint."""
        return self.error[..., len(self.t) // 2]

    @property
    def max(self) -> Float[np.ndarray, "2 subsets"]:
        """The signed maximum over 0 < t < 1."""
        return self.value[..., 1:-1].max(-1)

    @property
    def max_error(self) -> Float[np.ndarray, "2 subsets"]:
        """Where the maximum is."""
        where = self.value[..., 1:-1].argmax(-1)[..., None]
        return np.take_along_axis(self.error[..., 1:-1], where, -1)[..., 0]

    def __neg__(self) -> "Curves":
        return Curves(self.t, -self.value, self.error)


def grid(points: int) -> Float[np.ndarray, " points"]:
    """Equally spaced t from 0 to 1.

    Raises:
        ValueError: for a number of points that is even or below 3.
    """
    return np.linspace(0, 1, odd_points(points))


def above_chord(
    values: Shaped[np.ndarray, "2 subsets points n"],
    far: Shaped[np.ndarray, "2 #subsets n"],
    t: Float[np.ndarray, " points"],
) -> Curves:
    """Mean and standard error over the examples of value(t) - t value(1) - (1-t) far.

    Args:
        values: of every example.
        far: what the chord has at t = 0.
        t: the grid, which ends at 1.
    """
    *shape, n = values.shape
    far = np.broadcast_to(far, (*shape[:2], n))
    value, error = np.full((2, *shape), np.nan)
    for i in np.ndindex(*shape[:2]):
        curve = values[i].astype(np.float64)  # one at a time: all in float64 may not fit
        gaps = curve - t[:, None] * curve[-1] - (1 - t)[:, None] * far[i]
        value[i] = gaps.mean(-1)
        if n > 1:
            error[i] = gaps.std(-1, ddof=1) / np.sqrt(n)
    return Curves(t, value, error)
