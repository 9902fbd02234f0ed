"""The study of two-layer widths, and its command."""

from typing import Annotated

import typer

from lmctheory.sweeps.study import Config
from simulations.declaration import Declaration, study
from simulations.options import Seed
from simulations.two_layer_widths.measurement import cost_of, run
from simulations.two_layer_widths.plan import plan
from simulations.two_layer_widths.tables import print_report

__all__ = ["DECLARATION", "STUDY", "two_layer_widths"]

STUDY = study("two_layer_widths", version=1, run=run, cost=cost_of)


def two_layer_widths(
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 8192,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 16,
    reference: Annotated[
        int, typer.Option(min=64, help="Neurons that stand for infinitely many; a power of 2.")
    ] = 32768,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of students.")] = 12,
    seed: Seed = 0,
) -> list[Config]:
    """Two layers: error against width at the start, in the mean-field limit and with a teacher."""
    if reference & (reference - 1):
        raise ValueError(f"reference must be a power of 2, got {reference}")
    return list(plan(widest, draws, reference, pairs, seed))


DECLARATION = Declaration(
    STUDY,
    two_layer_widths,
    print_report,
    quick={"widest": 64, "draws": 2, "reference": 64, "pairs": 2},
)
