"""The study of predicted barriers, and its command."""

from typing import Annotated

import typer

from lmctheory.choices import require_choice
from simulations.barrier_prediction.measurement import Task, cost_of, data_of, run
from simulations.barrier_prediction.settings import DATA, HALVES, SETTINGS, USUAL, half_of
from simulations.barrier_prediction.summary import report
from simulations.declaration import Declaration, study
from simulations.options import (
    DataDir,
    Epochs,
    FirstSeed,
    Widths,
    architecture_option,
    require_architectures,
)
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "barrier_prediction"]

_OF_ALL = "Without it, --half and --dataset those of the first version that differ most."

STUDY = study("barrier_prediction", 2, run, cost=cost_of)


def barrier_prediction(
    half: Annotated[
        str | None, typer.Option(help=f"Settings of one half of all: {' or '.join(HALVES)}.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help=f"Settings with these data: {', '.join(DATA)}.")
    ] = None,
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
    names = _chosen(architecture, half, dataset)
    needed = {SETTINGS[name].data for name in names}
    if data_dir is not None and "mnist" not in needed:
        raise ValueError(f"--data-dir is for settings with mnist, got {data_dir}")
    for data in needed:
        data_of(data, data_dir)  # all that can be wrong with it shows now
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
            dataset=SETTINGS[name].data,
            name=name,
            setting=SETTINGS[name].shape,
            width=wide,
            member=wide // ratio,
            unions=unions,
            networks=networks,
            narrow=given,
            pool=pool,
            training=Training(
                epochs=epochs,
                learning_rate=SETTINGS[name].shape.learning_rate,
                weight_decay=SETTINGS[name].shape.weight_decay,
                optimiser=SETTINGS[name].optimiser,
            ),
            seed=seed,
        )
        for name in names
        for wide in widths
    ]


def _chosen(names: list[str] | None, half: str | None, dataset: str | None) -> list[str]:
    """The settings that are asked for.

    Raises:
        ValueError: for what there is not, or if none is left.
    """
    require_architectures(names, SETTINGS)
    if half is not None:
        require_choice("half", half, HALVES)
    if dataset is not None:
        require_choice("dataset", dataset, DATA)
    everything = USUAL if half is None and dataset is None else SETTINGS
    chosen = [
        name
        for name in names or everything
        if half in (None, half_of(name)) and dataset in (None, SETTINGS[name].data)
    ]
    if not chosen:
        raise ValueError(f"no --architecture of {names} has --half {half} and --dataset {dataset}")
    return chosen


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
