"""Pairs of one activation and depth at all widths, and exponents of what was measured of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from simulations.claims import Exponent
from simulations.width_exponents.measurement import ACTIVATIONS, MATCHED, Seen, Task

__all__ = ["Curve", "Draws", "Results", "curves", "exponent"]

Results: TypeAlias = Sequence[tuple[Task, Seen]]
Draws: TypeAlias = Mapping[int, Sequence[float]]
"""By width, one value of each pair."""


@dataclass(frozen=True)
class Curve:
    """All widths of one activation and depth.

    Attributes:
        activation: its name.
        depth: number of hidden layers.
        seen: by width, rising.
    """

    activation: str
    depth: int
    seen: Mapping[int, Seen]

    def barriers(self, alignment: str, quantity: str = "loss") -> Draws:
        """On test data.

        Args:
            alignment: of `ALIGNMENTS`.
            quantity: "loss" or "error".
        """
        curves = {m: one.measured.aligned[alignment].test for m, one in self.seen.items()}
        if quantity == "loss":
            return {m: curve.max for m, curve in curves.items()}
        return {m: curve.error_barrier for m, curve in curves.items()}

    def otherwise(self) -> Draws:
        """Barriers of the loss with the activation's symmetry used in the other way, if any."""
        found = {m: one.symmetry for m, one in self.seen.items()}
        return {m: one.loss for m, one in found.items() if one is not None}

    def costs(self, layer: int | None = None) -> Draws:
        """Matching costs over those of a random order, in the metric of the data.

        Args:
            layer: counted from 0; the mean over all layers if None.
        """
        return self._relative(layer, None)

    def bounds(self, side: str, layer: int | None = None) -> Draws:
        """What bounds them: "lower" or "upper"."""
        return self._relative(layer, side)

    def dimension(self, layer: int) -> float:
        """Participation ratio of the law of a layer's neurons, mean over widths and pairs."""
        laws = [law for one in self.seen.values() for law in one.measured.layers[layer]["data"]]
        return float(np.mean([law.dimension for law in laws]))

    @property
    def inputs(self) -> int:
        """Numbers that an example holds."""
        return next(iter(self.seen.values())).inputs

    def certified(self) -> Draws:
        """C3 at t = 1/2."""
        return {m: one.certified for m, one in self.seen.items()}

    def _relative(self, layer: int | None, side: str | None) -> Draws:
        layers = range(self.depth) if layer is None else (layer,)
        found = {}
        for m, one in self.seen.items():
            costs = one.measured.aligned[MATCHED].cost["data"]
            by_layer = [
                [
                    _share(cost[k] if side is None else getattr(bound, side), bound.trivial)
                    for cost, bound in zip(costs, one.measured.layers[k]["data"], strict=True)
                ]
                for k in layers
            ]
            found[m] = np.mean(by_layer, axis=0).tolist()
        return found


def _share(cost: float, trivial: float) -> float:
    """0 if all neurons are dead, and any order costs nothing."""
    return cost / trivial if trivial else 0.0


def curves(results: Results) -> list[Curve]:
    """By activation and depth."""
    order = list(ACTIVATIONS)
    places = sorted(
        {(task.activation, task.depth) for task, _ in results},
        key=lambda place: (order.index(place[0]), place[1]),
    )
    return [
        Curve(
            *place,
            {
                task.width: seen
                for task, seen in sorted(results, key=lambda result: result[0].width)
                if (task.activation, task.depth) == place
            },
        )
        for place in places
    ]


def exponent(draws: Draws) -> Exponent | None:
    """How fast the mean of draws falls with the width; None where a mean is not positive."""
    positive = all(np.mean(ones) > 0 for ones in draws.values())
    return Exponent.of(draws) if positive else None
