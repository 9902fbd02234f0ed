"""The study of stars, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.options import DataDir, DataSet, Depths, Epochs, LearningRate, Seed, Widths
from simulations.star.measurement import Task, cost_of, run
from simulations.star.summary import report
from simulations.training import Training, require_classes

__all__ = ["DECLARATION", "STUDY", "star"]

STUDY = study("star", 1, run, cost=cost_of)

_WIDTHS = (16, 32, 64, 128)
_METHODS = ("activation", "weight")
"""For which several networks can be matched jointly."""
_CERTIFIED_WIDTH = 32
"""Up to which triangles are decided."""


def star(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    depth: Depths = None,
    width: Widths = None,
    sources: Annotated[int, typer.Option(min=2, help="Networks that centres are made of.")] = 5,
    tried: Annotated[
        list[int] | None,
        typer.Option(min=2, help="Other numbers of sources, at the width of --at."),
    ] = None,
    longer: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Other epochs of the star's training, at the width of --at."),
    ] = None,
    at: Annotated[int, typer.Option(min=1, help="Width at which these are tried.")] = 32,
    held_out: Annotated[int, typer.Option(min=3, help="Networks no centre sees.")] = 4,
    method: Annotated[
        str, typer.Option(help=f"Of matching: {', '.join(_METHODS)}.")
    ] = "activation",
    centre_epochs: Annotated[int, typer.Option(min=1, help="Of the star's training.")] = 30,
    certified: Annotated[int, typer.Option(min=0, help="Examples decided for triangles.")] = 50,
    repetitions: Annotated[int, typer.Option(min=2, help="Disjoint sets of networks.")] = 4,
    epochs: Epochs = 15,
    learning_rate: LearningRate = 0.05,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Is there one network that all others are joined to, those it never saw among them?"""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    require_choice("method", method, _METHODS)
    training = Training(epochs=epochs, learning_rate=learning_rate, weight_decay=1e-3)
    widths = sorted(set(width or _WIDTHS))
    numbers = sorted({*((2, 10) if tried is None else tried)} - {sources})
    lengths = sorted({*((100, 300) if longer is None else longer)} - {centre_epochs})
    for layers in sorted(set(depth or (1,))):
        shapes = [
            *((m, sources, centre_epochs) for m in widths),
            *((at, count, centre_epochs) for count in numbers),
            *((at, sources, length) for length in lengths),
        ]
        for m, count, length in shapes:
            usual = (count, length) == (sources, centre_epochs)
            decided = certified if m <= _CERTIFIED_WIDTH and usual else 0
            for repetition in range(repetitions):
                yield Task(
                    *(dataset, layers, m, count, held_out, method, length, decided),
                    *(repetition, training, seed),
                )


DECLARATION = Declaration(
    STUDY,
    star,
    report,
    quick={
        "depth": [1],
        "width": [4, 8],
        "sources": 2,
        "tried": [3],
        "longer": [3],
        "at": 8,
        "held_out": 3,
        "centre_epochs": 2,
        "certified": 2,
        "repetitions": 2,
        "epochs": 2,
    },
)
