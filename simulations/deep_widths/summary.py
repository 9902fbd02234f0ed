"""What the study measured, arranged for its tables and its figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.widths.paper_rates import Tower, ferbach_deep
from simulations.declaration import require_equal
from simulations.deep_widths.measurement import Bound, Pair, Simulation, Widths
from simulations.deep_widths.tasks import (
    GAUSSIAN,
    TIMES,
    BoundTask,
    PairTask,
    RequiredTask,
    SimulationTask,
    Task,
)

__all__ = ["Required", "Results", "Summary", "require_one_study", "required", "summarise"]

Results = Sequence[tuple[Task, Pair | Bound | Simulation | Widths]]


@dataclass(frozen=True)
class Summary:
    """All pairs of one width and law, beside their bounds; layers and depths count from 1.

    Attributes:
        width: of every hidden layer.
        law: of the weights.
        pairs: that were measured.
        bound: D1.
        simulated: the bound from simulated costs, if there is one.
        square: mean square of an output, that of every depth under He's initialisation.
    """

    width: int
    law: str
    pairs: tuple[Pair, ...]
    bound: Bound
    simulated: Simulation | None
    square: float

    @property
    def depth(self) -> int:
        """Hidden layers of the deepest networks."""
        return len(self.pairs[0].cost)

    @property
    def depths(self) -> range:
        """All of them."""
        return range(1, self.depth + 1)

    @property
    def chosen_depths(self) -> list[int]:
        """The least, the middle and the largest depth, for tables that do not show all."""
        return sorted({1, (self.depth + 1) // 2, self.depth})

    def layer(self, of: Callable[[Pair], list[float]], layer: int) -> Mean:
        """Of a mean square per neuron."""
        return Mean.over([of(pair)[layer - 1] for pair in self.pairs])

    def error(self, depth: int, t: float = 0.5) -> Mean:
        """Root mean square error of the outputs on the line, relative to the outputs."""
        place = TIMES.index(t)
        return self._root([pair.errors[depth - 1][place] for pair in self.pairs])

    def merged(self, depth: int) -> Mean:
        """The same for half of the neurons, which take over their partners' outgoing weights."""
        return self._root([pair.merged[depth - 1] for pair in self.pairs])

    def doubled(self, depth: int) -> Mean:
        """For half of the neurons, which double their own."""
        return self._root([pair.doubled[depth - 1] for pair in self.pairs])

    def _root(self, squares: Sequence[float]) -> Mean:
        mean = Mean.over(squares)
        root = (mean.value / self.square) ** 0.5
        return Mean(root, mean.error / (2 * mean.value) * root)

    def gap_bound(self, layer: int) -> float:
        """D1 for the mean square of phi^A - phi^B."""
        return sum(self.bound.cost[:layer]) / 2

    def error_bound(self, depth: int, t: float = 0.5) -> float:
        """D1 for the error of the outputs."""
        return self._bounded(self.bound.errors[TIMES.index(t)][depth - 1])

    def over(self, depth: int, t: float = 0.5) -> float:
        """The bound over the error."""
        return self.error_bound(depth, t) / self.error(depth, t).value

    def simulated_bound(self, depth: int, t: float = 0.5) -> float | None:
        """D1 from simulated costs, where they are."""
        if self.simulated is None:
            return None
        return self._bounded(self.simulated.errors[TIMES.index(t)][depth - 1])

    def reduced_bound(self, depth: int) -> float:
        """D6; NaN if the weights are not Gaussian."""
        dropout = self.bound.dropout
        return np.nan if dropout is None else self._bounded(dropout[depth - 1])

    def _bounded(self, square: float) -> float:
        return float((square / self.square) ** 0.5)

    def lower(self, layer: int) -> float:
        """D2: mean over the networks of the lower bound of the matching cost."""
        return float(np.mean([lower for _, lower in self._own_and_lower(layer)]))

    def undercut(self, layer: int, errors: float = 4.0) -> bool:
        """Whether own costs lie below D2 by more than that many standard errors."""
        above = Mean.over([own - lower for own, lower in self._own_and_lower(layer)])
        return above.value < -errors * above.error

    def _own_and_lower(self, layer: int) -> list[tuple[float, float]]:
        pairs = [(pair.own_cost, pair.lower) for pair in self.pairs]
        return [(own[layer - 1], low[layer - 1]) for own, low in pairs if low is not None]


def summarise(results: Results, law: str = GAUSSIAN) -> list[Summary]:
    """Networks whose weights have one law, by width."""
    bounds = of_kind(results, BoundTask, Bound)
    pairs = of_kind(results, PairTask, Pair)
    simulated = {t.width: r for t, r in of_kind(results, SimulationTask, Simulation)}
    [square, *_] = [bound.square for _, bound in bounds if bound.square is not None]
    return [
        Summary(
            task.width,
            law,
            tuple(r for t, r in pairs if (t.width, t.law) == (task.width, law)),
            bound,
            simulated.get(task.width) if law == GAUSSIAN else None,
            square,
        )
        for task, bound in sorted(bounds, key=lambda one: one[0].width)
        if task.law == law
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
    widths = [shape.width for shape in shapes]
    found = [
        Required(
            task.depth,
            task.eps,
            record.equal[0],
            tuple(record.free),
            ferbach_deep(task.eps, record.inputs, task.depth)[-1],
            _passes([shape.error(task.depth).value for shape in shapes], widths, task.eps),
        )
        for task, record in of_kind(results, RequiredTask, Widths)
    ]
    return sorted(found, key=lambda one: (one.depth, -one.eps))


def _passes(errors: Sequence[float], widths: Sequence[int], eps: float) -> float:
    """Where a falling curve passes eps, by interpolation of the logarithms."""
    log_width = np.interp(-np.log(eps), -np.log(errors), np.log(widths), left=np.nan, right=np.nan)
    return float(np.exp(log_width))


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if they differ in data, depth or seed, a width lacks its bound or its pairs, or
            there is but one.
    """
    pairs = [task for task, _ in of_kind(results, PairTask, Pair)]
    require_equal(pairs, ("dataset", "examples", "depth", "seed"))
    bounds = {(task.width, task.law) for task, _ in of_kind(results, BoundTask, Bound)}
    measured = {(task.width, task.law) for task in pairs}
    if bounds != measured or not of_kind(results, RequiredTask, Widths):
        raise ValueError("the results are not complete: resume the study")
    if len(bounds) < 2:
        raise ValueError("the results hold one width, and the figure shows what changes with it")
