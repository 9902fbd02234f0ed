"""The study of two-layer widths, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.options import Seed
from simulations.repeats import fewer_when_wide
from simulations.two_layer_widths.problems import PROBLEMS
from simulations.two_layer_widths.sampling import LAWS, run_sampling
from simulations.two_layer_widths.summary import CASES
from simulations.two_layer_widths.tables import report
from simulations.two_layer_widths.tasks import (
    MeanField,
    MeanFieldTask,
    Sampling,
    SamplingTask,
    Task,
    Teacher,
    TeacherTask,
    cost_of,
)
from simulations.two_layer_widths.teacher import INPUTS, STUDENTS, run_teacher
from simulations.two_layer_widths.training import run_mean_field

__all__ = ["DECLARATION", "STUDY", "two_layer_widths"]

WIDTHS = tuple(2**k for k in range(5, 14))
_WIDEST_FIRST_POWER = 1024
_TRAINED = (32, 64, 128, 256, 512, 1024, 2048, 4096)

STUDY: TypedStudy[Task, Sampling | MeanField | Teacher] = study(
    "two_layer_widths", 1, run_sampling, run_mean_field, run_teacher, cost=cost_of
)


def two_layer_widths(
    widest: Annotated[int, typer.Option(min=64, help="Largest width.")] = 8192,
    draws: Annotated[int, typer.Option(min=2, help="Draws at small widths.")] = 16,
    reference: Annotated[
        int, typer.Option(min=64, help="Neurons that stand for infinitely many; a power of 2.")
    ] = 32768,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of students.")] = 12,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Two layers: error against width at the start, in the mean-field limit and with a teacher."""
    if reference & (reference - 1):
        raise ValueError(f"reference must be a power of 2, got {reference}")
    for law in LAWS:
        for inputs, bias in CASES:
            for p in (1, 2):
                for width in _widths(widest, inputs, bias, p):
                    repeats = fewer_when_wide(draws, width, full=512, least=1)
                    yield SamplingTask(law, inputs, bias, p, width, repeats, seed)
    widths = [width for width in _TRAINED if width <= widest]
    yield from (MeanFieldTask(problem, reference, widths, seed) for problem in PROBLEMS)
    for inputs in INPUTS:
        yield from (TeacherTask(inputs, m, pairs, seed) for m in STUDENTS if m <= widest)


def _widths(widest: int, inputs: int, bias: bool, p: int) -> Iterator[int]:
    """The largest is measured for two inputs only."""
    for width in WIDTHS:
        costly = width > 4096 and (inputs != 2 or bias)
        if width <= widest and not costly and (p == 2 or width <= _WIDEST_FIRST_POWER):
            yield width


DECLARATION = Declaration(
    STUDY,
    two_layer_widths,
    report,
    quick={"widest": 64, "draws": 2, "reference": 64, "pairs": 2},
)
