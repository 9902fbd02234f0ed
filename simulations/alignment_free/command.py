"""The study of networks that need no alignment, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
from simulations.alignment_free.measurement import (
    Cheapest,
    Measured,
    PairTask,
    SwapTask,
    cost_of,
    run_pairs,
    run_swaps,
)
from simulations.alignment_free.networks import KINDS, STARTED
from simulations.alignment_free.summary import report
from simulations.declaration import Declaration, study
from simulations.options import DataDir, DataSet, Epochs, LearningRate, Seed, Widths
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "alignment_free"]

STUDY: TypedStudy[PairTask | SwapTask, Measured | Cheapest] = study(
    "alignment_free", 1, run_pairs, run_swaps, cost=cost_of
)

_WIDTHS = (16, 32, 64, 128)
_KAPPAS = (0.0, 1.0, 3.0, 10.0)
_DIMENSIONS = (2, 4, 8, 16, 32)
_OUTPUTS = 10
_BEFORE = (2, 3, 5)
"""Dimensions of inputs of untrained neurons."""


def alignment_free(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers.")] = 2,
    width: Widths = None,
    at: Annotated[int, typer.Option(min=2, help="Width of all else that is varied.")] = 64,
    kappa: Annotated[float, typer.Option(min=0, help="Norm of fixed over trained entries.")] = 3.0,
    kappas: Annotated[
        list[float] | None, typer.Option(min=0, help="Others that are tried; may be repeated.")
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Of a row's entries, fixed.")
    ] = 0.5,
    dimension: Annotated[
        list[int] | None,
        typer.Option(min=1, max=64, help="Of a teacher's inputs; may be repeated."),
    ] = None,
    neurons: Annotated[
        list[int] | None,
        typer.Option(min=3, help="Untrained ones whose swaps are compared; may be repeated."),
    ] = None,
    draws: Annotated[int, typer.Option(min=2, help="Of untrained neurons.")] = 10,
    pairs: Annotated[int, typer.Option(min=2, help="Of networks, of each setting.")] = 4,
    epochs: Epochs = 15,
    learning_rate: LearningRate = 0.05,
    seed: Seed = 0,
) -> Iterator[PairTask | SwapTask]:
    """Are asymmetric networks joined as they are, and why: fixed entries, starts, swap costs."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    training = Training(epochs=epochs, learning_rate=learning_rate, weight_decay=1e-3)
    widths = sorted({*(width or _WIDTHS), at})

    def task(kind: str, m: int, norm: float, name: str = dataset, k: int = 0) -> PairTask:
        chosen = (norm, share) if kind in STARTED else (0.0, 0.0)
        return PairTask(name, k, kind, depth, m, *chosen, pairs, training, seed)

    for m in widths:
        yield from (task(kind, m, kappa) for kind in KINDS)
    for norm in sorted(set(kappas or _KAPPAS) - {kappa}):
        yield from (task(kind, at, norm) for kind in STARTED)
    for k in sorted(set(dimension or _DIMENSIONS)):
        for kind in ("ordinary", *STARTED):
            yield task(kind, at, kappa, "teacher", k)
    tried = sorted(set(neurons or (32, 64, 128, 256)))
    for d in _BEFORE:
        yield SwapTask(d, _OUTPUTS, tried, draws, seed)


DECLARATION = Declaration(
    STUDY,
    alignment_free,
    report,
    quick={
        "depth": 1,
        "width": [4, 8],
        "at": 8,
        "kappas": [0.0],
        "dimension": [2, 6],
        "neurons": [8, 16],
        "draws": 3,
        "pairs": 2,
        "epochs": 2,
    },
)
