"""The study of certificates, and its command."""

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from lmctheory.networks import load_dataset
from lmctheory.sweeps.runner import run_study
from lmctheory.sweeps.study import Config
from simulations.command_line import (
    DataDir,
    DataSet,
    Jobs,
    Pairs,
    Results,
    Scheduler,
    Seed,
    Widths,
    architecture_option,
    bad_options,
    require_architectures,
)
from simulations.declaration import declare
from simulations.path_certificates.measurement import run
from simulations.path_certificates.networks import NETWORKS
from simulations.path_certificates.tables import print_report

__all__ = ["STUDY", "path_certificates"]


def _cost(config: Config) -> float:
    """Seconds on one core, roughly."""
    share, width = config["examples"] / 360, config["width"]
    kind, _, depth = config["architecture"].partition(" ")
    if kind != "MLP":
        return NETWORKS[config["architecture"]].pairs(config["pairs"]) * share * width
    return config["pairs"] * share * (0.3 + int(depth) * (width / 128) ** 2)


STUDY = declare("path_certificates", version=3, run=run, cost=_cost)


def path_certificates(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    architecture: Annotated[list[str] | None, architecture_option(NETWORKS)] = None,
    width: Widths = None,
    weight_decay: Annotated[list[float] | None, typer.Option(min=0, help="Likewise.")] = None,
    pairs: Pairs = 8,
    examples: Annotated[int, typer.Option(min=1, help="Test examples, at most.")] = 360,
    seed: Seed = 0,
    results: Results = STUDY.results,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
) -> None:
    """Certificates C1 to C4 of trained pairs beside what is true, after every matching."""
    with bad_options():
        load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
        require_architectures(architecture, NETWORKS)
    configs = [
        {
            "dataset": dataset,
            "architecture": name,
            "width": neurons,
            "weight_decay": decay,
            "pairs": pairs,
            "examples": examples,
            "seed": seed,
        }
        for name in architecture or NETWORKS
        for decay in weight_decay or NETWORKS[name].weight_decays
        for neurons in width or NETWORKS[name].widths
    ]
    study = replace(STUDY, run=partial(run, data_dir=data_dir))
    print_report(run_study(study, configs, results=results, jobs=jobs, scheduler=scheduler))
