"""The study of symmetries, and its command."""

from typing import Annotated

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
from simulations.symmetries.measurement import Task, cost_of, run
from simulations.symmetries.networks import NETWORKS
from simulations.symmetries.summary import report

__all__ = ["DECLARATION", "STUDY", "symmetries"]

STUDY = study("symmetries", 2, run, cost=cost_of)


def symmetries(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Widths = None,
    pairs: Pairs = 4,
    seed: Seed = 0,
) -> list[Task]:
    """Barriers of independently trained pairs, by permutations alone and by all symmetries."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, NETWORKS)
    return [
        Task(dataset, name, neurons, pairs, seed)
        for name in architecture or NETWORKS
        for neurons in width or NETWORKS[name].widths
    ]


DECLARATION = Declaration(
    STUDY, symmetries, report, quick={"architecture": ["tanh 1"], "width": [4], "pairs": 1}
)
