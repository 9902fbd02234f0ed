"""The study of matching rates, and its command."""

from typing import Annotated

import typer

from lmctheory.sweeps.runner import run_study
from simulations.command_line import Jobs, Results, Scheduler, Seed
from simulations.declaration import declare
from simulations.matching_rates.laws import DIMENSIONS
from simulations.matching_rates.measurement import cost_of, run
from simulations.matching_rates.plan import plan
from simulations.matching_rates.tables import print_report

__all__ = ["STUDY", "matching_rates"]

STUDY = declare("matching_rates", version=1, run=run, cost=cost_of)


def matching_rates(
    dimension: Annotated[
        list[int] | None,
        typer.Option(min=DIMENSIONS[0], max=DIMENSIONS[-1], help="For exponents; may be repeated."),
    ] = None,
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 4096,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 64,
    seed: Seed = 0,
    results: Results = STUDY.results,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
) -> None:
    """Matching costs between their bounds, exponents and dimensions, measured beside the theory."""
    configs = list(plan(sorted(set(dimension or DIMENSIONS)), widest, draws, seed))
    print_report(run_study(STUDY, configs, results=results, jobs=jobs, scheduler=scheduler))
