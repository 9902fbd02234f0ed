"""The study of least barriers, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.least_barriers.measurement import COUNTEREXAMPLE, NETWORKS, Task, cost_of, run
from simulations.least_barriers.summary import report
from simulations.options import (
    DataDir,
    DataSet,
    Pairs,
    Seed,
    Widths,
    architecture_option,
    require_architectures,
)

__all__ = ["DECLARATION", "STUDY", "least_barriers"]

STUDY = study("least_barriers", 1, run, cost=cost_of)


def least_barriers(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Widths = None,
    pairs: Pairs = 8,
    budget: Annotated[int, typer.Option(min=1, help="Seconds to search one pair.")] = 120,
    seed: Seed = 0,
) -> list[Task]:
    """The least barrier over all permutations, beside what matchings find."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, NETWORKS)
    return [
        Task(dataset, name, neurons, pairs, budget, seed)
        for name in architecture or NETWORKS
        for neurons in _widths(name, width)
    ]


def _widths(name: str, asked: list[int] | None) -> tuple[int, ...]:
    known = NETWORKS[name].widths
    return known if name == COUNTEREXAMPLE or not asked else tuple(asked)


DECLARATION = Declaration(
    STUDY,
    least_barriers,
    report,
    quick={"architecture": [COUNTEREXAMPLE, "relu 1"], "width": [2], "pairs": 1},
)
