r"""The least mean loss over all matchings of a layer, from below.

Let place i take neuron j, negated or not, and let what the outputs are worth be affine in that,

    u(P) = constant + sum_ij P_ij gains_ij,    P a matching as a matrix of zeros and ones.

The mean loss F(u(P)) is convex in P (`lmctheory.paths.ascending_losses`), so it is, over all doubly
stochastic P and so over all matchings, at least

    F(P') + min over Q of <grad F(P'), Q - P'>

for any P' whatever: an assignment problem. The method of Frank and Wolfe (1956) moves P' towards
the Q that it finds.

Reference: Birkhoff 1946: matchings are the corners of the set of doubly stochastic matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from lmctheory.paths.ascending_losses import AscendingLoss

__all__ = ["Bound", "Matchings"]

_EPS = float(np.finfo(np.float64).eps)
_STEPS = 30
_LOOKED = 4
"""Steps that are taken though the bound cannot become what is asked for."""

_HALVINGS = 6


@dataclass(frozen=True)
class Bound:
    """What was found about the matchings.

    Attributes:
        lower: the least mean loss is at least this, rounding included.
        weights: ``[places, neurons, signs]`` the doubly stochastic matrix at the end.
        corner: the matching of least mean loss that was met, place by place: j, or ~j if negated.
    """

    lower: float
    weights: np.ndarray
    corner: tuple[int, ...]


@dataclass(frozen=True)
class Matchings:
    """All matchings of the places of a layer that are open with the neurons that are left.

    Attributes:
        loss: of the examples.
        constant: ``[n, q]``.
        gains: ``[places, neurons, signs, n, q]``; the second sign is that of the negated neuron.
    """

    loss: AscendingLoss
    constant: np.ndarray
    gains: np.ndarray

    def least(self, wanted: float) -> Bound:
        """A lower bound of the least mean loss; no closer than it takes to know if it is `wanted`.

        Args:
            wanted: the search ends when the bound reaches it, or cannot.
        """
        places, neurons, signs = self.gains.shape[:3]
        P = np.full((places, neurons, signs), 1 / max(1, neurons * signs))
        if not places:
            steepness = float(self.loss.gradient(self.constant).sum()) / len(self.constant)
            value = self._mean(self.constant)
            return Bound(value - self._slack(steepness, value), P, ())
        lower, least, corner = -np.inf, np.inf, None
        for step, (u, Q, bound) in enumerate(self._steps(P)):
            lower = max(lower, bound)
            if (there := self._mean(self._at(Q))) < least:
                least, corner = there, Q
            if lower >= wanted or step == _STEPS - 1:
                break
            if step >= _LOOKED and self._mean(u) < wanted:
                break
        assert corner is not None
        return Bound(lower, P, _named(corner))

    def _steps(self, P: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """u(P), the corner Q and the bound at each step, P being moved in place."""
        u = self._at(P)
        while True:
            slope = self.loss.gradient(u) / len(u)
            cost = (self.gains.reshape(P.size, -1) @ slope.ravel()).reshape(P.shape)
            Q = _assigned(cost)
            gap = float((cost * (P - Q)).sum())
            value = self._mean(u)
            yield u, Q, value - gap - self._slack(float(slope.sum()), value)
            target = self._at(Q)
            share = self._best_share(u, target)
            P *= 1 - share
            P += share * Q
            u = (1 - share) * u + share * target

    def _at(self, P: np.ndarray) -> np.ndarray:
        return self.constant + np.tensordot(P, self.gains, 3)

    def _mean(self, u: np.ndarray) -> float:
        return float(self.loss.each(u).mean())

    def _best_share(self, start: np.ndarray, end: np.ndarray) -> float:
        """Where the loss is least on the way from one u to another, nearly: its slope is halved."""
        low, high, way = 0.0, 1.0, end - start
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            rising = (self.loss.gradient(start + middle * way) * way).sum() > 0
            low, high = (low, middle) if rising else (middle, high)
        return high

    def _slack(self, steepness: float, value: float) -> float:
        """What rounding may make of a bound.

        u is a sum of as many terms as there are gains, the bound one of n q products of the
        gradient with such sums and of losses of n examples, each exact but for a few units.
        """
        n, q = self.constant.shape
        size = float(np.abs(self.constant).max())
        size += float(np.abs(self.gains).max((1, 2, 3, 4)).sum()) if self.gains.size else 0.0
        terms = n * q + self.gains[..., 0, 0].size + 100
        return 16 * _EPS * terms * (steepness * (1 + size) + abs(value) + 1)


def _assigned(cost: np.ndarray) -> np.ndarray:
    """The corner of least cost ``[places, neurons, signs]``."""
    places, neurons = linear_sum_assignment(cost.min(2))
    corner = np.zeros_like(cost)
    corner[places, neurons, cost[places, neurons].argmin(1)] = 1.0
    return corner


def _named(corner: np.ndarray) -> tuple[int, ...]:
    neurons = corner.max(2).argmax(1)
    negated = corner[np.arange(len(corner)), neurons].argmax(1)
    return tuple(np.where(negated, ~neurons, neurons).tolist())
