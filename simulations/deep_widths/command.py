"""The study of deep networks at initialisation, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.deep_widths.measurement import (
    Bound,
    Pair,
    Simulation,
    Widths,
    inputs,
    run_bound,
    run_pair,
    run_required,
    run_simulation,
)
from simulations.deep_widths.tables import report
from simulations.deep_widths.tasks import (
    GAUSSIAN,
    MARGINALS,
    BoundTask,
    PairTask,
    RequiredTask,
    SimulationTask,
    Task,
    cost_of,
)
from simulations.options import DataDir, DataSet, Seed
from simulations.repeats import fewer_when_wide

__all__ = ["DECLARATION", "STUDY", "deep_widths"]

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
NON_GAUSSIAN_WIDTH = 512
"""At which other laws are measured, too."""
SIMULATED = (256, 1024)
"""Widths at which the bound is computed with simulated costs, too."""
EPS = (0.5, 0.4, 0.3, 0.2)
"""Tolerances of the function error, relative to the root mean square of an output."""
DEEPEST_REQUIRED = 3
"""Hidden layers up to which required widths are computed."""

_RUN = (run_pair, run_bound, run_simulation, run_required)
STUDY: TypedStudy[Task, Pair | Bound | Simulation | Widths] = study(
    "deep_widths", 2, *_RUN, cost=cost_of
)


def deep_widths(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    examples: Annotated[int, typer.Option(min=8, help="Training examples, from the first.")] = 1000,
    width: Annotated[
        list[int] | None, typer.Option(min=16, help="Widths; may be repeated.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers of the deepest.")] = 6,
    draws: Annotated[int, typer.Option(min=2, help="Pairs of narrow networks.")] = 16,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Matched networks at initialisation beside D1's bound: errors, costs, dropout, widths."""
    inputs(dataset, examples, data_dir)  # all that can be wrong with it shows now
    widths = sorted(set(width or WIDTHS))
    if odd := [m for m in widths if m % 2]:
        raise ValueError(f"widths must be even, so that half of the neurons can be kept: {odd}")
    common = (dataset, examples, depth, seed)
    numbers = [(m, GAUSSIAN, fewer_when_wide(draws, m)) for m in widths]
    if NON_GAUSSIAN_WIDTH in widths:
        numbers += [(NON_GAUSSIAN_WIDTH, law, max(2, draws // 2)) for law in MARGINALS]
    for m, law, number in numbers:
        yield from (PairTask(*common, m, law, draw) for draw in range(number))
        yield BoundTask(*common, m, law)
    for m in set(SIMULATED) & set(widths):
        yield SimulationTask(*common, m, repeats=16 * draws)
    for layers in range(1, min(depth, DEEPEST_REQUIRED) + 1):
        yield from (RequiredTask(dataset, examples, layers, seed, eps) for eps in EPS)


DECLARATION = Declaration(
    STUDY,
    deep_widths,
    report,
    quick={"width": [16], "depth": 1, "draws": 2, "examples": 8},
)
