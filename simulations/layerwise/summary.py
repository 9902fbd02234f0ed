"""Means over pairs of what `layerwise` measured, for its tables and figures.

Barriers are at t = 1/2 and means over the two base networks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from simulations.layerwise.networks import JOINING, LINEAR, NETWORKS
from simulations.layerwise.plan import LEWC, TRAINED

__all__ = [
    "WAYS",
    "Cell",
    "by_epochs",
    "by_width",
    "cells",
    "deepest_chain",
    "groups",
    "half",
    "linear",
    "noise",
    "pooled",
    "ratio",
    "require_one_study",
    "single",
    "windows",
]

Results: TypeAlias = Sequence[tuple[Config, Record]]
Quantity: TypeAlias = Callable[[Record], float]

WAYS = {
    "unmatched": (JOINING[0], "unmatched"),
    "matched": (JOINING[0], "matched"),
    "shared": (JOINING[1], "unmatched"),
    "spawned": (JOINING[2], "unmatched"),
}
"""How two networks come to be joined: what they have in common, and whether they are matched."""


@dataclass(frozen=True)
class Cell:
    """All pairs of one task, joined in one way."""

    config: Config
    way: str
    pairs: tuple[Record, ...]

    @property
    def architecture(self) -> str:
        """Its name."""
        return str(self.config["architecture"])

    def mean(self, quantity: Quantity) -> Mean:
        """Of a number that every pair has."""
        return Mean.over([quantity(pair) for pair in self.pairs])


def _cells(results: Iterable[tuple[Config, Record]]) -> list[Cell]:
    return [
        Cell(config, way, tuple(record[alignment]))
        for config, record in results
        for way, (joining, alignment) in WAYS.items()
        if config["joining"] == joining
    ]


def cells(results: Results) -> list[Cell]:
    """The architectures at their usual width, trained to the end, by name and way."""
    usual = [
        (config, record)
        for config, record in results
        if config["details"] and config["architecture"] in NETWORKS
    ]
    order, ways = list(NETWORKS), list(WAYS)
    return sorted(
        _cells(usual), key=lambda cell: (order.index(cell.architecture), ways.index(cell.way))
    )


def deepest_chain(results: Results) -> list[Cell]:
    """The network with most layers whose barrier was split, in all ways of joining.

    Raises:
        ValueError: if there is none.
    """
    split = [cell for cell in cells(results) if "split" in cell.pairs[0]]
    if not split:
        raise ValueError("the results hold no chain, such as an MLP, which the figure is of")
    depth = max(len(cell.pairs[0]["layers"]) for cell in split)
    return [cell for cell in split if len(cell.pairs[0]["layers"]) == depth]


def linear(results: Results) -> list[Cell]:
    """The deep linear networks."""
    return _cells(one for one in results if one[0]["architecture"] == LINEAR)


def by_epochs(results: Results) -> list[Cell]:
    """One network along training."""
    found = [one for one in results if not one[0]["details"] and one[0]["architecture"] == TRAINED]
    return sorted(_cells(found), key=lambda cell: cell.config["epochs"])


def by_width(results: Results) -> list[Cell]:
    """One architecture by its width."""
    found = [one for one in results if not one[0]["details"] and one[0]["architecture"] == LEWC]
    return sorted(_cells(found), key=lambda cell: cell.config["width"])


def half(pair: Record) -> int:
    """Half the number of layers, rounded up."""
    return (len(pair["layers"]) + 1) // 2


def _both(pair: Record, name: str) -> np.ndarray:
    """Mean over the base networks, ``[subsets]``."""
    return np.mean(pair[name], axis=0)


def single(pair: Record, name: str = "full") -> np.ndarray:
    """Of "full", "edge" or another measure: the single layers, ``[L]``."""
    return _both(pair, name)[: len(pair["layers"])]


def windows(pair: Record, length: int, name: str = "full") -> np.ndarray:
    """The windows of one length, by their first layer."""
    subsets = pair["subsets"][: pair["windows"]]
    return _both(pair, name)[[i for i, one in enumerate(subsets) if len(one) == length]]


def groups(pair: Record, length: int, name: str = "full") -> np.ndarray:
    """The random groups of one size; the windows where every group is one."""
    subsets = pair["subsets"]
    where = [i for i in range(pair["windows"], len(subsets)) if len(subsets[i]) == length]
    return _both(pair, name)[where] if where else windows(pair, length, name)


def noise(pair: Record, length: int = 1, name: str = "null rise") -> np.ndarray:
    """In random directions: the windows of one length that were tried, by their first layer."""
    chosen = [len(pair["subsets"][i]) == length for i in pair["null windows"]]
    return np.mean(pair[name], axis=(0, 1))[chosen]


def tried(pair: Record, length: int = 1) -> np.ndarray:
    """The barriers of the same windows as `noise`."""
    where = [i for i in pair["null windows"] if len(pair["subsets"][i]) == length]
    return _both(pair, "full")[where]


def pooled(found: Sequence[Cell], way: str) -> list[Record]:
    """All pairs that are joined in one way, over architectures."""
    return [pair for cell in found if cell.way == way for pair in cell.pairs]


def ratio(pairs: Sequence[Record], numerator: Quantity, denominator: Quantity) -> Mean:
    """Ratio of the means over pairs, with the jackknife's standard error."""
    x, y = (np.array([quantity(pair) for pair in pairs]) for quantity in (numerator, denominator))
    value, n = float(x.sum() / y.sum()), len(pairs)
    if n < 2:
        return Mean(value, float("nan"))
    left = (x.sum() - x) / (y.sum() - y)
    return Mean(value, float(np.sqrt((n - 1) * np.mean((left - left.mean()) ** 2))))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in data, seed or training, or one task comes twice.
    """
    for name in ("dataset", "seed"):
        if len(values := {config[name] for config, _ in results}) > 1:
            raise ValueError(f"the results mix studies with {name} {sorted(values)}")
    usual = [(cell.architecture, cell.way) for cell in cells(results)]
    if repeated := {one for one in usual if usual.count(one) > 1}:
        raise ValueError(f"the results mix studies of {sorted(repeated)[0]}")
