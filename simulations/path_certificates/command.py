"""The study of certificates, and its command."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import load_dataset
from lmctheory.sweeps.typed import TypedStudy
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
from simulations.path_certificates.decisions import run_decided
from simulations.path_certificates.measurement import run
from simulations.path_certificates.networks import NETWORKS
from simulations.path_certificates.tables import report
from simulations.path_certificates.tasks import Decided, DecidingTask, Measured, Task
from simulations.training import require_classes

__all__ = ["DECLARATION", "STUDY", "path_certificates"]


PARTS = ("bounded", "decided")
"""C1 to C4; C5 and C6."""


def _cost(task: Task | DecidingTask) -> float:
    """Seconds on one core, roughly."""
    if isinstance(task, DecidingTask):
        return _deciding_cost(task)
    share, width = task.examples / 360, task.width
    kind, _, depth = task.architecture.partition(" ")
    if kind != "MLP":
        return NETWORKS[task.architecture].pairs(task.pairs) * share * width
    return task.pairs * share * (0.3 + int(depth) * (width / 128) ** 2)


def _deciding_cost(task: DecidingTask) -> float:
    network, share = NETWORKS[task.architecture], task.examples / 360
    kind, _, depth = task.architecture.partition(" ")
    if network.quick:
        return task.pairs * share * int(depth) * (2 + 10 * (task.width / 512) ** 2)
    return network.pairs(task.pairs) * share * (100 if kind in ("VGG-11", "ResNet-20") else 20)


STUDY: TypedStudy[Task | DecidingTask, Measured | Decided] = study(
    "path_certificates", 5, run, run_decided, cost=_cost
)


def path_certificates(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Widths = None,
    weight_decay: Annotated[list[float] | None, typer.Option(min=0, help="Likewise.")] = None,
    pairs: Pairs = 8,
    decided: Annotated[
        int, typer.Option(min=1, help="Pairs per shape whose segments are decided.")
    ] = 3,
    part: Annotated[
        list[str] | None, typer.Option(help=f"Of: {', '.join(PARTS)}; both by default.")
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="Test examples, at most.")] = 360,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Seconds to decide a pair; by default 300, 600 with BatchNorm."),
    ] = None,
    seed: Seed = 0,
) -> list[Task | DecidingTask]:
    """Certificates C1 to C6 of trained pairs beside what is true, after every matching."""
    require_classes(load_dataset(dataset, data_dir=data_dir))
    require_architectures(architecture, NETWORKS)
    for one in part or ():
        require_choice("part", one, PARTS)
    shapes = [
        (dataset, name, neurons, decay)
        for name in architecture or NETWORKS
        for decay in weight_decay or NETWORKS[name].weight_decays
        for neurons in width or NETWORKS[name].widths
    ]
    bounded = [
        Task(*shape, pairs, examples, seed) for shape in shapes if not NETWORKS[shape[1]].deep
    ]
    deciding = [
        DecidingTask(*shape, decided, examples, seed, budget or NETWORKS[shape[1]].budget)
        for shape in shapes
    ]
    chosen: dict[str, Sequence[Task | DecidingTask]] = dict(
        zip(PARTS, (bounded, deciding), strict=True)
    )
    return [task for one in PARTS if not part or one in part for task in chosen[one]]


DECLARATION = Declaration(
    STUDY,
    path_certificates,
    report,
    quick={
        "architecture": ["MLP 1"],
        "width": [1],
        "weight_decay": [0.0],
        "pairs": 1,
        "decided": 1,
        "examples": 1,
    },
)
