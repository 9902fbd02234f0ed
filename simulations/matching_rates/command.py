"""The study of matching rates, and its command."""

from typing import Annotated

import typer

from lmctheory.sweeps.study import Config
from simulations.declaration import Declaration, study
from simulations.matching_rates.laws import DIMENSIONS
from simulations.matching_rates.measurement import cost_of, run
from simulations.matching_rates.plan import plan
from simulations.matching_rates.tables import print_report
from simulations.options import Seed

__all__ = ["DECLARATION", "STUDY", "matching_rates"]

STUDY = study("matching_rates", version=1, run=run, cost=cost_of)


def matching_rates(
    dimension: Annotated[
        list[int] | None,
        typer.Option(min=DIMENSIONS[0], max=DIMENSIONS[-1], help="For exponents; may be repeated."),
    ] = None,
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 4096,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 64,
    seed: Seed = 0,
) -> list[Config]:
    """Matching costs between their bounds, exponents and dimensions, measured beside the theory."""
    return list(plan(sorted(set(dimension or DIMENSIONS)), widest, draws, seed))


DECLARATION = Declaration(
    STUDY,
    matching_rates,
    print_report,
    quick={"dimension": [1], "widest": 64, "draws": 2},
)
