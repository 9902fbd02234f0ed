"""What `from_below` measured, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmctheory.sweeps.mean import Mean
from lmctheory.sweeps.typed import of_kind
from lmctheory.tables import Column, Table
from simulations.declaration import Part, require_equal
from simulations.from_below.measurement import (
    Bounded,
    Signs,
    SignTask,
    Task,
    Widths,
    WidthTask,
)
from simulations.initial_networks import DeepTask, LayerTask

__all__ = ["Results", "Shape", "layers_of", "report", "require_one_study"]

Results = Sequence[tuple[Task, Bounded | Signs | Widths]]

_ERRORS = 6.0
"""Standard errors within which a mean is not beyond a bound; 16 pairs each, false alarm 1e-5."""


def require_one_study(results: Results) -> None:
    """Refuses results that do not belong into one figure.

    Raises:
        ValueError: if their seeds differ.
    """
    drawn = [task for task, _ in results if not isinstance(task, WidthTask)]
    require_equal(drawn, ("seed",))


@dataclass(frozen=True)
class Shape:
    """One shape: all relative to the mean square of the outputs.

    Attributes:
        layers: hidden ones.
        inputs: d.
        width: m.
        found: what was measured.
    """

    layers: int
    inputs: int
    width: int
    found: Bounded

    @property
    def least(self) -> Mean:
        """The error of the best permutation, over pairs."""
        return Mean.over([value / self.found.scale for value in self.found.least])

    @property
    def lower(self) -> float:
        """What it is not below."""
        return Mean.over(self.found.lower).value / self.found.scale

    @property
    def upper(self) -> float:
        """What it is not above, in the mean."""
        return self.found.upper / self.found.scale

    @property
    def unsigned(self) -> float | None:
        """T8's bound."""
        return None if self.found.unsigned is None else self.found.unsigned / self.found.scale

    @property
    def between(self) -> bool:
        """Whether the mean is between the bounds, or beyond by errors of the simulation."""
        slack = _ERRORS * self.least.error
        return self.lower <= self.least.value + slack and self.least.value <= self.upper + slack


def layers_of(results: Results, *, deep: bool) -> list[Shape]:
    """Shapes with one hidden layer, or those of the deep study, by inputs and width."""
    if deep:
        deep_ones = of_kind(results, DeepTask, Bounded)
        rows = [Shape(task.depth, task.inputs, task.width, found) for task, found in deep_ones]
    else:
        one_layer = of_kind(results, LayerTask, Bounded)
        rows = [Shape(1, task.inputs, task.width, found) for task, found in one_layer]
    return sorted(rows, key=lambda row: (row.layers, row.inputs, row.width))


def report(results: Results) -> list[Part]:
    """Errors between their bounds, widths that are needed and that suffice, and what signs do."""
    one, deep = layers_of(results, deep=False), layers_of(results, deep=True)
    rows = [*one, *deep]
    kept = sum(row.between for row in rows)
    return [
        _between("One hidden layer: least squared error over permutations, over E f^2", one),
        _between("Deep: squared error matched layer by layer, over E f^2", deep),
        f"{kept} of {len(rows)} means lie between their bounds.",
        _widths(results),
        _signs(results),
    ]


def _between(title: str, rows: Sequence[Shape]) -> Table[Shape]:
    return Table(
        title,
        "t = 1/2, untrained relus. T8: for permutations that see |u|. lower: T7, deep D7; upper:"
        " T7, deep D1; over: the mean over its lower bound.",
        [
            Column("hidden layers", lambda row: row.layers, head="layers", form="d", once=True),
            Column("inputs", lambda row: row.inputs, head="d", form="d", once=True),
            Column("width", lambda row: row.width, head="m", form="d"),
            Column("unsigned", lambda row: row.unsigned, head="T8", form=".3g"),
            Column("lower", lambda row: row.lower, form=".3g"),
            Column("least", lambda row: row.least, head="measured"),
            Column("upper", lambda row: row.upper, form=".3g"),
            Column("over lower", lambda row: row.least.value / row.lower, head="over", form=".2f"),
        ],
        rows,
        sections=lambda row: (row.layers, row.inputs),
    )


@dataclass(frozen=True)
class _Width:
    inputs: int
    tolerance: float
    necessary: int
    sufficient: int | None


def _widths(results: Results) -> Table[_Width]:
    by_inputs = sorted(of_kind(results, WidthTask, Widths), key=lambda row: row[0].inputs)
    rows = [
        _Width(task.inputs, *row)
        for task, found in by_inputs
        for row in zip(task.tolerances, found.necessary, found.sufficient, strict=True)
    ]
    return Table(
        "Neurons that are necessary and that suffice for E|e|^2 <= rho E f^2, Gaussian inputs (T7)",
        "Permutations that do not see output weights; t = 1/2.",
        [
            Column("inputs", lambda row: row.inputs, head="d", form="d", once=True),
            Column("tolerance", lambda row: row.tolerance, head="rho", form="g"),
            Column("necessary", lambda row: row.necessary, form=",d"),
            Column("sufficient", lambda row: row.sufficient, form=",d"),
        ],
        rows,
    )


def _signs(results: Results) -> Table[tuple[SignTask, Signs]]:
    rows = of_kind(results, SignTask, Signs)
    rows.sort(key=lambda row: (row[0].inputs, row[0].width))
    return Table(
        "Permutations that see the signs of the output weights make errors cancel",
        "One output, given normal output weights; squared errors over E f^2. blind: best without"
        " seeing them; found: least over all permutations, by annealing (an upper bound of it).",
        [
            Column("inputs", lambda row: row[0].inputs, head="d", form="d", once=True),
            Column("width", lambda row: row[0].width, head="m", form="d"),
            Column("lower", lambda row: row[1].lower / row[1].scale, head="T7", form=".3g"),
            Column("blind", lambda row: _relative(row[1].blind, row[1])),
            Column("found", lambda row: _relative(row[1].found, row[1])),
            Column("share", _share, head="found / blind", form=".0%"),
        ],
        rows,
    )


def _relative(values: Sequence[float], found: Signs) -> Mean:
    return Mean.over([value / found.scale for value in values])


def _share(row: tuple[SignTask, Signs]) -> float:
    return sum(row[1].found) / sum(row[1].blind)
