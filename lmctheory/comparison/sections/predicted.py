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
from lmctheory.networks.affine import evaluation_mode, hidden_width
from lmctheory.paths import Barrier
from lmctheory.prediction import BarrierPrediction, all_pairs, predict_barrier
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
    function_error: float

    @property
    def barrier(self) -> float:
        """Of the pair."""
        return float(self.pair.max)


@dataclass(frozen=True)
class _Row:
    """One quantity after one matching."""

    name: str
    quantity: str
    pair: float
    predicted: float
    interval: tuple[float, float]


_COLUMNS = (
    Column[_Row]("alignment", lambda row: row.name, left=True, once=True),
    Column[_Row]("quantity", lambda row: row.quantity, left=True),
    Column[_Row]("this pair", lambda row: row.pair),
    Column[_Row]("predicted", lambda row: row.predicted),
    Column[_Row]("at least", lambda row: row.interval[0]),
    Column[_Row]("at most", lambda row: row.interval[1]),
)


def _measured(pair: ComparedPair) -> Part:
    assert pair.narrow is not None
    assert isinstance(pair.data, Examples)
    width = hidden_width(evaluation_mode(pair.model_a))
    rows, notes = [], []
    for name in tracked([name for name in pair.matchings if name in METHODS], "predicting"):
        try:
            prediction = predict_barrier(
                pair.narrow, width, pair.data, method=name, points=pair.points, rng=0
            )
        except ValueError as reason:  # found only while networks are matched
            notes.append(f"Nothing is predicted after {name} matching: {reason}.")
        else:
            error = _function_error(pair, name)
            rows.append(_Predicted(name, prediction, pair.losses[name].mean(), error))
    if not rows:
        return Part(notes=tuple(notes))
    caption = (
        "Of this pair, and what is predicted for the mean over pairs of this width by "
        f"{rows[0].prediction.route}; at least, at most: its 90 % interval. function error: root "
        "mean square over examples of |f - (f_A + f_B) / 2| at t = 1/2. Hypotheses: "
        f"{'; '.join(rows[0].prediction.hypotheses)}."
    )
    drawing = Drawing(
        "Loss above the chord: of this pair, and dashed what is predicted for the mean over pairs; "
        "shaded the 90 % interval of its maximum, along the curve.",
        partial(_draw, rows),
    )
    shown = [one for row in rows for one in _quantities(row)]
    table = Table("Predicted barriers", caption, _COLUMNS, shown, sections=lambda row: row.name)
    return Part((table,), _findings(rows), (drawing,), tuple(notes))


def _function_error(pair: ComparedPair, name: str) -> float:
    """Of the pair at t = 1/2, as it is defined for predictions."""
    assert isinstance(pair.data, Examples)
    ends = [evaluation_mode(model) for model in (pair.model_a, pair.aligned[name])]
    return float(all_pairs(ends, pair.data, method=None, points=3).errors[0])


def _quantities(row: _Predicted) -> tuple[_Row, ...]:
    found = row.prediction
    return (
        _Row(row.name, "largest barrier", row.barrier, found.max, found.interval),
        _Row(
            row.name,
            "function error",
            row.function_error,
            found.function_error,
            found.function_error_interval,
        ),
    )


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
        low, high = (predicted.curve * end / predicted.max for end in predicted.interval)
        axes.fill_between(predicted.t, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel("t (0: network B, 1: network A)")
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
