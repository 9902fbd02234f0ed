"""The layer-wise study, and its command."""

from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.study import Config
from simulations.declaration import Declaration, study
from simulations.layerwise.measurement import run
from simulations.layerwise.plan import ARCHITECTURES, cost_of, plan
from simulations.layerwise.tables import print_report
from simulations.options import (
    DataDir,
    DataSet,
    Seed,
    architecture_option,
    require_architectures,
)

__all__ = ["DECLARATION", "STUDY", "layerwise"]

STUDY = study("layerwise", version=1, run=run, cost=cost_of)


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
) -> list[Config]:
    """Layer by layer: barriers with their null models, features, and which layers to average."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    require_architectures(architecture, ARCHITECTURES)
    return list(
        plan(
            dataset,
            architecture or ARCHITECTURES,
            epochs=epochs,
            pairs=pairs,
            examples=examples,
            seed=seed,
        )
    )


DECLARATION = Declaration(
    STUDY,
    layerwise,
    print_report,
    quick={"architecture": ["linear 3"], "pairs": 1, "examples": 2},
)
