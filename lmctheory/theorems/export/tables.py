"""Tables of numbers that theorems give, for the export."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmctheory.measures import Gaussian, Measure, UniformCube
from lmctheory.rates import lower_bound, matching_cost, upper_bound
from lmctheory.sweeps.mean import Mean
from lmctheory.tables import Column, Table
from lmctheory.widths import deep

__all__ = [
    "LAWS",
    "bounds_table",
    "digits_inputs",
    "widths_table",
]

_INDEX = np.arange(1, 51)
LAWS: Mapping[str, Measure] = {
    "Gaussian, d = 2": Gaussian(spectrum=np.ones(2)),
    "Gaussian, d = 3": Gaussian(spectrum=np.ones(3)),
    "Gaussian, d = 5": Gaussian(spectrum=np.ones(5)),
    "Gaussian, d = 10": Gaussian(spectrum=np.ones(10)),
    "Gaussian, spectrum 1/i, i to 50": Gaussian(spectrum=1 / _INDEX),
    "Gaussian, spectrum 1/i^2, i to 50": Gaussian(spectrum=1 / _INDEX**2),
    "unit cube, d = 3": UniformCube(3),
    "unit cube, d = 5": UniformCube(5),
}
"""Laws of one neuron's weights, by name."""
_WIDTHS = (100, 1000)
_REPEATS = {100: 64, 1000: 8}


@dataclass(frozen=True)
class _Bounds:
    law: str
    m: int
    lower: float
    measured: Mean
    upper: float


@dataclass(frozen=True)
class _Widths:
    depth: int
    relative: float
    width: int


def bounds_table(seed: int) -> Table[_Bounds]:
    """The sandwich R11 beside simulated matching costs.

    Args:
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    rows = [_bounds(name, m, rng) for name in LAWS for m in _WIDTHS]
    columns = (
        Column[_Bounds]("law", lambda row: row.law, left=True, once=True),
        Column[_Bounds]("m", lambda row: row.m, form="d"),
        Column[_Bounds]("L", lambda row: row.lower, form=".4g"),
        Column[_Bounds]("M", lambda row: row.measured),
        Column[_Bounds]("U", lambda row: row.upper, form=".4g"),
        Column[_Bounds]("U/L", lambda row: row.upper / row.lower, form=".2f"),
    )
    caption = "L, U: the sandwich R11; M: simulated, in brackets the standard error"
    return Table("Expected matching cost of two samples of m neurons", caption, columns, rows)


def _bounds(name: str, m: int, rng: np.random.Generator) -> _Bounds:
    law = LAWS[name]
    measured = matching_cost(law, m, repeats=_REPEATS[m], rng=rng)
    low, high = lower_bound(law, m).value, upper_bound(law, m).value
    return _Bounds(name, m, low, Mean(measured.mean, measured.standard_error), high)


def digits_inputs(count: int = 100) -> np.ndarray:
    """The first images of scikit-learn's digits, scaled to a mean square of 1 per input.

    Args:
        count: of images.
    """
    from sklearn.datasets import load_digits

    x = np.asarray(load_digits().data[:count], np.float64)
    return x / np.sqrt((x**2).mean())


def widths_table() -> Table[_Widths]:
    """Widths that suffice for D1, on digits at He's initialisation."""
    rows = [
        _Widths(depth, relative, _required(depth, relative))
        for depth in (1, 2, 3)
        for relative in (0.6, 0.5, 0.4)
    ]
    columns = (
        Column[_Widths]("hidden layers", lambda row: row.depth, form="d", once=True),
        Column[_Widths]("relative error", lambda row: row.relative, form=".1f"),
        Column[_Widths]("width of all", lambda row: row.width, form="d"),
    )
    caption = "Root mean square function error at t = 1/2 over that of the outputs, digits, relu"
    return Table("Widths that suffice by D1, at initialisation", caption, columns, rows)


def _required(depth: int, relative: float) -> int:
    networks = deep.ensemble(digits_inputs(), depth)
    scale = deep.error_bound((64,) * depth, networks).scale
    return deep.required_widths(relative * scale**0.5, networks)[0]
