"""The study of barriers that rise with width, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.options import DataDir, DataSet, Depths, Epochs, FirstSeed, LearningRate, Widths
from simulations.rising_barriers.measurement import (
    AtLaw,
    AtWidth,
    LawTask,
    WidthTask,
    cost_of,
    run_law,
    run_width,
)
from simulations.rising_barriers.summary import report
from simulations.training import Training, require_classes

__all__ = ["DECLARATION", "STUDY", "rising_barriers"]

STUDY: TypedStudy[WidthTask | LawTask, AtWidth | AtLaw] = study(
    "rising_barriers", 1, run_width, run_law, cost=cost_of
)

_RATIO = 4
"""Of a width to that of the members that predict it."""


def rising_barriers(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    depth: Depths = None,
    width: Widths = None,
    networks: Annotated[int, typer.Option(min=3, help="Networks of each width.")] = 8,
    unions: Annotated[int, typer.Option(min=3, help="Unions of members.")] = 8,
    narrow: Annotated[
        list[int] | None,
        typer.Option(min=2, help="Widths of given networks, which predict wider than twice them."),
    ] = None,
    pool: Annotated[int, typer.Option(min=6, help="Given networks of each narrow width.")] = 16,
    member: Annotated[int, typer.Option(min=1, help="Width whose law is held fixed.")] = 64,
    epochs: Epochs = 15,
    learning_rate: LearningRate = 0.05,
    seed: FirstSeed = 100,
) -> Iterator[WidthTask | LawTask]:
    """Barriers of matchings by weights and by data against width, measured and predicted."""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    widths, given = sorted(set(width or _WIDTHS)), sorted(set(narrow or _NARROW))
    if any(m % _RATIO for m in widths):
        raise ValueError(f"every --width must be a multiple of {_RATIO}, got {widths}")
    if not any(m > member and m % member == 0 for m in widths):
        raise ValueError(
            f"one --width must be a multiple of --member, {member}, above it, got {widths}"
        )
    training = Training(epochs=epochs, learning_rate=learning_rate, weight_decay=1e-3)
    for layers in sorted(set(depth or (1, 2))):
        for m in widths:
            wide = m >= 2 * given[-1] and m % given[-1] == 0
            shape = (dataset, layers, m)
            yield WidthTask(
                *(*shape, "standard", networks, m // _RATIO, unions),
                *(given if wide else [], pool if wide else 0, training, seed),
            )
            yield WidthTask(*shape, "mu", networks, 0, 0, [], 0, training, seed)
        joined = [m // member for m in widths if m >= member and m % member == 0]
        yield LawTask(dataset, layers, member, 3 * joined[-1], joined, training, seed)


_WIDTHS = (16, 32, 64, 128, 256, 512)
_NARROW = (16, 32, 64, 128)

DECLARATION = Declaration(
    STUDY,
    rising_barriers,
    report,
    quick={
        "depth": [1],
        "width": [8, 16],
        "networks": 3,
        "unions": 3,
        "narrow": [4, 8],
        "pool": 6,
        "member": 8,
        "epochs": 2,
    },
)
