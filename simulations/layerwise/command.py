"""The layer-wise study, and its command."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.layerwise.measurement import run
from simulations.layerwise.networks import JOINING, NETWORKS, require_images
from simulations.layerwise.tables import report
from simulations.layerwise.tasks import ARCHITECTURES, LEWC, TRAINED, Task, cost_of
from simulations.options import (
    DataDir,
    DataSet,
    Seed,
    architecture_option,
    require_architectures,
)

__all__ = ["DECLARATION", "STUDY", "layerwise"]

CHECKPOINTS = (1, 2, 4, 8, 16, 32)
"""In epochs."""
WIDTHS = (16, 64, 256, 1024)
"""Of `LEWC`."""

STUDY = study("layerwise", 2, run, cost=cost_of)


def layerwise(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(ARCHITECTURES)] = None,
    epochs: Annotated[int, typer.Option(min=2, help="Of training.")] = 12,
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Per architecture and way of joining; 2 to 6.")
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=2, help="Test examples, at most; 200 or 360.")
    ] = None,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Layer by layer: barriers with their null models, features, and which layers to average."""
    data = load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, ARCHITECTURES)
    chosen = architecture or ARCHITECTURES
    if any(name in NETWORKS for name in chosen):
        require_images(data)

    def task(name: str, joining: str) -> Task:
        network = NETWORKS.get(name)
        return Task(
            dataset=dataset,
            architecture=name,
            joining=joining,
            width=network.width if network else 32,
            epochs=epochs,
            schedule="cosine",
            pairs=pairs or (network.pairs if network else 6),
            examples=examples or (network.examples if network else 360),
            details=True,
            seed=seed,
        )

    def brief(name: str) -> Task:
        return replace(task(name, JOINING[0]), details=False, pairs=pairs or 3)

    yield from (task(name, joining) for name in chosen for joining in JOINING)
    if TRAINED in chosen:
        constant = replace(brief(TRAINED), schedule="constant")
        yield from (replace(constant, epochs=checkpoint) for checkpoint in CHECKPOINTS)
    if LEWC in chosen:
        yield from (replace(brief(LEWC), width=width) for width in WIDTHS)


DECLARATION = Declaration(
    STUDY,
    layerwise,
    report,
    quick={"architecture": ["linear 3"], "pairs": 1, "examples": 2},
)
