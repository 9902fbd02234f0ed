"""The record of one pair of networks. Barriers are at t = 1/2, means over the base networks."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from lmctheory.sweeps.typed import Key

__all__ = [
    "Barriers",
    "Curvature",
    "Features",
    "LinearPair",
    "Measured",
    "Pair",
    "Recommended",
    "Split",
    "TwoLayers",
]

Numbers = list[list[float]]
"""From either base network ``[2][subsets]``."""


@dataclass(frozen=True)
class Barriers:
    """Barriers of subsets of the layers, see `lmctheory.layerwise.layer_barriers`.

    Attributes:
        layers: their names.
        parameters: of each.
        path: the barrier of all layers.
        path_max: its maximum over t.
        losses: of both networks.
        subsets: layers by number: single ones, longer windows, then random groups.
        window_count: how many of them are windows.
        full: barriers against the full networks.
        full_error: their standard errors over the examples.
        full_max: their maxima over t.
        edge: against the swapped ends.
        edge_error: likewise.
        accuracy_drop: of the accuracy.
        rise: of the loss above the base network's.
        null_windows: subsets, by number, that are put to random directions.
        null_rise: rise in random directions of the same norm ``[draws][2][null windows]``.
        null_edge: likewise.
        bent: by the number of layers moved, how many segments bend downwards, and of how many.
    """

    layers: list[str]
    parameters: list[int]
    path: float
    path_max: Annotated[float, Key("path max")]
    losses: list[float]
    subsets: list[list[int]]
    window_count: Annotated[int, Key("windows")]
    full: Numbers
    full_error: Annotated[Numbers, Key("full error")]
    full_max: Annotated[Numbers, Key("full max")]
    edge: Numbers
    edge_error: Annotated[Numbers, Key("edge error")]
    accuracy_drop: Annotated[Numbers, Key("accuracy drop")]
    rise: Numbers
    null_windows: Annotated[list[int], Key("null windows")]
    null_rise: Annotated[list[Numbers], Key("null rise")]
    null_edge: Annotated[list[Numbers], Key("null edge")]
    bent: dict[int, tuple[int, int]]

    @property
    def count(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def half(self) -> int:
        """Half of it, rounded up."""
        return (self.count + 1) // 2

    @property
    def share(self) -> float:
        """A layer's share of the path's barrier."""
        return self.path / self.count

    @property
    def single(self) -> np.ndarray:
        """Barriers of single layers ``[L]``."""
        return self.of_single(self.full)

    def of_single(self, values: Numbers) -> np.ndarray:
        """Of `full`, `edge` or another measure: the single layers ``[L]``."""
        return np.asarray(np.mean(values, axis=0)[: self.count])

    def windows(self, length: int) -> np.ndarray:
        """Barriers of the windows of one length, by their first layer."""
        return self._of_length(length, range(self.window_count))

    def groups(self, length: int) -> np.ndarray:
        """Of the random groups of one size; of the windows where every group is one."""
        found = self._of_length(length, range(self.window_count, len(self.subsets)))
        return found if len(found) else self.windows(length)

    def noise(self, length: int = 1) -> np.ndarray:
        """In random directions: the windows of one length that were tried, by their first layer."""
        chosen = [len(self.subsets[i]) == length for i in self.null_windows]
        return np.asarray(np.mean(self.null_rise, axis=(0, 1))[chosen])

    def tried(self, length: int = 1) -> np.ndarray:
        """The barriers of the same windows as `noise`."""
        return self._of_length(length, self.null_windows)

    def _of_length(self, length: int, places: "range | list[int]") -> np.ndarray:
        chosen = [i for i in places if len(self.subsets[i]) == length]
        return np.asarray(np.mean(self.full, axis=0)[chosen])


@dataclass(frozen=True)
class Curvature:
    """Of single layers at A: towards B, and the mean of random directions of that norm."""

    towards: list[float]
    random: list[float]


@dataclass(frozen=True)
class Features:
    """Of the midpoint, by layer, see `lmctheory.layerwise.feature_connectivity`."""

    cosine: list[float]
    baseline: list[float]
    coefficient: list[float]
    llfc_error: list[float]
    lewc_error: list[float]
    names: list[str]
    depth: list[int]


@dataclass(frozen=True)
class Recommended:
    """Layers that may be averaged, see `lmctheory.layerwise.recommend`."""

    layers: list[str]
    parameters: float
    rise: float
    holds: bool
    random_rise: Annotated[float, Key("random rise")]
    random_holds: Annotated[float, Key("random holds")]


@dataclass(frozen=True)
class Split:
    """The path's barrier and its split into layers (L5)."""

    matrix: list[list[float]]
    barrier: float


@dataclass(frozen=True)
class Pair(Barriers):
    """All that is measured of a pair.

    Attributes:
        curvature: of single layers.
        features: of the midpoint.
        recalibrated: the path's barrier after its temperature is set; None if none is best.
        recommended: None without details, as the next.
        shapley: values of the layers.
        split: of the first pair of a chain.
        l3: bounds of the edge barriers of single layers; None if the network is no chain.
        l3_lipschitz: by the Lipschitz constant.
    """

    curvature: Curvature
    features: Features
    recalibrated: float | None
    recommended: Recommended | None = None
    shapley: list[float] | None = None
    split: Split | None = None
    l3: Annotated[list[float] | None, Key("L3")] = None
    l3_lipschitz: Annotated[list[float] | None, Key("L3 Lipschitz")] = None


class TwoLayers(NamedTuple):
    """L2's condition for layers that are moved."""

    convex: bool
    has_barrier: bool
    max_barrier: float
    min_curvature: float


@dataclass(frozen=True)
class LinearPair:
    """Two deep linear networks: all pairs of layers (L2), and single ones (L1)."""

    pairs: list[TwoLayers]
    single: list[TwoLayers]


@dataclass(frozen=True)
class Measured:
    """All pairs of a task, before and after matching."""

    unmatched: list[Pair | LinearPair]
    matched: list[Pair | LinearPair]
