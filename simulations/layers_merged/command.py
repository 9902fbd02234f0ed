"""The study of networks of different data sets, merged in chosen layers, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.layers_merged.measurement import Measured, Task, cost_of, run
from simulations.layers_merged.sets import HALVES, PUBLISHED, SETTINGS
from simulations.layers_merged.summary import report
from simulations.layerwise.networks import NETWORKS
from simulations.options import (
    BatchSize,
    DataDir,
    LearningRate,
    Seed,
    architecture_option,
    require_architectures,
)
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "layers_merged"]

STUDY: TypedStudy[Task, Measured] = study("layers_merged", 1, run, cost=cost_of)

_ARCHITECTURE = "MLP 4"


def layers_merged(
    data_dir: DataDir = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Of: {'; '.join(SETTINGS)}; may be repeated. Without it all for which there are"
            " data: MNIST needs --data-dir."
        ),
    ] = None,
    architecture: Annotated[
        list[str] | None, architecture_option(NETWORKS, f"{_ARCHITECTURE} without it.")
    ] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Usual ones without it.")] = None,
    epochs: Annotated[int, typer.Option(min=2, help="Of every network on its own set.")] = 16,
    trunk: Annotated[int, typer.Option(min=1, help="Epochs on both sets at first.")] = 2,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    repetitions: Annotated[int, typer.Option(min=3, help="Of everything.")] = 6,
    seed: Seed = 1,
) -> Iterator[Task]:
    """Networks of two data sets with chosen layers averaged: accuracy on both."""
    for name in setting or ():
        require_choice("setting", name, SETTINGS)
    require_architectures(architecture, NETWORKS)
    if setting and PUBLISHED in setting and data_dir is None:
        raise ValueError(f"{PUBLISHED!r} needs --data-dir, the directory of MNIST")
    if trunk > epochs:
        raise ValueError(f"trunk must be at most --epochs, {epochs}, got {trunk}")
    training = Training(
        epochs, batch_size, learning_rate, weight_decay=1e-3, schedule="constant", warmup_steps=20
    )
    for kind in dict.fromkeys(setting or ([HALVES] if data_dir is None else SETTINGS)):
        SETTINGS[kind](data_dir)  # all that can be wrong with it shows now
        for name in dict.fromkeys(architecture or [_ARCHITECTURE]):
            for repetition in range(repetitions):
                size = width or NETWORKS[name].width
                yield Task(kind, name, size, trunk, repetition, seed, training)


DECLARATION = Declaration(
    STUDY,
    layers_merged,
    report,
    quick={"architecture": ["MLP 2"], "width": 8, "epochs": 2, "trunk": 1, "repetitions": 3},
)
