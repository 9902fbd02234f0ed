"""Matching costs of layers, between what the theory says of neurons of the same law."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmctheory.comparison.compared_pair import UNMATCHED, ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section
from lmctheory.drawing import legend_beside, name_places
from lmctheory.matching import second_moments
from lmctheory.matching.alignment import as_they_stand
from lmctheory.matching.costs.neuron_costs import weighted
from lmctheory.matching.costs.neuron_features import incoming
from lmctheory.progress import tracked
from lmctheory.sweeps.neuron_laws import features_law, sandwich
from lmctheory.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COSTS"]


@dataclass(frozen=True)
class _Layer:
    name: str
    neurons: int
    costs: dict[str, float]
    lower: float
    upper: float
    trivial: float


def _measured(pair: ComparedPair) -> Part:
    groups = [g for g in pair.symmetry.groups if g.parent is None and incoming(g)]
    if not groups:
        return Part(notes=("There is no layer whose neurons can be matched.",))
    moments = second_moments(pair.model_a, pair.data.inputs)
    cost = weighted(moments)
    sides = {
        name: as_they_stand(pair.model_a, aligned, pair.symmetry)
        for name, aligned in pair.aligned.items()
    }
    rows = []
    for group in tracked(groups, "bounding matching costs"):
        found = {name: cost(group, side) for name, side in sides.items()}
        law = features_law(found[pair.best], [found[pair.best]])
        bounds = sandwich(law, group.size, signs=group.signed)
        costs = {name: sum(f.cost for f in features) for name, features in found.items()}
        lower, upper = float(bounds.lower), float(bounds.upper)
        rows.append(_Layer(group.name, group.size, costs, lower, upper, float(bounds.trivial)))
    caption = (
        "Per neuron, of incoming weights in the metric of what the layer of A reads. L and U bound "
        "the least cost in expectation for Gaussian neurons with the covariance of these (R11): a "
        "theorem at initialisation, a model after training. 2 tr: a random order's."
    )
    table = Table("Matching cost per neuron", caption, _columns(list(sides)), rows)
    drawing = Drawing("Cost per neuron over 2 tr, by layer; shaded L to U.", partial(_draw, rows))
    return Part((table,), _findings(rows), (drawing,))


def _columns(alignments: Sequence[str]) -> tuple[Column[_Layer], ...]:
    def cost_in(alignment: str) -> Column[_Layer]:
        return Column(alignment, lambda layer: layer.costs[alignment])

    return (
        Column[_Layer]("layer", lambda layer: layer.name, left=True),
        Column[_Layer]("neurons", lambda layer: layer.neurons, form=","),
        *map(cost_in, alignments),
        Column[_Layer]("lower bound", lambda layer: layer.lower, head="L"),
        Column[_Layer]("upper bound", lambda layer: layer.upper, head="U"),
        Column[_Layer]("random order", lambda layer: layer.trivial, head="2 tr"),
    )


def _findings(rows: Sequence[_Layer]) -> tuple[str, ...]:
    if len(rows[0].costs) == 1:
        return ()
    least = [min(v for name, v in row.costs.items() if name != UNMATCHED) for row in rows]
    if not any(row.trivial for row in rows):
        return ()
    if max(least) <= 1e-9 * max(row.trivial for row in rows):
        return ("Every neuron of B has its equal in A: the matching costs nothing.",)
    inside = sum(row.lower <= cost <= row.upper for row, cost in zip(rows, least, strict=True))
    below = sum(cost < row.lower for row, cost in zip(rows, least, strict=True))
    found = [
        f"In {inside} of {len(rows)} layers the least matching cost lies where Gaussian neurons of "
        "this covariance would have it, between L and U."
    ]
    if below:
        found.append(
            f"In {below} of {len(rows)} layers it lies below L: the neurons of the two networks "
            "are more alike than independent draws of one Gaussian law would be."
        )
    return tuple(found)


def _draw(rows: Sequence[_Layer], axes: "Axes") -> None:
    shown = [row for row in rows if row.trivial > 0]
    places = range(len(shown))
    axes.fill_between(
        places,
        [row.lower / row.trivial for row in shown],
        [row.upper / row.trivial for row in shown],
        color="0.5",
        alpha=0.3,
        linewidth=0,
        label="L to U",
    )
    for name in rows[0].costs:
        axes.plot(places, [row.costs[name] / row.trivial for row in shown], "o-", label=name)
    name_places(axes, [row.name for row in shown])
    axes.set_ylabel("cost / 2 tr")
    axes.set_ylim(bottom=0)
    legend_beside(axes)


COSTS = Section(
    "costs",
    "Matching costs",
    "How far apart matched neurons are, layer by layer, and how far they would have to be.",
    _measured,
)
