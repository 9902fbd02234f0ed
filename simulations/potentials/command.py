"""The study of published potentials, and its command."""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated

import typer

from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.options import DataDir, Seed
from simulations.potentials.folder import folder_of
from simulations.potentials.measurement import (
    Average,
    AverageTask,
    Costs,
    CostTask,
    Pair,
    PairTask,
    run_average,
    run_costs,
    run_pair,
)
from simulations.potentials.summary import report
from simulations.potentials.wheels import ENSEMBLES

__all__ = ["DECLARATION", "STUDY", "potentials"]

Tasks = PairTask | AverageTask | CostTask


def _cost(task: Tasks) -> float:
    """Seconds of one core, roughly."""
    if isinstance(task, AverageTask):
        return 5.0 * len(task.members)
    return 20.0 if isinstance(task, PairTask) else 4.0


STUDY: TypedStudy[Tasks, Pair | Average | Costs] = study(
    "potentials", 1, run_pair, run_average, run_costs, cost=_cost
)


def potentials(
    data_dir: DataDir = None,
    members: Annotated[int, typer.Option(min=3, help="Of each ensemble, at most.")] = 4,
    seed: Seed = 0,
) -> Iterator[Tasks]:
    """Members of ANI-1x and ANI-1ccx matched, averaged layer by layer, and put right again."""
    folder = folder_of(data_dir)
    numbers = {name: folder.members(name)[:members] for name in ENSEMBLES}
    if len(numbers["ani1x"]) < 3:
        raise ValueError(
            f"{folder.path} must hold three members of ani1x or more, got {numbers['ani1x']}"
        )
    named = {name: [f"{name}_{k}" for k in found] for name, found in numbers.items()}
    tuned = [(f"ani1x_{k}", f"ani1ccx_{k}") for k in numbers["ani1x"] if k in numbers["ani1ccx"]]
    pairs = [pair for found in named.values() for pair in combinations(found, 2)]
    for a, b in [*pairs, *tuned]:
        yield PairTask(a, b, folder.digest(a, b), seed)
    for a, b in combinations(named["ani1x"], 2):
        yield CostTask(a, b, "weighted", folder.digest(a, b), seed)
    for found in named.values():
        for size in (2, 4, 8):
            for start in range(0, len(found) - size + 1, size):
                group = found[start : start + size]
                yield AverageTask(group, folder.digest(*group), seed)


DECLARATION = Declaration(STUDY, potentials, report, quick={"members": 3})
