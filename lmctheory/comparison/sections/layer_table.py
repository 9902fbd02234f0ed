"""Barriers of single layers and of windows of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section, is_clear
from lmctheory.drawing import name_places
from lmctheory.layerwise import Curves, LayerBarriers, layers, windows
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LAYERS"]

_POINTS = 3


@dataclass(frozen=True)
class _Window:
    layers: tuple[str, ...]
    share: float
    full: Mean
    edge: Mean

    @property
    def name(self) -> str:
        first, *rest = self.layers
        return f"{first} to {rest[-1]}" if rest else first


_COLUMNS = (
    Column[_Window]("layers", lambda window: window.name, left=True),
    Column[_Window](
        "share of parameters", lambda window: 100 * window.share, form=".1f", head="% of weights"
    ),
    Column[_Window]("barrier against A and B", lambda window: window.full, head="full barrier"),
    Column[_Window]("barrier of the edge", lambda window: window.edge, head="edge barrier"),
)


def _measured(pair: ComparedPair) -> Part:
    names = [layer.name for layer in layers(pair.model_a)]
    lengths = sorted({1, min(2, len(names)), max(1, len(names) // 2)})
    found = windows(
        pair.model_a, pair.aligned[pair.best], pair.data, lengths=lengths, points=_POINTS
    )
    rows = _rows(found)
    single = [row for row in rows if len(row.layers) == 1]
    wider = [
        max((row for row in rows if len(row.layers) == length), key=lambda row: row.full.value)
        for length in lengths[1:]
    ]
    about = (
        f"B in the order {pair.best}; at t = 1/2, from base network A. full: against the mean loss "
        "of A and B; edge: against A and A with these layers of B. In brackets the standard error "
        "over the examples."
    )
    tables = [Table("Single layers", about, _COLUMNS, single)]
    if wider:
        tables.append(Table("The worst window of each length", about, _COLUMNS, wider))
    drawing = Drawing(
        "Barrier at t = 1/2 of each layer alone, against the two full networks, with two standard "
        "errors.",
        partial(_draw, single),
    )
    return Part(tuple(tables), _findings(single), (drawing,))


def _rows(found: LayerBarriers) -> list[_Window]:
    def mean(curves: Curves, k: int) -> Mean:
        return Mean(float(curves.midpoint[0, k]), float(curves.midpoint_error[0, k]))

    return [
        _Window(subset, float(found.parameter_share[k]), mean(found.full, k), mean(found.edge, k))
        for k, subset in enumerate(found.subsets)
    ]


def _findings(single: Sequence[_Window]) -> tuple[str, ...]:
    worst = max(single, key=lambda row: row.edge.value)
    if is_clear(worst.edge) and worst.edge.value > 0:
        return (
            f"Of single layers {worst.name} is the most sensitive: moved alone it raises the loss "
            f"by {worst.edge} above the chord of its own segment.",
        )
    return (
        "No single layer makes a barrier of its own beyond its error; the largest is "
        f"{worst.edge}, of {worst.name}.",
    )


def _draw(single: Sequence[_Window], axes: "Axes") -> None:
    places = range(len(single))
    values, errors = ([getattr(row.full, key) for row in single] for key in ("value", "error"))
    axes.bar(places, values, yerr=[2 * e if e == e else 0 for e in errors], width=0.7)
    axes.axhline(0, color="0.5", linewidth=0.8)
    name_places(axes, [row.name for row in single])
    axes.set_ylabel("barrier at t = 1/2")


LAYERS = Section(
    "layers",
    "Layer by layer",
    "What interpolating some layers does while the others stay those of A.",
    _measured,
)
