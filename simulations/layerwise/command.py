"""The layer-wise study, and its command."""

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.runner import run_study
from simulations.command_line import (
    DataDir,
    DataSet,
    Jobs,
    Results,
    Scheduler,
    Seed,
    architecture_option,
    bad_options,
    require_architectures,
)
from simulations.declaration import declare
from simulations.layerwise.measurement import run
from simulations.layerwise.plan import ARCHITECTURES, cost_of, plan
from simulations.layerwise.tables import print_report

__all__ = ["STUDY", "layerwise"]

STUDY = declare("layerwise", version=1, run=run, cost=cost_of)


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
    results: Results = STUDY.results,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
) -> None:
    """Layer by layer: barriers with their null models, features, and which layers to average."""
    with bad_options():
        load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
        require_architectures(architecture, ARCHITECTURES)
    configs = list(
        plan(
            dataset,
            architecture or ARCHITECTURES,
            epochs=epochs,
            pairs=pairs,
            examples=examples,
            seed=seed,
        )
    )
    study = replace(STUDY, run=partial(run, data_dir=data_dir))
    print_report(run_study(study, configs, results=results, jobs=jobs, scheduler=scheduler))
