"""Means over pairs of what `path_certificates` measured, for its tables and its figure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from simulations.path_certificates.measurement import ALIGNMENTS, NODES, REFERENCE
from simulations.path_certificates.networks import NETWORKS

__all__ = [
    "QUANTITIES",
    "Ratios",
    "Summary",
    "matching_ratios",
    "points",
    "require_one_study",
    "summarise",
    "violations",
]

Results = Sequence[tuple[Config, Record]]

QUANTITIES: dict[str, Callable[[Record], float]] = {
    "C1": lambda pair: pair["C1"],
    "C1'": lambda pair: pair["C1'"],
    "C2": lambda pair: pair["C2"],
    "error": lambda pair: pair["error"],
    "C4 loss": lambda pair: pair["C4"][str(NODES[-1])]["loss"],
    "loss": lambda pair: pair["loss"],
}
"""What a matching may minimise: bounds, and what they bound."""


@dataclass(frozen=True)
class Summary:
    """All pairs of one architecture, width and weight decay."""

    architecture: str
    width: int
    weight_decay: float
    record: Record

    def mean(self, quantity: Callable[[Record], float], alignment: str = REFERENCE) -> Mean:
        """Of a number that every pair has."""
        return Mean.over([quantity(pair) for pair in self.record[alignment]])

    def certified(self, name: str, nodes: int) -> Mean:
        """Of C4's "accuracy", "attainable", "loss" or "barrier" with so many pieces."""
        return self.mean(lambda pair: pair["C4"][str(nodes)][name])

    def share(self, nodes: int) -> float:
        """Of the attainable accuracy, what C4 certifies with so many pieces; NaN if it is zero."""
        attainable = self.certified("attainable", NODES[-1]).value
        return self.certified("accuracy", nodes).value / attainable if attainable else np.nan

    def ends(self) -> Mean:
        """Accuracy of the worse of two networks: no segment between them has more."""
        return self.mean(lambda pair: min(pair["accuracy"]))


def summarise(results: Iterable[tuple[Config, Record]]) -> list[Summary]:
    """The shapes, by architecture, weight decay and width."""
    shapes = [
        Summary(config["architecture"], config["width"], config["weight_decay"], record)
        for config, record in results
    ]
    order = list(NETWORKS)
    return sorted(shapes, key=lambda s: (order.index(s.architecture), s.weight_decay, s.width))


def points(
    shapes: Sequence[Summary], x: Callable[[Record], float], y: Callable[[Record], float]
) -> np.ndarray:
    """Two numbers of every pair, weighted matching, ``[pairs, 2]``."""
    pairs = [pair for shape in shapes for pair in shape.record[REFERENCE]]
    return np.array([(x(pair), y(pair)) for pair in pairs])


def violations(shapes: Sequence[Summary]) -> tuple[int, int]:
    """Certified numbers below what they bound, over all pairs and matchings, and all of them."""
    checks = [
        below
        for shape in shapes
        for pairs in shape.record.values()
        for pair in pairs
        for below in (
            *(pair[bound] < pair["error"] for bound in ("C1", "C1'", "C2")),
            pair["C3"] < pair["midpoint"],
            *(
                wrong
                for bound in pair["C4"].values()
                for wrong in (
                    bound["accuracy"] > pair["least accuracy"],
                    bound["loss"] < pair["loss"],
                    bound["barrier"] < pair["barrier"],
                )
            ),
        )
    ]
    return sum(checks), len(checks)


@dataclass(frozen=True)
class Ratios:
    """How matchings do by quantities, over the pairs of which all were measured.

    Attributes:
        pairs: how many.
        logs: by alignment and quantity the mean of log10(value / value of the weighted matching),
            or None where one of the values is zero.
        best: likewise the share of the pairs in which no other of them has a smaller one.
    """

    pairs: int
    logs: dict[str, dict[str, Mean | None]]
    best: dict[str, dict[str, float]]


def matching_ratios(shapes: Sequence[Summary]) -> Ratios:
    """Of the shapes that were matched in every way."""
    complete = [
        dict(zip(ALIGNMENTS, pairs, strict=True))
        for shape in shapes
        if all(name in shape.record for name in ALIGNMENTS)
        for pairs in zip(*(shape.record[name] for name in ALIGNMENTS), strict=True)
    ]
    logs: dict[str, dict[str, Mean | None]] = {name: {} for name in ALIGNMENTS}
    best: dict[str, dict[str, float]] = {name: {} for name in ALIGNMENTS}
    for quantity, value in QUANTITIES.items() if complete else ():
        values = {name: np.array([value(p[name]) for p in complete]) for name in ALIGNMENTS}
        least = np.min(list(values.values()), axis=0)
        for name in ALIGNMENTS:
            logs[name][quantity] = _log_ratio(values[name], values[REFERENCE])
            best[name][quantity] = float((values[name] <= least * (1 + 1e-9)).mean())
    return Ratios(len(complete), logs, best)


def _log_ratio(values: np.ndarray, reference: np.ndarray) -> Mean | None:
    if not (values * reference).all():  # networks that are constant have no error
        return None
    return Mean.over(np.log10(values / reference).tolist())


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shape and weight decay.
    """
    for name in ("dataset", "pairs", "examples", "seed"):
        if len(values := {config[name] for config, _ in results}) > 1:
            raise ValueError(f"the results mix studies with {name} {sorted(values)}")
