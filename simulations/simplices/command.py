"""The study of simplices, stars and curves, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.options import DataDir, DataSet, Seed, Widths
from simulations.simplices.measurement import Task, cost_of, run
from simulations.simplices.summary import report
from simulations.training import require_classes

__all__ = ["DECLARATION", "STUDY", "simplices"]

STUDY = study("simplices", 1, run, cost=cost_of)

_WIDTHS = (64, 128, 256, 512)


def simplices(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    width: Widths = None,
    networks: Annotated[int, typer.Option(min=2, max=4, help="At the corners.")] = 3,
    examples: Annotated[int, typer.Option(min=1, help="Test examples, at most.")] = 200,
    epochs: Annotated[int, typer.Option(min=1, help="Of training bends.")] = 30,
    budget: Annotated[float, typer.Option(min=0.01, help="Seconds of every certificate.")] = 40.0,
    seed: Seed = 0,
) -> list[Task]:
    """Convex combinations of several networks, stars and curves: decided, and their barriers."""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    return [
        Task(dataset, neurons, networks, examples, epochs, budget, seed)
        for neurons in width or _WIDTHS
    ]


DECLARATION = Declaration(
    STUDY, simplices, report, quick={"width": [4], "examples": 4, "epochs": 1, "budget": 0.02}
)
