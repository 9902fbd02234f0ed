"""The width sweep as a study, and its command."""

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
    Pairs,
    WeightDecay,
    Widths,
)
from simulations.training import Training
from simulations.width_sweep.measurement import PHASES, Task, cost_of, run
from simulations.width_sweep.summary import report

__all__ = ["DECLARATION", "STUDY", "width_sweep"]


STUDY = study("width_sweep", 6, run, cost=cost_of)


def width_sweep(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    width: Widths = None,
    depth: Depths = None,
    pairs: Pairs = 4,
    epochs: Epochs = 15,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    momentum: Momentum = 0.9,
    weight_decay: WeightDecay = 1e-3,
    seed: FirstSeed = 0,
) -> list[Task]:
    """Measured barriers and matching costs against width, beside their predictions."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
    )
    return [
        Task(dataset, phase, layers, neurons, pairs, seed, training if phase == "trained" else None)
        for phase in PHASES
        for layers in depth or (1, 2)
        for neurons in width or (16, 32, 64, 128, 256, 512, 1024)
    ]


DECLARATION = Declaration(
    STUDY,
    width_sweep,
    report,
    quick={"width": [4], "depth": [1], "pairs": 1, "epochs": 1},
)
