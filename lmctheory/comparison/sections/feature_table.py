"""Whether features, too, are connected linearly."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section
from lmctheory.drawing import legend_beside, name_places
from lmctheory.layerwise import FeatureConnectivity, feature_connectivity
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FEATURES"]

_CONNECTED = 0.95


@dataclass(frozen=True)
class _Layer:
    name: str
    cosine: Mean
    baseline: Mean
    coefficient: Mean
    law: str


_COLUMNS = (
    Column[_Layer]("features of", lambda layer: layer.name, left=True),
    Column[_Layer]("cosine of midpoint and mean", lambda layer: layer.cosine, head="cosine"),
    Column[_Layer]("cosine of A and B", lambda layer: layer.baseline, head="A and B"),
    Column[_Layer]("coefficient", lambda layer: layer.coefficient),
    Column[_Layer]("law", lambda layer: layer.law),
)


def _measured(pair: ComparedPair) -> Part:
    found = feature_connectivity(pair.model_a, pair.aligned[pair.best], pair.data)
    rows = _rows(found)
    caption = (
        f"B in the order {pair.best}, t = 1/2; means over examples. cosine: of the midpoint's "
        "features and the mean of A's and B's; A and B: of theirs; coefficient: <midpoint, mean> / "
        "|mean|^2, 1 where features are connected linearly (LLFC), 2^(1-l) where they decay with "
        "depth l (LEWC); law: which of the two is nearer (L7, L8)."
    )
    table = Table("Feature connectivity", caption, _COLUMNS, rows)
    drawing = Drawing(
        "Cosine between the midpoint's features and the mean of A's and B's, and between A's and "
        "B's.",
        partial(_draw, rows),
    )
    return Part((table,), _findings(rows), (drawing,))


def _rows(found: FeatureConnectivity) -> list[_Layer]:
    def means(measure: str) -> list[Mean]:
        pairs = zip(found.mean(measure), found.standard_error(measure), strict=True)
        return [Mean(float(value), float(error)) for value, error in pairs]

    measured = (means(measure) for measure in ("cosine", "baseline", "coefficient"))
    return [_Layer(*row) for row in zip(found.names, *measured, found.law, strict=True)]


def _findings(rows: Sequence[_Layer]) -> tuple[str, ...]:
    least = min(rows, key=lambda row: row.cosine.value)
    if least.cosine.value - 2 * least.cosine.error > _CONNECTED:
        return (
            "Features are connected linearly in direction: in every layer the cosine between the "
            "midpoint's and the mean of A's and B's is at least "
            f"{least.cosine} ({least.name}).",
        )
    return (
        f"Features leave the straight line most in {least.name}: cosine {least.cosine} with the "
        "mean of A's and B's.",
    )


def _draw(rows: Sequence[_Layer], axes: "Axes") -> None:
    places = range(len(rows))
    axes.plot(places, [row.cosine.value for row in rows], "o-", label="midpoint and mean")
    axes.plot(places, [row.baseline.value for row in rows], "s--", label="A and B")
    name_places(axes, [row.name for row in rows])
    axes.set_ylabel("cosine")
    legend_beside(axes)


FEATURES = Section(
    "features",
    "Features",
    "Whether the features of every layer are connected as the networks are.",
    _measured,
)
