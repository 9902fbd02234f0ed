"""The study of layers' barriers along training, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import seeded_generators
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.layers_over_training.measurement import Measured, Task, cost_of, run
from simulations.layers_over_training.networks import NETWORKS
from simulations.layers_over_training.summary import report
from simulations.options import DataDir, DataSet, Seed

__all__ = ["DECLARATION", "STUDY", "layers_over_training"]

STUDY: TypedStudy[Task, Measured] = study("layers_over_training", 1, run, cost=cost_of)

_EPOCHS = (1, 2, 4, 8)


def layers_over_training(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    network: Annotated[
        list[str] | None,
        typer.Option(help=f"Of: {', '.join(NETWORKS)}; may be repeated. All without it."),
    ] = None,
    width: Annotated[int | None, typer.Option(min=4, help="Of all; 64 and 32 without it.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=2, help="Hidden layers or blocks; 4 and 3 without it.")
    ] = None,
    epoch: Annotated[
        list[int] | None, typer.Option(min=1, help="When networks are compared; may be repeated.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=2, help="Independent ones of each network.")] = 5,
    examples: Annotated[int, typer.Option(min=2, help="Test examples, at most.")] = 128,
    draws: Annotated[int, typer.Option(min=1, help="Random directions.")] = 1,
    seed: Seed = 1,
) -> Iterator[Task]:
    """Layer by layer at several times of training: an MLP, a vision and a character transformer."""
    chosen = network or list(NETWORKS)
    for name in chosen:
        require_choice("network", name, NETWORKS)
    times = sorted(set(epoch or _EPOCHS))
    for name in dict.fromkeys(chosen):
        made = NETWORKS[name]
        sizes = (width or made.width, depth or made.depth)
        # all that can be wrong with sizes and data shows now
        made.build(made.data(dataset, data_dir), *sizes, seeded_generators(seed)[0])
        for k in times:
            training = made.training(times[-1])
            yield Task(dataset, name, *sizes, k, pairs, examples, draws, seed, training)


DECLARATION = Declaration(
    STUDY,
    layers_over_training,
    report,
    quick={"width": 8, "depth": 2, "epoch": [1, 2], "pairs": 2, "examples": 20, "draws": 1},
)
