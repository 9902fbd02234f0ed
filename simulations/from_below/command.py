"""The study of errors from below, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.from_below.measurement import (
    Bounded,
    Signs,
    SignTask,
    Task,
    Widths,
    WidthTask,
    cost_of,
    run_deep,
    run_layer,
    run_signs,
    run_widths,
)
from simulations.from_below.summary import report
from simulations.initial_networks import DeepTask, LayerTask
from simulations.options import Seed

__all__ = ["DECLARATION", "STUDY", "from_below"]

_INPUTS = (2, 3, 5, 10)
_TOLERANCES = (0.1, 0.03, 0.01)
_DEPTHS = (1, 2, 3)
_DEEP_INPUTS = 10
_WIDTHS = tuple(2**k for k in range(3, 12))

STUDY: TypedStudy[Task, Bounded | Signs | Widths] = study(
    "from_below", 1, run_layer, run_deep, run_signs, run_widths, cost=cost_of
)


def from_below(
    inputs: Annotated[
        list[int] | None, typer.Option(min=2, help="Of networks with one hidden layer.")
    ] = None,
    widest: Annotated[int, typer.Option(min=8, help="Largest width.")] = 2048,
    deepest: Annotated[int, typer.Option(min=8, help="Largest width of deep networks.")] = 512,
    signed: Annotated[int, typer.Option(min=8, help="Of networks whose signs are seen.")] = 64,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each shape.")] = 16,
    seed: Seed = 0,
) -> Iterator[Task]:
    """The least function error over permutations, between what bounds it from both sides."""
    for d in inputs or _INPUTS:
        yield WidthTask(d, list(_TOLERANCES))
        yield from (LayerTask(d, m, pairs, seed) for m in _WIDTHS if m <= widest)
        yield from (SignTask(d, m, pairs, seed) for m in _WIDTHS[1:] if m <= signed)
    for depth in _DEPTHS:
        widths = [m for m in _WIDTHS if m <= deepest]
        yield from (DeepTask(_DEEP_INPUTS, depth, m, pairs, seed) for m in widths)


DECLARATION = Declaration(
    STUDY,
    from_below,
    report,
    quick={"inputs": [2], "widest": 16, "deepest": 16, "signed": 16, "pairs": 2},
)
