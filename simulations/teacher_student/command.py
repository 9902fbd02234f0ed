"""The study of students of one teacher, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from simulations.declaration import Declaration, study
from simulations.options import BatchSize, Epochs, Seed, Widths
from simulations.teacher_student.measurement import Task, cost_of, run
from simulations.teacher_student.summary import report
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "teacher_student"]

STUDY = study("teacher_student", 1, run, cost=cost_of)

_EIGHTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 64, 128)
"""Of the teacher's neurons, the students' widths."""
_RATES = {"sgd": (0.002, 0.02), "adam": (0.003, 0.03)}


def teacher_student(
    neurons: Annotated[int, typer.Option(min=2, help="Of the teacher.")] = 8,
    inputs: Annotated[int, typer.Option(min=2, help="Their dimension.")] = 8,
    examples: Annotated[int, typer.Option(min=2, help="To train on.")] = 1024,
    width: Widths = None,
    pairs: Annotated[int, typer.Option(min=4, help="Pairs of students of each width.")] = 12,
    sgd: Annotated[
        list[float] | None, typer.Option(help="Learning rates of SGD; may be repeated.")
    ] = None,
    adam: Annotated[
        list[float] | None, typer.Option(help="Learning rates of Adam; may be repeated.")
    ] = None,
    epochs: Epochs = 400,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Barriers and sparsity of students of one teacher against their width, at several rates."""
    grid = width or {max(2, neurons * eighths // 8) for eighths in _EIGHTHS}
    for optimiser, rates in (("sgd", sgd), ("adam", adam)):
        for rate in sorted(set(rates or _RATES[optimiser])):
            training = Training(epochs, batch_size, rate, optimiser=optimiser)
            for m in sorted(set(grid)):
                yield Task(neurons, inputs, examples, m, pairs, training, seed)


DECLARATION = Declaration(
    STUDY,
    teacher_student,
    report,
    quick={
        "neurons": 4,
        "inputs": 3,
        "examples": 64,
        "width": [2, 3, 4, 6, 8, 16, 32],
        "pairs": 4,
        "sgd": [0.003, 0.03],
        "adam": [0.003, 0.03],
        "epochs": 20,
        "batch_size": 32,
    },
)
