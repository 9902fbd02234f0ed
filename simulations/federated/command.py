"""The study of clients that average some of their layers, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.federated.clients import SPLITS
from simulations.federated.measurement import Measured, Task, cost_of, run
from simulations.federated.summary import report
from simulations.layerwise.networks import NETWORKS, require_images
from simulations.options import BatchSize, DataDir, DataSet, LearningRate, Seed
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "federated"]

STUDY: TypedStudy[Task, Measured] = study("federated", 1, run, cost=cost_of)


def federated(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[str, typer.Option(help=f"Of: {', '.join(NETWORKS)}.")] = "MLP 4",
    width: Annotated[int, typer.Option(min=1, help="Of the network.")] = 64,
    clients: Annotated[int, typer.Option(min=2, help="How many.")] = 8,
    pieces: Annotated[int, typer.Option(min=1, help="Of sorted examples, to each client.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Of training and averaging.")] = 15,
    local_epochs: Annotated[int, typer.Option(min=1, help="Between two averages.")] = 2,
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 0.05,
    draws: Annotated[int, typer.Option(min=1, help="Directions of noise of each kind.")] = 5,
    repetitions: Annotated[int, typer.Option(min=2, help="Of everything.")] = 6,
    seed: Seed = 1,
) -> Iterator[Task]:
    """Clients that average all, some or none of their layers, i.i.d. and with few classes each."""
    data = load_dataset(dataset, data_dir=data_dir)
    require_images(data)
    require_choice("architecture", architecture, NETWORKS)
    if clients * pieces > len(data.train):
        raise ValueError(
            f"clients * pieces must be at most {len(data.train)} examples, got {clients * pieces}"
        )
    training = Training(
        epochs=rounds * local_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule="constant",
    )
    for repetition in range(repetitions):
        for split in SPLITS:
            yield Task(
                *(dataset, split, clients, pieces, architecture, width, local_epochs, training),
                *(draws, repetition, seed),
            )


DECLARATION = Declaration(
    STUDY,
    federated,
    report,
    quick={
        "architecture": "MLP 2",
        "width": 8,
        "clients": 3,
        "rounds": 2,
        "local_epochs": 1,
        "draws": 1,
        "repetitions": 2,
    },
)
