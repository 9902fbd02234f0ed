"""The barrier that narrower networks predict for this width, beside that of this pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lmctheory.comparison.compared_pair import ComparedPair
from lmctheory.comparison.section import Drawing, Part, Section
from lmctheory.drawing import legend_beside
from lmctheory.matching.costs.neuron_costs import METHODS
from lmctheory.networks import Examples
from lmctheory.networks.affine import hidden_width
from lmctheory.paths import Barrier
from lmctheory.prediction import BarrierPrediction, predict_barrier
from lmctheory.progress import tracked
from lmctheory.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PREDICTED"]


@dataclass(frozen=True, eq=False)
class _Predicted:
    """After one matching."""

    name: str
    prediction: BarrierPrediction
    pair: Barrier

    @property
    def barrier(self) -> float:
        """Of the pair."""
        return float(self.pair.max)


_COLUMNS = (
    Column[_Predicted]("alignment", lambda row: row.name, left=True),
    Column[_Predicted]("this pair", lambda row: row.barrier),
    Column[_Predicted]("predicted", lambda row: row.prediction.max),
    Column[_Predicted]("at least", lambda row: row.prediction.interval[0]),
    Column[_Predicted]("at most", lambda row: row.prediction.interval[1]),
    Column[_Predicted]("function error", lambda row: row.prediction.function_error),
)


def _measured(pair: ComparedPair) -> Part:
    assert pair.narrow is not None
    assert isinstance(pair.data, Examples)
    width = hidden_width(pair.model_a)
    rows, notes = [], []
    for name in tracked([name for name in pair.matchings if name in METHODS], "predicting"):
        try:
            prediction = predict_barrier(
                pair.narrow, width, pair.data, method=name, points=pair.points, rng=0
            )
        except ValueError as reason:  # found only while networks are matched
            notes.append(f"Nothing is predicted after {name} matching: {reason}.")
        else:
            rows.append(_Predicted(name, prediction, pair.losses[name].mean()))
    if not rows:
        return Part(notes=tuple(notes))
    caption = (
        "Largest barrier: of this pair, and what is predicted for the mean over pairs of this width"
        f" by {rows[0].prediction.route}; with its 90 % interval. Hypotheses: "
        f"{'; '.join(rows[0].prediction.hypotheses)}."
    )
    drawing = Drawing("Loss above the chord: this pair, and predicted.", partial(_draw, rows))
    table = Table("Predicted barriers", caption, _COLUMNS, rows)
    return Part((table,), _findings(rows), (drawing,), tuple(notes))


def _findings(rows: Sequence[_Predicted]) -> tuple[str, ...]:
    def sentence(row: _Predicted) -> str:
        low, high = row.prediction.interval
        held = "lies within" if low <= row.barrier <= high else "lies outside"
        return (
            f"Narrower networks predict a barrier of {row.prediction.max:.3g} after {row.name} "
            f"matching; that of this pair, {row.barrier:.3g}, {held} the 90 % interval for the "
            f"mean over pairs, [{low:.3g}, {high:.3g}]."
        )

    return tuple(map(sentence, rows))


def _draw(rows: Sequence[_Predicted], axes: "Axes") -> None:
    for row in rows:
        [line] = axes.plot(row.pair.t, row.pair.barrier, label=row.name)
        predicted = row.prediction
        label, colour = f"{row.name}, predicted", line.get_color()
        axes.plot(predicted.t, predicted.curve, "--", color=colour, label=label)
    axes.set_xlabel("$t$")
    axes.set_ylabel("loss above the chord")
    legend_beside(axes)


PREDICTED = Section(
    "prediction",
    "What narrower networks predict",
    "The barrier that is expected at this width from narrower networks, which are joined into wide "
    "ones; how the law of their neurons moves with the width is extrapolated (a model).",
    _measured,
    needs_narrow=True,
)
