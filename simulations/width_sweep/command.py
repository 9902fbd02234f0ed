"""The width sweep as a study, and its command."""

from dataclasses import asdict, replace
from functools import partial
from typing import Annotated

import typer

from lmctheory.networks import TrainingConfig, load_dataset
from lmctheory.sweeps.runner import run_study
from lmctheory.sweeps.study import Config
from simulations.command_line import (
    BatchSize,
    DataDir,
    DataSet,
    Epochs,
    FirstSeed,
    Jobs,
    LearningRate,
    Momentum,
    Pairs,
    Results,
    Scheduler,
    Widths,
    bad_options,
)
from simulations.declaration import declare
from simulations.width_sweep.measurement import PHASES, run
from simulations.width_sweep.summary import print_report

__all__ = ["STUDY", "width_sweep"]


def _cost(config: Config) -> float:
    """Multiplications of a forward pass, plus what overhead amounts to; training adds half."""
    width, depth = config["width"], config["depth"]
    passes = 1e5 + width * (64 + (depth - 1) * width + 10)
    return passes * (1.5 if config["phase"] == "trained" else 1.0)


STUDY = declare("width_sweep", version=4, run=run, cost=_cost)


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
    results: Results = STUDY.results,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
) -> None:
    """Measured barriers and matching costs against width, beside their predictions."""
    with bad_options():
        load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
        training = TrainingConfig(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
        )
        configs = [
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
    study = replace(STUDY, run=partial(run, data_dir=data_dir))
    records = run_study(study, configs, results=results, jobs=jobs, scheduler=scheduler)
    print_report(records)
