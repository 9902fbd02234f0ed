"""What can be said of a barrier from those at other widths alone, without looking at networks.

All rules predict the curve at each t, its maximum and the function error.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import at_least
from lmctheory.prediction.barrier_prediction import BarrierPrediction
from lmctheory.prediction.pairs import PairCurves

__all__ = ["BASELINES", "extrapolate"]

Values = Float[np.ndarray, "widths k"]

_FLOORS = np.append(0.0, 1 - np.logspace(0, -3, 200)[1:])
"""Floors that are tried, as shares of the least value."""


def _narrowest(values: Values, _steps: np.ndarray) -> np.ndarray:
    return values[0]


def _widest(values: Values, _steps: np.ndarray) -> np.ndarray:
    return values[-1]


def _power_law(values: Values, steps: np.ndarray) -> np.ndarray:
    return np.array([_law(column, steps, 0.0)[1] for column in values.T])


def _with_floor(values: Values, steps: np.ndarray) -> np.ndarray:
    def best(column: np.ndarray) -> float:
        return min(_law(column, steps, floor) for floor in _FLOORS * column.min())[1]

    return np.array([best(column) for column in values.T])


def _law(values: np.ndarray, steps: np.ndarray, floor: float) -> tuple[float, float]:
    """Of a m^-b + floor the squared error of logarithms at given widths, and the value at step 0.

    Widths are given as log(m / predicted width). A column with a value that is not positive, such
    as the ends of a curve, has no law: its last value is taken.
    """
    if (values <= floor).any():
        return (0.0 if floor == 0 else np.inf), float(values[-1])
    slope, level = np.polyfit(steps, np.log(values - floor), 1)
    residuals = np.log(np.exp(level + slope * steps) + floor) - np.log(values)
    return float((residuals**2).sum()), float(np.exp(level) + floor)


BASELINES: Mapping[str, Callable[[Values, np.ndarray], np.ndarray]] = {
    "narrowest": _narrowest,
    "widest": _widest,
    "power law": _power_law,
    "power law with floor": _with_floor,
}
"""By name."""

_HYPOTHESES = {
    "narrowest": "the barrier does not depend on the width",
    "widest": "the barrier does not depend on the width",
    "power law": "the barrier is a m^-b",
    "power law with floor": "the barrier is a m^-b + c, c >= 0",
}


def extrapolate(
    measured: Mapping[int, PairCurves], width: int, rule: str = "power law"
) -> BarrierPrediction:
    """Predicts a barrier by a rule from those at other widths.

    Args:
        measured: by width the pairs there, on one grid of t; two or more widths for a power law,
            three or more for one with floor.
        width: to predict.
        rule: of `BASELINES`. Laws are least squares in logarithms, the curve's at each t.

    Raises:
        ValueError: for an unknown rule, too few widths, or grids that differ.
    """
    require_choice("rule", rule, tuple(BASELINES))
    width, widths = at_least("width", width, 1), sorted(measured)
    needed = {"power law": 2, "power law with floor": 3}.get(rule, 1)
    if len(widths) < needed:
        raise ValueError(f"measured must have {needed} widths for rule {rule!r}, got {widths}")
    t = measured[widths[0]].t
    if any(not np.array_equal(t, measured[m].t) for m in widths):
        raise ValueError("measured must have one grid of t at all widths")
    values = np.stack(
        [
            [*measured[m].curve, measured[m].max.value, measured[m].function_error.value]
            for m in widths
        ]
    )
    *curve, top, error = BASELINES[rule](values, np.log(np.array(widths) / width))
    unknown = (np.nan, np.nan)
    return BarrierPrediction(
        width=width,
        route=rule,
        t=t,
        curve=np.array(curve),
        max=float(top),
        interval=unknown,
        function_error=float(error),
        function_error_interval=unknown,
        hypotheses=(_HYPOTHESES[rule],),
    )
