"""The study of certificates, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.options import (
    DataDir,
    DataSet,
    Pairs,
    Seed,
    Widths,
    architecture_option,
    require_architectures,
)
from simulations.path_certificates.measurement import run
from simulations.path_certificates.networks import NETWORKS
from simulations.path_certificates.tables import report
from simulations.path_certificates.tasks import Task

__all__ = ["DECLARATION", "STUDY", "path_certificates"]


def _cost(task: Task) -> float:
    """Seconds on one core, roughly."""
    share, width = task.examples / 360, task.width
    kind, _, depth = task.architecture.partition(" ")
    if kind != "MLP":
        return NETWORKS[task.architecture].pairs(task.pairs) * share * width
    return task.pairs * share * (0.3 + int(depth) * (width / 128) ** 2)


STUDY = study("path_certificates", 4, run, cost=_cost)


def path_certificates(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Widths = None,
    weight_decay: Annotated[list[float] | None, typer.Option(min=0, help="Likewise.")] = None,
    pairs: Pairs = 8,
    examples: Annotated[int, typer.Option(min=1, help="Test examples, at most.")] = 360,
    seed: Seed = 0,
) -> list[Task]:
    """Certificates C1 to C4 of trained pairs beside what is true, after every matching."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, NETWORKS)
    return [
        Task(dataset, name, neurons, decay, pairs, examples, seed)
        for name in architecture or NETWORKS
        for decay in weight_decay or NETWORKS[name].weight_decays
        for neurons in width or NETWORKS[name].widths
    ]


DECLARATION = Declaration(
    STUDY,
    path_certificates,
    report,
    quick={
        "architecture": ["MLP 1"],
        "width": [1],
        "weight_decay": [0.0],
        "pairs": 1,
        "examples": 1,
    },
)
