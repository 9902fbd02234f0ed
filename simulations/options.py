"""Options that the commands of several studies share."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from lmctheory.choices import require_choice

__all__ = [
    "BatchSize",
    "DataDir",
    "DataSet",
    "Depths",
    "Epochs",
    "FirstSeed",
    "Jobs",
    "LearningRate",
    "Momentum",
    "Pairs",
    "Results",
    "Scheduler",
    "Seed",
    "WeightDecay",
    "Widths",
    "architecture_option",
    "require_architectures",
]

DataSet = Annotated[
    str,
    typer.Option(
        help="digits, mnist, fashion_mnist, cifar10, cifar100, breast_cancer, diabetes or mixture."
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Directory of the data set's files.")]
Widths = Annotated[list[int] | None, typer.Option(min=1, help="Widths; may be repeated.")]
Depths = Annotated[list[int] | None, typer.Option(min=1, help="Hidden layers; may be repeated.")]
Pairs = Annotated[int, typer.Option(min=1, help="Independent pairs per shape.")]
Epochs = Annotated[int, typer.Option(min=1, help="Training epochs.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Examples per step.")]
LearningRate = Annotated[float, typer.Option(help="Peak learning rate.")]
Momentum = Annotated[float, typer.Option(help="Momentum.")]
WeightDecay = Annotated[float, typer.Option(help="Weight decay.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all draws.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="Seed of the first network.")]
Results = Annotated[Path, typer.Option(help="Results file; tasks stored there are not run again.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes on this machine.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask scheduler, whose workers are used instead; they must run in this repository.",
    ),
]


def architecture_option(known: Collection[str], default: str = "") -> OptionInfo:
    """The option that chooses among architectures, of a parameter of type list[str] | None.

    Args:
        known: names of the architectures.
        default: a sentence on what is taken without the option.
    """
    option: OptionInfo = typer.Option(
        help=f"Of: {', '.join(known)}; may be repeated. {default}".rstrip()
    )
    return option


def require_architectures(names: Collection[str] | None, known: Collection[str]) -> None:
    """Refuses architectures that there are not.

    Raises:
        ValueError: naming the first that is not known.
    """
    for name in names or ():
        require_choice("architecture", name, known)
