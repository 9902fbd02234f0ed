"""The study of trained networks at unseen widths, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.options import (
    BatchSize,
    DataDir,
    DataSet,
    Depths,
    Epochs,
    FirstSeed,
    LearningRate,
    Momentum,
)
from simulations.trained_widths.measurement import run
from simulations.trained_widths.tables import report
from simulations.trained_widths.tasks import Task
from simulations.training import Training, require_classes

__all__ = ["DECLARATION", "STUDY", "trained_widths"]


def _cost(task: Task) -> float:
    """Assignments of the widest layers, and training, which is as dear in deep networks."""
    return float(task.depth) * (1.0 if task.training is None else 1.5)


STUDY = study("trained_widths", 1, run, cost=_cost)


def trained_widths(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    estimating: Annotated[
        list[int] | None, typer.Option(min=8, help="Widths to predict from; three or more.")
    ] = None,
    testing: Annotated[
        list[int] | None, typer.Option(min=8, help="Wider ones, whose costs are predicted.")
    ] = None,
    depth: Depths = None,
    pool: Annotated[int, typer.Option(min=8, help="Networks of each estimating width.")] = 16,
    networks: Annotated[int, typer.Option(min=3, help="Networks of each testing width.")] = 8,
    examples: Annotated[int, typer.Option(min=2, help="That describe a neuron.")] = 256,
    permutations: Annotated[int, typer.Option(min=19, help="Random deals of a test.")] = 99,
    epochs: Epochs = 15,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    momentum: Momentum = 0.9,
    weight_decay: Annotated[
        list[float] | None, typer.Option(help="Weight decays; may be repeated.")
    ] = None,
    seed: FirstSeed = 0,
) -> list[Task]:
    """Costs and function errors of wide trained networks, predicted from narrow ones."""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    narrow, wide = _widths(estimating or (32, 64, 128, 256), testing or (512, 1024), pool)
    phases: list[Training | None] = [None]
    for decay in weight_decay or (0.0, 1e-3):
        training = Training(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=decay,
        )
        phases.append(training)
    return [
        Task(
            dataset=dataset,
            depth=layers,
            estimating=narrow,
            testing=wide,
            pool=pool,
            networks=networks,
            examples=examples,
            permutations=permutations,
            seed=seed,
            training=training,
        )
        for training in phases
        for layers in depth or (1, 2)
    ]


def _widths(
    estimating: "list[int] | tuple[int, ...]", testing: "list[int] | tuple[int, ...]", pool: int
) -> tuple[list[int], list[int]]:
    """Both kinds of widths in order, if the first can predict the second."""
    narrow, wide = sorted(set(estimating)), sorted(set(testing))
    if len(narrow) < 3:
        raise ValueError(f"--estimating must name three widths for a power law, got {narrow}")
    if wide[0] <= narrow[-1] or 4 * wide[-1] > pool * narrow[-1]:
        raise ValueError(
            "--testing must lie above the estimating widths and within a quarter of the widest"
            f" one's pool, {narrow[-1]} < width <= {pool * narrow[-1] // 4}, got {wide}"
        )
    return narrow, wide


DECLARATION = Declaration(
    STUDY,
    trained_widths,
    report,
    quick={
        "estimating": [8, 9, 10],
        "testing": [20],
        "pool": 8,
        "networks": 3,
        "examples": 2,
        "permutations": 19,
        "depth": [1],
        "epochs": 1,
        "weight_decay": [0.01],
    },
)
