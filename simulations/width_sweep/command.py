"""The width sweep as a study, and its command."""

from dataclasses import asdict
from typing import Annotated

import typer

from lmctheory.networks import TrainingConfig, load_dataset
from lmctheory.sweeps.study import Config
from simulations.declaration import Declaration, study
from simulations.options import (
    BatchSize,
    DataDir,
    DataSet,
    Epochs,
    FirstSeed,
    LearningRate,
    Momentum,
    Pairs,
    Widths,
)
from simulations.width_sweep.measurement import PHASES, run
from simulations.width_sweep.summary import print_report

__all__ = ["DECLARATION", "STUDY", "width_sweep"]


def _cost(config: Config) -> float:
    """Multiplications of a forward pass, plus what overhead amounts to; training adds half."""
    width, depth = config["width"], config["depth"]
    passes = 1e5 + width * (64 + (depth - 1) * width + 10)
    return passes * (1.5 if config["phase"] == "trained" else 1.0)


STUDY = study("width_sweep", version=4, run=run, cost=_cost)


def width_sweep(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    width: Widths = None,
    depth: Annotated[list[int] | None, typer.Option(min=1, help="Hidden layers; likewise.")] = None,
    pairs: Pairs = 4,
    epochs: Epochs = 15,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    momentum: Momentum = 0.9,
    weight_decay: Annotated[float, typer.Option(help="Weight decay.")] = 1e-3,
    seed: FirstSeed = 0,
) -> list[Config]:
    """Measured barriers and matching costs against width, beside their predictions."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    training = TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
    )
    return [
        {
            "dataset": dataset,
            "phase": phase,
            "depth": layers,
            "width": neurons,
            "pairs": pairs,
            "seed": seed,
            "training": asdict(training) if phase == "trained" else None,
        }
        for phase in PHASES
        for layers in depth or (1, 2)
        for neurons in width or (16, 32, 64, 128, 256, 512, 1024)
    ]


DECLARATION = Declaration(
    STUDY,
    width_sweep,
    print_report,
    quick={"width": [4], "depth": [1], "pairs": 1, "epochs": 1},
)
