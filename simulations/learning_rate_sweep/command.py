"""The sweep of learning rates as a study, and its command."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lmctheory.choices import require_choice
from lmctheory.networks import load_dataset
from simulations.declaration import Declaration, study
from simulations.learning_rate_sweep.measurement import Task, cost_of, run
from simulations.learning_rate_sweep.summary import report
from simulations.options import DataDir, DataSet, FirstSeed, Pairs, Widths
from simulations.training import Training

__all__ = ["DECLARATION", "STUDY", "learning_rate_sweep"]

STUDY = study("learning_rate_sweep", 1, run, cost=cost_of)

_PLACES = 6
_OPTIMISERS = ("sgd", "adam")


def learning_rate_sweep(
    dataset: DataSet = "digits",
    data_dir: DataDir = None,
    rate: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=_PLACES - 1,
            help="Which of the rates 1e-4 * 1000^(k/5), k = 0 to 5; may be repeated.",
        ),
    ] = None,
    optimiser: Annotated[
        list[str] | None,
        typer.Option(help="sgd, or adam at a tenth of the rate; may be repeated."),
    ] = None,
    width: Widths = None,
    depth: Annotated[int, typer.Option(min=1, help="Hidden layers.")] = 3,
    pairs: Pairs = 4,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="200 of digits without it, 50 of other sets.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="64 of digits without it, 500 of other sets.")
    ] = None,
    seed: FirstSeed = 0,
) -> Iterator[Task]:
    """Barriers and approximate dimensions of neurons against the learning rate."""
    load_dataset(dataset, data_dir=data_dir)  # all that can be wrong with it shows now
    for name in optimiser or ():
        require_choice("optimiser", name, _OPTIMISERS)
    digits = dataset == "digits"
    length = epochs or (200 if digits else 50), batch_size or (64 if digits else 500)
    for name in sorted(set(optimiser or _OPTIMISERS), key=_OPTIMISERS.index):
        for place in sorted(set(range(_PLACES) if rate is None else rate)):
            training = _training(name, place, *length)
            for neurons in sorted(set(width or ((32, 64, 128) if digits else (512,)))):
                # narrow networks train together, wide ones are worth a place to resume from each
                step = pairs if digits else 1
                for first in range(0, pairs, step):
                    yield Task(dataset, depth, neurons, first, step, training, seed)


def _training(optimiser: str, place: int, epochs: int, batch_size: int) -> Training:
    """As the code of Ferbach et al. has it: SGD warms up and decays, Adam's rate is constant."""
    rate = 1e-4 * 1000 ** (place / (_PLACES - 1))
    if optimiser == "adam":
        return Training(
            epochs, batch_size, _rounded(rate / 10), optimiser="adam", schedule="constant"
        )
    return Training(epochs, batch_size, _rounded(rate), warmup_steps=10, warmup_from=1e-6)


def _rounded(rate: float) -> float:
    """To what a key can hold on any machine."""
    return float(f"{rate:.4g}")


DECLARATION = Declaration(
    STUDY,
    learning_rate_sweep,
    report,
    quick={"rate": [2, 5], "width": [8], "pairs": 3, "epochs": 1},
)
