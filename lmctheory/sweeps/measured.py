"""The record of all networks of one shape, pair by pair and in every alignment; its means."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from lmctheory.choices import require_choice
from lmctheory.paths import Barrier
from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import REST, Key

__all__ = ["METRICS", "UNMATCHED", "Aligned", "Certified", "Curves", "Measured", "Peak", "Sandwich"]

UNMATCHED = "unmatched"
METRICS = {"euclidean": "naive", "data": "weighted"}
"""Metrics in which rows are compared, and the matching that minimises the cost in each."""


@dataclass(frozen=True)
class Curves:
    """The segments of all pairs.

    Attributes:
        loss: ``[pairs][points]``.
        accuracy: likewise.
        max: of each pair's barrier of the loss.
        midpoint: likewise.
    """

    loss: list[list[float]]
    accuracy: list[list[float]]
    max: list[float]
    midpoint: list[float]

    @classmethod
    def of(cls, barrier: Barrier) -> "Curves":
        """The curves of all pairs, ``[pairs, points]``."""
        return cls(
            loss=barrier.loss.tolist(),
            accuracy=barrier.accuracy.tolist(),
            max=np.asarray(barrier.max).tolist(),
            midpoint=np.asarray(barrier.midpoint).tolist(),
        )

    @property
    def error_barrier(self) -> list[float]:
        """The largest drop of accuracy below the chord of each pair, signed."""
        loss = np.array(self.loss)
        t = np.linspace(0, 1, loss.shape[1])
        drop = Barrier(t, loss, np.array(self.accuracy)).max_accuracy_drop
        return np.asarray(drop).tolist()


@dataclass(frozen=True)
class Peak:
    """A curve over 0 < t < 1, at t = 1/2 and where it is largest."""

    midpoint: float
    max: float


@dataclass(frozen=True)
class Certified:
    """Bounds of one pair on test data.

    Attributes:
        c1: C1, of the root mean square function error.
        c1_prime: C1'.
        c2: C2.
        c3: C3, of the barrier.
        inaccuracy: 1 - certified accuracy.
    """

    c1: Annotated[Peak, Key("C1")]
    c1_prime: Annotated[Peak, Key("C1'")]
    c2: Annotated[Peak, Key("C2")]
    c3: Annotated[Peak, Key("C3")]
    inaccuracy: Peak


@dataclass(frozen=True)
class Enclosed:
    """What certainly contains the largest barrier of one pair over t in [0, 1], on test data."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Aligned:
    """All pairs in one alignment.

    Attributes:
        train: their segments on training data.
        test: on test data.
        cost: for each metric the matching cost per neuron ``[pairs][layers]``.
        certificate: of each pair; None if none was asked for, or there is none.
        no_certificate: why there is none.
        enclosed: the barrier of each pair (C6); None if that was not asked for.
    """

    train: Curves
    test: Curves
    cost: dict[str, list[list[float]]]
    certificate: list[Certified] | None = None
    no_certificate: str | None = None
    enclosed: list[Enclosed] | None = None


@dataclass(frozen=True)
class Sandwich:
    """What the theory predicts for the neurons of one layer of one pair.

    Attributes:
        lower: L.
        upper: U.
        trivial: 2 tr, what any permutation costs.
        dimension: participation ratio.
    """

    lower: float
    upper: float
    trivial: float
    dimension: float


@dataclass(frozen=True)
class Measured:
    """All networks of one shape; means are over pairs, with standard errors.

    Attributes:
        layers: for each layer and metric the sandwich of each pair.
        aligned: what was measured, by alignment.
        seeds: of the networks, where no configuration tells them.
    """

    layers: list[dict[str, list[Sandwich]]]
    aligned: Annotated[dict[str, Aligned], REST]
    seeds: list[int] | None = None

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves."""
        ends = np.array(self.aligned[UNMATCHED].test.accuracy)[:, [0, -1]]
        return Mean.over(ends.mean(axis=1).tolist())

    def barrier(self, alignment: str, *, split: str = "test", where: str = "max") -> Mean:
        """Barrier of the loss, signed.

        Args:
            alignment: of `aligned`.
            split: "train" or "test".
            where: "max", over the path, or "midpoint".

        Raises:
            ValueError: for any other.
        """
        require_choice("split", split, ("train", "test"))
        require_choice("where", where, ("max", "midpoint"))
        return Mean.over(getattr(getattr(self._in(alignment), split), where))

    def certified(self, alignment: str, *, where: str = "max") -> Mean | None:
        """Certified barrier (C3) of the test loss; None if there is none."""
        require_choice("where", where, ("max", "midpoint"))
        found = self._in(alignment).certificate
        return None if found is None else Mean.over([getattr(pair.c3, where) for pair in found])

    def enclosed(self, alignment: str) -> Enclosed | None:
        """What contains the mean barrier of the test loss over t in [0, 1]; None if unknown."""
        found = self._in(alignment).enclosed
        if found is None:
            return None
        sides = ([getattr(pair, side) for pair in found] for side in ("lower", "upper"))
        return Enclosed(*(Mean.over(side).value for side in sides))

    def cost(self, alignment: str, metric: str, layer: int = -1) -> Mean | None:
        """Cost per neuron of a hidden layer; None if its neurons cannot be reordered.

        Args:
            alignment: of `aligned`.
            metric: of `METRICS`.
            layer: counted from 0.
        """
        require_choice("metric", metric, METRICS)
        costs = self._in(alignment).cost[metric]
        return Mean.over([pair[layer] for pair in costs]) if costs[0] else None

    def bound(self, side: str, metric: str, layer: int = -1) -> Mean | None:
        """A field of `Sandwich`; None if no neurons can be reordered."""
        require_choice("side", side, ("lower", "upper", "trivial", "dimension"))
        require_choice("metric", metric, METRICS)
        if not self.layers:
            return None
        return Mean.over([getattr(pair, side) for pair in self.layers[layer][metric]])

    def sandwiched(self, metric: str, layer: int, errors: float = 4.0) -> bool:
        """Whether the measured cost lies between L and U, up to that many standard errors.

        The sandwich bounds a mean; one pair, with no standard error, does not pass.
        """
        # pair by pair, as both sides depend on the pair's data metric
        costs = self.aligned[METRICS[metric]].cost[metric]
        pairs = [
            (pair[layer], side)
            for pair, side in zip(costs, self.layers[layer][metric], strict=True)
        ]
        gaps = (
            Mean.over([cost - side.lower for cost, side in pairs]),
            Mean.over([side.upper - cost for cost, side in pairs]),
        )
        return all(gap.value >= -errors * gap.error for gap in gaps)

    def _in(self, alignment: str) -> Aligned:
        require_choice("alignment", alignment, self.aligned)
        return self.aligned[alignment]
