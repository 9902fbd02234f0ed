"""The study of predicted barriers, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.barrier_prediction.measurement import SETTINGS, USUAL, Task, cost_of, run
from simulations.barrier_prediction.summary import report
from simulations.declaration import Declaration, study
from simulations.options import (
    DataDir,
    DataSet,
    Epochs,
    FirstSeed,
    Widths,
    architecture_option,
    require_architectures,
)
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "barrier_prediction"]

_OF_ALL = "Without it those that differ most."

STUDY = study("barrier_prediction", 1, run, cost=cost_of)


def barrier_prediction(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(SETTINGS, _OF_ALL)] = None,
    width: Widths = None,
    ratio: Annotated[int, typer.Option(min=2, help="A width over its members' width.")] = 4,
    unions: Annotated[int, typer.Option(min=3, help="Unions of members.")] = 8,
    networks: Annotated[int, typer.Option(min=3, help="Networks of each predicted width.")] = 8,
    narrow: Annotated[
        list[int] | None, typer.Option(min=2, help="Widths of given networks; three or more.")
    ] = None,
    pool: Annotated[int, typer.Option(min=6, help="Given networks of each narrow width.")] = 16,
    epochs: Epochs = 15,
    seed: FirstSeed = 100,
) -> list[Task]:
    """Barriers of wide networks, predicted from narrow ones, beside those of trained ones."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, SETTINGS)
    given, widths = sorted(set(narrow or (16, 32, 64, 128))), sorted(set(width or (256, 512)))
    if len(given) < 3 or given[-1] >= widths[0]:
        raise ValueError(
            f"--narrow must name three or more widths below {widths[0]}, the least that is "
            f"predicted, got {given}"
        )
    for wide in widths:
        if wide % ratio or wide % given[-1]:
            raise ValueError(
                f"every --width must be a multiple of --ratio and of the widest of --narrow, "
                f"{ratio} and {given[-1]}, got {wide}"
            )
    return [
        Task(
            dataset=dataset,
            name=name,
            setting=SETTINGS[name],
            width=wide,
            member=wide // ratio,
            unions=unions,
            networks=networks,
            narrow=given,
            pool=pool,
            training=Training(
                epochs=epochs,
                learning_rate=SETTINGS[name].learning_rate,
                weight_decay=SETTINGS[name].weight_decay,
            ),
            seed=seed,
        )
        for name in architecture or USUAL
        for wide in widths
    ]


DECLARATION = Declaration(
    STUDY,
    barrier_prediction,
    report,
    quick={
        "architecture": ["relu 1", "relu 2"],
        "width": [16],
        "ratio": 2,
        "unions": 3,
        "networks": 3,
        "narrow": [2, 4, 8],
        "pool": 6,
        "epochs": 1,
    },
)
