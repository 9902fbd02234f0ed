"""The study of deep networks at initialisation, and its command."""

from typing import Annotated

import typer

from lmctheory.sweeps.study import Config
from simulations.declaration import Declaration, study
from simulations.deep_widths.measurement import cost_of, inputs, run
from simulations.deep_widths.plan import DEPTH, WIDTHS, plan
from simulations.deep_widths.tables import print_report
from simulations.options import (
    DataDir,
    DataSet,
    Seed,
)

__all__ = ["DECLARATION", "STUDY", "deep_widths"]

STUDY = study("deep_widths", version=2, run=run, cost=cost_of)


def deep_widths(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    examples: Annotated[int, typer.Option(min=8, help="Training examples, from the first.")] = 1000,
    width: Annotated[
        list[int] | None, typer.Option(min=16, help="Widths; may be repeated.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers of the deepest.")] = DEPTH,
    draws: Annotated[int, typer.Option(min=2, help="Pairs of narrow networks.")] = 16,
    seed: Seed = 0,
) -> list[Config]:
    """Matched networks at initialisation beside D1's bound: errors, costs, dropout, widths."""
    inputs(dataset, examples, data_dir)  # all that can be wrong with it shows now
    widths = sorted(set(width or WIDTHS))
    if odd := [m for m in widths if m % 2]:
        raise ValueError(f"widths must be even, so that half of the neurons can be kept: {odd}")
    return list(plan(dataset, examples, widths, depth, draws, seed))


DECLARATION = Declaration(
    STUDY,
    deep_widths,
    print_report,
    quick={"width": [16], "depth": 1, "draws": 2, "examples": 8},
)
