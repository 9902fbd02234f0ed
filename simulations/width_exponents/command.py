"""The study of exponents in the width, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from simulations.declaration import Declaration, study
from simulations.options import (
    BatchSize,
    DataDir,
    DataSet,
    Depths,
    Epochs,
    LearningRate,
    Momentum,
    Seed,
    WeightDecay,
    Widths,
)
from simulations.training import Training
from simulations.width_exponents.measurement import ACTIVATIONS, Task, cost_of, examples_of, run
from simulations.width_exponents.summary import report

__all__ = ["DECLARATION", "STUDY", "width_exponents"]

STUDY = study("width_exponents", 1, run, cost=cost_of)


def width_exponents(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    examples: Annotated[
        int | None, typer.Option(min=1, help="To train on, drawn from all; all without it.")
    ] = None,
    activation: Annotated[
        list[str] | None, typer.Option(help=f"Of: {', '.join(ACTIVATIONS)}; may be repeated.")
    ] = None,
    depth: Depths = None,
    width: Widths = None,
    pairs: Annotated[int, typer.Option(min=2, help="Independent pairs per shape.")] = 4,
    epochs: Epochs = 15,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 0.05,
    momentum: Momentum = 0.9,
    weight_decay: WeightDecay = 1e-3,
    seed: Seed = 0,
) -> Iterator[Task]:
    """Exponents of barriers and matching costs in the width, by depth and activation."""
    examples_of(dataset, data_dir, examples)  # all that can be wrong with it shows now
    for name in activation or ():
        require_choice("activation", name, list(ACTIVATIONS))
    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
    )
    for name in ACTIVATIONS:
        if activation is None or name in activation:
            for layers in sorted(set(depth or _DEPTHS)):
                for m in sorted(set(width or _WIDTHS)):
                    yield Task(dataset, examples, name, layers, m, pairs, seed, training)


_DEPTHS = (1, 2, 3, 4)
_WIDTHS = (16, 32, 64, 128, 256)

DECLARATION = Declaration(
    STUDY,
    width_exponents,
    report,
    quick={
        "activation": ["relu", "tanh"],
        "depth": [1, 2],
        "width": [4, 6, 8],
        "pairs": 2,
        "epochs": 2,
    },
)
