"""The study of low dimension, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.dimension.laws import LAWS
from simulations.dimension.measurement import (
    Crossover,
    CrossoverTask,
    Measured,
    Task,
    WidthTask,
    cost_of,
    run,
    run_crossover,
)
from simulations.dimension.summary import report
from simulations.options import Seed
from simulations.repeats import fewer_when_wide

__all__ = ["DECLARATION", "STUDY", "dimension"]

_WIDTHS = tuple(2**k for k in range(4, 14))

STUDY: TypedStudy[Task, Measured | Crossover] = study(
    "dimension", 1, run, run_crossover, cost=cost_of
)


def dimension(
    widest: Annotated[int, typer.Option(min=16, help="Largest width.")] = 1024,
    draws: Annotated[int, typer.Option(min=2, help="Pairs of a law and width up to 256.")] = 16,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Laws of known dimension: costs, errors, barriers, and where their noise takes over."""
    for name, law in LAWS.items():
        if law.eta:
            yield CrossoverTask(name, seed)
        widths = (m for m in _WIDTHS if m <= widest)
        yield from (WidthTask(name, m, fewer_when_wide(draws, m), seed) for m in widths)


DECLARATION = Declaration(STUDY, dimension, report, quick={"widest": 32, "draws": 2})
