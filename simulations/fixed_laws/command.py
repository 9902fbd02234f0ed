"""The study of barriers at a fixed law of neurons, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.fixed_laws.measurement import ACTIVATIONS, Task, cost_of, run
from simulations.fixed_laws.summary import report
from simulations.options import (
    DataDir,
    DataSet,
    Epochs,
    FirstSeed,
    LearningRate,
    architecture_option,
    require_architectures,
)
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "fixed_laws"]

STUDY = study("fixed_laws", 1, run, cost=cost_of)

_JOINED = (1, 2, 4, 8, 16, 32)


def fixed_laws(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[
        list[str] | None, architecture_option(dict.fromkeys(ACTIVATIONS))
    ] = None,
    member: Annotated[int, typer.Option(min=1, help="Width of the networks of the pool.")] = 128,
    pool: Annotated[int, typer.Option(min=4, help="How many networks there are.")] = 128,
    joined: Annotated[
        list[int] | None, typer.Option(min=1, help="Networks in a union; three or more numbers.")
    ] = None,
    epochs: Epochs = 15,
    learning_rate: LearningRate = 0.05,
    seed: FirstSeed = 0,
) -> list[Task]:
    """Barriers of unions of one pool of networks: widths differ, the law of neurons does not."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, dict.fromkeys(ACTIVATIONS))
    counts = sorted(set(joined or _JOINED))
    if len(counts) < 3 or pool < 4 * counts[-1]:
        raise ValueError(
            f"--joined must name three or more numbers up to a fourth of --pool, {pool}, so that "
            f"there are two pairs of unions, got {counts}"
        )
    training = Training(epochs=epochs, learning_rate=learning_rate, weight_decay=1e-3)
    return [
        Task(dataset, activation, member, pool, counts, training, seed)
        for activation in architecture or ACTIVATIONS
    ]


DECLARATION = Declaration(
    STUDY,
    fixed_laws,
    report,
    quick={
        "architecture": ["relu"],
        "member": 4,
        "pool": 16,
        "joined": [1, 2, 4],
        "epochs": 2,
    },
)
