"""The study of features, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.features.measurement import Measured, Task, cost_of, run
from simulations.features.summary import report
from simulations.layerwise.networks import NETWORKS, require_images
from simulations.options import (
    BatchSize,
    DataDir,
    DataSet,
    Epochs,
    LearningRate,
    Seed,
    architecture_option,
    require_architectures,
)
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "features"]

STUDY: TypedStudy[Task, Measured] = study("features", 1, run, cost=cost_of)

_ARCHITECTURES = ("MLP 2", "MLP 4", "CNN")
_SPAWNS = (0, 1, 2, 4)


def features(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Annotated[
        int | None, typer.Option(min=1, help="Of all networks; 64, or 12 channels, without it.")
    ] = None,
    spawn: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Epochs that two networks share; may be repeated."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=3, help="Independent pairs per setting.")] = 6,
    epochs: Epochs = 12,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 0.1,
    examples: Annotated[
        int, typer.Option(min=20, help="Test examples, and training examples to fit to, at most.")
    ] = 5000,
    seed: Seed = 1,
) -> Iterator[Task]:
    """Features between networks that part at some epoch: LLFC, LEWC, stitching, vanishing."""
    require_images(load_dataset(dataset, data_dir=data_dir))
    require_architectures(architecture, NETWORKS)
    spawns = sorted(set(_SPAWNS if spawn is None else spawn))
    if spawns[-1] > epochs:
        raise ValueError(f"every --spawn must be at most --epochs, {epochs}, got {spawns[-1]}")
    training = Training(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, warmup_steps=20
    )
    for name in dict.fromkeys(architecture or _ARCHITECTURES):
        neurons = width or NETWORKS[name].width
        for shared in (None, *spawns):
            for pair in range(pairs):
                yield Task(dataset, name, neurons, shared, pair, training, examples, seed)


DECLARATION = Declaration(
    STUDY,
    features,
    report,
    quick={
        "architecture": ["MLP 2"],
        "width": 8,
        "spawn": [0, 1],
        "pairs": 3,
        "epochs": 2,
        "examples": 100,
    },
)
