"""What the study measured, arranged for its tables and its figure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.study import Config, Record
from lmctheory.widths.paper_rates import Tower, ferbach_deep
from simulations.deep_widths.plan import GAUSSIAN, TIMES

__all__ = ["Required", "Summary", "require_one_study", "required", "summarise"]

Results = Sequence[tuple[Config, Record]]


@dataclass(frozen=True)
class Summary:
    """All pairs of one width and law, beside their bounds; layers and depths count from 1.

    Attributes:
        width: of every hidden layer.
        law: of the weights.
        pairs: records of the measured pairs.
        bound: record of the bound.
        simulated: record of the bound from simulated costs, if there is one.
        square: mean square of an output, that of every depth under He's initialisation.
    """

    width: int
    law: str
    pairs: tuple[Record, ...]
    bound: Record
    simulated: Record | None
    square: float

    @property
    def depth(self) -> int:
        """Hidden layers of the deepest networks."""
        return len(self.pairs[0]["cost"])

    @property
    def chosen_depths(self) -> list[int]:
        """The least, the middle and the largest depth, for tables that do not show all."""
        return sorted({1, (self.depth + 1) // 2, self.depth})

    def layer(self, name: str, layer: int) -> Mean:
        """A mean square per neuron: "cost", "own_cost", "gap"."""
        return Mean.over([pair[name][layer - 1] for pair in self.pairs])

    def error(self, depth: int, t: float = 0.5) -> Mean:
        """Root mean square error of the outputs on the line, relative to the outputs."""
        place = TIMES.index(t)
        return self._root([pair["errors"][depth - 1][place] for pair in self.pairs])

    def reduced(self, depth: int, how: str = "merged") -> Mean:
        """The same for half of the neurons, "merged" or "doubled"."""
        return self._root([pair[how][depth - 1] for pair in self.pairs])

    def _root(self, squares: Sequence[float]) -> Mean:
        mean = Mean.over(squares)
        root = (mean.value / self.square) ** 0.5
        return Mean(root, mean.error / (2 * mean.value) * root)

    def error_bound(self, depth: int, t: float = 0.5) -> float:
        """D1 for the same."""
        return self._bounded(self.bound["errors"][TIMES.index(t)][depth - 1])

    def simulated_bound(self, depth: int, t: float = 0.5) -> float | None:
        """D1 from simulated costs, where they are."""
        if self.simulated is None:
            return None
        return self._bounded(self.simulated["errors"][TIMES.index(t)][depth - 1])

    def reduced_bound(self, depth: int) -> float:
        """D6."""
        return self._bounded(self.bound["dropout"][depth - 1])

    def _bounded(self, square: float) -> float:
        return float((square / self.square) ** 0.5)

    def lower(self, layer: int) -> float:
        """D2: mean over the networks of the lower bound of the matching cost."""
        return float(np.mean([pair["lower"][layer - 1] for pair in self.pairs]))

    def undercut(self, layer: int, errors: float = 4.0) -> bool:
        """Whether own costs lie below D2 by more than that many standard errors."""
        above = Mean.over(
            [pair["own_cost"][layer - 1] - pair["lower"][layer - 1] for pair in self.pairs]
        )
        return above.value < -errors * above.error


def summarise(results: Results, law: str = GAUSSIAN) -> list[Summary]:
    """Networks whose weights have one law, by width."""

    def records(task: str, width: int) -> list[Record]:
        return [
            record
            for config, record in results
            if (config["task"], config.get("width")) == (task, width)
            and config.get("law", GAUSSIAN) == law
        ]

    widths = sorted({c["width"] for c, _ in results if c.get("law") == law})
    squares = [r["square"] for c, r in results if c["task"] == "bound" and "square" in r]
    return [
        Summary(
            width,
            law,
            tuple(records("pair", width)),
            records("bound", width)[0],
            next(iter(records("simulation", width)), None) if law == GAUSSIAN else None,
            squares[0],
        )
        for width in widths
    ]


@dataclass(frozen=True)
class Required:
    """Widths that bring the error below a tolerance.

    Attributes:
        depth: number of hidden layers.
        eps: tolerance, relative to the outputs.
        equal: the width by D1, the same for all layers; infinite beyond 10^12.
        free: widths by D1 with the fewest neurons, likewise.
        published: width of the last layer at the published rate, constants set to 1.
        measured: the width at which measured errors pass the tolerance, by interpolation; NaN
            outside of the measured widths.
    """

    depth: int
    eps: float
    equal: float
    free: tuple[float, ...]
    published: Tower
    measured: float


def required(results: Results) -> list[Required]:
    """By depth and tolerance."""
    shapes = summarise(results)
    found = []
    for config, record in results:
        if config["task"] != "required":
            continue
        depth, eps = config["depth"], config["eps"]
        errors = [shape.error(depth).value for shape in shapes]
        found.append(
            Required(
                depth,
                eps,
                record["equal"][0],
                tuple(record["free"]),
                ferbach_deep(eps, record["inputs"], depth)[-1],
                _passes(errors, [shape.width for shape in shapes], eps),
            )
        )
    return sorted(found, key=lambda one: (one.depth, -one.eps))


def _passes(errors: Sequence[float], widths: Sequence[int], eps: float) -> float:
    """Where a falling curve passes eps, by interpolation of the logarithms."""
    log_width = np.interp(-np.log(eps), -np.log(errors), np.log(widths), left=np.nan, right=np.nan)
    return float(np.exp(log_width))


def coverage(draws: int, errors: float = 4.0) -> float:
    """Probability that a mean of so many draws lies within so many standard errors."""
    return float(2 * stats.t.cdf(errors, draws - 1) - 1)


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in data, depth or seed, a width lacks its bound or its pairs, or
            there is but one.
    """
    pairs = [config for config, _ in results if config["task"] == "pair"]
    for setting in ("dataset", "examples", "depth", "seed"):
        if len(values := {config[setting] for config in pairs}) > 1:
            raise ValueError(f"the results mix studies with {setting} {sorted(values)}")
    bounds = Counter((c["width"], c["law"]) for c, _ in results if c["task"] == "bound")
    measured = Counter((c["width"], c["law"]) for c in pairs)
    tolerances = {c["depth"] for c, _ in results if c["task"] == "required"}
    if set(bounds) != set(measured) or not tolerances:
        raise ValueError("the results are not complete: resume the study")
    if len(bounds) < 2:
        raise ValueError("the results hold one width, and the figure shows what changes with it")
