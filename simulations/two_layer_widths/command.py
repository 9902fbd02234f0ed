"""The study of two-layer widths, and its command."""

from typing import Annotated

import typer

from lmctheory.sweeps.runner import run_study
from simulations.command_line import Jobs, Results, Scheduler, Seed, bad_options
from simulations.declaration import declare
from simulations.two_layer_widths.measurement import cost_of, run
from simulations.two_layer_widths.plan import plan
from simulations.two_layer_widths.tables import print_report

__all__ = ["STUDY", "two_layer_widths"]

STUDY = declare("two_layer_widths", version=1, run=run, cost=cost_of)


def two_layer_widths(
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 8192,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 16,
    reference: Annotated[
        int, typer.Option(min=64, help="Neurons that stand for infinitely many; a power of 2.")
    ] = 32768,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of students.")] = 12,
    seed: Seed = 0,
    results: Results = STUDY.results,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
) -> None:
    """Two layers: error against width at the start, in the mean-field limit and with a teacher."""
    with bad_options():
        if reference & (reference - 1):
            raise ValueError(f"reference must be a power of 2, got {reference}")
    configs = list(plan(widest, draws, reference, pairs, seed))
    print_report(run_study(STUDY, configs, results=results, jobs=jobs, scheduler=scheduler))
