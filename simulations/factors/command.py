"""The study of components that break linear mode connectivity, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.sweeps.typed import TypedStudy
from simulations.declaration import Declaration, study
from simulations.factors.design import design_of
from simulations.factors.measurement import Measured, Task, cost_of, run
from simulations.factors.settings import FACTORS, Setup, require_setup
from simulations.factors.summary import report
from simulations.options import DataDir, Seed

__all__ = ["DECLARATION", "STUDY", "factors"]

STUDY: TypedStudy[Task, Measured] = study("factors", 1, run, cost=cost_of)


def factors(
    factor: Annotated[
        list[str] | None,
        typer.Option(help=f"Of: {', '.join(FACTORS)}; three or more. All without it."),
    ] = None,
    dataset: Annotated[str, typer.Option(help="digits, mnist or fashion_mnist.")] = "digits",
    other: Annotated[str, typer.Option(help="teacher, mnist or fashion_mnist.")] = "teacher",
    data_dir: DataDir = None,
    side: Annotated[int, typer.Option(min=4, help="Of images, in pixels.")] = 8,
    channels: Annotated[int, typer.Option(min=1, help="Hidden neurons for each place.")] = 16,
    examples: Annotated[int, typer.Option(min=40, help="To train on.")] = 1400,
    steps: Annotated[int, typer.Option(min=10, help="Of training.")] = 250,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of each run of the design.")] = 2,
    alone: Annotated[int, typer.Option(min=2, help="Pairs where one factor is changed.")] = 6,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Barriers at two levels of each component of architecture, training and data."""
    for name in factor or ():
        require_choice("factor", name, list(FACTORS))
    names = [name for name in FACTORS if factor is None or name in factor]
    setup = Setup(dataset, other, side, channels, examples, steps)
    require_setup(setup, names, data_dir)
    for levels in design_of(len(names)).levels():
        changed = [name for name, level in zip(names, levels, strict=True) if level > 0]
        yield Task("design", changed, pairs, setup, seed)
    beside = [["local"]] * ("sharing" in names) + [["sparsity", "one mask"]] * ("sparsity" in names)
    for changed in ([], *([name] for name in names), *beside):
        yield Task("alone", changed, alone, setup, seed)


DECLARATION = Declaration(
    STUDY,
    factors,
    report,
    quick={
        "factor": ["sparsity", "sharing", "optimiser", "data set"],
        "channels": 2,
        "examples": 80,
        "steps": 10,
        "alone": 2,
    },
)
