"""The study of barriers along training, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.options import BatchSize, DataDir, DataSet, Depths, LearningRate, Seed, Widths
from simulations.training import Training
from simulations.training_time.measurement import Seen, Task, cost_of, run
from simulations.training_time.summary import report

__all__ = ["DECLARATION", "STUDY", "training_time"]

STUDY: TypedStudy[Task, Seen] = study("training_time", 1, run, cost=cost_of)


def training_time(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    depth: Depths = None,
    width: Widths = None,
    epoch: Annotated[
        list[int] | None, typer.Option(min=0, help="When networks are compared; may be repeated.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=3, help="Independent pairs per shape.")] = 6,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    seed: Seed = 1,
) -> Iterator[Task]:
    """Barriers between networks at many times of their training, by depth and width."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    times = sorted(set(_EPOCHS if epoch is None else epoch))
    if len(times) < 2 or times[0] > 0:
        raise ValueError(f"--epoch must name 0 and later ones, got {times}")
    training = Training(
        epochs=times[-1], batch_size=batch_size, learning_rate=learning_rate, schedule="constant"
    )
    for layers in sorted(set(depth or (1, 3))):
        for m in sorted(set(width or _WIDTHS)):
            for k in times:
                yield Task(dataset, layers, m, k, pairs, seed, training)


_WIDTHS = (4, 8, 16, 32, 128)
_EPOCHS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

DECLARATION = Declaration(
    STUDY,
    training_time,
    report,
    quick={"depth": [1, 2], "width": [4, 8], "epoch": [0, 1, 4], "pairs": 3, "batch_size": 32},
)
