"""Means over pairs of what `width_sweep` measured, for its table and its figure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.measurement import METRICS
from lmctheory.sweeps.study import Config, Record
from lmctheory.terminal import make_table, show
from simulations.width_sweep.measurement import ALIGNMENTS, PHASES

__all__ = ["Summary", "print_report", "require_one_sweep", "summarise"]


@dataclass(frozen=True)
class Summary:
    """One shape in one phase."""

    depth: int
    width: int
    record: Record

    def accuracy(self) -> Mean:
        """Test accuracy of the networks themselves."""
        ends = np.array(self.record["unmatched"]["test"]["accuracy"])[:, [0, -1]]
        return Mean.over(ends.mean(axis=1).tolist())

    def barrier(self, alignment: str, split: str = "test", where: str = "max") -> Mean:
        """Barrier of the loss, signed; its maximum over the path or its midpoint."""
        return Mean.over(self.record[alignment][split][where])

    def certificate(self, alignment: str, bound: str, where: str = "max") -> Mean:
        """Certified barrier (C3) or root-mean-square function error (C1, C1', C2)."""
        return Mean.over([pair[bound][where] for pair in self.record[alignment]["certificate"]])

    def cost(self, alignment: str, metric: str, layer: int) -> Mean:
        """Matching cost per neuron of a hidden layer, counted from 0."""
        return Mean.over([pair[layer] for pair in self.record[alignment]["cost"][metric]])

    def sandwiched(self, metric: str, layer: int, errors: float = 4.0) -> bool:
        """Whether the measured cost lies between L and U, up to that many standard errors.

        The sandwich bounds a mean; one pair, with no standard error, does not pass.
        """
        # pair by pair, as both sides depend on the pair's data metric
        pairs = self.record["layers"][layer][metric]
        costs = [pair[layer] for pair in self.record[METRICS[metric]]["cost"][metric]]
        above, below = (
            Mean.over([sign * (cost - pair[side]) for cost, pair in zip(costs, pairs, strict=True)])
            for sign, side in ((1, "lower"), (-1, "upper"))
        )
        return all(gap.value >= -errors * gap.error for gap in (above, below))

    def prediction(self, name: str, metric: str, layer: int) -> Mean:
        """A side of the sandwich ("lower", "upper"), "trivial", or "dimension"."""
        return Mean.over([pair[name] for pair in self.record["layers"][layer][metric]])


def summarise(results: Iterable[tuple[Config, Record]], phase: str) -> list[Summary]:
    """The shapes in one phase, by depth and width."""
    shapes = (
        Summary(config["depth"], config["width"], record)
        for config, record in results
        if config["phase"] == phase
    )
    return sorted(shapes, key=lambda shape: (shape.depth, shape.width))


def require_one_sweep(results: Sequence[tuple[Config, Record]]) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in more than shape and phase, or a shape lacks a phase.
    """
    shape = ("phase", "depth", "width")
    sweeps = [{k: v for k, v in config.items() if k not in shape} for config, _ in results]
    for settings in (key for key in sweeps[0] if key != "training"):
        if len(values := {sweep[settings] for sweep in sweeps}) > 1:
            raise ValueError(f"the results mix sweeps with {settings} {sorted(values)}")
    trained = [s["training"] for s in sweeps if s["training"] is not None]
    if any(training != trained[0] for training in trained):
        raise ValueError("the results mix sweeps with different training options")
    shapes = {
        phase: {(c["depth"], c["width"]) for c, _ in results if c["phase"] == phase}
        for phase in PHASES
    }
    if shapes["initial"] != shapes["trained"]:
        raise ValueError("the results are not complete: resume the sweep")


def print_report(results: Sequence[tuple[Config, Record]]) -> None:
    """Prints the barriers, then the matching costs in their sandwich, uncut."""
    show(_barriers(summarise(results, "trained")))
    show(*(_costs(summarise(results, phase), phase) for phase in PHASES))


def _barriers(shapes: Sequence[Summary]) -> Table:
    table = make_table(
        "Barrier of the test loss after training: signed maximum over t, mean over pairs",
        "In brackets, the standard error of the last digit. C3: certified, weighted matching.",
        ("depth", "width", "accuracy", *ALIGNMENTS, "C3"),
    )
    for shape in shapes:
        cells = (
            str(shape.accuracy()),
            *(str(shape.barrier(alignment)) for alignment in ALIGNMENTS),
            str(shape.certificate("weighted", "C3")),
        )
        table.add_row(str(shape.depth), str(shape.width), *cells)
    return table


def _costs(shapes: Sequence[Summary], phase: str) -> Table:
    law = "an exact law" if phase == "initial" else "for the Gaussian with their covariance"
    sides = ("L", "measured", "U", "2 tr")
    table = make_table(
        f"Matching cost per neuron, {phase} networks: Euclidean (naive) | data metric (weighted)",
        f"L <= M <= U (R11), {law}:\n{_verdict(shapes)}. dim: participation ratio, data metric.",
        ("depth", "width", "layer", *sides, *sides, "dim"),
    )
    for shape in shapes:
        for layer in range(shape.depth):
            cells = [cell for metric in METRICS for cell in _sandwich(shape, metric, layer)]
            dimension = f"{shape.prediction('dimension', 'data', layer).value:.3g}"
            table.add_row(str(shape.depth), str(shape.width), str(layer + 1), *cells, dimension)
    return table


def _verdict(shapes: Sequence[Summary]) -> str:
    if any(len(shape.record["layers"][0]["data"]) == 1 for shape in shapes):
        return "not tested, as one pair has no standard error"
    held = [s.sandwiched(metric, k) for s in shapes for k in range(s.depth) for metric in METRICS]
    return f"{sum(held)} of {len(held)} within 4 standard errors"


def _sandwich(shape: Summary, metric: str, layer: int) -> tuple[str, str, str, str]:
    lower, upper, trivial = (
        f"{shape.prediction(name, metric, layer).value:.3g}"
        for name in ("lower", "upper", "trivial")
    )
    return lower, str(shape.cost(METRICS[metric], metric, layer)), upper, trivial
