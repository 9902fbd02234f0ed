"""The study of networks at initialisation, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.initial_networks import DeepTask, LayerTask
from simulations.initialisation.measurement import (
    Deep,
    Layer,
    Task,
    cost_of,
    run_deep,
    run_layer,
)
from simulations.initialisation.summary import report
from simulations.options import Seed
from simulations.repeats import fewer_when_wide

__all__ = ["DECLARATION", "STUDY", "initialisation"]

_INPUTS = (2, 3, 5, 10, 20)
_DEEP_INPUTS = (3, 10)
_DEPTHS = (1, 2, 3)
_WIDTHS = tuple(2**k for k in range(4, 14))

STUDY: TypedStudy[Task, Layer | Deep] = study(
    "initialisation", 1, run_layer, run_deep, cost=cost_of
)


def initialisation(
    inputs: Annotated[
        list[int] | None, typer.Option(min=2, help="Of networks with one hidden layer.")
    ] = None,
    widest: Annotated[int, typer.Option(min=16, help="Largest width.")] = 2048,
    deepest: Annotated[int, typer.Option(min=16, help="Largest width of deep networks.")] = 256,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each shape up to width 256.")] = 16,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Entezari et al.'s random networks: errors, barriers, and their exponents beside bounds."""
    drawn = {h: fewer_when_wide(pairs, h) for h in _WIDTHS}
    for d in inputs or _INPUTS:
        yield from (LayerTask(d, h, drawn[h], seed) for h in _WIDTHS if h <= widest)
    for d in inputs or _DEEP_INPUTS:
        for depth in _DEPTHS:
            widths = [h for h in _WIDTHS if h <= deepest]
            yield from (DeepTask(d, depth, h, drawn[h], seed) for h in widths)


DECLARATION = Declaration(
    STUDY,
    initialisation,
    report,
    quick={"inputs": [2], "widest": 64, "deepest": 64, "pairs": 2},
)
